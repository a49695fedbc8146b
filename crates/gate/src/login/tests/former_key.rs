//! The secret changes during a sign-in.

use super::*;
use crate::provider::Settings;
use crate::testing::settings;

fn provider_of(secret: &str) -> Provider {
    Provider::new(Settings { client_secret: Some(Secret::new(secret)), ..settings() }).unwrap()
}

/// The provider with this secret since `now`.
fn after(previous: &Provider, secret: &str, now: UnixTime) -> Provider {
    let mut provider = provider_of(secret);
    provider.succeed(previous, now);
    provider
}

fn open_at(provider: &Provider, start: &Start, now: UnixTime) -> Result<Opened, StateFlaw> {
    let (state, header) = (parameter(start, "state"), header_of(&[start]));
    Callback::open(provider, state.as_bytes(), &[header.as_bytes()], now, no_link)
}

fn start_of(provider: &Provider, seed: u8, now: UnixTime) -> Start {
    start_at(provider, "/p", seed, now, "")
}

#[test]
fn a_sign_in_that_began_with_the_former_key_ends_within_its_time() {
    let former = provider_of("first");
    let changed = NOW.plus(30);
    let renewed = after(&former, "second", changed);
    for (begun, ended, flaw) in [
        (NOW, changed, None),
        (NOW, NOW.plus(STATE_LIFE), None),
        (changed, changed.plus(STATE_LIFE), None),
        (changed.plus(9), changed.plus(STATE_LIFE + 1), Some(StateFlaw::BadSeal)),
    ] {
        let start = start_of(&former, 1, begun);
        let opened = open_at(&renewed, &start, ended);
        assert_eq!(opened.as_ref().err(), flaw.as_ref(), "{begun:?} to {ended:?}");
        if let Ok(opened) = opened {
            assert_eq!(challenge_of(&opened.verifier), parameter(&start, "code_challenge"));
            assert_eq!(opened.nonce.expose_str().unwrap(), parameter(&start, "nonce"));
        }
        assert_eq!(open_at(&provider_of("second"), &start, ended).unwrap_err(), StateFlaw::BadSeal);
    }
    let late = open_at(&renewed, &start_of(&former, 1, NOW), changed.plus(STATE_LIFE));
    assert!(matches!(late, Err(StateFlaw::Expired(_))), "{late:?}");
    assert_eq!(renewed.client_secret, Secret::new("second"), "what authentik is told");
}

#[test]
fn the_former_key_seals_nothing() {
    let former = provider_of("first");
    let renewed = after(&former, "second", NOW);
    let start = start_of(&renewed, 1, NOW);
    assert_eq!(open_at(&former, &start, NOW).unwrap_err(), StateFlaw::BadSeal);
    assert!(open_at(&provider_of("second"), &start, NOW).is_ok());
}

#[test]
fn one_former_key_is_kept_and_no_reload_lengthens_its_time() {
    let first = provider_of("first");
    let second = after(&first, "second", NOW);
    let reloaded = after(&second, "second", NOW.plus(500));
    let start = start_of(&first, 1, NOW.plus(90));
    assert!(open_at(&reloaded, &start, NOW.plus(STATE_LIFE)).is_ok());
    assert!(open_at(&reloaded, &start, NOW.plus(STATE_LIFE + 1)).is_err());

    let third = after(&second, "third", NOW.plus(1));
    assert_eq!(open_at(&third, &start_of(&first, 1, NOW), NOW).unwrap_err(), StateFlaw::BadSeal);
    assert!(open_at(&third, &start_of(&second, 1, NOW), NOW.plus(1)).is_ok());

    let back = after(&second, "first", NOW.plus(2));
    for provider in [&first, &second] {
        assert!(open_at(&back, &start_of(provider, 1, NOW), NOW.plus(3)).is_ok());
    }
}

#[test]
fn nothing_is_taken_over_from_another_client_or_issuer() {
    let former = provider_of("first");
    let others: [fn(&mut Settings); 2] = [
        |s| s.client_id = "test-client".into(),
        |s| s.issuer = "https://sso.example.org/application/o/wiki/".into(),
    ];
    for change in others {
        let mut other = settings();
        change(&mut other);
        let mut other = Provider::new(other).unwrap();
        other.succeed(&former, NOW);
        assert_eq!(other.former_login_key, None);
        let state = parameter(&start_of(&former, 1, NOW), "state");
        let relabelled = format!("{}{}", &hex_of(&other), &state[8..]);
        let opened = Callback::open(&other, relabelled.as_bytes(), &[], NOW, no_link);
        assert_eq!(opened.unwrap_err(), StateFlaw::BadSeal);
    }
}

#[test]
fn who_knows_the_former_secret_makes_no_callback_that_another_browser_ends() {
    // What a leaked and replaced secret is still good for: states. Without the cookie, whose random
    // bytes determine the verifier, they lead nowhere, and never to another site.
    let leaked = provider_of("leaked");
    let renewed = after(&leaked, "renewed", NOW);
    let victim = start_of(&leaked, 1, NOW);
    let forged = start_of(&leaked, 2, NOW);
    let open = |start: &Start, header: &str| {
        let state = parameter(start, "state");
        Callback::open(&renewed, state.as_bytes(), &[header.as_bytes()], NOW, no_link)
    };
    assert!(matches!(open(&forged, ""), Err(StateFlaw::NoCookie(_))));
    assert!(matches!(open(&forged, &header_of(&[&victim])), Err(StateFlaw::NoCookie(_))));

    // The victim's sign-in under the same name, with other random bytes.
    let tag = SignIn::open(&leaked, parameter(&forged, "state").as_bytes(), NOW).unwrap().0.tag;
    let (_, value) = victim.set_cookies[0].split_once('=').unwrap();
    let header =
        format!("{}={}", binding::cookie_name(&leaked, tag), value.split(';').next().unwrap());
    assert_eq!(open(&forged, &header).unwrap_err(), StateFlaw::CookieMismatch);

    // With the victim's proof it also takes the victim's verifier, so only the victim's code.
    let victims = SignIn::open(&leaked, parameter(&victim, "state").as_bytes(), NOW).unwrap().0;
    let elsewhere = SignIn { target: "https://evil.example/".into(), ..victims };
    let state = elsewhere.seal(&leaked, [9; 12]).unwrap();
    let header = header_of(&[&victim]);
    let cookies = [header.as_bytes()];
    let opened = Callback::open(&renewed, state.as_bytes(), &cookies, NOW, no_link).unwrap();
    assert_eq!(challenge_of(&opened.verifier), parameter(&victim, "code_challenge"));
    assert_eq!(opened.destination, Destination::root(&renewed));
}

fn hex_of(provider: &Provider) -> String {
    hex(*provider.key.0.first_chunk().unwrap())
}
