//! Lines: however the bytes are cut, they are those of a naive splitter.

use std::convert::Infallible;

use brigade::stream::lines;
use futures_util::stream;

use super::stage;

pub(crate) fn run(data: &[u8]) {
    let (settings, text) = stage::settings(data);
    let seed = settings.first().copied().unwrap_or_default();
    let limit = usize::from(settings.get(1).copied().unwrap_or(255)).max(1);
    let skip = settings.get(2).is_some_and(|byte| byte % 2 == 1);
    let chunks = stage::pieces(text, seed).into_iter().map(Ok::<_, Infallible>);
    let mut lines = lines(stream::iter(chunks)).bytes().max_length(limit);
    if skip {
        lines = lines.skip_blank();
    }
    let found = stage::run(async {
        let mut found = Vec::new();
        while let Some(line) = lines.next().await {
            found.push(line.ok().map(|line| line.to_vec()));
        }
        found
    });
    assert_eq!(found, naive(text, limit, skip));
}

/// `None` for a line that is too long.
fn naive(text: &[u8], limit: usize, skip: bool) -> Vec<Option<Vec<u8>>> {
    let mut all: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
    if all.last().is_some_and(|last| last.is_empty()) {
        all.pop();
    }
    let last = all.len().saturating_sub(1);
    let ended = text.ends_with(b"\n");
    let cut = all.iter().enumerate().map(|(index, line)| match index < last || ended {
        true => line.strip_suffix(b"\r").unwrap_or(line),
        false => line,
    });
    cut.filter(|line| !skip || !line.trim_ascii().is_empty() || line.len() > limit)
        .map(|line| (line.len() <= limit).then(|| line.to_vec()))
        .collect()
}
