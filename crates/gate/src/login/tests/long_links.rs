//! Links that are too long for a state.

use super::*;
use crate::provider::Settings;
use crate::redirect::MAX_TARGET;
use crate::testing::settings;

fn url(length: usize) -> String {
    let origin = "https://ext.example/";
    format!("{origin}{}", "a".repeat(length - origin.len()))
}

fn open_with(
    provider: &Provider,
    start: &Start,
    header: &str,
    now: UnixTime,
    kept: impl FnOnce(&Key) -> Option<Vec<u8>>,
) -> Result<Opened, StateFlaw> {
    let state = parameter(start, "state");
    Callback::open(provider, state.as_bytes(), &[header.as_bytes()], now, kept)
}

/// A zone with only this link.
fn zone(link: &KeptLink) -> impl FnOnce(&Key) -> Option<Vec<u8>> + '_ {
    |key| (*key == link.key).then(|| link.sealed.clone())
}

#[test]
fn a_short_link_travels_and_a_long_one_waits() {
    for (length, waits) in [(30, false), (2048, false), (2049, true), (MAX_TARGET, true)] {
        let start = start(&url(length), 1);
        let authorize = start.authorize_url(ENDPOINT).unwrap();
        assert!(authorize.len() < 3_400, "{length}: {} bytes", authorize.len());
        assert_eq!(start.link.is_some(), waits, "{length}");
        let header = header_of(&[&start]);
        let opened = match &start.link {
            Some(link) => open_with(&provider(), &start, &header, NOW.plus(600), zone(link)),
            None => open(&start, &header, NOW.plus(600)),
        };
        let opened = opened.unwrap();
        assert_eq!(opened.destination, page(&url(length)));
        assert_eq!(opened.link, start.link.as_ref().map(|link| link.key));
        let life = start.link.map_or(601, |link| link.expires.since(NOW));
        assert_eq!(life, 601, "as long as the state opens");
    }
}

#[test]
fn a_link_that_is_not_there_any_more_is_lost_and_leads_nowhere_else() {
    let start = start(&url(3000), 1);
    let header = header_of(&[&start]);
    assert_eq!(open(&start, &header, NOW).unwrap().destination, Destination::Lost);
    let no_cookie = open(&start, "", NOW).unwrap_err();
    let restart = |destination| Restart { destination, attempt: 0 };
    assert_eq!(no_cookie, StateFlaw::NoCookie(restart(Destination::Lost)));
    let late = open(&start, &header, NOW.plus(601)).unwrap_err();
    assert_eq!(late, StateFlaw::Expired(restart(Destination::Lost)));

    // A lost destination stays lost, however often the sign-in restarts.
    for destination in [Destination::TooLong, Destination::Lost] {
        let entropy = Entropy::new(&[3; 48]).unwrap();
        let start = Start::new(&provider(), &destination, entropy, NOW, 1, &[], None).unwrap();
        assert_eq!(start.link, None);
        let opened = open(&start, &header_of(&[&start]), NOW).unwrap();
        assert_eq!((opened.destination, opened.link), (destination, None));
    }
}

#[test]
fn a_link_is_found_and_read_in_the_browser_that_followed_it_only() {
    let (mine, theirs) = (start(&url(3000), 1), start(&url(3000), 2));
    let (my_link, their_link) = (mine.link.as_ref().unwrap(), theirs.link.as_ref().unwrap());
    assert_ne!(my_link.key, their_link.key);
    assert_ne!(my_link.sealed, their_link.sealed, "the same link");
    assert!(!my_link.sealed.windows(8).any(|part| part == b"aaaaaaaa"), "{my_link:?}");

    // Without the cookie, or with another one, nothing is looked up.
    for header in [String::new(), header_of(&[&theirs])] {
        let asked = open_with(&provider(), &mine, &header, NOW, |_| panic!("asks the zone"));
        assert!(matches!(asked, Err(StateFlaw::NoCookie(_))));
    }
    // A link of another sign-in or provider, or a modified or truncated one, does not open.
    let header = header_of(&[&mine]);
    let sealed = &my_link.sealed;
    let spoilt = [&sealed[..sealed.len() - 1], &sealed[1..], &sealed[..15], &[]];
    let foreign = KeptLink::new(
        &other_provider(),
        &Binding::new(std::array::from_fn(|at| 1 ^ at as u8), &provider().login_key),
        &RedirectTarget::external_root(&provider()),
        NOW,
    );
    let foreign = foreign.unwrap();
    assert_eq!(foreign.key, my_link.key, "the same binding");
    for other in spoilt.into_iter().chain([&their_link.sealed[..], &foreign.sealed]) {
        let opened = open_with(&provider(), &mine, &header, NOW, |_| Some(other.to_vec()));
        assert_eq!(opened.unwrap().destination, Destination::Lost);
    }
}

#[test]
fn a_kept_link_is_checked_again_on_the_way_back() {
    // The host was allowed when the link was sealed; the settings have changed since.
    let moved = Settings { external_host: "https://moved.example".to_owned(), ..settings() };
    let moved = Provider::new(moved).unwrap();
    let start = start(&url(3000), 1);
    let link = start.link.as_ref().unwrap();
    let opened = open_with(&moved, &start, &header_of(&[&start]), NOW, zone(link));
    assert_eq!(opened.unwrap().destination, Destination::root(&moved));

    // Even with the key, nobody can redirect elsewhere, or to a placeholder for a link.
    let binding = Binding::new(std::array::from_fn(|at| 1 ^ at as u8), &provider().login_key);
    let root = Destination::root(&provider());
    for (sealed, ends) in [
        ("https://evil.example/", root.clone()),
        ("//evil.example", root.clone()),
        ("https://ext.example/outpost.goauthentik.io/sign_out", root),
        (KEPT, Destination::Lost),
        (&*url(MAX_TARGET + 1), Destination::TooLong),
    ] {
        let sealed = kept_link::seal(&provider(), &binding, sealed);
        let opened = open_with(&provider(), &start, &header_of(&[&start]), NOW, |_| sealed);
        assert_eq!(opened.unwrap().destination, ends);
    }
}

#[test]
fn a_link_survives_a_change_of_the_secret_as_its_sign_in_does() {
    let of = |secret: &str| {
        let client_secret = Some(Secret::new(secret));
        Provider::new(Settings { client_secret, ..settings() }).unwrap()
    };
    let (former, mut renewed) = (of("first"), of("second"));
    renewed.succeed(&former, NOW);
    let start = start_at(&former, &url(3000), 1, NOW, "");
    let link = start.link.as_ref().unwrap();
    let opened = open_with(&renewed, &start, &header_of(&[&start]), NOW, zone(link)).unwrap();
    assert_eq!(opened.destination, page(&url(3000)));
}
