//! HTTP/2 and TLS: the curl command, and a certificate created by openssl.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use authentik_standin::{WIKI_CLIENT_ID, redirect_uris};

use super::build::nginx_version;
use super::conf::SITE_NAME;
use super::site::Site;
use super::temp::TempDir;

/// A curl that resolves one name, keeps cookies and accepts our certificate.
#[derive(Debug)]
pub(crate) struct Curl {
    arguments: Vec<String>,
}

impl Curl {
    /// A curl that connects to `address` for `name`; cookies are kept in `directory`.
    pub(crate) fn new(name: &str, address: SocketAddr, directory: &TempDir) -> Self {
        let jar = directory.path().join("curl-cookies").display().to_string();
        let resolve = format!("{name}:{}:{}", address.port(), address.ip());
        let fixed =
            ["-s", "-S", "-i", "-k", "--noproxy", "*", "--max-time", "30", "--resolve", &resolve];
        let jar = ["-b", jar.as_str(), "-c", jar.as_str()];
        Self { arguments: fixed.iter().chain(&jar).map(|&argument| argument.to_owned()).collect() }
    }

    /// Adds arguments.
    pub(crate) fn with(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(|&argument| argument.to_owned()));
        self
    }

    /// Opens several pages at a time, over one connection if the protocol allows it. Discards the
    /// bodies; returns a line per page with status and protocol.
    pub(crate) fn run_parallel(self, urls: &[String]) -> Vec<String> {
        let mut arguments =
            vec!["--parallel", "--parallel-max", "50", "-w", "%{http_code} %{http_version}\\n"];
        for url in urls {
            arguments.extend(["-o", "/dev/null", url]);
        }
        let output = self.with(&arguments).output();
        output.lines().map(str::to_owned).collect()
    }

    /// The complete output: heads and bodies, including redirects.
    pub(crate) fn run(self, url: &str) -> String {
        self.with(&[url]).output()
    }

    fn output(&self) -> String {
        let output = Command::new("curl")
            .args(&self.arguments)
            .output()
            .expect("curl is installed: apt-get install curl");
        let problem = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "curl {:?}: {problem}", self.arguments);
        String::from_utf8_lossy(&output.stdout).replace('\r', "")
    }
}

/// The lines that enable HTTP/2 on `%%PORT2%%`, for any nginx version.
pub(crate) fn listen_http2(parameters: &str) -> String {
    if nginx_version() < (1, 25, 1) {
        format!("listen 127.0.0.1:%%PORT2%% {parameters} http2;")
    } else {
        format!("listen 127.0.0.1:%%PORT2%% {parameters}; http2 on;")
    }
}

/// Creates a self-signed certificate for a name and an address. Returns the paths of certificate
/// and key.
pub(crate) fn certificate(name: &str, address: &str, directory: &TempDir) -> (PathBuf, PathBuf) {
    let certificate = directory.path().join("cert.pem");
    let key = directory.path().join("key.pem");
    let output = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
        .args(["-nodes", "-days", "2", "-subj", &format!("/CN={name}")])
        .args(["-addext", &format!("subjectAltName=DNS:{name},IP:{address}")])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output()
        .expect("openssl is installed: apt-get install openssl");
    assert!(output.status.success(), "openssl: {}", String::from_utf8_lossy(&output.stderr));
    (certificate, key)
}

/// A site with TLS and HTTP/2 on `%%PORT2%%`, protected by its own provider. `http` are more lines
/// for that block. The certificate is created in the directory.
pub(crate) fn site_over_http2(http: &str, directory: &TempDir) -> Site {
    let (certificate, key) = certificate(SITE_NAME, "127.0.0.1", directory);
    let listen = listen_http2("ssl");
    Site::builder()
        .file("cert.pem", &std::fs::read_to_string(certificate).unwrap())
        .file("key.pem", &std::fs::read_to_string(key).unwrap())
        .settings(|settings, ports| {
            let https = format!("https://{SITE_NAME}:{}", ports.other);
            settings.providers[0].redirect_uris = redirect_uris(&https);
        })
        .http(&format!(
            "{http}
             authentik_provider secure {{
                 issuer %%SSO%%/application/o/wiki/;
                 client_id {WIKI_CLIENT_ID};
                 client_secret_file %%PREFIX%%/wiki.secret;
                 external_host https://{SITE_NAME}:%%PORT2%%;
             }}
             server {{
                 {listen}
                 server_name {SITE_NAME};
                 ssl_certificate %%PREFIX%%/cert.pem;
                 ssl_certificate_key %%PREFIX%%/key.pem;
                 authentik_provider secure;
                 location / {{ proxy_pass http://app; }}
             }}"
        ))
        .server("location / { return 200; }")
        .start()
}
