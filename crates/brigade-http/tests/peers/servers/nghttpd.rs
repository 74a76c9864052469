//! nghttpd, the server of the reference implementation of HTTP/2.
//!
//! It ends each body with a trailer, pads its frames and gives small windows if asked for.

use super::Place;

pub(super) fn prepare(place: Place<'_>) -> std::io::Result<Vec<String>> {
    let port = place.port.to_string();
    let streams = place.setup.streams.to_string();
    let files = place.files.display().to_string();
    let mut arguments = vec!["-a", "127.0.0.1", "-d", &files, "-m", &streams];
    arguments.extend(["--echo-upload", "--trailer", "x-sum: 7", "--padding", "100"]);
    if place.setup.is_narrow {
        arguments.extend(["-w", "10", "-W", "16"]);
    }
    match place.has_tls() {
        true => arguments.extend([port.as_str(), "key.pem", "chain.pem"]),
        false => arguments.extend(["--no-tls", &port]),
    }
    Ok(arguments.into_iter().map(str::to_owned).collect())
}
