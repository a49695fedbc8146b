//! What browsers send.

use std::sync::LazyLock;

use authentik_gate::cookie::{self, SentId, SessionId, Stripped};
use authentik_gate::credentials::Credentials;
use authentik_gate::destination::Destination;
use authentik_gate::headers::{HEADERS, folds_to, is_identity_header};
use authentik_gate::login::{Callback, Entropy, LoginTrail, Start, StateFlaw, Trail};
use authentik_gate::logout::{FrontchannelLogout, way_back};
use authentik_gate::provider::Provider;
use authentik_gate::query::{CallbackQuery, Param, Signature, param, signature};
use authentik_gate::redirect::RedirectTarget;
use authentik_gate::testing;
use url::form_urlencoded;

use crate::fixtures::{KEYRING, NOW, first_line};

const OWN: [&[u8]; 3] = [b"authentik_proxy_", b"authentik_login_", b"authentik_signin_"];

/// `Cookie`: none of our cookies reaches the application and no other is lost; only ids that we made
/// are proven, in one spelling.
pub(crate) fn cookie_header(data: &[u8]) {
    static ID: LazyLock<(Provider, SessionId)> =
        LazyLock::new(|| (testing::provider(), SessionId::new([9; SessionId::RANDOM], KEYRING)));
    let (provider, id) = &*ID;
    let genuine = id.to_cookie_value();

    let candidates: Vec<SentId<'_>> = cookie::session_ids([data], provider).collect();
    assert!(candidates.len() <= cookie::MAX_CANDIDATES);
    assert!(candidates.is_empty() || cookie::names_a_session([data], provider));
    for sent in candidates {
        assert_eq!(sent.is_proven(KEYRING), sent.value() == genuine.as_bytes(), "forged");
        assert!(SentId::parse(sent.value()).is_some(), "read once, not again");
    }

    let mut buffer = vec![0; data.len()];
    let left: &[u8] = match cookie::without_own(data, &mut buffer) {
        Stripped::Unchanged => data,
        Stripped::Changed(length) => &buffer[..length],
        Stripped::Empty => b"",
    };
    // Another reader agrees: ours are gone, the others are all there, in order.
    assert!(others(left) == others(data), "a cookie of the application changed");
    for (name, _) in all(left) {
        assert!(!is_own(name), "{} was left", name.escape_ascii());
    }
    // That reader also trims the spaces of Unicode, which no server reads as the end of a cookie.
    if let Some(text) = std::str::from_utf8(left).ok().filter(|text| text.is_ascii()) {
        for parsed in cookie_crate(text) {
            assert!(!is_own(parsed.as_bytes()), "{parsed} was left");
        }
    }
    assert!(matches!(cookie::without_own(left, &mut vec![0; left.len()]), Stripped::Unchanged));
    let short = &mut vec![0; data.len().saturating_sub(1)];
    if let Stripped::Changed(_) = cookie::without_own(data, short) {
        panic!("written into a buffer that is too short");
    }
}

/// Names as the crate `cookie` reads them.
fn cookie_crate(text: &str) -> Vec<String> {
    let parsed = ::cookie::Cookie::split_parse(text.to_owned());
    parsed.flatten().map(|cookie| cookie.name().to_owned()).collect()
}

/// Name and the rest of each cookie, in the simplest way.
fn all(header: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    header.split(|byte| *byte == b';').map(|piece| {
        let piece = trimmed(piece);
        let end = piece.iter().position(|byte| *byte == b'=').unwrap_or(piece.len());
        piece.split_at(end)
    })
}

/// Without what comes first but is no part of a name.
fn trimmed(piece: &[u8]) -> &[u8] {
    let blank = |byte: &&u8| **byte <= b' ' || **byte == 0x7f;
    &piece[piece.iter().take_while(blank).count()..]
}

fn others(header: &[u8]) -> Vec<(&[u8], &[u8])> {
    all(header)
        .filter(|(name, rest)| !(is_own(name) || name.is_empty() && rest.is_empty()))
        .collect()
}

fn is_own(name: &[u8]) -> bool {
    let name = name.strip_prefix(b"__Host-").unwrap_or(name);
    OWN.iter().any(|own| name.starts_with(own))
}

/// A sign-in in progress, and the browser that began it.
struct SignIn {
    provider: Provider,
    state: String,
    cookie: String,
    link: Option<Vec<u8>>,
}

impl SignIn {
    fn at(provider: Provider, page: &str) -> Self {
        let target = Destination::Page(RedirectTarget::parse(page, &provider).unwrap());
        let entropy = Entropy::new(&[7; 48]).unwrap();
        let start = Start::new(&provider, &target, entropy, NOW, 0, &[], None).unwrap();
        let url = start.authorize_url("https://sso.example/").unwrap();
        let state = url.rsplit_once("state=").unwrap().1.to_owned();
        let cookie = start.set_cookies[0].split(';').next().unwrap().to_owned();
        let link = start.link.map(|link| link.sealed);
        Self { provider, state, cookie, link }
    }
}

/// State, cookies and kept link of a sign-in that returns, a line each: only the browser that began
/// it completes it, and it ends at one of the provider's pages. The trail counts at most three.
pub(crate) fn login_cookies(data: &[u8]) {
    static SIGN_INS: LazyLock<[SignIn; 2]> = LazyLock::new(|| {
        let long = format!("/page?x={}", "1".repeat(3000));
        [SignIn::at(testing::provider(), "/page"), SignIn::at(testing::provider(), &long)]
    });
    let (state, rest) = first_line(data);
    let (cookies, kept) = first_line(rest);
    for SignIn { provider, state: genuine, cookie: own, link } in &*SIGN_INS {
        // "=" stands for the genuine one, so that each of the three is judged on its own.
        let state = if state == b"=" { genuine.as_bytes() } else { state };
        let cookies = if cookies == b"=" { own.as_bytes() } else { cookies };
        let is_kept = link.as_deref() == Some(kept);
        let opened = Callback::open(provider, state, &[cookies], NOW, |_| Some(kept.to_vec()));
        match opened {
            Ok(opened) => {
                assert_eq!(state, genuine.as_bytes(), "another state was opened");
                let (name, value) = own.split_once('=').unwrap();
                let mut values = cookie::values(cookies, name.as_bytes());
                assert!(values.any(|sent| sent.ends_with(&value.as_bytes()[value.len() - 43..])));
                match opened.destination {
                    Destination::Page(page) => {
                        assert!(page.as_str().starts_with("https://ext.example/"));
                    }
                    Destination::Lost | Destination::TooLong => assert!(!is_kept),
                }
            }
            Err(StateFlaw::Expired(_) | StateFlaw::NoCookie(_) | StateFlaw::CookieMismatch) => {
                assert_eq!(state, genuine.as_bytes(), "a foreign state is believed");
            }
            Err(StateFlaw::Malformed | StateFlaw::ForeignProvider | StateFlaw::BadSeal) => {
                assert_ne!(state, genuine.as_bytes());
            }
        }
        // Whatever cookies it has, it may begin another one, which stays small.
        let root = Destination::root(provider);
        let entropy = Entropy::new(&[8; 48]).unwrap();
        let start = Start::new(provider, &root, entropy, NOW, 0, &[cookies], None).unwrap();
        assert!(start.set_cookies.len() <= 17);
        for set in &start.set_cookies {
            assert!(set.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{set}");
            let own = set.strip_prefix("__Host-").unwrap_or(set);
            assert!(own.starts_with("authentik_login_"), "{set}");
        }

        let trail = LoginTrail::read(provider, &[cookies], NOW);
        let three = trail.failed(NOW).failed(NOW).failed(NOW);
        assert_eq!((three.next(), three.failed(NOW)), (Trail::Stop, three));
        let written = three.set_cookie(provider, NOW);
        let sent = written.split(';').next().unwrap().as_bytes();
        assert_eq!(LoginTrail::read(provider, &[sent], NOW), three);
        // A trail, ours or forged, has an end.
        let later = NOW.plus(300);
        for trail in [trail, three] {
            let sent = trail.set_cookie(provider, NOW);
            let sent = sent.split(';').next().unwrap().as_bytes();
            assert_eq!(LoginTrail::read(provider, &[sent], later), LoginTrail::none(later));
        }
    }
}

/// The query of a callback, a sign-out, or a start: repeated parameters never count, what is shown
/// is short and harmless, and nothing leads away from the provider.
pub(crate) fn callback_query(data: &[u8]) {
    static PROVIDERS: LazyLock<[Provider; 2]> =
        LazyLock::new(|| [testing::provider(), testing::domain_provider()]);
    let pairs: Vec<(String, String)> = match data.len() {
        0..=32_768 => form_urlencoded::parse(data).into_owned().collect(),
        _ => Vec::new(),
    };
    let count = |name: &str| pairs.iter().filter(|(found, _)| found == name).count();
    if let Ok(query) = CallbackQuery::parse(data) {
        for (name, secret) in [("code", &query.code), ("state", &query.state)] {
            assert!(count(name) <= 1, "{name} is repeated");
            let Some(secret) = secret else { continue };
            assert!((1..=4096).contains(&secret.expose().len()));
            let is_there = pairs.iter().any(|(found, value)| {
                found == name && value.as_bytes() == secret.expose()
                    || found == "X-authentik-auth-callback" && value.contains('?')
            });
            assert!(is_there, "{name} was invented");
        }
        let error = query.error.unwrap_or_default();
        assert!(error.len() <= 64 && error.bytes().all(|byte| byte.is_ascii_graphic()));
        let description = query.error_description.unwrap_or_default();
        assert!(description.chars().count() <= 256 && !description.contains(char::is_control));
    }
    for name in ["rd", "iss", "sid", "code"] {
        match param(data, name) {
            Param::Absent => assert_eq!(count(name), 0),
            Param::Repeated => assert!(count(name) > 1),
            Param::One(value) => {
                assert!(count(name) == 1 && pairs.contains(&(name.to_owned(), value)));
            }
        }
    }
    let first = |name: &str| pairs.iter().find(|(found, _)| found == name).map(|(_, value)| value);
    let is_true = |name| first(name).is_some_and(|value| value.eq_ignore_ascii_case("true"));
    assert_eq!(signature(data), {
        let logout = is_true("X-authentik-logout").then_some(Signature::Logout);
        if is_true("X-authentik-auth-callback") { Some(Signature::Callback) } else { logout }
    });
    if let Some(FrontchannelLogout { iss, sid }) = FrontchannelLogout::parse(data) {
        assert!(count("iss") == 1 && count("sid") == 1 && !iss.is_empty() && !sid.is_empty());
    }
    for provider in &*PROVIDERS {
        if let Some(back) = way_back(data, provider) {
            crate::redirects::stays(provider, &back);
        }
        let start = Destination::of_start(provider, data).page_or_root(provider);
        crate::redirects::stays(provider, start.as_str());
    }
}

/// `Authorization`: what is taken for credentials is exactly what was sent.
pub(crate) fn credentials(data: &[u8]) {
    match Credentials::parse(data) {
        None => {}
        Some(Credentials::Bearer(token)) => {
            assert!(data[..7].eq_ignore_ascii_case(b"bearer ") && data.ends_with(token.expose()));
            assert!(!token.is_empty());
        }
        Some(Credentials::Basic { username, password }) => {
            use base64::Engine as _;
            assert!(data[..6].eq_ignore_ascii_case(b"basic "));
            let sent = [username.expose(), b":", password.expose()].concat();
            let encoded = base64::engine::general_purpose::STANDARD.encode(&sent);
            assert_eq!(encoded.as_bytes(), data[6..].trim_ascii());
            assert!(!username.expose().contains(&b':'));
            assert!(std::str::from_utf8(&sent).is_ok());
        }
    }
}

/// Names of headers: whatever CGI, WSGI and the like take for an identity header is one.
pub(crate) fn header_names(data: &[u8]) {
    let (name, other) = first_line(data);
    let as_cgi = |name: &[u8]| -> Vec<u8> {
        let letter = |byte: &u8| if byte.is_ascii_alphanumeric() { *byte } else { b'_' };
        name.iter().map(letter).collect::<Vec<_>>().to_ascii_uppercase()
    };
    assert_eq!(is_identity_header(name), as_cgi(name).starts_with(b"X_AUTHENTIK_"));
    assert_eq!(folds_to(name, other), as_cgi(name) == as_cgi(other));
    assert_eq!(folds_to(name, other), folds_to(other, name));
    for (identity, lowercase) in HEADERS {
        assert_eq!(folds_to(name, identity.as_bytes()), folds_to(name, lowercase.as_bytes()));
        assert!(!folds_to(name, identity.as_bytes()) || is_identity_header(name));
    }
}
