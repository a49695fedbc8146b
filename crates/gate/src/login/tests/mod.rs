mod former_key;
mod long_links;

use super::*;
use crate::testing::{domain_provider, other_provider, provider};

const NOW: UnixTime = UnixTime(1_795_352_157);
const ENDPOINT: &str = "https://sso.example.com/application/o/authorize/";

fn start_at(provider: &Provider, target: &str, seed: u8, now: UnixTime, header: &str) -> Start {
    let target = Destination::Page(RedirectTarget::parse(target, provider).unwrap());
    let bytes: [u8; 48] = std::array::from_fn(|at| seed ^ u8::try_from(at).unwrap());
    let entropy = Entropy::new(&bytes).unwrap();
    Start::new(provider, &target, entropy, now, 0, &[header.as_bytes()], None).unwrap()
}

fn start(target: &str, seed: u8) -> Start {
    start_at(&provider(), target, seed, NOW, "")
}

fn parameter(start: &Start, name: &str) -> String {
    let url = Url::parse(&start.authorize_url(ENDPOINT).unwrap()).unwrap();
    url.query_pairs().find(|(found, _)| found == name).unwrap().1.into_owned()
}

/// The `Cookie` header of a browser that kept everything.
fn header_of(starts: &[&Start]) -> String {
    let cookies = starts.iter().flat_map(|start| &start.set_cookies);
    let pairs: Vec<&str> = cookies.map(|cookie| cookie.split(';').next().unwrap()).collect();
    pairs.join("; ")
}

fn open(start: &Start, header: &str, now: UnixTime) -> Result<Opened, StateFlaw> {
    let state = parameter(start, "state");
    Callback::open(&provider(), state.as_bytes(), &[header.as_bytes()], now, no_link)
}

/// A zone without links.
fn no_link(_: &Key) -> Option<Vec<u8>> {
    None
}

fn page(url: &str) -> Destination {
    Destination::Page(RedirectTarget::parse(url, &provider()).unwrap())
}

#[test]
fn the_authorize_url_has_exactly_these_parameters_in_this_order() {
    let start = start("/p", 1);
    let url = start.authorize_url(ENDPOINT).unwrap();
    let (verifier, nonce, state) = {
        let opened = open(&start, &header_of(&[&start]), NOW).unwrap();
        (opened.verifier, opened.nonce, parameter(&start, "state"))
    };
    assert_eq!(
        url,
        format!(
            "{ENDPOINT}?client_id=client-123&code_challenge={}&code_challenge_method=S256&nonce={}\
             &redirect_uri=https%3A%2F%2Fext.example%2Foutpost.goauthentik.io%2Fcallback\
             %3FX-authentik-auth-callback%3Dtrue&response_type=code\
             &scope=openid+profile+email+entitlements+ak_proxy+offline_access&state={state}",
            challenge_of(&verifier),
            nonce.expose_str().unwrap(),
        )
    );
    assert!(!url.contains(verifier.expose_str().unwrap()));
}

#[test]
fn an_endpoint_keeps_its_query_and_must_be_a_web_url() {
    let start = start("/p", 1);
    for (endpoint, begins) in [
        ("https://h/a", Some("https://h/a?client_id=")),
        ("https://h/a?", Some("https://h/a?client_id=")),
        ("https://h/a?x=1", Some("https://h/a?x=1&client_id=")),
        ("https://h/a?x=1&", Some("https://h/a?x=1&client_id=")),
        ("https://h/a#f", Some("https://h/a?client_id=")),
        ("http://h/a\r\nX: y", Some("http://h/aX:%20y?client_id=")),
        ("/a", None),
        ("javascript:alert(1)", None),
        ("", None),
    ] {
        let url = start.authorize_url(endpoint);
        match begins {
            Some(begins) => assert!(url.as_ref().unwrap().starts_with(begins), "{url:?}"),
            None => assert_eq!(url, None),
        }
    }
}

#[test]
fn the_challenge_is_s256() {
    // RFC 7636, appendix B.
    assert_eq!(
        challenge_of(&Secret::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")),
        "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    );
}

#[test]
fn many_tabs_each_come_back_to_their_own_page() {
    let tabs = [1, 2, 3, 4, 5].map(|seed| start(&format!("/page{seed}"), seed));
    let header = header_of(&tabs.iter().collect::<Vec<_>>());
    for (tab, page) in tabs.iter().zip(1..) {
        let opened = open(tab, &header, NOW.plus(9)).unwrap();
        assert_eq!(opened.destination, self::page(&format!("https://ext.example/page{page}")));
        assert_eq!(challenge_of(&opened.verifier), parameter(tab, "code_challenge"));
        assert_eq!(opened.nonce.expose_str().unwrap(), parameter(tab, "nonce"));

        let name = tab.set_cookies[0].split('=').next().unwrap();
        assert_eq!(opened.clear_cookies, [cookie::delete(&provider(), name)]);
        assert_eq!(name, format!("__Host-authentik_login_{}", hex(opened.tag)));
    }
}

#[test]
fn a_state_opens_for_ten_minutes() {
    let start = start("/p", 1);
    let header = header_of(&[&start]);
    for (now, opens) in [
        (NOW, true),
        (NOW.plus(600), true),
        (NOW.plus(601), false),
        (UnixTime(NOW.0 - 60), true),
        (UnixTime(NOW.0 - 61), false),
        (UnixTime(0), false),
        (UnixTime(u64::MAX), false),
    ] {
        match open(&start, &header, now) {
            Ok(_) => assert!(opens, "{now:?}"),
            Err(StateFlaw::Expired(restart)) => {
                assert!(!opens, "{now:?}");
                assert_eq!(restart.destination, page("https://ext.example/p"));
            }
            Err(other) => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_state_opens_in_the_browser_that_began_only() {
    let (mine, theirs) = (start("/p", 1), start("/p", 2));
    let name = mine.set_cookies[0].split('=').next().unwrap();
    let restart = Restart { destination: page("/p"), attempt: 0 };
    let foreign_value = header_of(&[&theirs]).split_once('=').unwrap().1.to_owned();
    let mine_header = header_of(&[&mine]);
    for (header, flaw) in [
        (String::new(), Some(StateFlaw::NoCookie(restart.clone()))),
        (header_of(&[&theirs]), Some(StateFlaw::NoCookie(restart))),
        (format!("{name}={foreign_value}"), Some(StateFlaw::CookieMismatch)),
        (format!("{name}="), Some(StateFlaw::CookieMismatch)),
        (format!("{name}=x.y"), Some(StateFlaw::CookieMismatch)),
        (format!("{mine_header}A"), Some(StateFlaw::CookieMismatch)),
        (mine_header.replace('.', ""), Some(StateFlaw::CookieMismatch)),
        (format!("{name}={foreign_value}; {mine_header}"), None),
        (
            format!("{0}; {0}; {0}; {0}; {mine_header}", format!("{name}=x")),
            Some(StateFlaw::CookieMismatch),
        ),
    ] {
        assert_eq!(open(&mine, &header, NOW).err(), flaw, "{header}");
    }
}

#[test]
fn a_state_of_another_provider_or_browser_history_is_refused() {
    let theirs = start_at(&other_provider(), "/p", 1, NOW, "");
    assert_eq!(open(&theirs, &header_of(&[&theirs]), NOW).err(), Some(StateFlaw::ForeignProvider));
    let header = header_of(&[&theirs]);
    let opened = Callback::open(&provider(), b"", &[header.as_bytes()], NOW, no_link);
    assert_eq!(opened.err(), Some(StateFlaw::Malformed));
}

#[test]
fn the_target_is_checked_again_on_the_way_back() {
    // The state was sealed when another host was allowed; the settings have changed since.
    let sealed = SignIn {
        tag: [0; 4],
        binding_proof: Binding::new([1; 32], &provider().login_key).proof(),
        issued: NOW,
        attempt: 1,
        former: None,
        target: "https://evil.example/".to_owned(),
    };
    let state = sealed.seal(&provider(), [0; 12]).unwrap();
    let header = Binding::new([1; 32], &provider().login_key).set_cookie(&provider(), [0; 4], NOW);
    let cookies = [header.as_bytes()];
    let opened = Callback::open(&provider(), state.as_bytes(), &cookies, NOW, no_link).unwrap();
    assert_eq!(opened.destination, Destination::root(&provider()));
    assert_eq!(opened.attempt, 1);
}

#[test]
fn login_cookies_are_small_and_the_oldest_go_beyond_five() {
    let mut kept: Vec<Start> = Vec::new();
    for seed in 0..8 {
        let now = NOW.plus(u64::from(seed));
        let oldest_first: Vec<&Start> = kept.iter().collect();
        let next = start_at(&provider(), "/p", seed, now, &header_of(&oldest_first));
        let (set, deleted) = next.set_cookies.split_last().unwrap();
        assert!(set.split(';').next().unwrap().len() <= 85, "{set}");
        assert_eq!(deleted.len(), usize::from(seed >= 5), "{deleted:?}");
        if let [deletion] = deleted {
            let oldest = kept.remove(0);
            let name = oldest.set_cookies.last().unwrap().split('=').next().unwrap();
            assert_eq!(*deletion, cookie::delete(&provider(), name));
        }
        kept.push(Start { set_cookies: vec![set.clone()], ..next });
    }
    assert_eq!(kept.len(), 5);
}

#[test]
fn a_thousand_login_cookies_cost_a_bounded_response() {
    let header: String =
        (0..1000).map(|n| format!("__Host-authentik_login_{n:08x}=junk; ")).collect();
    let start = start_at(&provider(), "/p", 1, NOW, &header);
    assert_eq!(start.set_cookies.len(), 17);
    let odd = "__Host-authentik_login_=1; __Host-authentik_login_XYZ=1; authentik_login_00000000=1; \
               __Host-authentik_login_0000000G=1; __Host-authentik_login_\r\n=1; \
               __Host-authentik_login_000000001=1; __Host-authentik_login_0000000A=1";
    assert_eq!(start_at(&provider(), "/p", 1, NOW, odd).set_cookies.len(), 1);
}

#[test]
fn login_cookies_of_a_domain_reach_the_host_that_signs_in() {
    let start = start_at(&domain_provider(), "https://app.example.com/p", 1, NOW, "");
    assert!(start.set_cookies[0].ends_with("; Path=/; Domain=example.com; Max-Age=600"));
}

#[test]
fn nothing_of_a_sign_in_can_be_printed() {
    let start = start("/p", 1);
    let opened = open(&start, &header_of(&[&start]), NOW).unwrap();
    let printed = format!("{opened:?}");
    for secret in [&opened.verifier, &opened.nonce] {
        assert!(!printed.contains(secret.expose_str().unwrap()), "{printed}");
    }
}

#[test]
fn a_sign_in_without_its_cookie_is_begun_anew_twice_and_never_in_a_frame() {
    for (attempt, sender, expected) in [
        (0, Sender::Navigation, true),
        (1, Sender::Navigation, true),
        (2, Sender::Navigation, false),
        (u8::MAX, Sender::Navigation, false),
        (0, Sender::Frame, false),
    ] {
        let restart = Restart { destination: page("https://ext.example/p"), attempt };
        assert_eq!(restart.is_begun_anew(sender), expected, "{attempt} {sender:?}");
    }
}

#[test]
fn a_strict_cookies_session_is_named_by_the_state_since_it_does_not_come_back() {
    let sealed_for = |cookie_samesite| {
        let provider = Provider { cookie_samesite, ..provider() };
        let target = Destination::root(&provider);
        let entropy = Entropy::new(&[5; 48]).unwrap();
        let start = Start::new(&provider, &target, entropy, NOW, 0, &[], Some([8; 32])).unwrap();
        let (state, header) = (parameter(&start, "state"), header_of(&[&start]));
        Callback::open(&provider, state.as_bytes(), &[header.as_bytes()], NOW, no_link).unwrap()
    };
    assert_eq!(sealed_for(SameSite::Strict).former, Some([8; 32]));
    assert_eq!(sealed_for(SameSite::Lax).former, None);
    assert_eq!(sealed_for(SameSite::None).former, None);
}
