//! Asking a SOCKS5 proxy for a stream (RFC 1928), with user name and password (RFC 1929).
//!
//! Every message has a length that is known beforehand, so not a byte is read that belongs to the
//! stream behind it.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use url::Host;

use super::server::{Login, Refusal};
use crate::transport::Destination;

const VERSION: u8 = 5;
const CONNECT: u8 = 1;

const NO_LOGIN: u8 = 0;
const PASSWORD: u8 = 2;
const NOTHING_SUITS: u8 = 0xff;

const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

/// Has the proxy at the other end of `stream` lead it on to `to`.
pub(super) async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    to: &Destination,
    login: Option<&Login>,
) -> Result<S, Refusal> {
    let offer: &[u8] = match login {
        Some(_) => &[VERSION, 2, NO_LOGIN, PASSWORD],
        None => &[VERSION, 1, NO_LOGIN],
    };
    send(&mut stream, offer).await?;
    let [version, method] = receive(&mut stream).await?;
    check_version(version)?;
    match (method, login) {
        (NO_LOGIN, _) => {}
        (PASSWORD, Some(login)) => log_in(&mut stream, login).await?,
        (NOTHING_SUITS, None) => {
            let why = "it wants a user name and password, or lets nobody in: put them in its URL";
            return Err(Refusal::new(why));
        }
        (NOTHING_SUITS, Some(_)) => {
            return Err(Refusal::new("it takes no user name and password"));
        }
        _ => {
            return Err(Refusal::new(
                "it chose a way to log in that was not offered",
            ));
        }
    }
    send(&mut stream, &request(to)?).await?;
    read_reply(&mut stream).await?;
    Ok(stream)
}

async fn log_in<S>(stream: &mut S, login: &Login) -> Result<(), Refusal>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut message = vec![1];
    for part in [&login.user, &login.password] {
        message.push(length(part)?);
        message.extend(part);
    }
    send(stream, &message).await?;
    // Like curl, without a look at the version: some answer with that of SOCKS.
    let [_, status] = receive(stream).await?;
    match status {
        0 => Ok(()),
        _ => Err(Refusal::new(
            "it refused the user name and password of its URL",
        )),
    }
}

fn request(to: &Destination) -> Result<Vec<u8>, Refusal> {
    let mut request = vec![VERSION, CONNECT, 0];
    match &to.host {
        Host::Ipv4(address) => {
            request.push(IPV4);
            request.extend(address.octets());
        }
        Host::Ipv6(address) => {
            request.push(IPV6);
            request.extend(address.octets());
        }
        Host::Domain(name) => {
            request.extend([NAME, length(name.as_bytes())?]);
            request.extend(name.as_bytes());
        }
    }
    request.extend(to.port.to_be_bytes());
    Ok(request)
}

/// Reads the answer to a request, and the address in it, which nobody needs.
async fn read_reply<S: AsyncRead + Unpin>(stream: &mut S) -> Result<(), Refusal> {
    let [version, code] = receive(stream).await?;
    check_version(version)?;
    if code != 0 {
        return Err(refused(code));
    }
    let [_reserved, kind] = receive(stream).await?;
    let address = match kind {
        IPV4 => 4,
        IPV6 => 16,
        NAME => {
            let [length] = receive(stream).await?;
            usize::from(length)
        }
        _ => return Err(Refusal::new("it answers with an address of unknown kind")),
    };
    let mut rest = vec![0; address + 2];
    stream.read_exact(&mut rest).await?;
    Ok(())
}

fn refused(code: u8) -> Refusal {
    let why = match code {
        1 => "general failure",
        2 => "not allowed by its rules",
        3 => "network unreachable",
        4 => "host unreachable",
        5 => "connection refused",
        6 => "it took too long",
        7 => "command not supported",
        8 => "kind of address not supported",
        _ => "unknown reason",
    };
    Refusal::new(format!(
        "it cannot connect to the server: {why} (SOCKS reply {code})"
    ))
}

fn check_version(version: u8) -> Result<(), Refusal> {
    match version {
        VERSION => Ok(()),
        _ => Err(Refusal::new("it does not answer in SOCKS5")),
    }
}

fn length(part: &[u8]) -> Result<u8, Refusal> {
    part.len()
        .try_into()
        .map_err(|_| Refusal::new("SOCKS5 takes no name of more than 255 bytes"))
}

async fn send<S: AsyncWrite + Unpin>(stream: &mut S, message: &[u8]) -> Result<(), Refusal> {
    stream.write_all(message).await?;
    stream.flush().await?;
    Ok(())
}

async fn receive<S: AsyncRead + Unpin, const N: usize>(stream: &mut S) -> Result<[u8; N], Refusal> {
    let mut message = [0; N];
    stream.read_exact(&mut message).await?;
    Ok(message)
}
