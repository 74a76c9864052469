//! The fuzz target of `cookies`; its body is that of the test.

#![no_main]

#[path = "../../crates/brigade-http/tests/fuzz/cookies.rs"]
mod cookies;
#[path = "../../crates/brigade-http/tests/fuzz/stage.rs"]
#[allow(dead_code, reason = "each target uses a part of it")]
mod stage;

libfuzzer_sys::fuzz_target!(|data: &[u8]| cookies::run(data));
