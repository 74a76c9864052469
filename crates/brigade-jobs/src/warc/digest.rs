//! Digests as archives write them: SHA-1 in Base32, which every tool knows.
//!
//! They find damage, and are not meant to withstand an attack.

use sha1::{Digest as _, Sha1};

const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// A digest in the making.
pub(super) struct Digest(Sha1);

impl Digest {
    pub(super) fn new() -> Self {
        Self(Sha1::new())
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// `sha1:` and 32 letters.
    pub(super) fn finish(self) -> String {
        let digest = self.0.finalize();
        let mut text = String::with_capacity(37);
        text.push_str("sha1:");
        // 20 bytes are four times 40 bits, and each of those eight letters.
        for five in digest.chunks(5) {
            let bits = five
                .iter()
                .fold(0_u64, |bits, &byte| bits << 8 | u64::from(byte));
            for letter in (0..8).rev() {
                let index = bits >> (5 * letter) & 31;
                text.push(char::from(ALPHABET[index as usize]));
            }
        }
        text
    }
}

/// The digest of these bytes, one after the other.
pub(super) fn digest(parts: &[&[u8]]) -> String {
    let mut digest = Digest::new();
    for part in parts {
        digest.update(part);
    }
    digest.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_that_other_tools_write() {
        assert_eq!(digest(&[]), "sha1:3I42H3S6NNFQ2MSVX7XZKYAYSCX5QBYJ");
        assert_eq!(
            digest(&[b"ab", b"c"]),
            "sha1:VGMT4NSHA2AWVOR6EVYXQUGCNSONBWE5"
        );
    }
}
