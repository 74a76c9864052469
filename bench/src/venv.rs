//! Virtual environments with the clients in Python, made once and kept beside the build.
//!
//! Nothing is installed outside of it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Result;

/// The interpreter of the environment.
#[derive(Debug)]
pub struct Venv {
    pub python: PathBuf,
}

impl Venv {
    /// Makes the environment of aiohttp and httpx unless it is there.
    ///
    /// # Errors
    ///
    /// If there is no Python, or the packages cannot be had.
    pub fn make() -> Result<Self> {
        Self::with("python", "requirements.txt", "aiohttp, httpx, h2")
    }

    /// The same for Scrapy, whose many packages the others do without.
    pub fn scrapy() -> Result<Self> {
        Self::with("scrapy", "scrapy.txt", "scrapy")
    }

    fn with(name: &str, requirements: &str, modules: &str) -> Result<Self> {
        let target = std::env::current_exe()?;
        let target = target.parent().unwrap_or(Path::new("target"));
        let folder = target.join(name);
        let python = folder.join("bin/python");
        let venv = Self { python };
        if venv.imports(modules) {
            return Ok(venv);
        }
        println!("installing {modules} in {}", folder.display());
        quiet(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
        let mut install = Command::new(&venv.python);
        install.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "-r",
        ]);
        quiet(install.arg(scripts().join(requirements)))?;
        if venv.imports(modules) {
            Ok(venv)
        } else {
            Err("what was installed cannot be imported".into())
        }
    }

    fn imports(&self, modules: &str) -> bool {
        let mut command = Command::new(&self.python);
        quiet(command.args(["-c", &format!("import {modules}")])).is_ok()
    }
}

/// Where the scripts are.
pub fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("python")
}

fn quiet(command: &mut Command) -> Result<()> {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let output = command.stderr(Stdio::piped()).output()?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let last = text.lines().last().unwrap_or("no reason given");
    Err(format!("{:?}: {last}", command.get_program()).into())
}
