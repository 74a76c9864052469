//! One record as a gzip member (RFC 1952), again and again with the same compressor.
//!
//! A compressor is larger than most records, so it is made once for many of them. A member never
//! holds more than one record.

use flate2::{Compress, Compression, Crc, FlushCompress, Status};

/// What every member begins with: deflate, no name, no time, made anywhere.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
/// Room that the output grows by at least.
const ROOM: usize = 4096;

/// Writes records, compressed or as they are.
#[derive(Debug)]
pub(crate) struct Member {
    deflate: Option<Compress>,
    crc: Crc,
}

impl Member {
    pub(crate) fn new(is_compressed: bool) -> Self {
        let level = Compression::default();
        Self {
            deflate: is_compressed.then(|| Compress::new(level, false)),
            crc: Crc::new(),
        }
    }

    pub(super) fn is_compressed(&self) -> bool {
        self.deflate.is_some()
    }

    /// Begins a member at the end of `out`.
    pub(super) fn begin(&mut self, out: &mut Vec<u8>) {
        if let Some(deflate) = &mut self.deflate {
            deflate.reset();
            self.crc.reset();
            out.extend_from_slice(&HEADER);
        }
    }

    pub(super) fn write(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        match &mut self.deflate {
            None => out.extend_from_slice(bytes),
            Some(deflate) => {
                self.crc.update(bytes);
                pump(deflate, bytes, FlushCompress::None, out);
            }
        }
    }

    /// Ends the member.
    pub(super) fn end(&mut self, out: &mut Vec<u8>) {
        if let Some(deflate) = &mut self.deflate {
            pump(deflate, &[], FlushCompress::Finish, out);
            out.extend_from_slice(&self.crc.sum().to_le_bytes());
            out.extend_from_slice(&self.crc.amount().to_le_bytes());
        }
    }
}

/// Feeds `bytes` and takes what comes, until all is fed, or ended.
fn pump(deflate: &mut Compress, bytes: &[u8], flush: FlushCompress, out: &mut Vec<u8>) {
    let begin = deflate.total_in();
    loop {
        out.reserve(ROOM);
        let fed = (deflate.total_in() - begin) as usize;
        // Deflating into memory fails only if it is used wrongly.
        let Ok(status) = deflate.compress_vec(&bytes[fed..], out, flush) else {
            debug_assert!(false, "deflate was used wrongly");
            return;
        };
        let all_fed = (deflate.total_in() - begin) as usize == bytes.len();
        let ended = match flush {
            FlushCompress::Finish => status == Status::StreamEnd,
            _ => all_fed && out.len() < out.capacity(),
        };
        if ended {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn f8c_each_record_is_a_member_that_can_be_read_alone() {
        let mut member = Member::new(true);
        let records = [
            vec![],
            b"one".to_vec(),
            vec![7; 100_000],
            (0..=255).cycle().take(70_000).collect(),
        ];
        let (mut out, mut ends) = (Vec::new(), vec![0]);
        for record in &records {
            member.begin(&mut out);
            for piece in record.chunks(1000) {
                member.write(piece, &mut out);
            }
            member.end(&mut out);
            ends.push(out.len());
        }
        for (record, place) in records.iter().zip(ends.windows(2)) {
            let mut read = Vec::new();
            let mut decoder = flate2::bufread::GzDecoder::new(&out[place[0]..]);
            decoder.read_to_end(&mut read).unwrap();
            assert_eq!(&read, record);
            assert_eq!(decoder.into_inner().len(), out.len() - place[1]);
        }
    }
}
