//! The exported functions: those of the C library that change files, under their own names.
//!
//! What does not concern the directory goes through at once. A write into anything but a regular
//! file takes no lock, because handlers of signals write into pipes.

use std::ffi::{c_char, c_int, c_uint, c_void};
use std::path::Path;
use std::slice;

use crate::plan::{Act, Call};
use crate::record::Record;
use crate::state::{self, State};
use crate::system::{self, Status};

/// The library's own interest in a descriptor.
fn regular(descriptor: c_int) -> Option<Status> {
    system::status(descriptor).filter(|status| status.is_file)
}

/// A write of `data` at `offset`, carried out by `real`.
fn written(
    state: &mut State,
    inode: u64,
    offset: u64,
    data: &[u8],
    real: impl Fn(&[u8]) -> isize,
) -> isize {
    let path = state.file(inode).unwrap_or_default().to_owned();
    let part = |share: u8| &data[..data.len() * usize::from(share) / 256];
    let (take, dies) = match state.next(Call::Write, data.len(), &path) {
        Act::Pass => (data, false),
        Act::Short(share) => (&data[..part(share).len().max(1)], false),
        Act::Kill(share) => (part(share), true),
        Act::Fail(number) => {
            system::set_errno(number);
            return -1;
        }
    };
    let count = real(take);
    let number = system::errno();
    if let Ok(count) = usize::try_from(count)
        && count > 0
    {
        let data = take[..count].to_vec();
        state.note(&Record::Written { inode, offset, data });
    }
    if dies {
        system::die();
    }
    system::set_errno(number);
    count
}

/// # Safety
///
/// As for the function of the C library, here and below.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn write(descriptor: c_int, data: *const c_void, count: usize) -> isize {
    let real = |data: &[u8]| unsafe { system::write()(descriptor, data.as_ptr().cast(), data.len()) };
    if let Some(status) = regular(descriptor)
        && count > 0
        && let Some(mut state) = state::lock()
        && state.file(status.inode).is_some()
    {
        let offset = system::position(descriptor, status_now(descriptor, status).bytes);
        let data = unsafe { slice::from_raw_parts(data.cast(), count) };
        return written(&mut state, status.inode, offset, data, real);
    }
    unsafe { system::write()(descriptor, data, count) }
}

/// The length may have changed before the lock was had.
fn status_now(descriptor: c_int, before: Status) -> Status {
    system::status(descriptor).unwrap_or(before)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn writev(descriptor: c_int, pieces: *const libc::iovec, count: c_int) -> isize {
    if regular(descriptor).is_none() {
        return unsafe { system::write_pieces()(descriptor, pieces, count) };
    }
    let mut whole = Vec::new();
    for piece in unsafe { slice::from_raw_parts(pieces, count.unsigned_abs() as usize) } {
        whole.extend_from_slice(unsafe {
            slice::from_raw_parts(piece.iov_base.cast::<u8>(), piece.iov_len)
        });
    }
    unsafe { write(descriptor, whole.as_ptr().cast(), whole.len()) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwrite64(
    descriptor: c_int,
    data: *const c_void,
    count: usize,
    offset: i64,
) -> isize {
    let real =
        |data: &[u8]| unsafe { system::write_at()(descriptor, data.as_ptr().cast(), data.len(), offset) };
    if let Some(status) = regular(descriptor)
        && count > 0
        && let Some(mut state) = state::lock()
        && state.file(status.inode).is_some()
    {
        let data = unsafe { slice::from_raw_parts(data.cast(), count) };
        return written(&mut state, status.inode, offset.unsigned_abs(), data, real);
    }
    unsafe { system::write_at()(descriptor, data, count, offset) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwrite(d: c_int, data: *const c_void, count: usize, offset: i64) -> isize {
    unsafe { pwrite64(d, data, count, offset) }
}

/// An opening of `path`, which is relative to `directory` or not, carried out by `real`.
fn opened(
    directory: c_int,
    path: *const c_char,
    flags: c_int,
    real: impl FnOnce() -> c_int,
) -> c_int {
    let Some(mut state) = state::lock() else {
        return real();
    };
    let Some(inside) = state.inside(directory, path) else {
        drop(state);
        return real();
    };
    let exists = Path::new(&inside).exists();
    let empties = exists && flags & libc::O_TRUNC != 0;
    let created = flags & libc::O_CREAT != 0 && !exists;
    let note = |state: &mut State, descriptor| {
        state.opened(descriptor, &inside, created);
        if empties && let Some(status) = system::status(descriptor) {
            state.note(&Record::Resized { inode: status.inode, bytes: 0 });
        }
    };
    match (created, empties) {
        (true, _) => state.whole(Call::Create, &inside, real, note),
        (false, true) => state.whole(Call::Shorten, &inside, real, note),
        (false, false) => {
            let descriptor = real();
            let number = system::errno();
            if descriptor >= 0 {
                note(&mut state, descriptor);
            }
            system::set_errno(number);
            descriptor
        }
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn open64(path: *const c_char, flags: c_int, mode: c_uint) -> c_int {
    let real = || unsafe { system::open()(path, flags, mode) };
    opened(libc::AT_FDCWD, path, flags, real)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn open(path: *const c_char, flags: c_int, mode: c_uint) -> c_int {
    unsafe { open64(path, flags, mode) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn openat64(
    directory: c_int,
    path: *const c_char,
    flags: c_int,
    mode: c_uint,
) -> c_int {
    let real = || unsafe { system::open_at()(directory, path, flags, mode) };
    opened(directory, path, flags, real)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn openat(d: c_int, path: *const c_char, flags: c_int, mode: c_uint) -> c_int {
    unsafe { openat64(d, path, flags, mode) }
}

fn synced(descriptor: c_int, all: bool, real: impl FnOnce() -> c_int) -> c_int {
    let (Some(status), Some(mut state)) = (system::status(descriptor), state::lock()) else {
        return real();
    };
    let (path, record) = match (state.file(status.inode), state.directory(status.inode)) {
        (Some(path), _) => (path.to_owned(), Record::Synced { inode: status.inode }),
        (_, Some(path)) => {
            let path = path.to_owned();
            (path.clone(), Record::SyncedDirectory { path })
        }
        _ => return real(),
    };
    let record = if all { Record::SyncedAll } else { record };
    state.whole(Call::Sync, &path, real, |state, _| state.note(&record))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fsync(descriptor: c_int) -> c_int {
    synced(descriptor, false, || unsafe { system::sync()(descriptor) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdatasync(descriptor: c_int) -> c_int {
    synced(descriptor, false, || unsafe { system::sync_data()(descriptor) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn syncfs(descriptor: c_int) -> c_int {
    synced(descriptor, true, || unsafe { system::sync_all()(descriptor) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ftruncate64(descriptor: c_int, bytes: i64) -> c_int {
    let real = || unsafe { system::resize()(descriptor, bytes) };
    if let Some(status) = regular(descriptor)
        && let Some(mut state) = state::lock()
        && let Some(path) = state.file(status.inode).map(str::to_owned)
    {
        let (inode, bytes) = (status.inode, bytes.unsigned_abs());
        let longer = bytes > status_now(descriptor, status).bytes;
        let call = if longer { Call::Lengthen } else { Call::Shorten };
        let note = |state: &mut State, _| state.note(&Record::Resized { inode, bytes });
        return state.whole(call, &path, real, note);
    }
    real()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ftruncate(descriptor: c_int, bytes: i64) -> c_int {
    unsafe { ftruncate64(descriptor, bytes) }
}

/// A call about one path, or none of ours.
fn on_path(
    call: Call,
    (directory, path): (c_int, *const c_char),
    real: impl FnOnce() -> c_int,
    record: impl FnOnce(String) -> Record,
) -> c_int {
    let Some(mut state) = state::lock() else {
        return real();
    };
    // A call that must fail is not counted: there is nothing that could go wrong in it.
    match state.inside(directory, path) {
        Some(inside) if Path::new(&inside).exists() == (call == Call::Remove) => {
            let note = |state: &mut State, _| state.note(&record(inside.clone()));
            state.whole(call, &inside, real, note)
        }
        _ => real(),
    }
}

fn removed(path: String) -> Record {
    Record::Removed { path }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn unlink(path: *const c_char) -> c_int {
    let real = || unsafe { system::remove()(path) };
    on_path(Call::Remove, (libc::AT_FDCWD, path), real, removed)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn unlinkat(directory: c_int, path: *const c_char, flags: c_int) -> c_int {
    let real = || unsafe { system::remove_at()(directory, path, flags) };
    on_path(Call::Remove, (directory, path), real, removed)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn rmdir(path: *const c_char) -> c_int {
    let real = || unsafe { system::remove_dir()(path) };
    on_path(Call::Remove, (libc::AT_FDCWD, path), real, removed)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn mkdir(path: *const c_char, mode: c_uint) -> c_int {
    let real = || unsafe { system::make_dir()(path, mode) };
    let made = |path| Record::Made { path };
    on_path(Call::Create, (libc::AT_FDCWD, path), real, made)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn rename(from: *const c_char, to: *const c_char) -> c_int {
    let real = || unsafe { system::rename()(from, to) };
    let Some(mut state) = state::lock() else {
        return real();
    };
    match (state.inside(libc::AT_FDCWD, from), state.inside(libc::AT_FDCWD, to)) {
        (Some(from), Some(to)) => {
            let path = to.clone();
            state.whole(Call::Rename, &path, real, |state, _| state.renamed(from, to))
        }
        _ => real(),
    }
}
