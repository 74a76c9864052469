//! Result lines: how one fetched URL becomes one line of JSON.
//!
//! A job writes hundreds of thousands of these a minute, so they are written byte by byte into a
//! buffer that is used again, with no tree of values in between. The event loop writes the head
//! (`head`: everything known when the response begins), the writer thread adds the body
//! (`body`), which is where the work is.
//!
//! No line ever holds a request header, or a user name or password of a URL.

mod body;
mod capture;
mod escape;
mod head;
mod marks;
#[cfg(test)]
mod model;
mod nesting;
mod number;
mod success;
#[cfg(test)]
mod tests;
mod token;
mod valid;

pub(crate) use body::{elapsed, tail};
pub(crate) use capture::{Capture, Cut, pack, unpack};
pub(crate) use escape::string;
pub(crate) use head::{Head, columns, head};
pub(crate) use number::number;
pub(crate) use success::Success;
