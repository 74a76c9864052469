//! What each provider of cryptography for rustls costs whoever builds the library: a cold release
//! build of a program that makes a TLS configuration, and its size.
//!
//! There is one provider in the tree, and this is what it was chosen by. The sources are fetched
//! before, so that the network is not measured.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::Result;
use crate::measure::run;
use crate::report::Report;

const PROVIDERS: [(&str, &str); 2] = [("ring", "ring"), ("aws-lc-rs", "aws_lc_rs")];

/// Builds the same program with each provider, once.
pub fn measure() -> Result<()> {
    let mut report = Report::default();
    report.line("\n### A cold release build of rustls with each provider\n");
    report.line("| provider | CPU s | wall s | packages | program MiB, stripped |");
    report.line("|---|---|---|---|---|");
    for (feature, module) in PROVIDERS {
        let folder = tempfile::tempdir()?;
        write(folder.path(), feature, module)?;
        let mut fetch = cargo(folder.path());
        fetch.arg("fetch");
        run(fetch)?;
        let mut build = cargo(folder.path());
        build.args(["build", "--release", "--offline"]);
        let cost = run(build)?;
        let lock = fs::read_to_string(folder.path().join("Cargo.lock"))?;
        let packages = lock.matches("[[package]]").count();
        let program = fs::metadata(folder.path().join("target/release/probe"))?.len();
        report.line(format!(
            "| {feature} | {:.1} | {:.1} | {packages} | {:.2} |",
            cost.cpu,
            cost.wall,
            program as f64 / (1 << 20) as f64
        ));
    }
    report.keep("providers")
}

fn cargo(folder: &Path) -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(folder).arg("--quiet");
    // A build beside it must not lend what it has built.
    command.env("CARGO_TARGET_DIR", folder.join("target"));
    command
}

fn write(folder: &Path, feature: &str, module: &str) -> Result<()> {
    let manifest = format!(
        "[package]\nname = \"probe\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
         [profile.release]\nstrip = true\n\n[dependencies]\n\
         rustls = {{ version = \"0.23.46\", default-features = false, features = [\"std\", \
         \"tls12\", \"{feature}\"] }}\n"
    );
    let program = format!(
        "fn main() {{\n    let provider = rustls::crypto::{module}::default_provider();\n    \
         let config = rustls::ClientConfig::builder_with_provider(provider.into())\n        \
         .with_safe_default_protocol_versions().unwrap()\n        \
         .with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth();\n    \
         println!(\"{{}}\", config.alpn_protocols.len());\n}}\n"
    );
    fs::create_dir_all(folder.join("src"))?;
    fs::write(folder.join("Cargo.toml"), manifest)?;
    fs::write(folder.join("src/main.rs"), program)?;
    Ok(())
}
