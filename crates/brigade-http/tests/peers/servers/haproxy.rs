//! haproxy in front of an nginx, to which it speaks HTTP/1.1.

use super::{Place, Speaks};

pub(super) fn prepare(place: Place<'_>) -> std::io::Result<Vec<String>> {
    place.write("haproxy.cfg", &configuration(place))?;
    let path = place.path("haproxy.cfg");
    Ok(vec!["-db".into(), "-f".into(), path])
}

fn configuration(place: Place<'_>) -> String {
    let (port, behind, folder) = (place.port, place.behind, place.folder.display());
    let (streams, idle) = (place.setup.streams, place.setup.idle);
    let speaks = match place.speaks {
        Speaks::Http1 => String::new(),
        Speaks::Http2 => tls(place),
        Speaks::H2c => "proto h2".to_owned(),
    };
    format!(
        "global
    stats socket {folder}/admin.sock expose-fd listeners
    log stdout format raw local0
    hard-stop-after 20s
    tune.h2.max-concurrent-streams {streams}
    tune.bufsize 65536
defaults
    mode http
    log global
    option dontlognull
    timeout connect 5s
    timeout client {idle}s
    timeout http-keep-alive {idle}s
    timeout server 30s
frontend front
    bind 127.0.0.1:{port} {speaks}
    log-format \"%cp %HM %HPO\"
    default_backend back
backend back
    server nginx 127.0.0.1:{behind}
"
    )
}

fn tls(place: Place<'_>) -> String {
    let version = match place.setup.tls {
        Some(version) => format!("ssl-min-ver TLSv{version} ssl-max-ver TLSv{version}"),
        None => String::new(),
    };
    let clients = match place.setup.clients {
        Some(_) => "ca-file clients.pem verify required",
        None => "",
    };
    format!("ssl crt both.pem alpn h2,http/1.1 {version} {clients}")
}
