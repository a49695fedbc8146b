//! The pages that the module serves to people: in their language, with what an administrator needs
//! to find the log lines.

use crate::harness::{Response, Site, eventually};

const LOG: &str = "log_format found '$request_id $authentik_reason $status';";

const CONFIGURATION: &str = "authentik_provider wiki;
     access_log access.log found;
     location / { authentik_unauthenticated 401; proxy_pass http://app; }
     location /own { authentik_unauthenticated 401; error_page 401 /sorry; proxy_pass http://app; }
     location = /sorry { internal; authentik_provider off; return 200 sorry; }";

fn site() -> Site {
    Site::builder().http(LOG).server(CONFIGURATION).start()
}

/// What is between the tags.
fn between<'t>(text: &'t str, before: &str, after: &str) -> &'t str {
    let rest = text.split_once(before).unwrap_or_else(|| panic!("{before} in {text}")).1;
    rest.split_once(after).unwrap_or_else(|| panic!("{after} in {text}")).0
}

#[test]
fn a_person_is_answered_in_the_language_that_the_browser_asks_for() {
    let site = site();
    let asked = |wishes: &str| -> Response { site.navigate("/plans").language(wishes).send() };
    for (wishes, language, title) in [
        ("de-AT,de;q=0.9,en;q=0.8", "de", "Bitte melden Sie sich an"),
        ("en;q=0.5, fr;q=0.7", "fr", "Veuillez vous connecter"),
        ("es", "es", "Inicie sesión"),
        ("it", "it", "Effettui l’accesso"),
        ("nl", "nl", "Meld u aan"),
        ("pl", "pl", "Prosimy się zalogować"),
        ("ja", "ja", "サインインしてください"),
        ("zh-CN,zh;q=0.9", "zh-Hans", "请登录"),
        ("sv,*;q=0.1", "en", "Please sign in"),
        ("de;q=nonsense", "en", "Please sign in"),
    ] {
        let page = asked(wishes);
        assert_eq!(page.status(), 401, "{wishes}");
        assert_eq!(page.header("Content-Language"), Some(language), "{wishes}");
        assert_eq!(page.header("Vary"), Some("Accept-Language"), "{wishes}");
        let text = page.text();
        assert_eq!(between(&text, "<html lang=\"", "\""), language);
        assert_eq!(between(&text, "<h1>", "</h1>"), title);
        assert!(text.contains("<code>no-session</code>"), "the code is never translated: {text}");
    }
    let page = site.navigate("/plans").send();
    assert_eq!(page.header("Content-Language"), Some("en"));
    let program = site.get("/plans").language("de").send();
    assert!(program.text().contains("You need to sign in"), "{}", program.text());
    assert_eq!(program.header("Content-Language"), None);
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn the_number_on_the_page_is_that_of_the_line_in_the_access_log() {
    let site = site();
    for _ in 0..2 {
        let text = site.navigate("/plans").send().text();
        let [id, time] = [("<dt>Request</dt>", "</code>"), ("<time datetime=\"", "</time>")]
            .map(|(before, after)| between(&text, before, after));
        let id = id.rsplit('>').next().unwrap();
        assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{text}");
        assert!(time.ends_with(" UTC"), "{text}");
        let line = format!("{id} no-session 401");
        eventually("the line of the log", || site.file("access.log").contains(&line));
    }
    assert_eq!(site.app.hits(), 0);
}

#[test]
fn an_error_page_of_the_administrator_is_not_said_to_be_in_our_language() {
    let site = site();
    let page = site.navigate("/own").language("de").send();
    assert_eq!((page.status(), page.text().as_str()), (401, "sorry"));
    assert_eq!(page.header("Content-Language"), None);
    assert_eq!(page.header("Vary"), None);
    assert_eq!(site.app.hits(), 0);
}
