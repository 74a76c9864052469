//! aiohttp as a server of WebSockets and events, with a script of ours that brings about what goes
//! wrong in the wild.
//!
//! Its parser, its flow control and its closing are its own. Nothing here judges what the client
//! makes of it.

mod events;
mod sockets;
mod streams;

use brigade_http::tls::TlsConfig;
use brigade_http::{Client, ClientBuilder};
use libtest_mimic::{Failed, Trial};
use serde_json::Value;

use crate::named;
use crate::python::PYTHON;
use crate::servers::process::Process;
use crate::trust::{authority, for_localhost, identity};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        named(
            vec![PYTHON],
            events::h20q_events_of_aiohttp_are_one_sequence,
        ),
        named(
            vec![PYTHON],
            events::h20q_aiohttp_is_given_the_time_that_it_wants,
        ),
        named(
            vec![PYTHON],
            events::h20q_packed_events_of_aiohttp_come_one_by_one,
        ),
        named(
            vec![PYTHON],
            sockets::h20r_messages_of_all_sizes_come_back_from_aiohttp,
        ),
        named(
            vec![PYTHON],
            sockets::h20r_messages_in_parts_come_from_aiohttp_whole,
        ),
        named(
            vec![PYTHON],
            sockets::h20r_messages_come_back_from_aiohttp_over_tls,
        ),
        named(
            vec![PYTHON],
            sockets::h20s_aiohttp_and_the_client_agree_on_terms,
        ),
        named(vec![PYTHON], sockets::h20s_pings_of_aiohttp_are_answered),
        named(
            vec![PYTHON],
            sockets::h20t_both_sides_hear_why_the_other_closes,
        ),
        named(vec![PYTHON], sockets::h20t_an_aiohttp_that_dies_is_an_error),
        named(vec![PYTHON], streams::h20u_a_slow_reader_makes_aiohttp_wait),
        named(
            vec![PYTHON],
            streams::h20u_a_slow_aiohttp_makes_the_sender_wait,
        ),
    ]
}

/// A running server.
struct Aiohttp {
    process: Process,
    /// The authority of its certificate, as PEM.
    authority: Option<String>,
}

impl Aiohttp {
    fn start() -> Result<Self, Failed> {
        Self::launch(None)
    }

    fn start_tls() -> Result<Self, Failed> {
        let authority = authority("good")?;
        let own = identity(&authority, &for_localhost()?)?;
        let files = [("chain.pem", own.chain), ("key.pem", own.key)];
        Self::launch(Some((authority.pem(), files)))
    }

    fn launch(identity: Option<(String, [(&str, String); 2])>) -> Result<Self, Failed> {
        let (authority, files) = match identity {
            Some((authority, files)) => (Some(authority), Vec::from(files)),
            None => (None, Vec::new()),
        };
        let process = Process::start(PYTHON.0, |folder, port| {
            std::fs::write(folder.join("server.py"), include_str!("server.py"))?;
            let mut arguments = vec!["server.py".to_owned(), port.to_string()];
            for (name, text) in &files {
                std::fs::write(folder.join(name), text)?;
                arguments.push((*name).to_owned());
            }
            Ok(arguments)
        })?;
        Ok(Self { process, authority })
    }

    fn url(&self, path: &str) -> String {
        let port = self.process.port();
        match self.authority {
            Some(_) => format!("https://localhost:{port}{path}"),
            None => format!("http://127.0.0.1:{port}{path}"),
        }
    }

    /// The same for a WebSocket.
    fn socket(&self, path: &str) -> String {
        self.url(path).replacen("http", "ws", 1)
    }

    fn client(&self) -> Result<ClientBuilder, Failed> {
        let builder = Client::builder().no_proxy();
        Ok(match &self.authority {
            Some(pem) => builder.tls(TlsConfig::new().add_root_pem(pem.as_bytes())?),
            None => builder,
        })
    }

    /// What it has seen.
    async fn seen(&self, client: &Client) -> Result<Value, Failed> {
        let seen = client.get(self.url("/seen"))?.send().await?;
        Ok(seen.json().await?)
    }
}
