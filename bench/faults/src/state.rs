//! What the library knows of the program: the files below the directory, the plan and the journal.
//!
//! There is one lock. A call and its record are made while it is held, so that the journal has the
//! order in which the calls took effect and a kill falls between two of them, never inside.

use std::collections::HashMap;
use std::ffi::{CStr, CString, c_char, c_int};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use crate::plan::{Act, Call, Plan};
use crate::record::Record;
use crate::system;

static STATE: OnceLock<Option<Mutex<State>>> = OnceLock::new();

/// See the module.
#[derive(Debug)]
pub struct State {
    below: String,
    journal: c_int,
    plan: Plan,
    /// The paths of files and of directories that were opened, by inode.
    files: HashMap<u64, String>,
    directories: HashMap<u64, String>,
}

/// The state, unless the environment asks for nothing.
pub fn lock() -> Option<MutexGuard<'static, State>> {
    let state = STATE
        .get_or_init(|| State::new().map(Mutex::new))
        .as_ref()?;
    Some(state.lock().unwrap_or_else(PoisonError::into_inner))
}

impl State {
    fn new() -> Option<Self> {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let below = variable("BRIGADE_FAULTS_BELOW")?;
        let journal = CString::new(variable("BRIGADE_FAULTS_JOURNAL")?).ok()?;
        let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_APPEND | libc::O_CLOEXEC;
        // SAFETY: the path ends with a zero byte.
        let journal = unsafe { system::open()(journal.as_ptr(), flags, 0o600) };
        let plan = variable("BRIGADE_FAULTS_PLAN").unwrap_or_default();
        (journal >= 0).then(|| Self {
            below,
            journal,
            plan: Plan::parse(&plan),
            files: HashMap::new(),
            directories: HashMap::new(),
        })
    }

    /// The path, which may be relative to an opened directory, if it lies below the directory or is it.
    pub fn inside(&self, directory: c_int, path: *const c_char) -> Option<String> {
        if path.is_null() {
            return None;
        }
        // SAFETY: the caller of the hook gave a path that ends with a zero byte.
        let path = unsafe { CStr::from_ptr(path) }.to_str().ok()?;
        if !path.starts_with('/') {
            let status = system::status(directory)?;
            return Some(format!("{}/{path}", self.directory(status.inode)?));
        }
        let rest = path.strip_prefix(self.below.as_str())?;
        (rest.is_empty() || rest.starts_with('/')).then(|| path.trim_end_matches('/').to_owned())
    }

    pub fn file(&self, inode: u64) -> Option<&str> {
        self.files.get(&inode).map(String::as_str)
    }

    pub fn directory(&self, inode: u64) -> Option<&str> {
        self.directories.get(&inode).map(String::as_str)
    }

    /// Takes note of an opened descriptor.
    pub fn opened(&mut self, descriptor: c_int, path: &str, created: bool) {
        let Some(status) = system::status(descriptor) else {
            return;
        };
        // A number of a removed file may come back as that of a directory.
        self.files.remove(&status.inode);
        self.directories.remove(&status.inode);
        if status.is_dir {
            self.directories.insert(status.inode, path.to_owned());
        } else if status.is_file {
            self.files.insert(status.inode, path.to_owned());
            let (inode, path) = (status.inode, path.to_owned());
            self.note(&Record::Opened {
                inode,
                path,
                created,
            });
        }
    }

    /// Takes note of a new path.
    pub fn renamed(&mut self, from: String, to: String) {
        for path in self.files.values_mut().chain(self.directories.values_mut()) {
            if *path == from {
                path.clone_from(&to);
            }
        }
        self.note(&Record::Renamed { from, to });
    }

    /// What becomes of this call. A fault is noted.
    pub fn next(&mut self, call: Call, bytes: usize, path: &str) -> Act {
        let act = self.plan.next(call, bytes, path);
        if matches!(act, Act::Fail(_) | Act::Kill(_)) {
            let (path, call) = (path.to_owned(), call.name().to_owned());
            self.note(&Record::Fault { path, call });
        }
        act
    }

    /// A call that is made whole or not at all: carried out by `real`, noted by `note` if it is 0.
    pub fn whole(
        &mut self,
        call: Call,
        path: &str,
        real: impl FnOnce() -> c_int,
        note: impl FnOnce(&mut Self, c_int),
    ) -> c_int {
        match self.next(call, 0, path) {
            Act::Fail(number) => {
                system::set_errno(number);
                return -1;
            }
            Act::Kill(share) if share < 128 => system::die(),
            Act::Kill(_) => {
                let result = real();
                // A sync of which nobody heard may as well not have been.
                if result >= 0 && call != Call::Sync {
                    note(self, result);
                }
                system::die();
            }
            Act::Pass | Act::Short(_) => {}
        }
        let result = real();
        let number = system::errno();
        if result >= 0 {
            note(self, result);
        }
        system::set_errno(number);
        result
    }

    /// Appends a record to the journal; a program that cannot be followed is ended.
    pub fn note(&mut self, record: &Record) {
        let mut bytes = Vec::new();
        record.encode(&mut bytes);
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            // SAFETY: the pointer and the length are those of the slice.
            let count = unsafe { system::write()(self.journal, rest.as_ptr().cast(), rest.len()) };
            match usize::try_from(count) {
                Ok(count) => rest = &rest[count..],
                Err(_) => std::process::abort(),
            }
        }
    }
}
