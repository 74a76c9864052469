//! A virtual environment with the clients in Python, made once and kept beside the build.
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
    /// Makes the environment unless it is there.
    ///
    /// # Errors
    ///
    /// If there is no Python, or the packages cannot be had.
    pub fn make() -> Result<Self> {
        let scripts = scripts();
        let target = std::env::current_exe()?;
        let target = target.parent().unwrap_or(Path::new("target"));
        let folder = target.join("python");
        let python = folder.join("bin/python");
        let venv = Self { python };
        if venv.imports() {
            return Ok(venv);
        }
        println!("installing aiohttp and httpx in {}", folder.display());
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
        quiet(install.arg(scripts.join("requirements.txt")))?;
        if venv.imports() {
            Ok(venv)
        } else {
            Err("what was installed cannot be imported".into())
        }
    }

    fn imports(&self) -> bool {
        let mut command = Command::new(&self.python);
        quiet(command.args(["-c", "import aiohttp, httpx, h2"])).is_ok()
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
