//! hypercorn, which is Python's `h11` and `h2`, with an application of ours.

use super::{Place, Speaks};

pub(super) fn prepare(place: Place<'_>) -> std::io::Result<Vec<String>> {
    place.write("application.py", include_str!("hypercorn.py"))?;
    place.write("settings.py", &settings(place))?;
    let arguments = ["-c", "file:settings.py", "application:application"];
    Ok(arguments.map(str::to_owned).to_vec())
}

fn settings(place: Place<'_>) -> String {
    let (streams, requests, idle) = (place.setup.streams, place.setup.requests, place.setup.idle);
    let tls = match place.has_tls() {
        true => "certfile = 'chain.pem'\nkeyfile = 'key.pem'",
        false => "",
    };
    let clients = match place.setup.clients {
        Some(_) => "import ssl\nca_certs = 'clients.pem'\nverify_mode = ssl.CERT_REQUIRED",
        None => "",
    };
    let protocols = match place.speaks {
        Speaks::Http1 => "['http/1.1']",
        Speaks::Http2 | Speaks::H2c => "['h2']",
    };
    format!(
        "import os
os.environ['FILES'] = {:?}
bind = ['127.0.0.1:{}']
workers = 0
accesslog = '-'
access_log_format = '%(h)s %(m)s %(U)s'
alpn_protocols = {protocols}
h2_max_concurrent_streams = {streams}
keep_alive_max_requests = {requests}
keep_alive_timeout = {idle}
{tls}
{clients}
",
        place.files.display().to_string(),
        place.port,
    )
}
