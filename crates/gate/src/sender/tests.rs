//! What browsers and programs send, and how they are classified.

use super::Sender::{Frame, Navigation, Nobody, Program, Submission};
use super::*;

const HTML: (&str, &str) = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8");
const PAGE: (&str, &str) = ("upgrade-insecure-requests", "1");
const BY_HAND: (&str, &str) = ("sec-fetch-user", "?1");

fn hints<'h>(method: &'h str, headers: &'h [(&'h str, &'h str)]) -> SenderHints<'h> {
    let headers = headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    SenderHints::gather(method.as_bytes(), headers)
}

fn of(method: &str, headers: &[(&str, &str)]) -> Sender {
    Sender::of(&hints(method, headers))
}

/// A request that accepts HTML, with these Fetch Metadata.
fn fetch<'h>(mode: &'h str, dest: &'h str) -> [(&'h str, &'h str); 3] {
    [HTML, ("sec-fetch-mode", mode), ("sec-fetch-dest", dest)]
}

#[test]
fn a_person_is_a_person_and_a_program_is_a_program() {
    for (name, headers, get, post) in [
        ("old browser", &[HTML][..], Navigation, Submission),
        ("curl", &[("accept", "*/*")], Program, Program),
        ("no Accept", &[], Program, Program),
        ("json", &[("accept", "application/json")], Program, Program),
        ("Chrome", &fetch("navigate", "document"), Navigation, Submission),
        ("a mode alone", &[("sec-fetch-mode", "navigate")], Navigation, Submission),
        ("a service worker that loads a page", &fetch("navigate", "empty"), Navigation, Submission),
        (
            "a service worker of Firefox 153 that loads a page",
            &[&fetch("same-origin", "empty")[..], &[PAGE]].concat(),
            Navigation,
            Submission,
        ),
        (
            "the same, of a script that wants no page",
            &[("sec-fetch-mode", "same-origin"), ("sec-fetch-dest", "empty"), PAGE],
            Program,
            Program,
        ),
        (
            "a script of another mode that pretends to load a page",
            &[&fetch("cors", "empty")[..], &[PAGE]].concat(),
            Program,
            Program,
        ),
        ("frame", &fetch("navigate", "iframe"), Frame, Submission),
        ("frame of a frameset", &fetch("navigate", "frame"), Frame, Submission),
        ("an object in a page", &fetch("navigate", "object"), Nobody, Nobody),
        ("fetch()", &fetch("cors", "empty"), Program, Program),
        ("a service worker's own fetch()", &fetch("same-origin", "empty"), Program, Program),
        ("\"empty\" and nothing else", &[HTML, ("sec-fetch-dest", "empty")], Program, Program),
        ("image", &fetch("no-cors", "image"), Nobody, Nobody),
        ("script", &fetch("no-cors", "script"), Nobody, Nobody),
        ("style sheet", &fetch("no-cors", "style"), Nobody, Nobody),
        ("what is not invented yet", &fetch("navigate", "hologram"), Nobody, Nobody),
        ("websocket by fetch metadata", &fetch("websocket", "empty"), Program, Program),
        ("upgrade", &[HTML, ("upgrade", "websocket")], Program, Program),
    ] {
        assert_eq!(of("GET", headers), get, "{name}");
        assert_eq!(of("POST", headers), post, "{name}");
        for (method, expected) in [("HEAD", Nobody), ("OPTIONS", Nobody)] {
            assert_eq!(of(method, headers), expected, "{method} {name}");
        }
        let other = of("PROPFIND", headers);
        assert!(matches!(other, Program | Nobody), "{name}: {other:?}");
    }
}

#[test]
fn a_click_in_a_frame_is_a_persons() {
    for dest in ["iframe", "frame"] {
        let clicked = [&fetch("navigate", dest)[..], &[BY_HAND]].concat();
        assert_eq!(of("GET", &clicked), Navigation, "{dest}");
    }
    let no_click = [&fetch("navigate", "iframe")[..], &[("sec-fetch-user", "?0")]].concat();
    assert_eq!(of("GET", &no_click), Frame);
    let object = [&fetch("navigate", "object")[..], &[BY_HAND]].concat();
    assert_eq!(of("GET", &object), Nobody);
}

#[test]
fn what_is_loaded_on_suspicion_is_nobodys() {
    for (name, value, speculative) in [
        ("sec-purpose", "prefetch", true),
        ("sec-purpose", "prefetch;prerender", true),
        ("sec-purpose", "prefetch; prerender", true),
        ("sec-purpose", "prefetch;anonymous-client-ip", true),
        ("sec-purpose", "prerender", true),
        ("purpose", "prefetch", true),
        ("purpose", " Prefetch", true),
        ("purpose", "preview", true),
        ("x-purpose", "preview", true),
        ("x-moz", "prefetch", true),
        ("sec-purpose", "", false),
        ("purpose", "business", false),
        ("x-prefetch", "prefetch", false),
    ] {
        for headers in [&[HTML][..], &fetch("navigate", "document"), &fetch("cors", "empty")] {
            let without = of("GET", headers);
            let found = of("GET", &[headers, &[(name, value), BY_HAND]].concat());
            let expected = if speculative { Nobody } else { without };
            assert_eq!(found, expected, "{name}: {value}");
        }
    }
    let twice = [HTML, ("purpose", "prefetch"), ("purpose", "business")];
    assert_eq!(of("GET", &twice), Nobody, "a second line takes nothing back");
}

#[test]
fn x_requested_with_means_a_script_only_if_it_says_so() {
    for (value, is_script) in [
        ("XMLHttpRequest", true),
        ("xmlhttprequest", true),
        (" XMLHttpRequest ", true),
        ("com.example.app", false),
        ("org.mozilla.focus", false),
        ("", false),
        ("XMLHttpRequest2", false),
    ] {
        let expected = if is_script { Program } else { Navigation };
        let header = ("x-requested-with", value);
        assert_eq!(of("GET", &[HTML, header]), expected, "{value}");
        assert_eq!(of("GET", &[&fetch("navigate", "document")[..], &[header]].concat()), expected);
        // A second header line does not override the first.
        assert_eq!(of("GET", &[HTML, header, ("x-requested-with", "x")]), expected, "{value}");
    }
}

#[test]
fn a_page_is_shown_in_frames_of_its_own_site_unless_sessions_are_had_everywhere() {
    for (dest, site, may) in [
        ("iframe", "same-origin", true),
        ("frame", "same-site", true),
        ("iframe", "cross-site", false),
        ("iframe", "", false),
        ("document", "same-origin", false),
        ("object", "same-origin", false),
    ] {
        let headers = [&fetch("navigate", dest)[..], &[("sec-fetch-site", site)]].concat();
        assert_eq!(hints("GET", &headers).may_frame(false), may, "{dest} {site}");
        let is_frame = dest.ends_with("frame");
        assert_eq!(hints("GET", &headers).may_frame(true), is_frame, "{dest} {site}");
    }
    assert!(!hints("GET", &fetch("navigate", "iframe")).may_frame(false));
}

#[test]
fn behind_a_proxy_the_method_is_the_one_that_it_was_asked_with() {
    let forwarded = [HTML, ("x-forwarded-method", "HEAD")];
    let asked = hints("GET", &forwarded);
    assert_eq!(Sender::of(&asked), Navigation, "a claim, unless a proxy is believed");
    assert_eq!(Sender::of(&asked.behind_proxy()), Nobody);
    assert_eq!(Sender::of(&hints("GET", &[HTML]).behind_proxy()), Navigation);
}

#[test]
fn without_the_method_what_only_forms_have_tells_them() {
    let hints = |headers: &[(&'static [u8], &'static [u8])]| {
        SenderHints::gather(b"GET", headers.iter().copied()).behind_proxy().may_be_a_form()
    };
    assert!(!hints(&[(b"sec-fetch-mode", b"navigate"), (b"referer", b"http://h/")]));
    assert!(hints(&[(b"origin", b"http://h")]));
    assert!(hints(&[(b"content-type", b"text/plain")]));
    assert!(!hints(&[(b"origin", b"http://h"), (b"x-forwarded-method", b"GET")]), "it is told");
}
