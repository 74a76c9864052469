//! The process of the server of HTTP/2 in the clear, ended with the value that started it.
//!
//! Why it is not nginx is said where it is written.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};

use super::scenes::STREAMS;
use crate::Result;
use crate::measure::pinned;

/// A running server.
#[derive(Debug)]
pub struct H2Server {
    child: Child,
    port: u16,
}

impl H2Server {
    /// Starts the server on the second processor, serving `root`.
    pub fn start(root: &Path) -> Result<Self> {
        let mut command = pinned(1, std::env::current_exe()?);
        command.args(["peer", "server"]).arg(root);
        command.arg(STREAMS.to_string());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut server = Self {
            child: command.spawn()?,
            port: 0,
        };
        let output = server
            .child
            .stdout
            .take()
            .ok_or("the server has no output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        server.port = line.trim().parse()?;
        Ok(server)
    }

    /// `http://127.0.0.1:PORT`.
    pub fn base(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for H2Server {
    fn drop(&mut self) {
        // The end of its input is what it waits for.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
