//! What has to be known of a list before its first line is read: for a table, the names of its
//! columns.
//!
//! They are looked at before a job touches anything, so that a wrong name of a column costs nothing.
//! What was read of a stream for it is given back to whoever reads the stream.

use std::io::{self, Cursor, Read};
use std::sync::Arc;

use super::form::{Form, ListForm};
use super::lines::{RECORD_MAX, Splitter};
use super::table::Table;

/// Bytes read at once.
const BLOCK: usize = 4096;

/// The form of a list that need not be looked at, if this is one.
pub(super) fn given(form: &ListForm) -> Option<Form> {
    match form {
        ListForm::Lines => Some(Form::Lines),
        ListForm::Jsonl { column } => Some(Form::Objects(column.as_str().into())),
        ListForm::Csv { .. } | ListForm::Tsv { .. } => None,
    }
}

/// The form of a list, none if the list is empty; the error says what is wrong with its header.
pub(super) type Found = Result<Option<Form>, String>;

/// Looks at the beginning of a list, and returns what was read of it.
pub(super) fn look(list: &mut dyn Read, form: &ListForm) -> io::Result<(Vec<u8>, Found)> {
    let (Some(delimiter), Some(column)) = (form.delimiter(), form.column()) else {
        return Ok((Vec::new(), Ok(given(form))));
    };
    let (read, row) = first_row(list, delimiter)?;
    let form = match row {
        _ if read.is_empty() => Ok(None),
        Some(row) => {
            Table::new(&row, delimiter, column).map(|table| Some(Form::Table(Arc::new(table))))
        }
        None => Err(format!(
            "its header row is longer than {RECORD_MAX} bytes: is a quote not closed?"
        )),
    };
    Ok((read, form))
}

/// What was read until the first row was there, and that row unless it is too long.
fn first_row(list: &mut dyn Read, delimiter: u8) -> io::Result<(Vec<u8>, Option<Vec<u8>>)> {
    let mut splitter = Splitter::rows(0, 0, delimiter);
    let (mut read, mut row) = (Vec::new(), None);
    let mut block = [0; BLOCK];
    while row.is_none() && read.len() <= RECORD_MAX {
        let count = match list.read(&mut block) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        };
        read.extend_from_slice(&block[..count]);
        let mut first = |line: super::lines::Line<'_>| {
            row.get_or_insert_with(|| line.bytes.to_vec());
        };
        if count == 0 {
            splitter.finish(first);
            break;
        }
        splitter.feed(&block[..count], &mut first);
    }
    Ok((read, row))
}

/// The stream with what was read of it put back.
pub(super) fn put_back(read: Vec<u8>, rest: Box<dyn Read + Send>) -> Box<dyn Read + Send> {
    Box::new(Cursor::new(read).chain(rest))
}
