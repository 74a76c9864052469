//! nginx with a worker, which it can replace.
//!
//! Unlike that of [`crate::nginx`] it has a master, because only a master reloads.

use super::{Place, Speaks, parts};

pub(super) fn prepare(place: Place<'_>) -> std::io::Result<Vec<String>> {
    place.write("nginx.conf", &configuration(place))?;
    let folder = place.folder.display().to_string();
    let arguments = ["-p", &folder, "-c", "nginx.conf", "-e", "error.log"];
    Ok(arguments.map(str::to_owned).to_vec())
}

fn configuration(place: Place<'_>) -> String {
    let setup = place.setup;
    let (port, files) = (place.port, place.files.display());
    let (streams, requests, idle) = (setup.streams, setup.requests, setup.idle);
    let headers = parts(|name, value| format!("add_header {name} {value};"));
    let tls = tls(place);
    let speaks = match place.speaks {
        Speaks::Http1 => "",
        Speaks::Http2 => "ssl http2",
        Speaks::H2c => "http2",
    };
    let narrow = match setup.is_narrow && place.speaks != Speaks::Http1 {
        true => "http2_body_preread_size 0;",
        false => "",
    };
    let root = match &setup.redirect {
        Some(to) => format!("return 301 {to}$request_uri;"),
        None => String::new(),
    };
    format!(
        "daemon off;
user root;
worker_processes 1;
pid nginx.pid;
events {{ worker_connections 512; }}
http {{
    log_format peers '$remote_port $request_method $request_uri';
    access_log access.log peers;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    client_max_body_size 0;
    client_body_buffer_size 16k;
    keepalive_requests {requests};
    keepalive_timeout {idle}s;
    http2_max_concurrent_streams {streams};
    {narrow}
    server {{
        listen 127.0.0.1:{port} {speaks};
        server_name localhost;
        root {files};
        {tls}
        location / {{ {root} }}
        location /gzip/ {{ alias {files}/; gzip on; gzip_min_length 1; gzip_types *; }}
        location /echo/ {{ return 200 ok; }}
        location /put/ {{ root .; dav_methods PUT; create_full_put_path on; }}
        location = /none {{ return 204; }}
        location = /headers {{ {headers} }}
    }}
}}
"
    )
}

fn tls(place: Place<'_>) -> String {
    if !place.has_tls() {
        return String::new();
    }
    let version = match place.setup.tls {
        Some(version) => format!("ssl_protocols TLSv{version};"),
        None => String::new(),
    };
    let clients = match place.setup.clients {
        Some(_) => "ssl_verify_client on; ssl_client_certificate clients.pem;",
        None => "",
    };
    format!("ssl_certificate chain.pem; ssl_certificate_key key.pem; {version} {clients}")
}
