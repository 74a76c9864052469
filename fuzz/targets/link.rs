//! The fuzz target of `link`; its body is that of the test.

#![no_main]

#[path = "../../crates/brigade-http/tests/fuzz/link.rs"]
mod link;

libfuzzer_sys::fuzz_target!(|data: &[u8]| link::run(data));
