//! Where the key of a page goes in its request.
//!
//! It changes nothing else: other parameters of the query stay as they were written, byte for byte.

use std::fmt;

use brigade::stream::Style;
use url::{Url, form_urlencoded};

use super::paginated::{Asks, Paged};
use super::template::Template;
use crate::{RequestBuilder, Result};

/// Says where a [style](Style) puts the key of a page: every style is one.
pub trait Place: Style + Sized {
    /// The key is this parameter of the query, in the place of one of that name that is there. The
    /// first page of a [`Cursor`](super::Cursor), which has no key yet, is asked for as it is.
    fn param(self, name: impl Into<String>) -> InQuery<Self>
    where
        Self::Key: Key,
    {
        InQuery {
            style: self,
            name: name.into(),
        }
    }

    /// The key goes where `place` puts it: into a header, or the body of a search.
    ///
    /// # Examples
    ///
    /// ```
    /// use brigade_http::Client;
    /// use brigade_http::paging::{Cursor, Page, Place};
    /// # use brigade_testkit::server::{Reply, Server};
    /// use serde_json::{Value, json};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let server = Server::start(|request| Reply::ok(match &request.body()[..] {
    /// #     br#"{"after":null,"name":"A"}"# => r#"{"hits":[1,2],"last":"2"}"#,
    /// #     _ => r#"{"hits":[3]}"#,
    /// # })).await?;
    /// let client = Client::new()?;
    /// let search = Cursor.by(|request, key| request.json(&json!({ "name": "A", "after": key })));
    /// let mut hits = client
    ///     .post(server.url("/search"))?
    ///     .paginate(search, async |response| {
    ///         let page: Value = response.json().await?;
    ///         let hits = page["hits"].as_array().cloned().unwrap_or_default();
    ///         Ok(Page::new(hits).next(page["last"].as_str()))
    ///     })
    ///     .items();
    /// let mut all = Vec::new();
    /// while let Some(hit) = hits.next().await {
    ///     all.push(hit?);
    /// }
    /// assert_eq!(all, [1, 2, 3]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn by<F>(self, place: F) -> By<Self, F>
    where
        F: Fn(RequestBuilder, &Self::Key) -> RequestBuilder,
    {
        By { style: self, place }
    }
}

impl<S: Style> Place for S {}

/// What can be the value of a parameter: the keys of all styles of [`brigade::stream`].
pub trait Key {
    /// The value; `None` if there is none yet.
    fn value(&self) -> Option<String>;
}

impl Key for Option<String> {
    fn value(&self) -> Option<String> {
        self.clone()
    }
}

impl Key for String {
    fn value(&self) -> Option<String> {
        Some(self.clone())
    }
}

impl Key for u64 {
    fn value(&self) -> Option<String> {
        Some(self.to_string())
    }
}

/// A style whose key is a parameter of the query; made by [`Place::param`].
#[derive(Clone, Debug)]
pub struct InQuery<S> {
    style: S,
    name: String,
}

impl<S: Style<Key: Key>> Paged for InQuery<S> {
    type Style = S;
    type Asks = Param;

    fn split(self, _first: &Url) -> (S, Param) {
        (self.style, Param(self.name))
    }
}

/// Asks for a page by a parameter.
#[derive(Debug)]
pub struct Param(String);

impl<K: Key> Asks<K> for Param {
    fn request(&self, template: &Template, key: &K) -> Result<RequestBuilder> {
        let mut request = template.again()?;
        if let Some(value) = key.value() {
            set(&mut request.draft_mut().hop.url, &self.0, &value);
        }
        Ok(request)
    }
}

/// A style whose key goes where a function puts it; made by [`Place::by`].
#[derive(Clone)]
pub struct By<S, F> {
    style: S,
    place: F,
}

impl<S, F> Paged for By<S, F>
where
    S: Style,
    F: Fn(RequestBuilder, &S::Key) -> RequestBuilder,
{
    type Style = S;
    type Asks = Own<F>;

    fn split(self, _first: &Url) -> (S, Own<F>) {
        (self.style, Own(self.place))
    }
}

impl<S, F> fmt::Debug for By<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("By").finish_non_exhaustive()
    }
}

/// Asks for a page in a way of the caller's own.
pub struct Own<F>(F);

impl<F> fmt::Debug for Own<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Own").finish_non_exhaustive()
    }
}

impl<K, F> Asks<K> for Own<F>
where
    F: Fn(RequestBuilder, &K) -> RequestBuilder,
{
    fn request(&self, template: &Template, key: &K) -> Result<RequestBuilder> {
        Ok((self.0)(template.again()?, key))
    }
}

/// Gives a parameter this value, whether it had one or not.
fn set(url: &mut Url, name: &str, value: &str) {
    let has_name = |pair: &&str| {
        let mut pairs = form_urlencoded::parse(pair.as_bytes());
        pairs.next().is_some_and(|(own, _)| own == name)
    };
    let pairs = url.query().unwrap_or_default().split('&');
    let others: Vec<_> = pairs
        .filter(|pair| !pair.is_empty() && !has_name(pair))
        .collect();
    let mut query = form_urlencoded::Serializer::new(others.join("&"));
    let query = query.append_pair(name, value).finish();
    url.set_query(Some(&query));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, name: &str, value: &str, expected: &str) {
        let mut url = Url::parse(url).unwrap();
        set(&mut url, name, value);
        assert_eq!(url.as_str(), expected);
    }

    #[test]
    fn s2g_a_parameter_is_set_and_the_others_stay_as_they_were_written() {
        check("http://a/", "page", "2", "http://a/?page=2");
        check(
            "http://a/?x=%20+%41&&y",
            "page",
            "2",
            "http://a/?x=%20+%41&y&page=2",
        );
        check(
            "http://a/?page=1&x=1&p%61ge=7",
            "page",
            "2",
            "http://a/?x=1&page=2",
        );
        check(
            "http://a/?pages=1",
            "page",
            "a&b=c#",
            "http://a/?pages=1&page=a%26b%3Dc%23",
        );
        check("http://a/?x[]=1", "x[]", "2", "http://a/?x%5B%5D=2");
    }
}
