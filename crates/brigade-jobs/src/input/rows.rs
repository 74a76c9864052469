//! Rows of tables as text (RFC 4180): where they end, and which fields they have.
//!
//! One state machine serves both, so that a row that was found is also a row when it is read. It
//! takes what the `csv` crate takes: LF, CRLF or CR end a row, quotes are only special at the
//! beginning of a field, a doubled quote is a quote, and text behind a closing quote belongs to the
//! field. It never fails and never looks further than the byte behind a CR.

/// Where in a row a byte is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// At the beginning of a field.
    Start,
    /// Within a field without quotes.
    Plain,
    /// Within quotes.
    Quoted,
    /// Behind a quote that closes, or is the first of a doubled one.
    Quote,
}

/// What a byte means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// It belongs to the field.
    Text,
    /// It only marks something.
    Mark,
    /// The field ends.
    Field,
    /// The row ends.
    Row,
}

fn step(place: Place, byte: u8, delimiter: u8) -> (Place, Meaning) {
    match (place, byte) {
        (Place::Quoted, b'"') => (Place::Quote, Meaning::Mark),
        (Place::Quoted, _) | (Place::Quote, b'"') => (Place::Quoted, Meaning::Text),
        (_, b'\n' | b'\r') => (Place::Start, Meaning::Row),
        (_, byte) if byte == delimiter => (Place::Start, Meaning::Field),
        (Place::Start, b'"') => (Place::Quoted, Meaning::Mark),
        _ => (Place::Plain, Meaning::Text),
    }
}

/// The byte order mark, which is no part of the first field.
pub(super) const MARK: &[u8] = b"\xef\xbb\xbf";

/// Finds the ends of rows in blocks that follow each other.
#[derive(Debug)]
pub(super) struct RowEnds {
    delimiter: u8,
    place: Place,
    /// The last byte was a CR that ended a row, of which LF may be a part too.
    after_return: bool,
    /// What may still come of a byte order mark.
    mark: &'static [u8],
}

impl RowEnds {
    /// The next byte is the first one of a row, and of the list if `first`.
    pub(super) fn new(delimiter: u8, first: bool) -> Self {
        Self {
            delimiter,
            place: Place::Start,
            after_return: false,
            mark: if first { MARK } else { &[] },
        }
    }

    /// Whether the row that has begun ends here, whatever follows.
    pub(super) fn has_ended(&self) -> bool {
        self.after_return
    }

    /// How much of the block belongs to the row that ends first, CR included, and how many bytes
    /// behind that end it.
    pub(super) fn find(&mut self, block: &[u8]) -> Option<(usize, usize)> {
        for (at, &byte) in block.iter().enumerate() {
            if std::mem::take(&mut self.after_return) {
                return Some((at, usize::from(byte == b'\n')));
            }
            if !self.mark.is_empty() && self.is_mark(byte) {
                continue;
            }
            let (place, meaning) = step(self.place, byte, self.delimiter);
            self.place = place;
            match (meaning, byte) {
                (Meaning::Row, b'\n') => return Some((at, 1)),
                (Meaning::Row, _) => self.after_return = true,
                _ => {}
            }
        }
        None
    }

    fn is_mark(&mut self, byte: u8) -> bool {
        match self.mark {
            [next, rest @ ..] if *next == byte => {
                self.mark = rest;
                true
            }
            // A mark that breaks off was text.
            rest => {
                if rest.len() < MARK.len() {
                    self.place = Place::Plain;
                }
                self.mark = &[];
                false
            }
        }
    }
}

/// The fields of one row.
#[derive(Debug, Default)]
pub(super) struct Fields {
    text: Vec<u8>,
    ends: Vec<usize>,
    /// Whether a quoted field has no end.
    pub(super) open: bool,
}

impl Fields {
    /// The fields of a row, given without its LF.
    pub(super) fn of(row: &[u8], delimiter: u8) -> Self {
        let mut fields = Self {
            text: Vec::with_capacity(row.len()),
            ..Self::default()
        };
        let mut place = Place::Start;
        for &byte in row {
            let (next, meaning) = step(place, byte, delimiter);
            place = next;
            match meaning {
                Meaning::Text => fields.text.push(byte),
                Meaning::Mark => {}
                Meaning::Field => fields.ends.push(fields.text.len()),
                Meaning::Row => break,
            }
        }
        fields.ends.push(fields.text.len());
        fields.open = place == Place::Quoted;
        fields
    }

    /// How many there are; at least one.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// All of them; none if they are not UTF-8.
    pub(super) fn texts(&self) -> Option<impl Iterator<Item = &str>> {
        let text = std::str::from_utf8(&self.text).ok()?;
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        // Between ASCII bytes there is no character to be cut.
        Some(
            starts
                .zip(&self.ends)
                .map(|(start, end)| &text[start..*end]),
        )
    }
}

/// Whether a row has nothing in it, not even quotes.
pub(super) fn is_blank(row: &[u8]) -> bool {
    matches!(row, b"" | b"\r")
}
