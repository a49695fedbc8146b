//! The page of the sample application: who you are, as nginx told it.

use crate::pages::{escaped, initial, shell};

/// The page for a request.
pub(crate) fn page(method: &str, path: &str, headers: &[(String, String)]) -> String {
    let identity = Identity::from(headers);
    let content = format!("{}{}", identity.card(), table(method, path, headers));
    shell("Sample application", "behind nginx", &content)
}

/// What the `X-authentik-*` headers say.
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

    fn card(&self) -> String {
        if self.username.is_empty() {
            return "<section class=\"card\"><h1>Nobody is signed in</h1><p class=\"muted\">This \
                    request came without an identity.</p><p class=\"actions\"><a class=\"button \
                    primary\" href=\"/\">Sign in</a></p></section>"
                .to_owned();
        }
        let display = if self.name.is_empty() { self.username } else { self.name };
        format!(
            "<section class=\"card\"><span class=\"avatar\">{}</span><h1>Hello, {}</h1>\
             <p>{} · {}</p>{}{}<p class=\"actions\"><a class=\"button\" href=\"/public/\">Public page</a>\
             <a class=\"button\" href=\"/outpost.goauthentik.io/sign_out\">Sign out</a></p></section>",
            escaped(&initial(display)),
            escaped(display),
            escaped(self.username),
            escaped(self.email),
            chips(&self.groups),
            chips(&self.entitlements),
        )
    }
}

fn chips(items: &[&str]) -> String {
    let chip = |item: &&str| format!("<span class=\"chip\">{}</span>", escaped(item));
    format!("<p class=\"chips\">{}</p>", items.iter().map(chip).collect::<String>())
}

fn table(method: &str, path: &str, headers: &[(String, String)]) -> String {
    let row = |(name, value): &(String, String)| {
        format!("<tr><th>{}</th><td>{}</td></tr>", escaped(name), escaped(value))
    };
    format!(
        "<section class=\"card\"><h2>{} {}</h2><table>{}</table></section>",
        escaped(method),
        escaped(path),
        headers.iter().map(row).collect::<String>()
    )
}
