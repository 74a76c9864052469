//! Archives: the exchanges of a result as WARC records, its redirects first, and what the index
//! says of them.
//!
//! On request a payload that lies in the archive already is referred to in place of being written
//! again. It never refers to a record that would not lie before the one that refers to it.

use std::sync::Arc;

use super::encode::{Block, Encode};
use crate::error::Error;
use crate::record::{Success, unpack};
use crate::warc::{Exchange, Member, Origin, Revisits};

#[derive(Debug)]
pub(super) struct Archive {
    is_compressed: bool,
    revisits: Option<Revisits>,
}

impl Archive {
    pub(super) fn new(is_compressed: bool, revisits: bool) -> Self {
        Self {
            is_compressed,
            revisits: revisits.then(Revisits::new),
        }
    }

    fn write(&self, exchange: &Exchange<'_>, member: &mut Member, block: &mut Block) {
        let revisits = self.revisits.as_ref();
        let known = revisits.and_then(|revisits| Some((revisits, exchange.payload()?)));
        let original = known.and_then(|(revisits, payload)| {
            let here = block.originals.get(&payload).cloned();
            here.or_else(|| revisits.find(&payload))
        });
        let out = &mut block.bytes;
        let (entry, written) = exchange.write(original.as_deref(), member, out);
        block.index.push(entry);
        if let Some((_, payload)) = known.filter(|_| original.is_none()) {
            block.originals.insert(payload, Arc::new(written));
        }
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
                let exchange = Exchange {
                    capture,
                    body,
                    origin: &origin,
                };
                self.write(&exchange, &mut member, &mut block);
            }
            block.records += 1;
        }
        Ok(block)
    }

    fn appended(&self, block: Block) {
        if let Some(revisits) = &self.revisits {
            revisits.learn(block.originals);
        }
    }
}
