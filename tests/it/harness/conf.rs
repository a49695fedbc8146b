//! A complete `nginx.conf` around the lines of a test.

use std::path::Path;

use authentik_standin::WIKI_CLIENT_ID;

/// The parts of the file. Placeholders of [`Places`] are allowed everywhere.
#[derive(Debug)]
pub(crate) struct Conf<'a> {
    pub(crate) module: &'a Path,
    pub(crate) workers: usize,
    /// Whether nginx runs as a daemon.
    pub(crate) daemon: bool,
    /// Lines at the top level.
    pub(crate) main: &'a str,
    /// Lines of the `events` block.
    pub(crate) events: &'a str,
    /// Lines of the `http` block; may contain more providers and servers.
    pub(crate) http: &'a str,
    /// More lines of `authentik_provider wiki { }`; `None` = no such block.
    pub(crate) provider: Option<&'a str>,
    /// Lines of the `server` block.
    pub(crate) server: &'a str,
}

/// What sanitizers are told (ci/asan.sh). A binary that takes over has only what nginx passes on.
const OF_SANITIZERS: [&str; 3] = ["ASAN_OPTIONS", "LSAN_OPTIONS", "LD_PRELOAD"];

impl Conf<'_> {
    /// The file. No path in it depends on the build of nginx.
    pub(crate) fn render(&self) -> String {
        let level =
            if std::env::var_os("AUTHENTIK_DEBUG_LOG").is_some() { "debug" } else { "info" };
        let Self { module, workers, daemon, main, events, http, provider, server } = self;
        let module = module.display();
        let daemon = if *daemon { "on" } else { "off" };
        let told = OF_SANITIZERS.iter().filter(|name| std::env::var_os(name).is_some());
        let environment: String = told.map(|name| format!("env {name};\n")).collect();
        let provider = provider.map_or_else(String::new, provider_block);
        format!(
            "load_module {module};
daemon {daemon};
worker_processes {workers};
error_log error.log {level};
pid nginx.pid;
{environment}{main}
events {{ {events} }}
http {{
    access_log off;
    client_body_temp_path temp/body;
    proxy_temp_path temp/proxy;
    fastcgi_temp_path temp/fastcgi;
    uwsgi_temp_path temp/uwsgi;
    scgi_temp_path temp/scgi;

{provider}
    upstream app {{ server %%APP%%; keepalive 8; }}
{http}
    server {{
        listen 127.0.0.1:%%PORT%%;
        server_name {SITE_NAME};
{server}
    }}
}}
"
        )
    }
}

/// The provider `wiki` with the stand-in's defaults, and more lines.
fn provider_block(lines: &str) -> String {
    format!(
        "    authentik_provider wiki {{
        issuer             %%SSO%%/application/o/wiki/;
        client_id          {WIKI_CLIENT_ID};
        client_secret_file %%PREFIX%%/wiki.secret;
        external_host      http://{SITE_NAME}:%%PORT%%;
{lines}
    }}"
    )
}

/// The ports of a site.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ports {
    /// The server with the lines of a test: `%%PORT%%`.
    pub(crate) main: u16,
    /// For more servers: `%%PORT2%%`.
    pub(crate) other: u16,
}

/// In nginx's directory: the API token of the stand-in's first outpost, `%%TOKEN%%`.
pub(crate) const TOKEN_FILE: &str = "outpost.token";

/// What is known only once a site starts. `%%SSO_ADDRESS%%` is host and port of `%%SSO%%`.
#[derive(Debug)]
pub(crate) struct Places<'a> {
    pub(crate) prefix: &'a Path,
    pub(crate) ports: Ports,
    /// `127.0.0.1:PORT` of the application.
    pub(crate) app: String,
    /// URL of the stand-in, with its sub-path.
    pub(crate) sso: String,
}

impl Places<'_> {
    /// Replaces the placeholders in a configuration.
    pub(crate) fn fill(&self, text: &str) -> String {
        let sso_address = self.sso.trim_start_matches("http://").split('/').next();
        let sso_address = sso_address.unwrap_or_default();
        text.replace("%%PORT%%", &self.ports.main.to_string())
            .replace("%%PORT2%%", &self.ports.other.to_string())
            .replace("%%PREFIX%%", &self.prefix.display().to_string())
            .replace("%%APP%%", &self.app)
            .replace("%%SSO%%", &self.sso)
            .replace("%%SSO_ADDRESS%%", sso_address)
            .replace("%%TOKEN%%", &self.prefix.join(TOKEN_FILE).display().to_string())
    }
}

/// The site's name for browsers.
pub(crate) const SITE_NAME: &str = "wiki.test";
