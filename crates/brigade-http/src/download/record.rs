//! What is known of a part of a file, as a text beside it.
//!
//! Lines of a name and a value, and a last line without which it was not written to its end. The URL
//! is kept as its hash, because it may hold secrets. A text that is not exactly so is as good as none.

use std::sync::LazyLock;

use rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256;
use url::Url;

use super::range::Validator;

const FIRST: &str = "brigade download 1";
const LAST: &str = "end";

/// What the bytes in a part are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) url: String,
    /// The run of the system: after a crash of it nobody knows which bytes reached the disk.
    pub(super) boot: String,
    pub(super) validator: Validator,
    /// How long the whole is.
    pub(super) total: Option<u64>,
}

impl Record {
    pub(super) fn to_text(&self) -> String {
        let (kind, value) = match &self.validator {
            Validator::Etag(value) => ("etag", value),
            Validator::Modified(value) => ("last-modified", value),
        };
        let total = self
            .total
            .map_or("unknown".to_owned(), |total| total.to_string());
        let Self { url, boot, .. } = self;
        format!("{FIRST}\nurl {url}\nboot {boot}\n{kind} {value}\nlength {total}\n{LAST}\n")
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut lines = text.split_terminator('\n');
        let mut next = |name: &str| Some(lines.next()?.strip_prefix(name)?.to_owned());
        next(FIRST).filter(String::is_empty)?;
        let (url, boot) = (next("url ")?, next("boot ")?);
        let validator = next("")?;
        let validator = match validator.split_once(' ')? {
            ("etag", value) => Validator::Etag(value.to_owned()),
            ("last-modified", value) => Validator::Modified(value.to_owned()),
            _ => return None,
        };
        let total = match next("length ")?.as_str() {
            "unknown" => None,
            total => Some(total.parse().ok()?),
        };
        let record = Self {
            url,
            boot,
            validator,
            total,
        };
        // Nothing more and nothing less: also its last line has an end.
        (record.to_text() == text).then_some(record)
    }
}

/// The SHA-256 of a URL. The hash is that of the TLS library, which is there anyway.
pub(super) fn hash(url: &Url) -> String {
    let suite = TLS13_AES_128_GCM_SHA256.tls13();
    let sha256 = suite.map(|suite| suite.common.hash_provider.hash(url.as_str().as_bytes()));
    let bytes = sha256.iter().flat_map(|hash| hash.as_ref());
    bytes.map(|byte| format!("{byte:02x}")).collect()
}

/// Names the run of the system, or of this program where the system does not tell: what another one
/// has left is not trusted there.
pub(super) fn boot() -> String {
    static OWN: LazyLock<String> = LazyLock::new(|| format!("program-{:016x}", fastrand::u64(..)));
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    boot.map_or_else(|_| OWN.clone(), |boot| boot.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record {
            url: hash(&Url::parse("http://a/?secret").unwrap()),
            boot: boot(),
            validator: Validator::Etag("\"a b\"".to_owned()),
            total: Some(7),
        }
    }

    #[test]
    fn h17f_a_record_is_read_as_it_was_written_or_not_at_all() {
        let modified = Validator::Modified("Sat, 28 Nov 2026 06:24:37 GMT".to_owned());
        for validator in [record().validator, modified] {
            for total in [None, Some(0), Some(u64::MAX)] {
                let record = Record {
                    validator: validator.clone(),
                    total,
                    ..record()
                };
                let text = record.to_text();
                assert_eq!(Record::parse(&text), Some(record));
                for end in 0..text.len() {
                    assert_eq!(Record::parse(&text[..end]), None, "{end}");
                }
                assert_eq!(Record::parse(&format!("{text}x")), None);
            }
        }
        for text in ["", "end\n", "brigade download 2\n", "\0"] {
            assert_eq!(Record::parse(text), None);
        }
    }

    #[test]
    fn h17f_a_record_does_not_show_the_url() {
        assert_eq!(record().url.len(), 64);
        assert!(!record().to_text().contains("secret"));
        assert_ne!(hash(&Url::parse("http://a/").unwrap()), record().url);
    }
}
