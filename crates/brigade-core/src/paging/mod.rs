//! The walk through the pages of an API: which page is next, and when it is over.
//!
//! APIs tell where the next page is in five ways, and each has its own way of ending. What they
//! have in common is that a mistake of the server, or about the server, makes a walk endless, or
//! ends it early without a word. So the rules stand here, without a request in sight:
//!
//! | style | the next page | the end |
//! |---|---|---|
//! | [`Cursor`] | the token of the page | no token, or an empty one; an empty page is none |
//! | [`NextUrl`] | the URL of the page, from its body or its `Link` header | the same |
//! | [`PageNumber`] | one more | an empty page, the last number, or the total is reached |
//! | [`Offset`] | further by the items of the page, or by a step | an empty page, or the total is reached |
//!
//! In each, a page that says "no more" is the last, and one that says "more" and does not say
//! where is an error. A key that was asked for before is an error: see [`Walk`].

mod seen;
mod style;
#[cfg(test)]
mod tests;
mod walk;

pub use style::{Cursor, Facts, Following, NextUrl, Offset, PageNumber, Style};
pub use walk::{Stop, Walk};
