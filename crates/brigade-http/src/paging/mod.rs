//! Paginated APIs as streams of their items: one request for each page, made of a template.
//!
//! The rules of the styles are [`brigade::stream`]'s, and so is the walk: circles, bounds, where to
//! go on. Here a key becomes a request, and each request has what every other has: the client's
//! limits, timeouts and retries. A page whose status is an error ends the walk as such.
//!
//! ```
//! use brigade_http::Client;
//! use brigade_http::paging::{Cursor, Page, Place};
//! # use brigade_testkit::server::{Reply, Server};
//!
//! #[derive(serde::Deserialize)]
//! struct Users {
//!     users: Vec<String>,
//!     next_cursor: Option<String>,
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # let server = Server::start(|request| Reply::ok(match request.query("cursor") {
//! #     None => r#"{"users":["Ada","Bob"],"next_cursor":"b"}"#,
//! #     Some(_) => r#"{"users":["Cyd"]}"#,
//! # })).await?;
//! let client = Client::builder().base_url(server.url("/")).build()?;
//! let mut users = client
//!     .get("users")?
//!     .query(&[("limit", 100)])
//!     .paginate(Cursor.param("cursor"), async |response| {
//!         let data: Users = response.json().await?;
//!         Ok(Page::new(data.users).next(data.next_cursor))
//!     })
//!     .items();
//! let mut names = Vec::new();
//! while let Some(user) = users.next().await {
//!     names.push(user?);
//! }
//! assert_eq!(names, ["Ada", "Bob", "Cyd"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | the API says where its next page is by | style |
//! |---|---|
//! | a token | `Cursor.param("cursor")` |
//! | nothing: pages are numbered | `PageNumber(1).param("page")` |
//! | nothing: pages begin at an item | `Offset::by_items().param("offset")` |
//! | a URL in the body or the `Link` header | [`NextLink`] |
//! | any of these, and asks for it in a header or body | [`Cursor.by(...)`](Place::by) |
//!
//! Pages ahead of their consumer: [`brigade::stream::prefetch`] of [`Paginated::pages`].
//!
//! * `paginated`: the walk that has not begun.
//! * `place`: where a key goes in a request.
//! * `next_link`: a URL that a server gave as a key, and whom it gets to see.
//! * `template`: the request that all pages have in common.

mod next_link;
mod paginated;
mod place;
mod template;

pub use brigade::stream::{Bookmark, Cursor, Fetched, Offset, Page, PageNumber, PaginateError};
pub use next_link::NextLink;
pub use paginated::{Paged, Paginated};
pub use place::{By, InQuery, Key, Place};
