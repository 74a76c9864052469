//! Compressed JSONL: each block is a gzip member or a Zstandard frame of whole lines.
//!
//! A commit ends with a block, so a part that was cut to its committed length can be read by any
//! tool, and what a kill left behind it spoils nothing before it.

use super::encode::{Block, Encode};
use super::kind::Compression;
use super::stream::Compressor;
use crate::error::Error;
use crate::record::{Success, tail};

/// Bytes of text that are gathered before they are compressed.
const PIECE: usize = 64 * 1024;

#[derive(Debug)]
pub(super) struct Lines {
    compression: Compression,
    json_bodies: bool,
}

impl Lines {
    pub(super) fn new(compression: Compression, json_bodies: bool) -> Self {
        Self {
            compression,
            json_bodies,
        }
    }
}

impl Encode for Lines {
    fn encode(&self, results: &[Success]) -> Result<Block, Error> {
        let mut compressor = Compressor::new(self.compression);
        let mut text = Vec::with_capacity(2 * PIECE);
        for result in results {
            let (head, body) = result.data.split_at(result.body_at);
            text.extend_from_slice(head);
            let mut rest = tail(result.elapsed_us, body, self.json_bodies, &mut text);
            while rest.next(&mut text) {
                if text.len() >= PIECE {
                    compressor.write(&text);
                    text.clear();
                }
            }
        }
        compressor.write(&text);
        Ok(Block {
            bytes: compressor.finish(),
            records: results.len() as u64,
            ..Block::default()
        })
    }
}
