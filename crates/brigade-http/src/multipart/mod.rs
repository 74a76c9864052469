//! Forms with files: `multipart/form-data` (RFC 7578).
//!
//! A form is written while it is sent, so that memory is one chunk however large its files are. Its
//! length is announced if all of its parts know theirs, and it can be sent again if all of them can.
//!
//! * `form`: the form, [`Multipart`].
//! * `part`: one field of it, [`Part`].
//! * `encode`: what goes over the wire.
//!
//! Whatever the names and contents are, the server sees exactly these parts: names cannot end a
//! header, and no content can contain the boundary but by chance.
//!
//! # Examples
//!
//! ```
//! use brigade_http::multipart::{Multipart, Part};
//! use brigade_http::{Client, RequestBody};
//! # use brigade_testkit::server::{Reply, Server};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # let server = Server::start(|request| {
//! #     let form = String::from_utf8_lossy(request.body());
//! #     Reply::ok(form.matches("form-data").count().to_string())
//! # }).await?;
//! let lines = futures_util::stream::iter(["1\n", "2\n"].map(Ok::<_, std::io::Error>));
//! let numbers = Part::new(RequestBody::stream(lines)).file_name("numbers.txt").mime("text/plain");
//! let form = Multipart::new()
//!     .text("title", "All about buckets")
//!     .file("manifest", "Cargo.toml")
//!     .part("numbers", numbers);
//! let response = Client::new()?.post(server.url("/upload"))?.multipart(form).send().await?;
//! assert_eq!(response.text().await?, "3");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod encode;
mod form;
mod part;

pub use form::Multipart;
pub use part::Part;
