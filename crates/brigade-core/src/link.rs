//! `Link` headers (RFC 8288), read as the RFC's appendix B says.
//!
//! APIs announce their next page in this header, and it is easy to read it almost right: commas
//! occur inside of targets and of quoted strings, one link can have several relations, and a link
//! with an anchor is about another resource. It takes any bytes, never fails and never panics:
//! what is not a link ends the reading.

/// One link of a `Link` header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Where it points to, as the server wrote it: it may be relative to the URL of the response.
    pub target: String,
    /// The parameters in their order, with names in lower case.
    pub params: Vec<(String, String)>,
}

impl Link {
    /// The value of the first parameter of this name, which is given in lower case.
    pub fn param(&self, name: &str) -> Option<&str> {
        let mut params = self.params.iter();
        let (_, value) = params.find(|(known, _)| known == name)?;
        Some(value)
    }

    /// Whether it has this relation; upper and lower case are the same.
    pub fn has_rel(&self, rel: &str) -> bool {
        let mut rels = self
            .param("rel")
            .unwrap_or_default()
            .split_ascii_whitespace();
        rels.any(|known| known.eq_ignore_ascii_case(rel))
    }
}

/// The links of one header value, in their order.
///
/// # Examples
///
/// ```
/// use brigade_core::link::parse;
///
/// let links = parse(b"</users?page=3>; rel=\"next\", </users?page=9>; rel=last");
/// assert_eq!(links[0].target, "/users?page=3");
/// assert!(links[1].has_rel("last"));
/// ```
pub fn parse(value: impl AsRef<[u8]>) -> Vec<Link> {
    let mut input = Input(value.as_ref());
    let mut links = Vec::new();
    loop {
        input.skip(|byte| is_space(byte) || byte == b',');
        if !input.eat(b'<') {
            return links;
        }
        let target = input.take_until(|byte| byte == b'>');
        if !input.eat(b'>') {
            return links;
        }
        let params = input.params();
        links.push(Link {
            target: text(target),
            params,
        });
    }
}

/// The target of the first link with this relation that is about the response itself.
///
/// A response can have several `Link` headers: ask each.
///
/// # Examples
///
/// ```
/// use brigade_core::link::find;
///
/// let header = "</users?after=7>; rel=\"next nofollow\"";
/// assert_eq!(find(header, "next").as_deref(), Some("/users?after=7"));
/// assert_eq!(find(header, "prev"), None);
/// ```
pub fn find(value: impl AsRef<[u8]>, rel: &str) -> Option<String> {
    let links = parse(value).into_iter();
    let mut own = links.filter(|link| link.param("anchor").is_none());
    own.find(|link| link.has_rel(rel)).map(|link| link.target)
}

/// What has not been read.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn eat(&mut self, byte: u8) -> bool {
        let rest = self.0.strip_prefix(&[byte]);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn take_until(&mut self, end: impl Fn(u8) -> bool) -> &'a [u8] {
        let length = self.0.iter().position(|byte| end(*byte));
        let (taken, rest) = self.0.split_at(length.unwrap_or(self.0.len()));
        self.0 = rest;
        taken
    }

    fn skip(&mut self, what: impl Fn(u8) -> bool) {
        self.take_until(|byte| !what(byte));
    }

    fn params(&mut self) -> Vec<(String, String)> {
        let mut params = Vec::new();
        loop {
            self.skip(is_space);
            if !self.eat(b';') {
                return params;
            }
            self.skip(is_space);
            let name = self.take_until(|byte| is_space(byte) || matches!(byte, b'=' | b';' | b','));
            self.skip(is_space);
            let value = if self.eat(b'=') {
                self.skip(is_space);
                self.value()
            } else {
                String::new()
            };
            if !name.is_empty() {
                params.push((text(name).to_ascii_lowercase(), value));
            }
        }
    }

    fn value(&mut self) -> String {
        if !self.eat(b'"') {
            let value = self.take_until(|byte| matches!(byte, b';' | b','));
            return text(value.trim_ascii_end());
        }
        let mut value = Vec::new();
        while let Some((byte, rest)) = self.0.split_first() {
            self.0 = rest;
            match byte {
                b'"' => break,
                b'\\' => value.push(self.escaped()),
                byte => value.push(*byte),
            }
        }
        text(&value)
    }

    /// The byte behind a backslash, or the backslash if it is the last.
    fn escaped(&mut self) -> u8 {
        let Some((byte, rest)) = self.0.split_first() else {
            return b'\\';
        };
        self.0 = rest;
        *byte
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(header: &str, next: Option<&str>) {
        assert_eq!(find(header, "next").as_deref(), next, "{header}");
    }

    #[test]
    fn s2c_the_next_page_is_found_in_every_form_of_the_link_header() {
        check("", None);
        check("<a>; rel=next", Some("a"));
        check("<a>; rel=\"next\"", Some("a"));
        check("<a>;rel=NEXT", Some("a"));
        check("<a>; REL=\"next\"", Some("a"));
        check("<a> ; rel = \"next\" ", Some("a"));
        check("<a>; rel=\"first next\"", Some("a"));
        check("<a>; rel=\"nextish\"", None);
        check("<a>; rel=prev, <b>; rel=next", Some("b"));
        check("<a>; rel=prev,<b>; rel=next, <c>; rel=next", Some("b"));
        check(",, <a>; rel=next,", Some("a"));
        // The first relation parameter is the one that counts.
        check("<a>; rel=prev; rel=next", None);
        check(
            "<https://x/?q=a,b;c>; rel=\"next\"",
            Some("https://x/?q=a,b;c"),
        );
        check("<a>; title=\"x, <b>; rel=next\", <c>; rel=next", Some("c"));
        check("<a>; title=\"say \\\"hi\\\", <b>\"; rel=next", Some("a"));
        check("<a>; title*=UTF-8''x%20y; rel=next", Some("a"));
        check("<a>; crossorigin; rel=next", Some("a"));
        check("<>; rel=next", Some(""));
        // It is about another resource.
        check("<a>; rel=next; anchor=\"#x\", <b>; rel=next", Some("b"));
    }

    #[test]
    fn s2c_what_is_not_a_link_ends_the_reading() {
        check("a; rel=next", None);
        check("<a; rel=next", None);
        check("<a>; rel=prev; x, y, <b>; rel=next", None);
        check("<a>; rel=\"next", Some("a"));
        check("<a>; title=\"\\", None);
        check("<a> rel=next", None);
        check("<a>; rel=next <b>", Some("a"));
    }

    #[test]
    fn the_parameters_keep_their_order_and_values() {
        let links = parse("<a>; Rel=\"next\"; title=\"A \\\"b\\\"\"; x; y=1");
        let expected = [("rel", "next"), ("title", "A \"b\""), ("x", ""), ("y", "1")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(links[0].params, expected);
    }

    fn quoted(value: &str) -> String {
        let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
        format!("\"{escaped}\"")
    }

    proptest! {
        #[test]
        fn s2c_no_bytes_make_the_parser_panic(
            bytes in proptest::collection::vec(
                prop_oneof![
                    proptest::sample::select(b"<>;,=\"\\ *relnext".to_vec()),
                    any::<u8>(),
                ],
                0..100,
            ),
        ) {
            let links = parse(&bytes);
            prop_assert!(links.len() <= bytes.len());
        }

        #[test]
        fn s2c_what_is_written_is_read_back(
            links in proptest::collection::vec(
                (
                    "[^>]{0,20}",
                    proptest::collection::vec(("[a-z][a-z0-9*-]{0,6}", "[^\u{fffd}]{0,12}"), 0..4),
                ),
                0..5,
            ),
        ) {
            let written: Vec<String> = links
                .iter()
                .map(|(target, params)| {
                    let params = params.iter();
                    let params = params.map(|(name, value)| format!(";{name}={}", quoted(value)));
                    format!("<{target}>{}", params.collect::<String>())
                })
                .collect();
            let read = parse(written.join(", "));
            let read = read.into_iter().map(|link| (link.target, link.params));
            prop_assert_eq!(read.collect::<Vec<_>>(), links);
        }
    }
}
