//! Pages that name the URL of the next one.
//!
//! Such a URL is an instruction from a stranger to send a request elsewhere, as a redirect is, and
//! so it has a redirect's rules. It never takes a credential across an origin, and never turns a
//! walk over https into one in the clear.

use brigade::stream::NextUrl;
use url::Url;

use super::paginated::{Answer, Asks, Paged};
use super::template::Template;
use crate::head::merged;
use crate::into_url::check;
use crate::redirect::{is_same_origin, leave_origin};
use crate::{Error, IntoUrl, Kind, RequestBuilder, Result};

/// Each page gives the URL of the next one: in its body, which the closure hands on by
/// [`Page::next`](super::Page::next), or else in its `Link` header with the relation `next`
/// (RFC 8288), which is read without being asked for.
///
/// A relative URL is resolved against the one that answered. It is asked for as it is, with the
/// method, headers and body of the request, but without the request's query or the client's.
///
/// Across origins no credentials go along: the same headers stay behind as after a
/// [redirect](crate::redirect::Follow::apply). They do not come back when a page of another origin
/// leads to the own one again. A key to [resume](super::Paginated::resume) at is judged by the
/// request's own origin. A URL with a user name or password, or one of http where the request
/// was https, is an error: the latter comes from a server that does not know that a proxy speaks TLS
/// for it, and the closure can mend the URL if nothing else can.
///
/// # Examples
///
/// ```
/// use brigade_http::Client;
/// use brigade_http::paging::{NextLink, Page};
/// # use brigade_testkit::server::{Reply, Server};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// # let server = Server::start(|request| match request.query("page") {
/// #     Some(_) => Reply::ok("[3]"),
/// #     None => Reply::ok("[1,2]").header("link", "</numbers?page=2>; rel=\"next\""),
/// # }).await?;
/// let client = Client::new()?;
/// let mut numbers = client
///     .get(server.url("/numbers"))?
///     .paginate(NextLink, async |response| Ok(Page::new(response.json::<Vec<u32>>().await?)))
///     .items();
/// let mut sum = 0;
/// while let Some(number) = numbers.next().await {
///     sum += number?;
/// }
/// assert_eq!(sum, 6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NextLink;

impl Paged for NextLink {
    type Style = NextUrl;
    type Asks = Self;

    fn split(self, first: &Url) -> (NextUrl, Self) {
        (NextUrl::new(first.as_str()), self)
    }
}

impl Asks<String> for NextLink {
    fn request(&self, template: &Template, key: &String) -> Result<RequestBuilder> {
        let own = template.url();
        let mut url = key.into_url(Some(own))?;
        let bad = |url: &Url, why: &str| Err(Error::new(Kind::BadUrl).about(url).because(why));
        if check(&mut url)?.is_some() {
            return bad(&url, "the next page is named with a user name or password");
        }
        if own.scheme() == "https" && url.scheme() == "http" {
            let why = "the request was https, and the next page would come in the clear";
            return bad(&url, why);
        }
        let is_strange = template.has_strayed || !is_same_origin(own, &url);
        let mut request = template.again()?;
        let hop = &mut request.draft_mut().hop;
        hop.url = url;
        if is_strange {
            // The client's headers are subject to the same rules as the request's own.
            hop.headers = merged(&template.client().inner, hop, None);
            hop.merged = true;
            leave_origin(&mut hop.headers);
        }
        Ok(request)
    }

    fn next(&self, said: Option<String>, answer: Answer) -> Option<String> {
        let said = said.filter(|next| !next.is_empty());
        let next = said.or(answer.link)?;
        let Ok(mut url) = answer.url.join(&next) else {
            // So that the items of this page are given before it is an error.
            return Some(next);
        };
        url.set_fragment(None);
        Some(url.into())
    }
}
