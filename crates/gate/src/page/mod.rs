//! The pages that the module itself serves: small, self-contained, escaped.
//!
//! They have no scripts, images or fonts and cause no requests: a page must work while everything
//! is down. The constant style is allowed by its hash; a test fails if the hash is not updated with
//! the template.

use std::borrow::Cow;

use serde_json::json;

use crate::time::{UnixTime, rfc3339, utc};
use crate::wording::{Language, Text};

/// For whom and when a page is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occasion<'o> {
    /// The language of its texts.
    pub language: Language,
    /// The time, shown so that an administrator finds the log lines.
    pub time: UnixTime,
    /// nginx's `$request_id`, for the same purpose; empty if there is none.
    pub request: &'o str,
}

impl Occasion<'_> {
    /// The text in the language of the page.
    #[must_use]
    pub fn text(&self, text: Text) -> &'static str {
        self.language.text(text)
    }

    /// The same occasion for a page that exists in English only.
    #[must_use]
    pub const fn in_english(self) -> Self {
        Self { language: Language::English, ..self }
    }
}

/// A page that says what went wrong and how to go on.
///
/// All texts are plain and in the language of the occasion; they are escaped here and nowhere else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<'p> {
    /// Heading, a few words.
    pub title: &'p str,
    /// What happened, in a sentence.
    pub sentence: &'p str,
    /// What the person may do about it; may be empty.
    pub hint: &'p str,
    /// Reason code and other details for an administrator.
    pub code: &'p str,
    /// The main link, if any.
    pub action: Option<Action<'p>>,
    /// The link to the start page, if different.
    pub home: Option<Action<'p>>,
}

/// A link. Omitted unless its URL is http, https or an absolute path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Action<'p> {
    /// The link text.
    pub label: &'p str,
    /// Where it leads.
    pub url: &'p str,
    /// Whether it opens in a new tab, which keeps the current page and is not framed.
    pub new_tab: bool,
}

/// Header fields of every page.
pub const HEADERS: [(&str, &str); 7] = headers(CONTENT_SECURITY_POLICY);

/// Header fields of a page with this policy.
pub(crate) const fn headers(policy: &'static str) -> [(&'static str, &'static str); 7] {
    [
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Security-Policy", policy),
        ("X-Content-Type-Options", "nosniff"),
        (FRAME_OPTIONS, "DENY"),
        // The URL may hold code and state.
        ("Referrer-Policy", "no-referrer"),
        ("Cache-Control", "no-store"),
        ("X-Robots-Tag", "noindex"),
    ]
}

/// Keeps a page out of frames, together with [`NO_FRAME`].
pub(crate) const FRAME_OPTIONS: &str = "X-Frame-Options";

/// The end of a policy.
pub(crate) const NO_FRAME: &str = "; frame-ancestors 'none'";

/// Header fields of every JSON refusal.
pub const JSON_HEADERS: [(&str, &str); 3] = [
    ("Content-Type", "application/json"),
    ("X-Content-Type-Options", "nosniff"),
    ("Cache-Control", "no-store"),
];

/// The hash is that of [`STYLE`].
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; \
    style-src 'sha256-Ytyt+iG7WqBn81seYz9AgpXwG5wkuVPS7+Be9U2o19Y='; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Everything between `<style>` and `</style>`.
const STYLE: &str = include_str!("style.css");

impl Page<'_> {
    /// The document, UTF-8.
    #[must_use]
    pub fn to_html(&self, occasion: &Occasion<'_>) -> String {
        let title = escaped(self.title);
        let hint = match self.hint {
            "" => String::new(),
            hint => format!("<p class=\"hint\">{}</p>\n", escaped(hint)),
        };
        let links = [link(self.action, "button"), link(self.home, "quiet")].concat();
        let links =
            if links.is_empty() { links } else { format!("<p class=\"links\">{links}</p>\n") };
        format!(
            "<!doctype html>\n<html lang=\"{language}\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"robots\" content=\"noindex\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n\
             <h1>{title}</h1>\n<p>{sentence}</p>\n{hint}{links}\
             <dl class=\"facts\">\n{facts}</dl>\n</main>\n</body>\n</html>\n",
            language = occasion.language.tag(),
            sentence = escaped(self.sentence),
            facts = self.facts(occasion),
        )
    }

    /// What an administrator needs to find the matching log lines. Not for translation by browsers.
    fn facts(&self, occasion: &Occasion<'_>) -> String {
        let fact = |name: Text, value: &str| {
            let name = occasion.text(name);
            format!("<div><dt>{name}</dt><dd translate=\"no\">{value}</dd></div>\n")
        };
        let code = format!("<code>{}</code>", escaped(self.code));
        let UnixTime(time) = occasion.time;
        let time = format!("<time datetime=\"{}\">{}</time>", rfc3339(time), utc(time));
        let mut facts = [fact(Text::Reason, &code), fact(Text::Time, &time)].concat();
        if !occasion.request.is_empty() {
            let request = format!("<code>{}</code>", escaped(occasion.request));
            facts.push_str(&fact(Text::Request, &request));
        }
        facts
    }
}

/// A page from which the browser goes on to `url` (http or https) by itself.
pub(crate) fn going_on(url: &str, occasion: &Occasion<'_>) -> String {
    let page = Page {
        title: occasion.text(Text::SignedIn),
        sentence: occasion.text(Text::TakesYou),
        hint: "",
        code: "signed-in",
        action: Some(Action { label: occasion.text(Text::ToContinue), url, new_tab: false }),
        home: None,
    };
    let refresh = format!("<meta http-equiv=\"refresh\" content=\"0;url={}\">\n", escaped(url));
    page.to_html(occasion).replacen("<title>", &format!("{refresh}<title>"), 1)
}

/// Body of a refusal for a client that does not want a page: `{"error": code, "message": message}`.
#[must_use]
pub fn json_refusal(code: &str, message: &str) -> String {
    format!("{}\n", json!({ "error": code, "message": message }))
}

/// Body of the refusal of an unknown host, with the members that authentik's outposts send
/// (docs/protocol.md §2.5), in lower case.
#[must_use]
pub fn json_unknown_host(host: &str) -> String {
    let detail = format!("check the outpost settings and make sure '{host}' is included.");
    format!("{}\n", json!({ "message": "no app for hostname", "host": host, "detail": detail }))
}

fn link(action: Option<Action<'_>>, class: &str) -> String {
    let Some(Action { label, url, new_tab }) = action.filter(|action| is_web(action.url)) else {
        return String::new();
    };
    let target = if new_tab { " target=\"_blank\" rel=\"noopener\"" } else { "" };
    format!("<a class=\"{class}\" href=\"{}\"{target}>{}</a>", escaped(url), escaped(label))
}

/// Escaping does not make a `javascript:` link harmless.
fn is_web(url: &str) -> bool {
    let absolute_path = url.starts_with('/') && !url.starts_with("//") && !url.starts_with("/\\");
    let plain = !url.bytes().any(|byte| byte.is_ascii_control());
    plain && (absolute_path || url.starts_with("https://") || url.starts_with("http://"))
}

/// Escapes for use as text and in double quotes. Control characters are dropped: HTML forbids them.
pub(crate) fn escaped(text: &str) -> Cow<'_, str> {
    let harmless = |c: char| !matches!(c, '&' | '<' | '>' | '"' | '\'' | '`') && !c.is_control();
    if text.chars().all(harmless) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '`' => safe.push_str("&#96;"),
            c if c.is_control() => safe.push(' '),
            c => safe.push(c),
        }
    }
    Cow::Owned(safe)
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use ring::digest;

    use super::*;
    use crate::testing::OCCASION;

    fn page() -> Page<'static> {
        Page {
            title: "Sign-in did not work",
            sentence: "authentik sent you back, but this sign-in began in another browser.",
            hint: "Cookies may be blocked for this site.",
            code: "no-login-cookie",
            action: Some(Action {
                label: "Try again",
                url: "https://ext.example/p?a=1&b=2",
                new_tab: false,
            }),
            home: Some(Action { label: "Start page", url: "/", new_tab: false }),
        }
    }

    #[test]
    fn the_policy_allows_the_style_and_nothing_else() {
        let hash = STANDARD.encode(digest::digest(&digest::SHA256, STYLE.as_bytes()));
        assert_eq!(
            CONTENT_SECURITY_POLICY,
            format!(
                "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; \
                 form-action 'none'; frame-ancestors 'none'"
            )
        );
        let html = page().to_html(&OCCASION);
        assert_eq!(html.matches(&format!("<style>{STYLE}</style>")).count(), 1);
        for outside in ["<script", "<img", "<link", " style=", "url(", "@import", "<form"] {
            assert!(!html.contains(outside), "{outside}");
        }
        assert!(!STYLE.contains('<') && STYLE.is_ascii());
    }

    #[test]
    fn a_page_shows_all_that_it_was_given() {
        let html = page().to_html(&OCCASION);
        for part in [
            "<title>Sign-in did not work</title>",
            "<h1>Sign-in did not work</h1>",
            "<p>authentik sent you back, but this sign-in began in another browser.</p>",
            "<p class=\"hint\">Cookies may be blocked for this site.</p>",
            "<a class=\"button\" href=\"https://ext.example/p?a=1&amp;b=2\">Try again</a>",
            "<a class=\"quiet\" href=\"/\">Start page</a>",
            "<code>no-login-cookie</code>",
            "<meta name=\"robots\" content=\"noindex\">",
        ] {
            assert!(html.contains(part), "{part}");
        }
        let bare = Page { hint: "", action: None, home: None, ..page() }.to_html(&OCCASION);
        assert!(!bare.contains("<p class=\"hint\"") && !bare.contains("<a ") && html.len() < 4096);
    }

    #[test]
    fn nothing_that_is_shown_can_become_markup() {
        let evil = "</title><script>alert('1')</script>\" onmouseover=`x` &amp;\u{0}\r\n";
        let url = format!("https://ext.example/{evil}").replace(['\u{0}', '\r', '\n'], "");
        let action = Some(Action { label: evil, url: &url, new_tab: false });
        let page =
            Page { title: evil, sentence: evil, hint: evil, code: evil, action, home: action };
        let html = page.to_html(&OCCASION);
        let harmless =
            Page { action: Some(Action { label: "x", url: "/", new_tab: false }), ..self::page() };
        for mark in ['<', '>', '"', '\'', '`'] {
            let count = |html: &str| html.matches(mark).count();
            assert_eq!(count(&html), count(&harmless.to_html(&OCCASION)), "{mark}");
        }
        assert!(!html.contains('\u{0}') && !html.contains('\r'));
        assert_eq!(html.matches("&amp;amp;").count(), 9);
    }

    #[test]
    fn a_link_may_open_a_tab_of_its_own() {
        let action = Action { label: "Sign in", url: "/x", new_tab: true };
        let html = Page { action: Some(action), home: None, ..page() }.to_html(&OCCASION);
        let link = "<a class=\"button\" href=\"/x\" target=\"_blank\" rel=\"noopener\">Sign in</a>";
        assert!(html.contains(link), "{html}");
    }

    #[test]
    fn a_link_that_leads_off_the_web_is_left_out() {
        for (url, shown) in [
            ("/p", true),
            ("/", true),
            ("https://ext.example/", true),
            ("http://ext.example/", true),
            ("//evil.example", false),
            ("/\\evil.example", false),
            ("/\t/evil.example", false),
            ("javascript:alert(1)", false),
            (" https://ext.example/", false),
            ("data:text/html,x", false),
            ("p", false),
            ("", false),
        ] {
            let html = Page {
                action: Some(Action { label: "x", url, new_tab: false }),
                home: None,
                ..page()
            };
            assert_eq!(html.to_html(&OCCASION).contains("<a "), shown, "{url}");
        }
    }

    #[test]
    fn a_json_refusal_is_json_whatever_it_says() {
        let body = json_refusal("no-session", "say \"please\"\r\n\u{0}");
        assert_eq!(
            body,
            "{\"error\":\"no-session\",\"message\":\"say \\\"please\\\"\\r\\n\\u0000\"}\n"
        );
    }
}
