//! The fuzz target of `http2`; its body is that of the test.

#![no_main]

#[path = "../../crates/brigade-http/tests/fuzz/http1.rs"]
#[allow(dead_code, reason = "only what speaks is used")]
mod http1;
#[path = "../../crates/brigade-http/tests/fuzz/http2.rs"]
mod http2;
#[path = "../../crates/brigade-http/tests/fuzz/stage.rs"]
#[allow(dead_code, reason = "each target uses a part of it")]
mod stage;

libfuzzer_sys::fuzz_target!(|data: &[u8]| http2::run(data));
