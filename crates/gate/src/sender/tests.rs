//! What browsers and programs send, and who we take them for.

use super::*;

const HTML: (&str, &str) = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8");

fn of(method: &str, headers: &[(&str, &str)]) -> Sender {
    let headers = headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    Sender::of(&SenderHints::gather(matches!(method, "GET" | "HEAD"), headers))
}

/// A page that accepts HTML, with these Fetch Metadata.
fn fetch<'h>(mode: &'h str, dest: &'h str) -> [(&'h str, &'h str); 3] {
    [HTML, ("sec-fetch-mode", mode), ("sec-fetch-dest", dest)]
}

#[test]
fn only_a_navigation_is_worth_a_redirect() {
    for (name, headers, navigates) in [
        ("old browser", &[HTML][..], true),
        ("curl", &[("accept", "*/*")], false),
        ("no Accept", &[], false),
        ("json", &[("accept", "application/json")], false),
        ("Chrome", &fetch("navigate", "document"), true),
        ("frame", &fetch("navigate", "iframe"), true),
        ("a service worker that loads a page", &fetch("navigate", "empty"), true),
        ("an object in a page", &fetch("navigate", "object"), false),
        ("fetch()", &fetch("cors", "empty"), false),
        ("a service worker's own fetch()", &fetch("same-origin", "empty"), false),
        ("\"empty\" and nothing else", &[HTML, ("sec-fetch-dest", "empty")], false),
        ("image", &fetch("no-cors", "image"), false),
        ("websocket by fetch metadata", &fetch("websocket", "empty"), false),
        ("upgrade", &[HTML, ("upgrade", "websocket")], false),
    ] {
        assert_eq!(of("GET", headers) == Sender::Navigation, navigates, "{name}");
        assert_eq!(of("POST", headers), Sender::Program, "{name}");
    }
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
        let expected = if is_script { Sender::Program } else { Sender::Navigation };
        let header = ("x-requested-with", value);
        assert_eq!(of("GET", &[HTML, header]), expected, "{value}");
        assert_eq!(of("GET", &[&fetch("navigate", "document")[..], &[header]].concat()), expected);
        // A second line takes nothing back.
        assert_eq!(of("GET", &[HTML, header, ("x-requested-with", "x")]), expected, "{value}");
    }
}
