//! The numbered examples of brigade: each file beside this one shows one pattern and runs offline with `cargo run --example NAME`.
