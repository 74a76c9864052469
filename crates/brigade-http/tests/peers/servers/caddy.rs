//! Caddy, which is Go's HTTP server, with its certificates from files instead of the network.

use super::{Entry, Place, Speaks, parts};

pub(super) fn prepare(place: Place<'_>) -> std::io::Result<Vec<String>> {
    place.write("Caddyfile", &configuration(place))?;
    let path = place.path("Caddyfile");
    let arguments = ["run", "--config", &path, "--adapter", "caddyfile"];
    Ok(arguments.map(str::to_owned).to_vec())
}

fn configuration(place: Place<'_>) -> String {
    let (port, folder, files) = (place.port, place.folder.display(), place.files.display());
    let idle = place.setup.idle;
    let headers = parts(|name, value| format!("header {name} {value}"));
    let (scheme, protocols) = match place.speaks {
        Speaks::Http1 => ("http://", "h1"),
        Speaks::Http2 => ("https://localhost", "h1 h2"),
        Speaks::H2c => ("http://", "h1 h2c"),
    };
    let tls = tls(place);
    let (gzip, zstd) = (packed(place, "gzip"), packed(place, "zstd"));
    format!(
        "{{
    admin off
    auto_https off
    storage file_system {folder}
    servers {{
        protocols {protocols}
        timeouts {{
            idle {idle}s
        }}
    }}
}}
{scheme}:{port} {{
    bind 127.0.0.1
    log {{
        output file {folder}/access.log
        format json
    }}
    {tls}
    {gzip}
    {zstd}
    handle /echo/* {{
        respond \"{{http.request.body}}\"
    }}
    handle /none {{
        respond 204
    }}
    handle {{
        handle /headers {{
            {headers}
        }}
        root * {files}
        file_server
    }}
}}
"
    )
}

/// The files, in this coding.
fn packed(place: Place<'_>, coding: &str) -> String {
    let files = place.files.display();
    format!(
        "handle_path /{coding}/* {{
        encode {{
            {coding}
            minimum_length 1
            match status 200
        }}
        root * {files}
        file_server
    }}"
    )
}

fn tls(place: Place<'_>) -> String {
    if !place.has_tls() {
        return String::new();
    }
    let (chain, key) = (place.path("chain.pem"), place.path("key.pem"));
    let version = match place.setup.tls {
        Some(version) => format!("protocols tls{version} tls{version}"),
        None => String::new(),
    };
    let clients = match place.setup.clients {
        Some(_) => format!(
            "client_auth {{
            mode require_and_verify
            trusted_ca_cert_file {}
        }}",
            place.path("clients.pem")
        ),
        None => String::new(),
    };
    format!(
        "tls {chain} {key} {{
        {version}
        {clients}
    }}"
    )
}

/// One line of the log, which is JSON without spaces.
pub(super) fn entry(line: &str) -> Option<Entry> {
    let field = |name: &str| {
        let (_, rest) = line.split_once(&format!("\"{name}\":\""))?;
        rest.split('"').next()
    };
    Some(Entry {
        port: field("remote_port")?.parse().ok()?,
        method: field("method")?.to_owned(),
        target: field("uri")?.to_owned(),
    })
}
