//! Lists that are compressed, with gzip or zstd, read as the lists that they hold.
//!
//! They are told by their first bytes, never by their name, and decompressed as they are read, with
//! no more memory than the format's window. A list that breaks off or is damaged is an error that
//! says where; what was made before is whole, and nothing after it is guessed at.

use std::io::{self, BufRead, BufReader, Cursor, Read};

use flate2::bufread::MultiGzDecoder;
use zstd_safe::zstd_sys::ZSTD_ErrorCode;
use zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer};

/// The largest window of zstd for which room is made, as a power of two: 8 MiB, which every level
/// up to 19 keeps to.
const WINDOW_LOG_MAX: u32 = 23;
/// Bytes of the longest of the marks below.
pub(super) const MARK_MAX: usize = 6;

/// How the first bytes of a file tell what it is.
const MARKS: [(&[u8], Packing); 6] = [
    (b"\x1f\x8b", Packing::Gzip),
    (b"\x28\xb5\x2f\xfd", Packing::Zstd),
    (b"\xfd7zXZ\0", Packing::Other("xz", "xz -dc")),
    (b"BZh", Packing::Other("bzip2", "bzip2 -dc")),
    (b"\x04\x22\x4d\x18", Packing::Other("lz4", "lz4 -dc")),
    (b"PK\x03\x04", Packing::Other("zip", "unzip -p")),
];
/// A frame of zstd that holds nothing may come first; its first byte is 0x50 to 0x5f.
const EMPTY_FRAME: &[u8] = b"\x2a\x4d\x18";

/// How a list is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    Gzip,
    Zstd,
    /// One that is not read, and what makes plain text of it.
    Other(&'static str, &'static str),
}

/// How a list is compressed that begins with these bytes, if it is.
pub(super) fn packing(head: &[u8]) -> Option<Packing> {
    if let [0x50..=0x5f, rest @ ..] = head
        && rest.starts_with(EMPTY_FRAME)
    {
        return Some(Packing::Zstd);
    }
    let mark = MARKS.iter().find(|(mark, _)| head.starts_with(mark));
    mark.map(|(_, packing)| *packing)
}

/// Whether a mark could begin with these bytes.
fn may_be_packed(head: &[u8]) -> bool {
    let skips = match head {
        [0x50..=0x5f, rest @ ..] => EMPTY_FRAME.starts_with(rest),
        _ => false,
    };
    skips || MARKS.iter().any(|(mark, _)| mark.starts_with(head))
}

/// A stream, decompressed if it is compressed, which shows when it is first read.
pub(super) struct Unpacked(State);

type Source = Box<dyn Read + Send>;

enum State {
    Unknown(Source),
    Plain(io::Chain<Cursor<Vec<u8>>, Source>),
    Gzip(Box<MultiGzDecoder<BufReader<Counted>>>),
    Zstd(Zstd),
}

impl Unpacked {
    pub(super) fn new(source: Source) -> Self {
        Self(State::Unknown(source))
    }

    fn look(&mut self) -> io::Result<()> {
        let State::Unknown(source) = &mut self.0 else {
            return Ok(());
        };
        let mut head = Vec::with_capacity(MARK_MAX);
        let mut byte = [0; MARK_MAX];
        while may_be_packed(&head) && packing(&head).is_none() {
            let count = source.read(&mut byte[..MARK_MAX - head.len()])?;
            head.extend_from_slice(&byte[..count]);
            if count == 0 {
                break;
            }
        }
        let packing = packing(&head);
        let source = std::mem::replace(source, Box::new(io::empty()));
        let whole = Cursor::new(head).chain(source);
        self.0 = match packing {
            None => State::Plain(whole),
            Some(Packing::Gzip) => State::Gzip(Box::new(MultiGzDecoder::new(counted(whole)))),
            Some(Packing::Zstd) => State::Zstd(Zstd::new(counted(whole))?),
            Some(Packing::Other(name, command)) => return Err(unsupported(name, command)),
        };
        Ok(())
    }
}

impl Read for Unpacked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.look()?;
        match &mut self.0 {
            State::Unknown(_) => Ok(0),
            State::Plain(source) => source.read(buffer),
            State::Gzip(gzip) => gzip
                .read(buffer)
                .map_err(|error| broken("gzip", error, gzip.get_ref())),
            State::Zstd(zstd) => zstd.read(buffer),
        }
    }
}

/// The error for a list that is compressed in a way that is not read.
pub(super) fn unsupported(name: &str, command: &str) -> io::Error {
    let kind = io::ErrorKind::Unsupported;
    let message = format!(
        "it is compressed with {name}, and only gzip and zstd are read: pipe it, '{command} LIST | brigade fetch -i - ...'"
    );
    io::Error::new(kind, message)
}

/// Says where compressed data is broken; an error of the system stays what it is.
fn broken(name: &str, error: io::Error, source: &BufReader<Counted>) -> io::Error {
    let at = source.get_ref().count - source.buffer().len() as u64;
    let message = match error.kind() {
        io::ErrorKind::UnexpectedEof => format!("its {name} data breaks off at byte {at}"),
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
            format!("its {name} data is damaged near byte {at} ({error})")
        }
        _ => return error,
    };
    io::Error::new(io::ErrorKind::InvalidData, message)
}

/// Counts what was read.
struct Counted {
    source: Source,
    count: u64,
}

fn counted(source: impl Read + Send + 'static) -> BufReader<Counted> {
    let source = Box::new(source);
    BufReader::with_capacity(32 * 1024, Counted { source, count: 0 })
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.count += count as u64;
        Ok(count)
    }
}

/// Any number of frames, one after the other.
struct Zstd {
    source: BufReader<Counted>,
    frames: DCtx<'static>,
    /// Amid a frame, or with bytes that found no room.
    amid: bool,
}

impl Zstd {
    fn new(source: BufReader<Counted>) -> io::Result<Self> {
        let mut frames = DCtx::create();
        let limit = frames.set_parameter(DParameter::WindowLogMax(WINDOW_LOG_MAX));
        limit.map_err(|code| io::Error::other(zstd_safe::get_error_name(code)))?;
        Ok(Self {
            source,
            frames,
            amid: false,
        })
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let input = self.source.fill_buf()?;
            let ended = input.is_empty();
            if ended && !self.amid {
                return Ok(0);
            }
            let mut input = InBuffer::around(input);
            let mut output = OutBuffer::around(&mut *buffer);
            let hint = self.frames.decompress_stream(&mut output, &mut input);
            let (used, made) = (input.pos, output.pos());
            self.source.consume(used);
            self.amid = match hint {
                Ok(hint) => hint != 0,
                Err(code) => return Err(self.error(code)),
            };
            if made > 0 {
                return Ok(made);
            }
            if ended && self.amid {
                let error = io::ErrorKind::UnexpectedEof.into();
                return Err(broken("zstd", error, &self.source));
            }
        }
    }

    fn error(&self, code: usize) -> io::Error {
        let kind = ZSTD_ErrorCode::ZSTD_error_frameParameter_windowTooLarge;
        if zstd_safe::is_error_kind(code, kind) {
            let message = "its zstd data needs a window of more than 8 MiB (--long, --ultra): pipe \
                           it, 'zstd -dc --long=31 LIST | brigade fetch -i - ...', or compress it \
                           without";
            return io::Error::new(io::ErrorKind::Unsupported, message);
        }
        let name = zstd_safe::get_error_name(code).to_ascii_lowercase();
        let error = io::Error::new(io::ErrorKind::InvalidData, name);
        broken("zstd", error, &self.source)
    }
}
