//! Reading header blocks (HPACK, RFC 7541).
//!
//! Clients compress what they ask, each block by means of those before it, so a script that wants
//! to know a path has to have read every block of its connection. It is strict: what it cannot read
//! is the client's mistake, and an error.

use super::huffman;
use bytes::Buf;
use std::collections::VecDeque;

/// Names, and for some of them values, that have a number from the start; the first is 1.
#[rustfmt::skip]
const STATIC: [(&str, &str); 61] = [
    (":authority", ""), (":method", "GET"), (":method", "POST"), (":path", "/"),
    (":path", "/index.html"), (":scheme", "http"), (":scheme", "https"), (":status", "200"),
    (":status", "204"), (":status", "206"), (":status", "304"), (":status", "400"),
    (":status", "404"), (":status", "500"), ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"), ("accept-language", ""), ("accept-ranges", ""),
    ("accept", ""), ("access-control-allow-origin", ""), ("age", ""), ("allow", ""),
    ("authorization", ""), ("cache-control", ""), ("content-disposition", ""),
    ("content-encoding", ""), ("content-language", ""), ("content-length", ""),
    ("content-location", ""), ("content-range", ""), ("content-type", ""), ("cookie", ""),
    ("date", ""), ("etag", ""), ("expect", ""), ("expires", ""), ("from", ""), ("host", ""),
    ("if-match", ""), ("if-modified-since", ""), ("if-none-match", ""), ("if-range", ""),
    ("if-unmodified-since", ""), ("last-modified", ""), ("link", ""), ("location", ""),
    ("max-forwards", ""), ("proxy-authenticate", ""), ("proxy-authorization", ""), ("range", ""),
    ("referer", ""), ("refresh", ""), ("retry-after", ""), ("server", ""), ("set-cookie", ""),
    ("strict-transport-security", ""), ("transfer-encoding", ""), ("user-agent", ""), ("vary", ""),
    ("via", ""), ("www-authenticate", ""),
];

/// What an entry of the table costs beside its name and value.
const ENTRY: usize = 32;

pub(super) type Header = (String, String);

/// What has been learnt of a connection's headers so far.
#[derive(Debug)]
pub(super) struct Decoder {
    /// The newest first.
    entries: VecDeque<Header>,
    size: usize,
    limit: usize,
    /// The most that the client may set the limit to.
    allowed: usize,
}

impl Decoder {
    pub(super) fn new() -> Self {
        Self {
            entries: VecDeque::new(),
            size: 0,
            limit: 4096,
            allowed: 4096,
        }
    }

    /// The client was told that it may use a table of this size.
    pub(super) fn allow(&mut self, size: u32) {
        self.allowed = size as usize;
    }

    /// The headers of a whole block; `None` if it cannot be read.
    pub(super) fn decode(&mut self, mut block: &[u8]) -> Option<Vec<Header>> {
        let mut headers = Vec::new();
        while let Some(&first) = block.first() {
            if first & 0x80 != 0 {
                headers.push(self.get(integer(&mut block, 7)?)?);
            } else if first & 0x40 != 0 {
                let header = self.literal(&mut block, 6)?;
                headers.push(header.clone());
                self.learn(header);
            } else if first & 0x20 != 0 {
                self.limit = integer(&mut block, 5)?;
                self.evict(0);
                if self.limit > self.allowed || !headers.is_empty() {
                    return None;
                }
            } else {
                headers.push(self.literal(&mut block, 4)?);
            }
        }
        Some(headers)
    }

    fn literal(&self, block: &mut &[u8], prefix: u32) -> Option<Header> {
        let name = match integer(block, prefix)? {
            0 => string(block)?,
            number => self.get(number)?.0,
        };
        Some((name, string(block)?))
    }

    fn get(&self, number: usize) -> Option<Header> {
        let at = number.checked_sub(1)?;
        match STATIC.get(at) {
            Some((name, value)) => Some(((*name).to_owned(), (*value).to_owned())),
            None => self.entries.get(at - STATIC.len()).cloned(),
        }
    }

    fn learn(&mut self, header: Header) {
        let size = size(&header);
        self.evict(size);
        if size <= self.limit {
            self.size += size;
            self.entries.push_front(header);
        }
    }

    /// Makes room for an entry of this size.
    fn evict(&mut self, room: usize) {
        while self.size + room > self.limit
            && let Some(oldest) = self.entries.pop_back()
        {
            self.size -= size(&oldest);
        }
    }
}

fn size((name, value): &Header) -> usize {
    name.len() + value.len() + ENTRY
}

/// A number whose first bits are the last `prefix` bits of a byte (section 5.1).
fn integer(block: &mut &[u8], prefix: u32) -> Option<usize> {
    let mask = (1 << prefix) - 1;
    let mut number = usize::from(block.try_get_u8().ok()?) & mask;
    if number < mask {
        return Some(number);
    }
    for shift in [0, 7, 14, 21] {
        let byte = block.try_get_u8().ok()?;
        number += usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// Text with its length before it, coded or not (section 5.2).
fn string(block: &mut &[u8]) -> Option<String> {
    let is_coded = block.first()? & 0x80 != 0;
    let length = integer(block, 7)?;
    let (bytes, rest) = block.split_at_checked(length)?;
    *block = rest;
    let bytes = match is_coded {
        true => huffman::decode(bytes)?,
        false => bytes.to_vec(),
    };
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<char> = hex.chars().filter(|digit| *digit != ' ').collect();
        let pairs = digits.chunks(2).map(|pair| pair.iter().collect::<String>());
        pairs
            .map(|pair| u8::from_str_radix(&pair, 16).unwrap())
            .collect()
    }

    fn text(headers: Option<Vec<Header>>) -> String {
        let headers = headers.expect("the block can be read");
        let lines = headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}"));
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn the_examples_of_the_standard_are_read() {
        // RFC 7541, appendix C.4: three requests on one connection, in the Huffman code.
        let mut decoder = Decoder::new();
        let first = bytes("8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff");
        assert_eq!(
            text(decoder.decode(&first)),
            ":method: GET\n:scheme: http\n:path: /\n:authority: www.example.com"
        );
        let second = bytes("8286 84be 5886 a8eb 1064 9cbf");
        assert_eq!(
            text(decoder.decode(&second)),
            ":method: GET\n:scheme: http\n:path: /\n:authority: www.example.com\n\
             cache-control: no-cache"
        );
        let third = bytes("8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf");
        assert_eq!(
            text(decoder.decode(&third)),
            ":method: GET\n:scheme: https\n:path: /index.html\n:authority: www.example.com\n\
             custom-key: custom-value"
        );
        assert_eq!(decoder.size, 164);
    }

    #[test]
    fn the_oldest_entries_leave_when_the_table_is_full() {
        let mut decoder = Decoder::new();
        // A table of 70 bytes, in which one of these headers (34 bytes) and another have room.
        let learn = bytes("3f27 4001 6101 31 4001 6201 32 4001 6301 33");
        assert_eq!(text(decoder.decode(&learn)), "a: 1\nb: 2\nc: 3");
        assert_eq!(text(decoder.decode(&bytes("bebf"))), "c: 3\nb: 2");
        assert_eq!(
            decoder.decode(&bytes("c0")),
            None,
            "the first one is forgotten"
        );
        let mut large = bytes("4001 6126");
        large.extend([b'x'; 0x26]);
        assert!(decoder.decode(&large).is_some());
        assert_eq!((decoder.size, decoder.entries.len()), (0, 0));
    }

    #[test]
    fn what_is_no_header_block_is_refused() {
        for block in [
            "80",                  // An entry without a number.
            "be",                  // One that was never learnt.
            "ff",                  // A number that is cut.
            "ffff ffff ffff 01",   // And one without end.
            "0001 61",             // A value that is missing,
            "0001 6105 31",        // or shorter than it says.
            "0001 6181 00",        // Code that is filled up with zeros,
            "0001 6182 1fff",      // or with too many ones,
            "0001 6184 ffff ffff", // or that ends the text.
            "823f e11f",           // A size after a header,
            "3fe2 1f",             // or above what is allowed.
        ] {
            assert_eq!(Decoder::new().decode(&bytes(block)), None, "{block}");
        }
    }
}
