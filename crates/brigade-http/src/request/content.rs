//! What a request says in its query, its body and about who sends it.
//!
//! Values are written here, once, so that what cannot be written is an error of the request and not
//! of its server. It never puts a value into an error.

use http::HeaderValue;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use serde::Serialize;

use super::RequestBuilder;
use crate::defaults::extend;
use crate::into_url::{basic, bearer};
use crate::{Error, Kind, Result};

impl RequestBuilder {
    /// Adds parameters to the query of the URL: a list of pairs, a map, or a struct with named
    /// fields. A `Vec` or a slice as a value gives its name several times, and `None` is left out.
    ///
    /// Redirects, and the URL of a page that follows, have their own query, to which this is not
    /// added.
    ///
    /// # Examples
    ///
    /// ```
    /// use brigade_http::Client;
    /// # use brigade_testkit::server::{Reply, Server};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let server = Server::start(|request| Reply::ok(request.target().to_owned())).await?;
    /// let client = Client::builder().base_url(server.url("/")).build()?;
    /// let request = client.get("/users")?.query(&[("name", "Ada & Co"), ("limit", "100")]);
    /// assert_eq!(request.send().await?.text().await?, "/users?name=Ada+%26+Co&limit=100");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn query(mut self, query: &(impl Serialize + ?Sized)) -> Self {
        match encoded(query, "the query") {
            Ok(query) if query.is_empty() => {}
            Ok(query) => extend(&mut self.draft.hop.url, &query),
            Err(error) => self.fail(error),
        }
        self
    }

    /// Sends `value` as JSON, with the Content-Type `application/json` unless another one was set.
    pub fn json(self, value: &(impl Serialize + ?Sized)) -> Self {
        let json = serde_json::to_vec(value).map_err(|error| {
            let error = Error::new(Kind::BadRequest).from(error);
            error.because("the body cannot be written as JSON")
        });
        self.typed("application/json", json)
    }

    /// Sends `form` as the fields of a form (`application/x-www-form-urlencoded`): whatever
    /// [`query`](Self::query) takes.
    pub fn form(self, form: &(impl Serialize + ?Sized)) -> Self {
        let form = encoded(form, "the form").map(String::into_bytes);
        self.typed("application/x-www-form-urlencoded", form)
    }

    fn typed(mut self, mime: &'static str, body: Result<Vec<u8>>) -> Self {
        match body {
            Ok(body) => {
                let mime = HeaderValue::from_static(mime);
                let headers = &mut self.draft.hop.headers;
                headers.entry(CONTENT_TYPE).or_insert(mime);
                self.body(body)
            }
            Err(error) => {
                self.fail(error);
                self
            }
        }
    }

    /// Says who one is by user name and password (RFC 7617), instead of what the URL or the client
    /// says.
    pub fn basic_auth<'a>(self, user: &str, password: impl Into<Option<&'a str>>) -> Self {
        self.authorized(basic(
            user.as_bytes(),
            password.into().unwrap_or_default().as_bytes(),
        ))
    }

    /// Says who one is by a token (RFC 6750), instead of what the URL or the client says.
    pub fn bearer_auth(self, token: &str) -> Self {
        self.authorized(bearer(token))
    }

    fn authorized(mut self, value: Result<HeaderValue>) -> Self {
        match value {
            Ok(value) => _ = self.draft.hop.headers.insert(AUTHORIZATION, value),
            Err(error) => self.fail(error),
        }
        self
    }

    /// Keeps the first thing that is wrong.
    fn fail(&mut self, error: Error) {
        self.draft.error.get_or_insert(error);
    }
}

/// A value as the parameters of a URL or the fields of a form.
pub(crate) fn encoded(value: &(impl Serialize + ?Sized), what: &str) -> Result<String> {
    serde_html_form::to_string(value).map_err(|error| {
        let error = Error::new(Kind::BadRequest).from(error);
        error.because(format!("{what} is made of names and values"))
    })
}
