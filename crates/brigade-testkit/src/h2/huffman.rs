//! The Huffman code in which clients write header values (RFC 7541, appendix B).
//!
//! The code is canonical: codes of one length follow each other in the order of the bytes they
//! stand for. So the lengths alone define it. It is only ever read here.

/// How many bits stand for each byte.
#[rustfmt::skip]
const LENGTHS: [u8; 256] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
    28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
     6, 10, 10, 12, 13,  6,  8, 11, 10, 10,  8, 11,  8,  6,  6,  6,
     5,  5,  5,  6,  6,  6,  6,  6,  6,  6,  7,  8, 15,  6, 12, 10,
    13,  6,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,
     7,  7,  7,  7,  7,  7,  7,  7,  8,  7,  8, 13, 19, 13, 14,  6,
    15,  5,  6,  5,  6,  5,  6,  6,  6,  5,  7,  7,  6,  6,  6,  5,
     6,  7,  6,  5,  5,  6,  7,  7,  7,  7,  7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
    21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
    19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
];

const LENGTH_MAX: usize = 30;

/// The bytes in the order of their codes, and how many have a code of each length.
struct Table {
    bytes: [u8; 256],
    counts: [u32; LENGTH_MAX + 1],
}

const TABLE: Table = table();

const fn table() -> Table {
    let mut table = Table {
        bytes: [0; 256],
        counts: [0; LENGTH_MAX + 1],
    };
    let mut next = 0;
    let mut length = 0;
    while length <= LENGTH_MAX {
        let mut byte = 0;
        while byte < 256 {
            if LENGTHS[byte] as usize == length {
                table.bytes[next] = byte as u8;
                table.counts[length] += 1;
                next += 1;
            }
            byte += 1;
        }
        length += 1;
    }
    table
}

/// Reads what was written in the code; `None` if it was not.
pub(super) fn decode(coded: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::new();
    let mut code = Code::START;
    for byte in coded {
        for bit in (0..8).rev() {
            code = code.next(byte >> bit & 1)?;
            if let Some(byte) = code.byte() {
                plain.push(byte);
                code = Code::START;
            }
        }
    }
    // The rest is filled up with less than a byte of ones.
    (code.length < 8 && code.bits + 1 == 1 << code.length).then_some(plain)
}

/// The bits of a code so far.
#[derive(Clone, Copy)]
struct Code {
    bits: u32,
    length: usize,
    /// The first code of this length.
    first: u32,
    /// How many bytes have shorter codes.
    shorter: u32,
}

impl Code {
    const START: Self = Self {
        bits: 0,
        length: 0,
        first: 0,
        shorter: 0,
    };

    fn next(self, bit: u8) -> Option<Self> {
        let ended = TABLE.counts[self.length];
        (self.length < LENGTH_MAX).then_some(Self {
            bits: self.bits << 1 | u32::from(bit),
            length: self.length + 1,
            first: (self.first + ended) << 1,
            shorter: self.shorter + ended,
        })
    }

    fn byte(self) -> Option<u8> {
        let place = self.bits.checked_sub(self.first)?;
        let is_whole = place < TABLE.counts[self.length];
        is_whole.then(|| TABLE.bytes[(self.shorter + place) as usize])
    }
}
