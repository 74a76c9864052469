//! The flags of `brigade lines`, as typed.

use super::RequestFlags;
use crate::exit;
use crate::value::{self, Secret, Timeout};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

#[derive(Args, Debug)]
#[command(after_help = exit::OF_LINES)]
pub(crate) struct LinesFlags {
    /// Where the lines come from: http, https, ws or wss
    #[arg(value_name = "URL")]
    pub(crate) url: String,

    #[command(flatten)]
    pub(crate) send: SendFlags,

    #[command(flatten, next_help_heading = "Output")]
    pub(crate) output: OutputFlags,

    #[command(flatten, next_help_heading = "Requests")]
    pub(crate) patience: PatienceFlags,

    #[command(flatten, next_help_heading = "Requests")]
    pub(crate) requests: RequestFlags,
}

/// What is sent to the server.
#[derive(Args, Debug)]
pub(crate) struct SendFlags {
    /// Send this as the body of the request, which is a POST then; '@FILE' sends a file, '@-' the
    /// standard input
    #[arg(short, long, value_name = "TEXT")]
    pub(crate) data: Option<Secret>,

    /// Ask with this method instead of GET or POST
    #[arg(short = 'X', long, value_name = "METHOD")]
    pub(crate) method: Option<String>,

    /// Send this to a WebSocket as soon as it is open; can be repeated
    #[arg(short = 's', long = "send", value_name = "TEXT")]
    pub(crate) messages: Vec<Secret>,

    /// Send each line of a file to a WebSocket as a message, and go on receiving at its end; '-'
    /// reads the standard input
    #[arg(short, long, value_name = "FILE")]
    pub(crate) input: Option<PathBuf>,
}

/// What is printed, and how.
#[derive(Args, Debug)]
pub(crate) struct OutputFlags {
    /// What the URL is taken for
    #[arg(long = "as", value_name = "WHAT", value_enum, default_value = "auto")]
    pub(crate) taken: Taken,

    /// Let nothing through but JSON, each value on a line: a bad one is named on stderr and left out,
    /// and so is a blank line
    #[arg(long)]
    pub(crate) json: bool,

    /// Leave out blank lines
    #[arg(long)]
    pub(crate) skip_blank: bool,

    /// Print each event or message as an object on a line of its own: 'event', 'data' and 'id' of an
    /// event, 'data' of a text, 'binary' of bytes, as base64
    #[arg(long)]
    pub(crate) envelope: bool,

    /// The longest line; a longer one is named on stderr and left out. A longer event or message ends
    /// the stream
    #[arg(long, value_name = "SIZE", value_parser = value::size, default_value = "16MiB")]
    pub(crate) max_line: u64,
}

/// How long it goes on.
#[derive(Args, Debug)]
pub(crate) struct PatienceFlags {
    /// Connect again when the stream ends or breaks, until stopped. Events go on where they were;
    /// lines begin anew, so some can be missed and some come twice
    #[arg(long)]
    pub(crate) reconnect: bool,

    /// How often in a row it is tried again with nothing to print in between; 0 never
    #[arg(long, value_name = "N", value_parser = value::times, allow_negative_numbers = true)]
    #[arg(default_value = "10")]
    pub(crate) retries: u32,

    /// Time in which the server must send something; 'none' waits for ever, here and below
    #[arg(long, value_name = "TIME", value_parser = value::timeout, default_value = "5m")]
    pub(crate) read_timeout: Timeout,

    /// Time for all of it
    #[arg(long, value_name = "TIME", value_parser = value::timeout, default_value = "none")]
    pub(crate) total_timeout: Timeout,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Taken {
    /// What its scheme and the response say
    Auto,
    /// Lines that end with LF or CR LF
    Lines,
    /// Server-sent events
    Sse,
    /// Messages of a WebSocket
    Websocket,
}
