//! Rows of tables against the `csv` crate, however the blocks are cut.

use proptest::prelude::*;

use crate::input::lines::{Line, RECORD_MAX, Splitter};
use crate::input::rows::{Fields, is_blank};

/// A row: where it starts, its full length, and its text.
type Row = (u64, u64, Vec<u8>);

fn split(text: &[u8], cuts: &[usize], delimiter: u8) -> Vec<Row> {
    let mut cuts: Vec<_> = cuts.iter().map(|cut| *cut.min(&text.len())).collect();
    cuts.extend([0, text.len()]);
    cuts.sort_unstable();
    let mut splitter = Splitter::rows(0, 0, delimiter);
    let mut rows = Vec::new();
    let mut emit = |line: Line<'_>| {
        assert_eq!(line.index, rows.len() as u64);
        rows.push((line.offset, line.length, line.bytes.to_vec()));
    };
    for pair in cuts.windows(2) {
        splitter.feed(&text[pair[0]..pair[1]], &mut emit);
    }
    splitter.finish(&mut emit);
    rows
}

fn fields(row: &[u8], delimiter: u8) -> Vec<String> {
    let fields = Fields::of(row, delimiter);
    let texts: Vec<_> = fields.texts().unwrap().map(str::to_owned).collect();
    assert_eq!(texts.len(), fields.len());
    texts
}

/// The rows as the `csv` crate finds them.
fn oracle(text: &str, delimiter: u8) -> Vec<Vec<String>> {
    csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .from_reader(text.as_bytes())
        .records()
        .map(|record| record.unwrap().iter().map(str::to_owned).collect())
        .collect()
}

fn ours(text: &str, cuts: &[usize], delimiter: u8) -> Vec<Vec<String>> {
    let rows = split(text.as_bytes(), cuts, delimiter);
    let first = |at: usize| if at == 0 { "\u{feff}" } else { "" };
    rows.iter()
        .enumerate()
        .map(|(at, row)| row.2.strip_prefix(first(at).as_bytes()).unwrap_or(&row.2))
        .filter(|row| !is_blank(row))
        .map(|row| fields(row, delimiter))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn f9a_rows_are_those_of_the_csv_crate_however_the_blocks_are_cut(
        text in "\u{feff}?[ab,\t\"\r\nü]{0,40}",
        cuts in prop::collection::vec(0usize..60, 0..6),
        delimiter in prop::sample::select(&b",\t"[..]),
    ) {
        prop_assert_eq!(ours(&text, &cuts, delimiter), oracle(&text, delimiter));
    }

    #[test]
    fn f9a_rows_cover_the_list_and_begin_again_at_every_one_of_them(
        text in "[ab,\"\r\n]{0,40}", cuts in prop::collection::vec(0usize..60, 0..6),
    ) {
        let bytes = text.as_bytes();
        let rows = split(bytes, &cuts, b',');
        prop_assert_eq!(&rows, &split(bytes, &[], b','));
        let mut end = 0;
        for (at, (offset, length, row)) in rows.iter().enumerate() {
            // Between rows there is nothing but the LF that ends one.
            prop_assert!(*offset == end || (*offset == end + 1 && bytes[end as usize] == b'\n'));
            end = offset + length;
            prop_assert_eq!(&bytes[*offset as usize..end as usize], row.as_slice());
            let rest: Vec<_> = split(&bytes[*offset as usize..], &[], b',');
            let rest: Vec<_> = rest.into_iter().map(|row| row.2).collect();
            let expected: Vec<_> = rows[at..].iter().map(|row| row.2.clone()).collect();
            prop_assert_eq!(rest, expected);
        }
    }
}

#[test]
fn f9a_what_tables_are_made_of() {
    let text = "\u{feff}\"url\",\"a \"\"b\"\"\"\r\n1,\"x\r\ny\"\n\n\"\",\r2,3";
    let expected = vec![
        vec!["url", "a \"b\""],
        vec!["1", "x\r\ny"],
        vec!["", ""],
        vec!["2", "3"],
    ];
    assert_eq!(ours(text, &[], b','), expected);
    assert_eq!(oracle(text, b','), expected);
}

#[test]
fn f9a_of_a_row_that_never_ends_only_the_beginning_is_kept() {
    let text = [b"a,\"".to_vec(), b"x\n".repeat(2 * RECORD_MAX)].concat();
    let rows = split(&text, &[7, 70_000], b',');
    assert_eq!(rows.len(), 1);
    assert_eq!(
        (rows[0].1, rows[0].2.len()),
        (text.len() as u64, RECORD_MAX)
    );
}
