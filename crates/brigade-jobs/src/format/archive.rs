//! Archives: the exchanges of a result as WARC records, its redirects first, and what the index
//! says of them.

use super::encode::{Block, Encode};
use crate::error::Error;
use crate::record::{Success, unpack};
use crate::warc::{self, Member, Origin};

#[derive(Debug)]
pub(super) struct Archive {
    is_compressed: bool,
}

impl Archive {
    pub(super) fn new(is_compressed: bool) -> Self {
        Self { is_compressed }
    }
}

impl Encode for Archive {
    fn encode(&self, results: &[Success]) -> Result<Block, Error> {
        let mut member = Member::new(self.is_compressed);
        let mut block = Block::default();
        for result in results {
            let (head, body) = result.data.split_at(result.body_at);
            let broken = || Error::Stopped("the recording of an exchange");
            let packed = unpack(head).ok_or_else(broken)?;
            let origin = Origin {
                line: result.index,
                columns: packed.columns,
            };
            let (last, hops) = packed.captures.split_last().ok_or_else(broken)?;
            let hops = hops.iter().map(|hop| (hop, &hop.body[..]));
            for (capture, body) in hops.chain([(last, body)]) {
                let out = &mut block.bytes;
                let entry = warc::exchange(capture, body, &origin, &mut member, out);
                block.index.push(entry);
            }
            block.records += 1;
        }
        Ok(block)
    }
}
