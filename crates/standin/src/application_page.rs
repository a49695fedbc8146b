//! The page of the sample application: the identity it got from nginx, and everything it received.

use crate::pages::{escaped, initial, shell};

/// Longer values are collapsed in the table.
const LONG: usize = 160;

/// Calls the API and shows status and body, or where the browser was redirected instead.
const SCRIPT: &str = include_str!("../data/call-api.js");

/// The page for a request.
pub(crate) fn page(method: &str, target: &str, headers: &[(String, String)]) -> String {
    let identity = Identity::from(headers);
    let is_public = target.starts_with("/public/");
    let content = format!(
        "{}{}{}<script>{SCRIPT}</script>",
        identity.card(is_public),
        api(),
        table(method, target, headers)
    );
    shell("Sample application", "protected by nginx", &content)
}

/// The identity in the `X-authentik-*` headers.
struct Identity<'a> {
    username: &'a str,
    name: &'a str,
    email: &'a str,
    groups: Vec<&'a str>,
    entitlements: Vec<&'a str>,
}

impl<'a> Identity<'a> {
    fn from(headers: &'a [(String, String)]) -> Self {
        let value = |name: &str| {
            let header = headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name));
            header.map_or("", |(_, value)| value.as_str())
        };
        let list = |name: &str| value(name).split('|').filter(|item| !item.is_empty()).collect();
        Self {
            username: value("x-authentik-username"),
            name: value("x-authentik-name"),
            email: value("x-authentik-email"),
            groups: list("x-authentik-groups"),
            entitlements: list("x-authentik-entitlements"),
        }
    }

    fn card(&self, is_public: bool) -> String {
        if self.username.is_empty() { nobody(is_public) } else { self.somebody(is_public) }
    }

    fn somebody(&self, is_public: bool) -> String {
        let display = if self.name.is_empty() { self.username } else { self.name };
        let email = match self.email {
            "" => String::new(),
            email => format!("<span class=\"dot\">{}</span>", escaped(email)),
        };
        let note = if is_public {
            "This page is public. You have a session, so the application knows you here as well."
        } else {
            "nginx let this request through because your session is valid."
        };
        format!(
            "<section class=\"card hero\"><span class=\"avatar large\">{initial}</span><div>\
             <h1>Hello, {display}</h1><p class=\"muted\"><code>{username}</code>{email}</p>\
             <p class=\"good\">{note}</p>{groups}{entitlements}<p class=\"actions\">{elsewhere}\
             <a class=\"button primary\" href=\"/outpost.goauthentik.io/sign_out\">Sign out</a></p>\
             </div></section>",
            initial = escaped(&initial(display)),
            display = escaped(display),
            username = escaped(self.username),
            groups = chips("Groups", &self.groups),
            entitlements = chips("Entitlements", &self.entitlements),
            elsewhere = elsewhere(is_public),
        )
    }
}

fn nobody(is_public: bool) -> String {
    let (title, text) = if is_public {
        ("A public page", "Everybody may see this one: the request came without an identity.")
    } else {
        (
            "Nobody is signed in",
            "This request came without an identity: nothing protects this page.",
        )
    };
    format!(
        "<section class=\"card hero\"><span class=\"avatar large\">?</span><div><h1>{title}</h1>\
         <p class=\"muted\">{text}</p><p class=\"actions\"><a class=\"button primary\" \
         href=\"/\">Open the protected page</a></p></div></section>"
    )
}

fn elsewhere(is_public: bool) -> &'static str {
    if is_public {
        "<a class=\"button\" href=\"/\">Protected page</a>"
    } else {
        "<a class=\"button\" href=\"/public/\">Public page</a>"
    }
}

/// Names as chips; nothing if empty. More than 12 are collapsed.
fn chips(title: &str, items: &[&str]) -> String {
    let chip = |item: &&str| format!("<span class=\"chip\">{}</span>", escaped(item));
    let (first, rest) = items.split_at(items.len().min(12));
    let shown: String = first.iter().map(chip).collect();
    let folded = match rest.len() {
        0 => String::new(),
        more => format!(
            "<details><summary>and {more} more</summary><p class=\"chips\">{}</p></details>",
            rest.iter().map(chip).collect::<String>()
        ),
    };
    if items.is_empty() {
        return String::new();
    }
    format!("<h2 class=\"label\">{title}</h2><p class=\"chips\">{shown}</p>{folded}")
}

fn api() -> &'static str {
    "<section class=\"card\"><h2>Call an API</h2><p class=\"muted\">What a script on this page \
     gets: the answer, or 401 once the session is over – never a redirect to a login page.</p>\
     <p class=\"actions\"><button id=\"call\" type=\"button\">GET /api/whoami</button></p>\
     <pre id=\"answer\" aria-live=\"polite\" hidden></pre></section>"
}

fn table(method: &str, target: &str, headers: &[(String, String)]) -> String {
    let (identity, others): (Vec<_>, Vec<_>) = headers.iter().partition(|(n, _)| is_identity(n));
    let rows: String = identity.into_iter().chain(others).map(row).collect();
    format!(
        "<section class=\"card\"><h2>What the application received</h2>\
         <p class=\"muted\"><code>{} {}</code> with {} headers. Only nginx can set the marked \
         ones.</p><table>{rows}</table></section>",
        escaped(method),
        escaped(target),
        headers.len(),
    )
}

fn row((name, value): &(String, String)) -> String {
    let class = if is_identity(name) { " class=\"identity\"" } else { "" };
    let value = match value.chars().count() {
        0 => "<span class=\"muted\">empty</span>".to_owned(),
        1..=LONG => escaped(value),
        length => {
            let start: String = value.chars().take(60).collect();
            format!(
                "<details><summary>{}… <span class=\"muted\">{length} characters</span></summary>\
                 {}</details>",
                escaped(&start),
                escaped(value)
            )
        }
    };
    format!("<tr{class}><th scope=\"row\">{}</th><td>{value}</td></tr>", escaped(name))
}

fn is_identity(header: &str) -> bool {
    header.to_ascii_lowercase().starts_with("x-authentik-")
}
