//! Back-channel logout, as recorded (docs/protocol.md §10.2): one `POST` for each access token of
//! an ended session, sent by a worker with a delay; repeated with a new token after an error; a
//! redirect is followed with `GET`, without the token, and its result is believed.
//!
//! Every host is taken to be 127.0.0.1, and only http is supported: to authentik, too, an untrusted
//! certificate is an error.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use url::Url;

use crate::core::{Core, Issued, unix_now};
use crate::json::{Json, Members, object};
use crate::keys::random_uuid;
use crate::settings::{LogoutMethod, ProviderSettings};
use crate::standin::lock;

/// The event that a logout token contains.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// Maximum number of redirects followed.
const MOST_REDIRECTS: usize = 5;
/// How long authentik waits for a response.
const PATIENCE: Duration = Duration::from_secs(30);

/// An attempt to tell an application that a session has ended.
#[derive(Clone, Debug)]
pub struct LogoutTry {
    /// The provider's `logout_uri`.
    pub uri: String,
    /// `sid` of the token.
    pub sid: String,
    /// The token that was sent.
    pub token: String,
    /// Methods of its requests, `POST` first; more than one if it was redirected.
    pub methods: Vec<String>,
    /// Status of the last response; `None` if there was none.
    pub status: Option<u16>,
}

/// The contents of a delivery's tokens.
#[derive(Clone)]
struct Delivery {
    client_id: String,
    uri: String,
    iss: String,
    sub: String,
    sid: String,
}

impl Core {
    /// The existing access tokens of the session, without revoked ones.
    fn tokens_of<'c>(&'c self, sid: &'c str) -> impl Iterator<Item = &'c Issued> {
        self.tokens.values().filter(move |issued| text(&issued.claims, "sid") == sid)
    }

    /// Tells every application that has a back-channel and an access token of the session.
    pub(crate) fn announce_end(&self, sid: &str) {
        for issued in self.tokens_of(sid) {
            let Some(provider) = self.client(&issued.client_id) else { continue };
            if provider.logout_uri.is_empty() || provider.logout_method != LogoutMethod::Backchannel
            {
                continue;
            }
            let delivery = Delivery {
                client_id: issued.client_id.clone(),
                uri: provider.logout_uri.clone(),
                iss: text(&issued.claims, "iss").to_owned(),
                sub: text(&issued.claims, "sub").to_owned(),
                sid: sid.to_owned(),
            };
            let (me, first, retries) =
                (self.me.clone(), self.settings.push_delay, self.settings.logout_retries.clone());
            thread::spawn(move || {
                thread::sleep(first);
                for pause in retries.into_iter().map(Some).chain([None]) {
                    let Some(core) = me.upgrade() else { return };
                    if delivery.carry_out(&core) {
                        return;
                    }
                    drop(core);
                    pause.into_iter().for_each(thread::sleep);
                }
            });
        }
    }
}

/// The URLs that a logout stage makes the browser load in frames: `iss` and `sid` first, then the
/// parameters of the provider's `logout_uri`; one for each access token (docs/protocol.md §10.3).
pub(crate) fn frames(core: &Core, sid: &str) -> Vec<String> {
    let framed = core.tokens_of(sid).filter_map(|issued| {
        let provider = core.client(&issued.client_id)?;
        let is_meant = provider.logout_method == LogoutMethod::Frontchannel;
        let mut url = Url::parse(&provider.logout_uri).ok().filter(|_| is_meant)?;
        let own: Vec<_> =
            url.query_pairs().into_owned().filter(|(name, _)| name != "sid").collect();
        let first = [("iss", text(&issued.claims, "iss")), ("sid", sid)];
        url.query_pairs_mut().clear().extend_pairs(first).extend_pairs(own);
        Some(url.into())
    });
    framed.collect()
}

impl Delivery {
    /// Makes one attempt; returns whether authentik takes it for a success.
    fn carry_out(&self, core: &Arc<Mutex<Core>>) -> bool {
        let token = {
            let core = lock(core);
            let Some(provider) = core.client(&self.client_id) else { return true };
            sign(&core, provider, header(&core, provider), self.claims(provider))
        };
        let Some(token) = token else { return true };
        let mut methods = Vec::new();
        let status = post(&self.uri, &token, &mut methods).ok();
        lock(core).logouts.push(LogoutTry {
            uri: self.uri.clone(),
            sid: self.sid.clone(),
            token,
            methods,
            status,
        });
        status.is_some_and(|status| status < 400)
    }

    fn claims(&self, provider: &ProviderSettings) -> Members {
        claims(provider, &self.iss, &self.sub, &self.sid)
    }
}

/// A string claim, empty if missing.
pub(crate) fn text<'c>(claims: &'c Members, name: &str) -> &'c str {
    let found = claims.iter().find(|(found, _)| found == name);
    match found {
        Some((_, Json::Value(value))) => value.as_str().unwrap_or_default(),
        Some((_, Json::Array(_) | Json::Object(_))) | None => "",
    }
}

pub(crate) fn header(core: &Core, provider: &ProviderSettings) -> Members {
    let mut header = vec![("alg".to_owned(), provider.signing.name().into())];
    header.extend(core.keys.id(provider.signing).map(|kid| ("kid".to_owned(), kid.into())));
    header.push(("typ".to_owned(), "logout+jwt".into()));
    header
}

/// The claims of a logout token, in the recorded order.
pub(crate) fn claims(provider: &ProviderSettings, iss: &str, sub: &str, sid: &str) -> Members {
    let now = unix_now();
    let members = object([
        ("iss", iss.into()),
        ("aud", provider.client_id.as_str().into()),
        ("iat", now.into()),
        ("exp", (now + provider.access_token_seconds).into()),
        ("jti", random_uuid().into()),
        ("events", object([(EVENT, Json::Object(Vec::new()))])),
        ("sub", sub.into()),
        ("sid", sid.into()),
    ]);
    match members {
        Json::Object(members) => members,
        Json::Value(_) | Json::Array(_) => Vec::new(),
    }
}

/// The token. `None` only if signing fails.
pub(crate) fn sign(
    core: &Core,
    provider: &ProviderSettings,
    header: Members,
    claims: Members,
) -> Option<String> {
    let part = |members: Members| URL_SAFE_NO_PAD.encode(Json::Object(members).compact());
    let signed = format!("{}.{}", part(header), part(claims));
    let signature = core.keys.sign(provider.signing, &provider.client_secret, signed.as_bytes())?;
    Some(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// Posts the form, follows redirects and returns the final status.
fn post(uri: &str, token: &str, methods: &mut Vec<String>) -> io::Result<u16> {
    let broken = |_| io::Error::from(io::ErrorKind::InvalidInput);
    let mut url = Url::parse(uri).map_err(broken)?;
    let mut form = Some(format!("logout_token={token}"));
    for _ in 0..=MOST_REDIRECTS {
        methods.push(if form.is_some() { "POST" } else { "GET" }.to_owned());
        let (status, location) = exchange(&url, form.as_deref())?;
        let Some(location) = location.filter(|_| (301..=308).contains(&status)) else {
            return Ok(status);
        };
        // Like Python's requests: 307 and 308 post again, the others become GET.
        if !matches!(status, 307 | 308) {
            form = None;
        }
        url = url.join(&location).map_err(broken)?;
    }
    Err(io::ErrorKind::Other.into())
}

fn exchange(url: &Url, form: Option<&str>) -> io::Result<(u16, Option<String>)> {
    let unreachable = || io::Error::from(io::ErrorKind::ConnectionRefused);
    let port = url.port().or((url.scheme() == "http").then_some(80)).ok_or_else(unreachable)?;
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let host = url.host_str().unwrap_or_default();
    let authority = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let target = url
        .query()
        .map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
    let method = if form.is_some() { "POST" } else { "GET" };
    let mut request = format!(
        "{method} {target} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: authentik@2026.2.2\r\n\
         Accept-Encoding: gzip, deflate, zstd\r\nAccept: */*\r\nConnection: close\r\n"
    );
    if let Some(form) = form {
        request.push_str("Content-Type: application/x-www-form-urlencoded\r\n");
        request.push_str(&format!("Content-Length: {}\r\n", form.len()));
    }
    request.push_str("\r\n");
    request.push_str(form.unwrap_or_default());
    stream.write_all(request.as_bytes())?;
    let mut lines = BufReader::new(stream).lines();
    let status = lines.next().transpose()?.unwrap_or_default();
    let status = status.split(' ').nth(1).and_then(|status| status.parse().ok());
    let mut location = None;
    for line in lines {
        let line = line?;
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':') {
            if name.eq_ignore_ascii_case("location") {
                location = Some(value.trim().to_owned());
            }
        }
    }
    Ok((status.ok_or_else(unreachable)?, location))
}
