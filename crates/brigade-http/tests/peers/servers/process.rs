//! A program that a trial starts on a port of loopback, in a temporary folder of its own.
//!
//! It is told by its process id to end, and killed by it if it does not. No other process is ever
//! signalled but the children that it has.

use std::cell::RefCell;
use std::fs::{self, OpenOptions, Permissions};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use libtest_mimic::Failed;
use tempfile::TempDir;

use crate::nginx::{find, free_port};

const STEP: Duration = Duration::from_millis(10);
const STEPS_MAX: u32 = 1000;
const STARTS_MAX: u32 = 5;

/// A running program. Its standard output and error are `access.log` and `error.log`.
#[derive(Debug)]
pub(crate) struct Process {
    child: RefCell<Child>,
    /// Those that it took the place of.
    formers: RefCell<Vec<Child>>,
    // Gone after they are.
    folder: TempDir,
    port: u16,
    program: PathBuf,
    arguments: Vec<String>,
}

impl Process {
    /// Starts `program` with the arguments that `prepare` makes from its folder and its port.
    pub(crate) fn start(
        program: &str,
        prepare: impl Fn(&Path, u16) -> std::io::Result<Vec<String>>,
    ) -> Result<Self, Failed> {
        let path = find(program).ok_or_else(|| format!("{program} is not installed"))?;
        let mut last = String::new();
        for _ in 0..STARTS_MAX {
            let folder = TempDir::with_prefix("brigade-peer-")?;
            // Some leave root for a user of their own.
            fs::set_permissions(folder.path(), Permissions::from_mode(0o755))?;
            let port = free_port()?;
            let arguments = prepare(folder.path(), port)?;
            let process = Self {
                child: spawn(&path, folder.path(), &arguments)?.into(),
                formers: RefCell::default(),
                folder,
                port,
                program: path.clone(),
                arguments,
            };
            if process.is_ready()? {
                return Ok(process);
            }
            // The port may have been taken in between; anything else fails each time.
            last = fs::read_to_string(process.folder().join("error.log")).unwrap_or_default();
        }
        Err(format!("{program} does not start: {last}").into())
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The lines of its standard output, once they are `enough`, or after a bounded wait.
    pub(crate) fn lines(&self, enough: impl Fn(&[String]) -> bool) -> Result<Vec<String>, Failed> {
        let path = self.folder().join("access.log");
        let mut lines = Vec::new();
        for _ in 0..STEPS_MAX {
            let text = fs::read_to_string(&path)?;
            lines = text.lines().map(str::to_owned).collect();
            if enough(&lines) {
                break;
            }
            thread::sleep(STEP);
        }
        Ok(lines)
    }

    fn id(&self) -> String {
        self.child.borrow().id().to_string()
    }

    /// Sends it a signal, such as `HUP`.
    pub(crate) fn signal(&self, name: &str) -> Result<(), Failed> {
        signal(name, &self.id())
    }

    /// Kills the children that it has. There must be one.
    pub(crate) fn kill_children(&self) -> Result<(), Failed> {
        let id = self.id();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children"))?;
        let mut children = children.split_whitespace().peekable();
        if children.peek().is_none() {
            return Err("it has no child to kill".into());
        }
        children.try_for_each(|child| signal("KILL", child))
    }

    /// Kills it, and starts it again on the same port.
    pub(crate) fn kill_and_start_again(&self) -> Result<(), Failed> {
        let mut child = self.child.borrow_mut();
        child.kill()?;
        child.wait()?;
        *child = spawn(&self.program, self.folder.path(), &self.arguments)?;
        drop(child);
        match self.is_ready()? {
            true => Ok(()),
            false => Err("it does not start again".into()),
        }
    }

    /// Starts another one beside it, which tells it to end; what precedes its id are `arguments`.
    pub(crate) fn replace(&self, arguments: &[&str]) -> Result<(), Failed> {
        let more = arguments.iter().map(|argument| (*argument).to_owned());
        let more = more.chain([self.id()]);
        let all: Vec<_> = self.arguments.iter().cloned().chain(more).collect();
        let next = spawn(&self.program, self.folder.path(), &all)?;
        self.formers.borrow_mut().push(self.child.replace(next));
        Ok(())
    }

    /// Fails unless those that were replaced end by themselves.
    pub(crate) fn formers_end(&self) -> Result<(), Failed> {
        let mut formers = self.formers.borrow_mut();
        formers
            .drain(..)
            .try_for_each(|mut former| end(&mut former))
    }

    /// Waits until it listens. A port that was taken in between ends it.
    fn is_ready(&self) -> Result<bool, Failed> {
        for _ in 0..STEPS_MAX {
            if self.child.borrow_mut().try_wait()?.is_some() {
                return Ok(false);
            }
            if TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok() {
                return Ok(true);
            }
            thread::sleep(STEP);
        }
        Ok(false)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Children end with their parent only if it has the time to tell them.
        let _ = self.signal("TERM");
        let _ = end(self.child.get_mut());
        let _ = self.formers_end();
    }
}

/// Waits until a child has ended, and kills it if that takes too long.
fn end(child: &mut Child) -> Result<(), Failed> {
    for _ in 0..STEPS_MAX / 2 {
        if child.try_wait()?.is_some() {
            return Ok(());
        }
        thread::sleep(STEP);
    }
    child.kill()?;
    child.wait()?;
    Err("it had to be killed".into())
}

fn signal(name: &str, id: &str) -> Result<(), Failed> {
    let mut kill = Command::new("kill");
    kill.args([&format!("-{name}"), id]).stderr(Stdio::null());
    match kill.status()?.success() {
        true => Ok(()),
        false => Err(format!("process {id} is gone").into()),
    }
}

fn spawn(program: &Path, folder: &Path, arguments: &[String]) -> Result<Child, Failed> {
    let log = |name| {
        let mut options = OpenOptions::new();
        options.create(true).append(true).open(folder.join(name))
    };
    let child = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .env("HOME", folder)
        .stdin(Stdio::null())
        .stdout(log("access.log")?)
        .stderr(log("error.log")?)
        .spawn()?;
    Ok(child)
}
