//! The parameters of `authentik_session_store redis`.

use std::time::Duration;

use authentik_store::redis::{Kind, Server, Settings};
use gate::secret::Secret as Password;
use url::{Host, Url};

use super::secret;
use super::session_store::{FILES, Files, once, parameter, unknown_parameter, wrong};
use super::trust::{TrustKeys, on_off};
use crate::ngx::{Conf, Mistake};
use nginx::conf::milliseconds;

const PARAMETERS: &str = "user, password_file, prefix, timeout, ssl_verify, \
     ssl_trusted_certificate, sentinel, cluster";
/// A worker's threads wait that long; so does the visitor.
const TIMEOUTS: std::ops::RangeInclusive<u64> = 10..=30_000;
const PORT: u16 = 6379;
const PORT_OF_SENTINELS: u16 = 26379;

/// Parameters while they are read.
#[derive(Default)]
struct Read {
    urls: Vec<Url>,
    user: Option<String>,
    password: Option<Password>,
    prefix: Option<String>,
    timeout: Option<u64>,
    trust: TrustKeys,
    /// Parameters of `trust`.
    tls_keys: Vec<String>,
    sentinel: Option<String>,
    cluster: Option<bool>,
}

/// Reads `URL… [KEY=VALUE]…`, and paths of other files into `files`.
pub(super) fn read(
    words: &[String],
    files: &mut Files,
    cf: &Conf<'_>,
) -> Result<Settings, Mistake> {
    let mut read = Read::default();
    for word in words {
        if word.contains("://") && !is_parameter(word) {
            read.urls.push(url(word)?);
            continue;
        }
        let (key, value) = parameter(word)?;
        if !files.set(key, value, cf)? {
            read.set(key, value, cf)?;
        }
    }
    read.finish()
}

/// Whether a `=` comes before any `://`.
fn is_parameter(word: &str) -> bool {
    word.split("://").next().is_some_and(|before| before.contains('='))
}

impl Read {
    fn set(&mut self, key: &str, value: &str, cf: &Conf<'_>) -> Result<(), Mistake> {
        match key {
            "user" => once(self.user.replace(value.to_owned()).is_none(), key),
            "password" => Err(wrong(
                "password: is not allowed here, where everybody can read it; put it in a file that \
                 only root can read, and name that: password_file=FILE",
            )),
            "password_file" => {
                let read = secret::read(key, value, cf)?;
                once(self.password.replace(read).is_none(), key)
            }
            "prefix" => {
                // Braces would put all keys on one node of a cluster; others confuse administrators.
                let is_right = |byte: u8| byte.is_ascii_alphanumeric() || b":-_./".contains(&byte);
                if value.len() > 64 || !value.bytes().all(is_right) {
                    return Err(wrong(&format!(
                        "prefix: \"{value}\" is not up to 64 letters, digits and \":-_./\""
                    )));
                }
                once(self.prefix.replace(value.to_owned()).is_none(), key)
            }
            "timeout" => {
                let time = milliseconds(value).filter(|time| TIMEOUTS.contains(time));
                let time = time.ok_or_else(|| {
                    wrong(&format!(
                        "timeout: \"{value}\" is not a time from 10ms to 30s, e.g. timeout=2s"
                    ))
                })?;
                once(self.timeout.replace(time).is_none(), key)
            }
            "ssl_verify" | "ssl_trusted_certificate" => {
                once(!self.tls_keys.iter().any(|seen| seen == key), key)?;
                self.tls_keys.push(key.to_owned());
                if key == "ssl_verify" {
                    self.trust.set_verify(key, value)
                } else {
                    self.trust.set_authorities(key, value, cf)
                }
            }
            "sentinel" => once(self.sentinel.replace(value.to_owned()).is_none(), key),
            "cluster" => once(self.cluster.replace(on_off(key, value)?).is_none(), key),
            _ => Err(unknown_parameter(key, "redis", &format!("{FILES}, {PARAMETERS}"))),
        }
    }

    fn finish(self) -> Result<Settings, Mistake> {
        let Self { urls, user, password, prefix, timeout, trust, tls_keys, sentinel, cluster } =
            self;
        let Some(first) = urls.first() else {
            return Err(wrong("the URL is missing, e.g. redis redis://127.0.0.1:6379"));
        };
        let is_alike = |url: &Url| url.scheme() == first.scheme() && url.path() == first.path();
        if !urls.iter().all(is_alike) {
            return Err(wrong("all URLs must have the same scheme and the same database"));
        }
        let has_tls = first.scheme() == "rediss";
        if let Some(key) = tls_keys.first().filter(|_| !has_tls) {
            return Err(wrong(&format!(
                "{key}: has no effect with redis://; write rediss://, or drop it"
            )));
        }
        if user.is_some() && password.is_none() {
            return Err(wrong("user: needs password_file=FILE"));
        }
        let kind = match (sentinel, cluster) {
            (Some(_), Some(true)) => {
                return Err(wrong("sentinel and cluster exclude each other; drop one"));
            }
            (Some(name), _) => Kind::Sentinel(name),
            (None, Some(true)) => Kind::Cluster,
            (None, _) => Kind::Alone,
        };
        let database = database(first)?;
        if kind == Kind::Cluster && database != 0 {
            return Err(wrong("a cluster has only database 0; drop it from the URL"));
        }
        let port = if matches!(kind, Kind::Sentinel(_)) { PORT_OF_SENTINELS } else { PORT };
        Ok(Settings {
            servers: urls.iter().map(|url| server(url, port)).collect::<Result<_, _>>()?,
            kind,
            tls: has_tls.then(|| trust.finish()).transpose()?,
            database,
            user,
            password,
            prefix: prefix.unwrap_or_else(|| "authentik:".to_owned()),
            timeout: Duration::from_millis(timeout.unwrap_or(2_000)),
        })
    }
}

/// A URL of a server. It is only quoted if no password can be in it.
fn url(text: &str) -> Result<Url, Mistake> {
    let (scheme, rest) = text.split_once("://").unwrap_or_default();
    if rest.contains('@') {
        return Err(wrong(
            "a URL must not contain a user or password, which everybody could read there; use \
             user=NAME and password_file=FILE",
        ));
    }
    if !matches!(scheme, "redis" | "rediss") {
        return Err(wrong(&format!(
            "\"{text}\" has an unknown scheme; write redis://HOST:PORT, or rediss:// for TLS"
        )));
    }
    let url = Url::parse(text).map_err(|error| wrong(&format!("\"{text}\": {error}")))?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong(&format!(
            "\"{text}\" has a query or fragment; settings are parameters of the directive"
        )));
    }
    Ok(url)
}

/// `/NUMBER`, or none.
fn database(url: &Url) -> Result<u32, Mistake> {
    let path = url.path().trim_start_matches('/');
    let number = if path.is_empty() { Some(0) } else { path.parse().ok() };
    number.ok_or_else(|| {
        wrong(&format!(
            "\"{url}\": \"{path}\" is not the number of a database, e.g. {}/1",
            "redis://HOST"
        ))
    })
}

fn server(url: &Url, port: u16) -> Result<Server, Mistake> {
    let host = match url.host() {
        Some(Host::Domain("")) | None => {
            return Err(wrong(&format!("\"{url}\" has no host, e.g. redis://127.0.0.1:6379")));
        }
        Some(Host::Domain(name)) => name.to_owned(),
        Some(Host::Ipv4(address)) => address.to_string(),
        Some(Host::Ipv6(address)) => address.to_string(),
    };
    Ok(Server { host, port: url.port().unwrap_or(port) })
}
