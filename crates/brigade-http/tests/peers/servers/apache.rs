//! Apache's httpd with threads and mod_http2.
//!
//! Started by root it leaves root for Debian's user for web servers, so it writes nothing.

use super::{Place, Speaks, parts};

pub(super) fn prepare(place: Place<'_>) -> std::io::Result<Vec<String>> {
    place.write("echo.lua", ECHO)?;
    place.write("apache.conf", &configuration(place))?;
    let path = place.path("apache.conf");
    Ok(vec!["-f".into(), path, "-DFOREGROUND".into()])
}

/// Debian's mod_reflector says nothing over HTTP/2, to no client.
const ECHO: &str = "require 'apache2'
function handle(r)
    r:write(r:requestbody() or '')
    return apache2.OK
end
";

const MODULES: [&str; 10] = [
    "mpm_event",
    "authz_core",
    "alias",
    "headers",
    "filter",
    "deflate",
    "lua",
    "http2",
    "socache_shmcb",
    "ssl",
];

fn configuration(place: Place<'_>) -> String {
    let setup = place.setup;
    let (port, folder, files) = (place.port, place.folder.display(), place.files.display());
    let (streams, requests, idle) = (setup.streams, setup.requests, setup.idle);
    let headers = parts(|name, value| format!("Header set {name} {value}"));
    let tls = tls(place);
    let protocols = match place.speaks {
        Speaks::Http1 => "http/1.1",
        Speaks::Http2 => "h2 http/1.1",
        Speaks::H2c => "h2c http/1.1",
    };
    let modules = MODULES
        .map(|name| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so"));
    let modules = modules.join("\n");
    format!(
        "ServerRoot {folder}
{modules}
PidFile apache.pid
Mutex file:{folder}
ServerName localhost
User www-data
Group www-data
Listen 127.0.0.1:{port}
ErrorLog error.log
LogFormat \"%{{remote}}p %m %U\" peers
CustomLog access.log peers
StartServers 1
ServerLimit 4
MinSpareThreads 25
ThreadsPerChild 50
MaxRequestWorkers 200
GracefulShutdownTimeout 10
KeepAlive On
MaxKeepAliveRequests {requests}
KeepAliveTimeout {idle}
Timeout 30
Protocols {protocols}
H2MaxSessionStreams {streams}
{tls}
DocumentRoot {files}
<Directory />
    Require all granted
</Directory>
Alias /gzip/ {files}/
<Location /gzip/>
    SetOutputFilter DEFLATE
</Location>
LuaMapHandler ^/echo/ {folder}/echo.lua
Redirect 204 /none
<Location /headers>
    {headers}
</Location>
"
    )
}

fn tls(place: Place<'_>) -> String {
    if !place.has_tls() {
        return String::new();
    }
    let version = match place.setup.tls {
        Some(version) => format!("SSLProtocol TLSv{version}"),
        None => String::new(),
    };
    let clients = match place.setup.clients {
        Some(_) => "SSLVerifyClient require\nSSLCACertificateFile clients.pem",
        None => "",
    };
    format!(
        "SSLEngine on
SSLCertificateFile chain.pem
SSLCertificateKeyFile key.pem
SSLSessionCache none
{version}
{clients}"
    )
}
