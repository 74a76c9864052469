//! How failures are printed as a tree.
//!
//! One line for each failure under the line of its group. What is a tree itself is moved in below
//! its name, so however deep groups are nested, each line stands under what it belongs to.

use std::any::Any;
use std::error::Error;
use std::fmt;

/// The error type of those who keep no type.
pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

/// Writes one failure below the line of its group.
pub(super) fn branch(f: &mut fmt::Formatter<'_>, failure: impl fmt::Display) -> fmt::Result {
    write!(f, "\n- {}", indented(&format!("{failure:#}")))
}

/// Writes an error at full length; a boxed one with what it was caused by.
pub(super) fn error<E>(f: &mut fmt::Formatter<'_>, error: &E) -> fmt::Result
where
    E: fmt::Display + 'static,
{
    match (error as &dyn Any).downcast_ref::<BoxError>() {
        Some(error) => chain(f, &**error),
        None => write!(f, "{error:#}"),
    }
}

fn chain(f: &mut fmt::Formatter<'_>, error: &(dyn Error + 'static)) -> fmt::Result {
    let Some(mut cause) = error.source() else {
        return write!(f, "{error:#}");
    };
    // The long form of an error that names its sources itself would repeat them.
    write!(f, "{error}")?;
    while let Some(next) = cause.source() {
        write!(f, "\n  caused by: {}", indented(&cause.to_string()))?;
        cause = next;
    }
    write!(f, "\n  caused by: {}", indented(&format!("{cause:#}")))
}

fn indented(text: &str) -> String {
    text.replace('\n', "\n  ")
}
