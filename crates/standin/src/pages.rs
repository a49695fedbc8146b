//! The stand-in's pages, with one design that the sample application shares.

use crate::settings::User;

/// The style sheet of every page, light and dark.
const STYLE: &str = include_str!("../data/page.css");

/// A page: a header with a badge that says what this is, and the content.
pub(crate) fn shell(title: &str, badge: &str, content: &str) -> String {
    let title = escaped(title);
    let badge = escaped(badge);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <link rel=\"icon\" href=\"data:,\">\n<title>{title}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<header class=\"bar\">\
         <span class=\"mark\" aria-hidden=\"true\"></span><strong>{title}</strong>\
         <span class=\"badge\">{badge}</span></header>\n<main>\n{content}\n</main>\n</body>\n</html>\n"
    )
}

/// A card with a heading and a sentence.
pub(crate) fn notice(title: &str, text: &str) -> String {
    let (title, text) = (escaped(title), escaped(text));
    let card = format!("<section class=\"card narrow\"><h1>{title}</h1><p>{text}</p></section>");
    shell("authentik", BADGE, &card)
}

/// The login form: user name and password, and every active user to click on.
pub(crate) fn login(users: &[User], application: Option<&str>, problem: Option<&str>) -> String {
    let application = application.map_or(String::new(), |name| {
        format!("<p class=\"muted\">to continue to <strong>{}</strong></p>", escaped(name))
    });
    let problem = problem.map_or(String::new(), |problem| {
        format!("<p class=\"problem\" role=\"alert\">{}</p>", escaped(problem))
    });
    let picks: String = users.iter().filter(|user| user.active).map(pick).collect();
    let form = format!(
        "<section class=\"card narrow\"><h1>Sign in</h1>{application}{problem}\
         <form method=\"post\"><label>User name or e-mail address\
         <input name=\"username\" autocomplete=\"username\" autofocus required></label>\
         <label>Password<input name=\"password\" type=\"password\" \
         autocomplete=\"current-password\" required></label>\
         <button class=\"primary\">Sign in</button></form>\
         <div class=\"or\"><span>or pick somebody</span></div>\
         <form method=\"post\" class=\"people\">{picks}</form>\
         <p class=\"small muted\">This is not authentik: it is a stand-in for demos and tests. \
         Passwords are <code>&lt;user&nbsp;name&gt;-test-password</code>.</p></section>"
    );
    shell("authentik", BADGE, &form)
}

fn pick(user: &User) -> String {
    let groups = match user.groups.len() {
        0 => "no groups".to_owned(),
        1..=3 => user.groups.join(", "),
        many => format!("{many} groups"),
    };
    let display = if user.name.is_empty() { &user.username } else { &user.name };
    format!(
        "<button name=\"pick\" value=\"{username}\"><span class=\"avatar\">{initial}</span>\
         <span class=\"who\"><strong>{display}</strong><small>{username} · {groups}</small>\
         </span></button>",
        username = escaped(&user.username),
        initial = escaped(&initial(display)),
        display = escaped(display),
        groups = escaped(&groups),
    )
}

/// The page shown by end-session; `everywhere` is the URL of the full logout.
pub(crate) fn signed_out(application: &str, back: Option<&str>, everywhere: &str) -> String {
    let everywhere = escaped(everywhere);
    let application = escaped(application);
    let back = back.map_or(String::new(), |url| {
        format!("<a class=\"button primary\" href=\"{}\">Back to {application}</a>", escaped(url))
    });
    let card = format!(
        "<section class=\"card narrow\"><h1>Signed out of {application}</h1>\
         <p>Your session at the stand-in goes on: opening {application} signs you in again \
         without asking.</p><p class=\"actions\">{back}\
         <a class=\"button\" href=\"{everywhere}\">Sign out of authentik \
         too</a></p></section>"
    );
    shell("authentik", BADGE, &card)
}

/// First letter of a name, for the round picture.
pub(crate) fn initial(name: &str) -> String {
    name.chars().next().map_or("?".to_owned(), |first| first.to_uppercase().collect())
}

/// Text escaped for HTML, including attributes.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

pub(crate) const BADGE: &str = "stand-in for demos and tests";
