//! Stands before the calls that change files (`LD_PRELOAD`), to make them fail and to note them.
//!
//! A program must be shown to survive a full disk, a broken one and a power cut without being built
//! for it. This library is loaded into the program as it is shipped. Of the calls that change what
//! lies below one directory it makes one fail, or kills the program at one; all that took effect it
//! notes in a journal beside that directory, from which a power cut can be played afterwards.
//!
//! | variable | what it says |
//! |---|---|
//! | `BRIGADE_FAULTS_BELOW` | the directory, as an absolute path |
//! | `BRIGADE_FAULTS_JOURNAL` | the journal, which is appended to |
//! | `BRIGADE_FAULTS_PLAN` | `none`, or `kill`, `enospc` or `eio`, then `:CALL:SEED`: at which call, counted from 1; with `:TORN` behind it, at which write into a file whose path holds this, and after some of its bytes |
//!
//! What it does not see: writes through a memory map, calls that pass the C library by, links, and
//! paths that are relative to the working directory. It never changes a call about anything outside of that directory.
//!
//! Unsafe code is its nature: it exports functions of the C library under their own names, takes raw
//! pointers from their callers, and finds the true functions with `dlsym`. Elsewhere the project
//! forbids it.

#![cfg(target_os = "linux")]

mod hooks;
mod plan;
#[allow(
    dead_code,
    reason = "it writes records and leaves reading them to the program that plays them"
)]
mod record;
mod state;
mod system;
