//! What a client asked, as far as a script wants to know.
//!
//! A request is there when its headers are; its body may still be on the way. It holds nothing of
//! the connection.

/// The headers of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct H2Request {
    /// The stream on which it came and its response is to go.
    pub stream: u32,
    /// All headers in their order, those that begin with a colon included.
    pub headers: Vec<(String, String)>,
    /// Whether it has no body.
    pub end_stream: bool,
}

impl H2Request {
    /// The value of the first header of this name, which is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|header| header.0 == name);
        header.map(|header| &*header.1)
    }

    /// The method; empty if there is none.
    pub fn method(&self) -> &str {
        self.header(":method").unwrap_or_default()
    }

    /// Path and query; empty if there is none.
    pub fn path(&self) -> &str {
        self.header(":path").unwrap_or_default()
    }
}
