//! What the flags of `brigade lines` mean together.
//!
//! Contradictions end here, before anything is sent, each with one sentence that names the flag and
//! the way out. Only what `@FILE` names is read.

use super::page::Form;
use crate::flags::{LinesFlags, SendFlags, Taken};
use crate::plan::{headers, proxies, versions};
use crate::value::Secret;
use anyhow::{Context, anyhow, bail};
use brigade_http::events::EventSource;
use brigade_http::websocket::WebSocketBuilder;
use brigade_http::{
    Client, ClientBuilder, Method, RequestBuilder, Response, RetryPolicy, Timeouts,
};
use bytes::Bytes;
use std::fmt;
use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

/// A stream as meant.
#[derive(Debug)]
pub(crate) struct LinesPlan {
    pub(super) client: ClientBuilder,
    pub(super) ask: Ask,
    pub(super) form: Form,
    /// The time for all of it.
    pub(super) total: Option<Duration>,
}

/// What is asked for, and how often.
pub(super) struct Ask {
    url: String,
    method: Method,
    body: Bytes,
    taken: Taken,
    /// What a WebSocket is told first, and the file with what it is told line by line.
    pub(super) send: Vec<String>,
    pub(super) input: Option<PathBuf>,
    /// The most bytes of an event or a message.
    max_line: usize,
    pub(super) reconnect: bool,
    pub(super) retries: u32,
}

impl LinesPlan {
    /// Puts the flags together.
    pub(crate) fn new(flags: LinesFlags) -> anyhow::Result<Self> {
        let taken = taken(&flags)?;
        let client = client(&flags)?;
        let body = flags.send.data.as_ref().map(body).transpose()?;
        let method = match (&flags.send.method, &body) {
            (Some(name), _) => Method::from_bytes(name.as_bytes())
                .map_err(|_| anyhow!("-X METHOD: '{name}' is no method; GET or POST is one"))?,
            (None, Some(_)) => Method::POST,
            (None, None) => Method::GET,
        };
        let output = flags.output;
        let max_line = usize::try_from(output.max_line).unwrap_or(usize::MAX);
        Ok(Self {
            client,
            ask: Ask {
                url: flags.url,
                method,
                body: body.unwrap_or_default().into(),
                taken,
                send: flags.send.messages.into_iter().map(|text| text.0).collect(),
                input: flags.send.input,
                max_line,
                reconnect: flags.patience.reconnect,
                retries: flags.patience.retries,
            },
            form: Form {
                json: output.json,
                skip_blank: output.skip_blank,
                envelope: output.envelope,
                max_line,
            },
            total: flags.patience.total_timeout.0,
        })
    }
}

impl Ask {
    /// The request, anew for each time that it is sent.
    pub(super) fn request(&self, client: &Client) -> brigade_http::Result<RequestBuilder> {
        let request = client.request(self.method.clone(), self.url.as_str())?;
        Ok(request.body(self.body.clone()))
    }
}

/// What comes of a request.
pub(super) enum Opened {
    Lines(Response),
    /// They connect again by themselves.
    Events(Box<EventSource>),
}

impl Ask {
    /// Whether it is a WebSocket.
    pub(super) fn is_websocket(&self) -> bool {
        self.taken == Taken::Websocket
    }

    /// The WebSocket, before it is open.
    pub(super) fn socket(&self, client: &Client) -> brigade_http::Result<WebSocketBuilder> {
        let socket = client.websocket(self.url.as_str())?;
        Ok(socket.max_message(self.max_line).max_frame(self.max_line))
    }

    /// Whether what is asked for can be sent at all.
    pub(super) fn check(&self, client: &Client) -> brigade_http::Result<()> {
        match self.is_websocket() {
            true => self.socket(client).map(drop),
            false => self.request(client).map(drop),
        }
    }

    /// Asks, and looks what the answer is, unless that was said.
    pub(super) async fn open(&self, client: &Client) -> brigade_http::Result<Opened> {
        let request = self.request(client)?;
        if self.taken == Taken::Sse {
            return Ok(Opened::Events(Box::new(self.events(request))));
        }
        let response = request.send().await?.error_for_status()?;
        if self.taken != Taken::Auto || !is_event_stream(&response) {
            return Ok(Opened::Lines(response));
        }
        let source = self.events(self.request(client)?);
        Ok(Opened::Events(Box::new(source.begin_with(response))))
    }

    fn events(&self, request: RequestBuilder) -> EventSource {
        let source = request.events().reconnects(self.retries);
        source.max_event(self.max_line)
    }
}

fn is_event_stream(response: &Response) -> bool {
    let value = response.headers().get("content-type");
    let value = value
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("text/event-stream")
}

/// Without the body, which may hold secrets.
impl fmt::Debug for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ask")
            .field("method", &self.method)
            .field("taken", &self.taken)
            .field("reconnect", &self.reconnect)
            .field("retries", &self.retries)
            .finish_non_exhaustive()
    }
}

/// What the URL is taken for, as far as that is known before it is asked.
fn taken(flags: &LinesFlags) -> anyhow::Result<Taken> {
    let Some((scheme, _)) = flags.url.split_once("://") else {
        bail!("the URL has no scheme: it begins with http://, https://, ws:// or wss://");
    };
    let is_ws = ["ws", "wss"].contains(&&*scheme.to_ascii_lowercase());
    let taken = match (flags.output.taken, is_ws) {
        (Taken::Auto, true) => Taken::Websocket,
        (Taken::Lines | Taken::Sse, true) => {
            bail!("a URL with ws or wss is a WebSocket: leave --as out, or use http or https")
        }
        (taken, _) => taken,
    };
    let SendFlags {
        data,
        method,
        messages,
        input,
    } = &flags.send;
    let is_socket = taken == Taken::Websocket;
    if is_socket && (data.is_some() || method.is_some()) {
        bail!("a WebSocket has no method and no body: send a message with -s or -i");
    }
    if !is_socket && (!messages.is_empty() || input.is_some()) {
        bail!(
            "-s and -i send messages to a WebSocket: use ws:// or wss://, or send a body with -d"
        );
    }
    Ok(taken)
}

fn client(flags: &LinesFlags) -> anyhow::Result<ClientBuilder> {
    let (requests, patience) = (&flags.requests, &flags.patience);
    let timeouts = Timeouts::NONE
        .pool(requests.pool_timeout.0)
        .connect(requests.connect_timeout.0)
        .write(requests.write_timeout.0)
        .read(patience.read_timeout.0);
    let retry = match patience.reconnect {
        // Two rules for the same would multiply.
        true => RetryPolicy::none(),
        false => RetryPolicy::default().attempts(patience.retries.saturating_add(1)),
    };
    let mut builder = Client::builder()
        .timeouts(timeouts)
        .versions(versions(requests))
        .retry(retry)
        .max_body(None);
    for header in headers(&requests.headers)? {
        builder = builder.header(header.name.as_str(), header.value.as_str());
    }
    if let Some(proxies) = proxies(requests)? {
        builder = proxies
            .into_iter()
            .fold(builder.no_proxy(), ClientBuilder::proxy);
    }
    if let Some(path) = &requests.unix_socket {
        builder = builder.unix_socket(path);
    }
    Ok(builder)
}

/// What `--data` names.
fn body(data: &Secret) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match data.0.strip_prefix('@') {
        None => return Ok(data.0.clone().into_bytes()),
        Some("-") => {
            let mut stdin = std::io::stdin().lock();
            stdin.read_to_end(&mut bytes).context("--data @-")?;
        }
        Some(path) => {
            bytes = std::fs::read(path).with_context(|| format!("--data: cannot read '{path}'"))?;
        }
    }
    Ok(bytes)
}
