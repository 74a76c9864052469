//! The true functions of the C library, and what it says about a descriptor.
//!
//! Each is looked up once, behind the exported one of the same name. Nothing here allocates.

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::sync::atomic::{AtomicPtr, Ordering};

/// Finds a function behind this library once, and calls it.
macro_rules! real {
    ($name:literal as $type:ty) => {{
        static FOUND: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());
        let mut found = FOUND.load(Ordering::Relaxed);
        if found.is_null() {
            found = lookup($name);
            FOUND.store(found, Ordering::Relaxed);
        }
        // SAFETY: the C library's function of this name has this type.
        unsafe { std::mem::transmute::<*mut c_void, $type>(found) }
    }};
}

fn lookup(name: &CStr) -> *mut c_void {
    // SAFETY: the name ends with a zero byte.
    let found = unsafe { libc::dlsym(libc::RTLD_NEXT, name.as_ptr()) };
    if found.is_null() {
        // SAFETY: ends the process; there is nothing to call in its place.
        unsafe { libc::abort() }
    }
    found
}

pub type Open = unsafe extern "C" fn(*const c_char, c_int, c_uint) -> c_int;
type Write = unsafe extern "C" fn(c_int, *const c_void, usize) -> isize;
type WriteAt = unsafe extern "C" fn(c_int, *const c_void, usize, i64) -> isize;
type OnFile = unsafe extern "C" fn(c_int) -> c_int;
type Resize = unsafe extern "C" fn(c_int, i64) -> c_int;
type OnPath = unsafe extern "C" fn(*const c_char) -> c_int;
type MakeDir = unsafe extern "C" fn(*const c_char, c_uint) -> c_int;
type Rename = unsafe extern "C" fn(*const c_char, *const c_char) -> c_int;

pub fn open() -> Open {
    real!(c"open64" as Open)
}

pub fn open_at() -> unsafe extern "C" fn(c_int, *const c_char, c_int, c_uint) -> c_int {
    real!(c"openat64" as unsafe extern "C" fn(c_int, *const c_char, c_int, c_uint) -> c_int)
}

pub fn remove_at() -> unsafe extern "C" fn(c_int, *const c_char, c_int) -> c_int {
    real!(c"unlinkat" as unsafe extern "C" fn(c_int, *const c_char, c_int) -> c_int)
}

pub fn write() -> Write {
    real!(c"write" as Write)
}

pub fn write_at() -> WriteAt {
    real!(c"pwrite64" as WriteAt)
}

pub fn write_pieces() -> unsafe extern "C" fn(c_int, *const libc::iovec, c_int) -> isize {
    real!(c"writev" as unsafe extern "C" fn(c_int, *const libc::iovec, c_int) -> isize)
}

pub fn sync() -> OnFile {
    real!(c"fsync" as OnFile)
}

pub fn sync_data() -> OnFile {
    real!(c"fdatasync" as OnFile)
}

pub fn sync_all() -> OnFile {
    real!(c"syncfs" as OnFile)
}

pub fn resize() -> Resize {
    real!(c"ftruncate64" as Resize)
}

pub fn remove() -> OnPath {
    real!(c"unlink" as OnPath)
}

pub fn remove_dir() -> OnPath {
    real!(c"rmdir" as OnPath)
}

pub fn make_dir() -> MakeDir {
    real!(c"mkdir" as MakeDir)
}

pub fn rename() -> Rename {
    real!(c"rename" as Rename)
}

/// What a descriptor stands for.
#[derive(Clone, Copy, Debug)]
pub struct Status {
    pub inode: u64,
    pub bytes: u64,
    pub is_file: bool,
    pub is_dir: bool,
}

pub fn status(descriptor: c_int) -> Option<Status> {
    // SAFETY: `stat` is plain data, and fstat fills it or fails.
    unsafe {
        let mut stat: libc::stat64 = std::mem::zeroed();
        if libc::fstat64(descriptor, &mut stat) != 0 {
            return None;
        }
        Some(Status {
            inode: stat.st_ino,
            bytes: stat.st_size.unsigned_abs(),
            is_file: stat.st_mode & libc::S_IFMT == libc::S_IFREG,
            is_dir: stat.st_mode & libc::S_IFMT == libc::S_IFDIR,
        })
    }
}

/// Where the next `write` begins.
pub fn position(descriptor: c_int, bytes: u64) -> u64 {
    // SAFETY: neither call changes anything.
    unsafe {
        let flags = libc::fcntl(descriptor, libc::F_GETFL);
        if flags & libc::O_APPEND != 0 {
            return bytes;
        }
        u64::try_from(libc::lseek64(descriptor, 0, libc::SEEK_CUR)).unwrap_or(0)
    }
}

pub fn errno() -> c_int {
    // SAFETY: glibc and musl give the address of this thread's number.
    unsafe { *libc::__errno_location() }
}

pub fn set_errno(number: c_int) {
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = number }
}

/// Ends the process as `kill -9` does.
pub fn die() -> ! {
    // SAFETY: a process may kill itself; no other code of it runs after that.
    unsafe {
        libc::kill(libc::getpid(), libc::SIGKILL);
        loop {
            libc::pause();
        }
    }
}
