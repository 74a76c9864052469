//! The flags about requests that all commands which send some have in common.
//!
//! What differs between them, how long an answer may take above all, is said where they are. A
//! header or a proxy may hold a secret, so they stay unparsed here.

use crate::value::{self, Secret, Timeout};
use clap::Args;
use std::path::PathBuf;

#[derive(Args, Debug)]
pub(crate) struct RequestFlags {
    /// Time to wait for a free connection
    #[arg(long, value_name = "TIME", value_parser = value::timeout, default_value = "30s")]
    pub(crate) pool_timeout: Timeout,

    /// Time to connect: look-up, TCP and TLS
    #[arg(long, value_name = "TIME", value_parser = value::timeout, default_value = "10s")]
    pub(crate) connect_timeout: Timeout,

    /// Time in which the server must take some of the request
    #[arg(long, value_name = "TIME", value_parser = value::timeout, default_value = "30s")]
    pub(crate) write_timeout: Timeout,

    /// Send this header with each request; can be repeated
    #[arg(short = 'H', long = "header", value_name = "'NAME: VALUE'")]
    pub(crate) headers: Vec<Secret>,

    /// Go through this proxy (http, https, socks5, socks5h) instead of those that http_proxy,
    /// https_proxy and all_proxy name
    #[arg(long, value_name = "URL")]
    pub(crate) proxy: Option<Secret>,

    /// Hosts that --proxy is not for, separated by commas; '*' alone for no proxy at all
    #[arg(long, value_name = "HOSTS")]
    pub(crate) noproxy: Option<String>,

    /// Speak HTTP/1.1 only, also to https servers that offer HTTP/2
    #[arg(long = "http1.1", conflicts_with = "http2_prior_knowledge")]
    pub(crate) http1: bool,

    /// Speak HTTP/2 only, without asking first where there is no TLS
    #[arg(long)]
    pub(crate) http2_prior_knowledge: bool,

    /// Connect to this Unix socket, whatever hosts the URLs name
    #[arg(long, value_name = "PATH")]
    pub(crate) unix_socket: Option<PathBuf>,
}
