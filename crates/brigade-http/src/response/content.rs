//! What a body is made into: text, JSON, chunks, lines, typed lines.
//!
//! Whatever is not what was asked for is an error, with the place. It never holds more of a body
//! that is streamed than a chunk and a line.

use brigade::stream::{Lines, Parsed, Raw, lines};
use http::header::LINK;
use serde::de::DeserializeOwned;
use url::Url;

use super::{Chunks, Response};
use crate::{Error, Kind, Result};

/// Values of the lines of a response; made by [`Response::ndjson`].
pub type Ndjson<T> = Parsed<Chunks, Raw, ParseJson<T>, T, serde_json::Error>;

type ParseJson<T> = fn(&[u8]) -> Result<T, serde_json::Error>;

impl Response {
    /// The response, if its status is no error: one of 400 to 599 becomes one of
    /// [`Kind::Status`].
    ///
    /// # Errors
    ///
    /// [`Kind::Status`].
    ///
    /// # Examples
    ///
    /// ```
    /// use brigade_http::{Client, Kind};
    /// # use brigade_testkit::server::{Reply, Server};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let server = Server::start(|_| Reply::status(404)).await?;
    /// let client = Client::new()?;
    /// let response = client.get(server.url("/gone"))?.send().await?;
    /// let error = response.error_for_status().unwrap_err();
    /// assert_eq!(error.status().map(|status| status.as_u16()), Some(404));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn error_for_status(self) -> Result<Self> {
        let status = self.status();
        match status.is_client_error() || status.is_server_error() {
            true => Err(Error::new(Kind::Status(status)).about(self.url())),
            false => Ok(self),
        }
    }

    /// The whole body as a value of JSON (RFC 8259).
    ///
    /// # Cancel safety
    ///
    /// As [`Self::bytes`].
    ///
    /// # Errors
    ///
    /// As [`Self::chunk`], and [`Kind::Decode`] if the body is no such value; its source says where.
    ///
    /// # Examples
    ///
    /// ```
    /// use brigade_http::Client;
    /// # use brigade_testkit::server::{Reply, Server};
    ///
    /// #[derive(serde::Deserialize)]
    /// struct User {
    ///     name: String,
    /// }
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let server = Server::start(|_| Reply::ok(r#"{"name":"Ada"}"#)).await?;
    /// let client = Client::builder().base_url(server.url("/")).build()?;
    /// let user: User = client.get("users/1")?.send().await?.error_for_status()?.json().await?;
    /// assert_eq!(user.name, "Ada");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn json<T: DeserializeOwned>(self) -> Result<T> {
        let url = self.url().clone();
        let bytes = self.bytes().await?;
        // A sender must not put a byte order mark there; a reader may pass over it.
        let json = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        serde_json::from_slice(json).map_err(|error| {
            let failed = Error::new(Kind::Decode).about(&url).from(error);
            failed.because("it is not the JSON that was expected")
        })
    }

    /// The body as a stream of chunks, as they arrive.
    pub fn chunks(self) -> Chunks {
        Chunks::new(self)
    }

    /// The lines of the body, as they arrive: text, at most 1 MiB each, unless the settings of
    /// [`Lines`] say otherwise.
    ///
    /// The total timeout counts to the end of the body: a stream that shall go on for longer needs
    /// `timeout(None)` on its request, and the read timeout for a server that falls silent.
    ///
    /// # Examples
    ///
    /// ```
    /// use brigade_http::Client;
    /// # use brigade_testkit::server::{Reply, Server};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let server = Server::start(|_| Reply::ok("one\r\n\r\ntwo")).await?;
    /// let client = Client::new()?;
    /// let response = client.get(server.url("/log"))?.timeout(None).send().await?;
    /// let mut lines = response.error_for_status()?.lines().skip_blank();
    /// while let Some(line) = lines.next().await {
    ///     println!("{}", line?);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn lines(self) -> Lines<Chunks> {
        lines(self.chunks())
    }

    /// The lines of the body as values of JSON, as they arrive (NDJSON, also known as JSON lines).
    /// Blank lines are left out, and a bad one is an error with its number, after which the next is
    /// read.
    ///
    /// For longer lines than 1 MiB, or another parser:
    /// `response.lines().max_length(bytes).skip_blank().parse(|line| serde_json::from_str(line))`.
    ///
    /// # Examples
    ///
    /// ```
    /// use brigade_http::Client;
    /// # use brigade_testkit::server::{Reply, Server};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let server = Server::start(|_| Reply::ok("[1,2]\n[3]\n")).await?;
    /// let client = Client::new()?;
    /// let mut rows = client.get(server.url("/rows"))?.send().await?.ndjson::<Vec<u32>>();
    /// let mut sum = 0;
    /// while let Some(row) = rows.next().await {
    ///     sum += row?.iter().sum::<u32>();
    /// }
    /// assert_eq!(sum, 6);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn ndjson<T: DeserializeOwned>(self) -> Ndjson<T> {
        let parse: ParseJson<T> = |line| serde_json::from_slice(line);
        self.lines().bytes().skip_blank().parse(parse)
    }

    /// Where the response says that another one is to be found: the target of the first link with
    /// the relation `rel` in its `Link` headers (RFC 8288), `next` for example.
    pub fn link(&self, rel: &str) -> Option<Url> {
        let mut links = self.headers().get_all(LINK).iter();
        let target = links.find_map(|value| brigade_core::link::find(value, rel))?;
        self.url().join(&target).ok()
    }
}
