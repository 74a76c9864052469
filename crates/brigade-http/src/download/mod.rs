//! Downloads to a file that go on where they were broken off.
//!
//! What has arrived lies in `PATH.part`, and `PATH.part.resume` beside it says which URL it is of
//! and how the server names that state of it (its ETag or date). So a download continues after a
//! broken connection, and another program continues what a killed one left behind. The file at PATH
//! appears, or is replaced, in one moment, when all of it is on the disk. A link at PATH is replaced
//! too, not followed, and the file has the permissions of a new one, whatever was there before.
//!
//! Whatever else lies in `PATH.part` is overwritten, so nothing of one's own belongs there.
//!
//! * `order`: the builder, [`Download`].
//! * `done`: what it comes to, and how far it is.
//! * `fetching`: the attempts, one after the other.
//! * `range`: what a response means for what is there: a pure decision.
//! * `part`: the two files.
//! * `record`: the text of the second.
//!
//! It never puts bytes of two states of a resource into one file: a server that cannot prove that
//! nothing has changed, or whose answer is not what it was asked for, sends all of it again. Only a
//! server that serves different bytes under one strong ETag, against RFC 9110, is believed, and one
//! of HTTP/1 that says nothing of the length and ends the body by ending its connection.
//!
//! # Examples
//!
//! ```
//! use brigade_http::Client;
//! # use brigade_testkit::server::{Reply, Server};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # let server = Server::start(|_| Reply::ok("0123456789").header("etag", "\"1\"")).await?;
//! # let folder = tempfile::tempdir()?;
//! let path = folder.path().join("numbers");
//! let client = Client::new()?;
//! // A large file may take longer than the five minutes that a request has by default.
//! let request = client.get(server.url("/numbers"))?.timeout(None);
//! let done = request.download(&path).resumes(10).run().await?;
//! assert_eq!(done.length(), 10);
//! assert_eq!(std::fs::read_to_string(&path)?, "0123456789");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod done;
mod fetching;
mod order;
mod part;
mod range;
mod record;

pub use done::{Downloaded, Progress};
pub use order::Download;
