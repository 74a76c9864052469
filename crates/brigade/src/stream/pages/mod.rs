//! Paginated APIs as streams of pages, or of their items.
//!
//! The rules of the five styles are [`brigade_core::paging`], which knows nothing of requests; the
//! request is any async function. So this is a small loop around both, and what a loop written by
//! hand forgets is in one place: the token that comes back, the page that says "more" without a
//! token, the end that was none, and where to go on after a failure.

mod error;
mod items;
mod page;
mod paginate;

pub use error::PaginateError;
pub use items::{Bookmark, Items, items};
pub use page::{Fetched, Page};
pub use paginate::{Paginate, paginate};
