//! What was wrong with a TLS handshake or with its settings, in one line that helps.
//!
//! The texts of rustls name types and seconds since 1970; here they are told as what happened and
//! what would mend it. Names that a stranger put into a certificate are escaped and shortened.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::time::{Duration, SystemTime};

use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, InvalidMessage};

/// How many of the names in a certificate are shown.
const NAMES_MAX: usize = 3;
/// How much of each is shown, in characters.
const NAME_MAX: usize = 64;

/// What was wrong with a TLS handshake, or with the settings for it.
///
/// The text is a whole explanation, so it has no [`source`](StdError::source); the error of
/// rustls that it explains is its [`cause`](Self::cause).
#[derive(Clone, Debug, PartialEq)]
pub struct Error {
    message: String,
    cause: Option<rustls::Error>,
}

impl Error {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            cause: None,
        }
    }

    pub(super) fn from_rustls(cause: rustls::Error) -> Self {
        Self {
            message: explain(&cause),
            cause: Some(cause),
        }
    }

    /// The TLS error that is hidden in another one, such as the [`io::Error`] that a handshake or
    /// a read returns; `None` if TLS has nothing to do with it.
    pub fn find(error: &(dyn StdError + 'static)) -> Option<Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(found) = error.downcast_ref::<rustls::Error>() {
                return Some(Self::from_rustls(found.clone()));
            }
            // The source of an io error is not what it wraps but the source of that.
            let wrapped = error
                .downcast_ref::<io::Error>()
                .and_then(io::Error::get_ref);
            next = match wrapped {
                Some(wrapped) => Some(wrapped as &(dyn StdError + 'static)),
                None => error.source(),
            };
        }
        None
    }

    /// The error of rustls that the text explains; `None` for bad settings.
    pub const fn cause(&self) -> Option<&rustls::Error> {
        self.cause.as_ref()
    }

    /// Whether the certificate of the server was refused, for whatever reason.
    pub const fn is_certificate(&self) -> bool {
        matches!(self.cause, Some(rustls::Error::InvalidCertificate(_)))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Error {}

fn explain(error: &rustls::Error) -> String {
    use rustls::Error as Tls;
    match error {
        Tls::InvalidCertificate(why) => explain_certificate(why),
        Tls::InvalidMessage(InvalidMessage::InvalidContentType) => {
            "the server does not answer in TLS: is this a port for plain http?".to_owned()
        }
        Tls::AlertReceived(
            AlertDescription::CertificateRequired | AlertDescription::NoCertificate,
        ) => "the server asks for a client certificate".to_owned(),
        // Before TLS 1.3 a server says no more than this when it misses a certificate.
        Tls::AlertReceived(AlertDescription::HandshakeFailure) => format!(
            "the server and this client share no version or cipher of TLS, or the server asks for a \
             client certificate: {error}"
        ),
        Tls::AlertReceived(AlertDescription::ProtocolVersion) | Tls::PeerIncompatible(_) => {
            format!("the server and this client share no version or cipher of TLS: {error}")
        }
        Tls::AlertReceived(alert) => format!("the server refused the handshake: {alert:?}"),
        other => other.to_string(),
    }
}

fn explain_certificate(why: &CertificateError) -> String {
    use CertificateError as Bad;
    match why {
        Bad::ExpiredContext { not_after, .. } => {
            format!(
                "the certificate of the server expired on {}",
                date(*not_after)
            )
        }
        Bad::NotValidYetContext { not_before, .. } => format!(
            "the certificate of the server is not valid before {}: is the clock of this machine \
             right?",
            date(*not_before)
        ),
        Bad::UnknownIssuer => "the certificate of the server is signed by itself or by an \
             authority that is not trusted: if it should be, add it to those that are"
            .to_owned(),
        Bad::NotValidForNameContext {
            expected,
            presented,
        } => format!(
            "the certificate of the server is not for {}, but for {}",
            expected.to_str(),
            names(presented)
        ),
        Bad::BadSignature => {
            "the certificate of the server has a wrong signature: it is damaged, or \
             signed by somebody who only bears the name of a trusted authority"
                .to_owned()
        }
        Bad::Revoked => "the certificate of the server is revoked".to_owned(),
        other if is_authority_itself(other) => "the server presents the certificate of an \
             authority as its own, which is allowed only for signing others"
            .to_owned(),
        other => format!("the certificate of the server is not acceptable: {other}"),
    }
}

/// Whether it is the refusal of a certificate that openssl makes by default when asked for one
/// that is signed by itself. The type is webpki's and not exported, so its text must do.
fn is_authority_itself(why: &CertificateError) -> bool {
    matches!(why, CertificateError::Other(other) if format!("{other:?}").contains("CaUsedAsEndEntity"))
}

fn date(time: UnixTime) -> String {
    let since = Duration::from_secs(time.as_secs());
    // HTTP dates have four digits for the year; certificates may claim to be valid for longer.
    const YEAR_10000: Duration = Duration::from_secs(253_402_300_800);
    if since < YEAR_10000 {
        httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + since)
    } else {
        "a day after the year 9999".to_owned()
    }
}

fn names(presented: &[String]) -> String {
    let mut shown: Vec<_> = presented
        .iter()
        .take(NAMES_MAX)
        .map(|name| shorten(name))
        .collect();
    match presented.len() {
        0 => return "no name at all".to_owned(),
        count if count > NAMES_MAX => shown.push(format!("{} more", count - NAMES_MAX)),
        _ => {}
    }
    shown.join(", ")
}

fn shorten(name: &str) -> String {
    let escaped = name.escape_debug().to_string();
    escaped.chars().take(NAME_MAX).collect()
}
