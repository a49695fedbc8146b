//! Pages that lead a person to authentik where a redirect would not help.

use url::form_urlencoded;

use crate::destination::Destination;
use crate::identity::SessionView;
use crate::page::{Action, Occasion, Page};
use crate::provider::Provider;
use crate::reason::{Reason, Reply};
use crate::redirect::RedirectTarget;
use crate::response::Response;
use crate::wording::Text;

/// Answers a form submitted without a session: a redirect would silently lose its contents.
///
/// `referer` is the page with the form, if the browser says so. The sign-in ends there if it is one
/// of this provider's pages.
#[must_use]
pub fn to_send_again(
    provider: &Provider,
    reason: Reason,
    referer: Option<&[u8]>,
    occasion: &Occasion<'_>,
) -> Response {
    let referer = referer.and_then(|referer| std::str::from_utf8(referer).ok());
    let form = referer.and_then(|referer| RedirectTarget::parse(referer, provider).ok());
    let form = form.unwrap_or_else(|| RedirectTarget::external_root(provider));
    let way_on = start(provider, &form);
    let reply = reason.reply();
    let page = Page {
        title: occasion.text(reply.title),
        sentence: occasion.text(Text::NotReceived),
        hint: occasion.text(Text::SendAgain),
        code: reply.code,
        action: Some(in_new_tab(occasion.text(Text::ToSignIn), &way_on)),
        home: None,
    };
    Response::page(reply.status, &page, occasion)
}

/// Answers a frame without a session: browsers load frames unasked, and authentik's own pages
/// refuse to be framed.
#[must_use]
pub fn to_leave_the_frame(
    provider: &Provider,
    reason: Reason,
    framed: &Destination,
    occasion: &Occasion<'_>,
) -> Response {
    let reply = reason.reply();
    let page = framed.page_or_root(provider);
    let way_on = start(provider, &page);
    let label = occasion.text(Text::ToLoadAgain);
    let again = Action { label, url: page.as_str(), new_tab: false };
    let page = Page {
        title: occasion.text(reply.title),
        sentence: occasion.text(reply.sentence),
        hint: occasion.text(Text::LoadAgain),
        code: reply.code,
        action: Some(in_new_tab(occasion.text(Text::ToSignIn), &way_on)),
        home: matches!(framed, Destination::Page(_)).then_some(again),
    };
    Response::page(reply.status, &page, occasion)
}

/// Answers a frame that requests a sign-in.
#[must_use]
pub fn to_start_by_hand(
    provider: &Provider,
    reason: Reason,
    query: &[u8],
    occasion: &Occasion<'_>,
) -> Response {
    let target = Destination::of_start(provider, query).page_or_root(provider);
    let url = start(provider, &target);
    page(reason, "", Some(in_new_tab(occasion.text(Text::ToSignIn), &url)), occasion)
}

/// Answers a frame that requests a sign-out.
#[must_use]
pub fn to_sign_out_by_hand(
    provider: &Provider,
    reason: Reason,
    occasion: &Occasion<'_>,
) -> Response {
    let url = sign_out(provider);
    page(reason, "", Some(in_new_tab(occasion.text(Text::ToSignOut), &url)), occasion)
}

/// Answers a person who may not see a page: says as whom, and leads to a sign-in as somebody else and
/// to the sign-out. Which rule is not met is for the log only.
///
/// The sign-in keeps the session until somebody has signed in. It needs authentik to ask
/// ([`Prompt::Always`](crate::login::Prompt)): after a sign-out, authentik's own session usually signs
/// in the same user again.
#[must_use]
pub fn to_somebody_else(
    provider: &Provider,
    reason: Reason,
    session: SessionView<'_>,
    asked: &Destination,
    occasion: &Occasion<'_>,
) -> Response {
    let name = String::from_utf8_lossy(session.username());
    let hint = occasion.text(Text::SignedInAs).replace("{name}", &name);
    // Credentials that are sent with each request cannot be signed out.
    if session.is_by_credentials() {
        return page(reason, &hint, None, occasion);
    }
    let switch = start_with_prompt(provider, &asked.page_or_root(provider));
    let sign_out = sign_out(provider);
    let Reply { status, code, title, sentence, .. } = reason.reply();
    let page = Page {
        title: occasion.text(title),
        sentence: occasion.text(sentence),
        hint: &hint,
        code,
        action: Some(Action { label: occasion.text(Text::ToSwitch), url: &switch, new_tab: false }),
        home: Some(Action {
            label: occasion.text(Text::ToSignOut),
            url: &sign_out,
            new_tab: false,
        }),
    };
    Response::page(status, &page, occasion)
}

/// Answers a person without a session where nobody is redirected.
#[must_use]
pub fn to_sign_in(
    provider: &Provider,
    reason: Reason,
    asked: &Destination,
    occasion: &Occasion<'_>,
) -> Response {
    let url = start(provider, &asked.page_or_root(provider));
    let label = occasion.text(Text::ToSignIn);
    page(reason, "", Some(Action { label, url: &url, new_tab: false }), occasion)
}

/// The page for a reason, with a way on.
fn page(
    reason: Reason,
    hint: &str,
    action: Option<Action<'_>>,
    occasion: &Occasion<'_>,
) -> Response {
    let Reply { status, code, title, sentence, .. } = reason.reply();
    let (title, sentence) = (occasion.text(title), occasion.text(sentence));
    Response::page(status, &Page { title, sentence, hint, code, action, home: None }, occasion)
}

fn sign_out(provider: &Provider) -> String {
    format!("{}sign_out", provider.external.endpoints_path)
}

/// Where a sign-in that ends at `target` begins.
///
/// If the encoded target is too long for nginx, this is the target itself, which asks strangers to
/// sign in as well, unless it is open.
fn start(provider: &Provider, target: &RedirectTarget) -> String {
    short_start(provider, target).unwrap_or_else(|| target.as_str().to_owned())
}

/// Where a sign-in begins for which authentik always asks. If the encoded target is too long for
/// nginx, the sign-in ends at `external_host`.
fn start_with_prompt(provider: &Provider, target: &RedirectTarget) -> String {
    let root = || short_start(provider, &RedirectTarget::external_root(provider));
    let start = short_start(provider, target).or_else(root).unwrap_or_default();
    format!("{start}&prompt=login")
}

/// On the current host, since all of its servers answer it. `None` if it is too long for nginx.
fn short_start(provider: &Provider, target: &RedirectTarget) -> Option<String> {
    let encoded = form_urlencoded::byte_serialize(target.as_str().as_bytes()).collect::<String>();
    let start = format!("{}start?rd={encoded}", provider.external.endpoints_path);
    (start.len() <= MAX_START).then_some(start)
}

/// Maximum length of the link, in bytes: by default nginx accepts a request line of 8 kB.
const MAX_START: usize = 8000;

const fn in_new_tab<'p>(label: &'p str, url: &'p str) -> Action<'p> {
    Action { label, url, new_tab: true }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{Life, render};
    use crate::secret::Secret;
    use crate::testing::{OCCASION, provider, provider_at};
    use crate::time::UnixTime;
    use crate::token::from_introspection;

    fn links(response: &Response) -> Vec<String> {
        let hrefs = response.body.split("href=\"").skip(1);
        hrefs.map(|rest| rest.split('"').next().unwrap().replace("&amp;", "&")).collect()
    }

    #[test]
    fn a_form_that_was_sent_in_vain_leads_to_a_sign_in_that_ends_where_the_form_is() {
        let root = "/outpost.goauthentik.io/start?rd=https%3A%2F%2Fext.example%2F";
        for (referer, link) in [
            (Some("https://ext.example/edit?a=1&b"), &*format!("{root}edit%3Fa%3D1%26b")),
            (Some("https://evil.example/edit"), root),
            (Some("//evil.example"), root),
            (Some("https://ext.example/outpost.goauthentik.io/sign_out"), root),
            (Some(""), root),
            (None, root),
        ] {
            let page = to_send_again(
                &provider(),
                Reason::NoSession,
                referer.map(str::as_bytes),
                &OCCASION,
            );
            assert_eq!(page.status, 401);
            assert_eq!(links(&page), [link], "{referer:?}");
            assert!(page.body.contains("was not received"), "{}", page.body);
            assert!(page.body.contains("target=\"_blank\""));
        }
        let bytes = to_send_again(
            &provider(),
            Reason::NoSession,
            Some(b"https://ext.example/\xff"),
            &OCCASION,
        );
        assert_eq!(links(&bytes), [root]);
    }

    #[test]
    fn a_frame_leads_to_a_tab_of_its_own_and_back_to_itself() {
        let provider = provider_at("https://ext.example/app/");
        let target = RedirectTarget::parse("https://ext.example/app/p?x=1", &provider).unwrap();
        let page = to_leave_the_frame(
            &provider,
            Reason::UnknownSession,
            &Destination::Page(target),
            &OCCASION,
        );
        assert_eq!(
            links(&page),
            [
                "/app/outpost.goauthentik.io/start?rd=https%3A%2F%2Fext.example%2Fapp%2Fp%3Fx%3D1",
                "https://ext.example/app/p?x=1",
            ]
        );
        let start = to_start_by_hand(&provider, Reason::Unasked, b"rd=/app/p%3Fx%3D1&y", &OCCASION);
        assert_eq!(links(&start), links(&page)[..1]);
        assert_eq!(start.status, 403);
        let long = Destination::of_start(&provider, format!("rd=/{}", "é".repeat(1300)).as_bytes());
        let page = to_leave_the_frame(&provider, Reason::NoSession, &long, &OCCASION);
        let [direct, again] = &links(&page)[..] else { panic!("{}", page.body) };
        assert!(direct == again && again.len() > 7000, "what cannot be written in an address");
        let page =
            to_leave_the_frame(&provider, Reason::NoSession, &Destination::TooLong, &OCCASION);
        let root = "/app/outpost.goauthentik.io/start?rd=https%3A%2F%2Fext.example%2Fapp%2F";
        assert_eq!(links(&page), [root]);
        let elsewhere =
            to_start_by_hand(&provider, Reason::Unasked, b"rd=https://evil.example", &OCCASION);
        assert!(!elsewhere.body.contains("evil"), "{}", elsewhere.body);
        let sign_out = to_sign_out_by_hand(&provider, Reason::Unasked, &OCCASION);
        assert_eq!(links(&sign_out), ["/app/outpost.goauthentik.io/sign_out"]);
    }

    #[test]
    fn who_may_not_see_a_page_is_told_as_whom_and_how_to_use_another_account() {
        let record = |username: &str, is_by_credentials| {
            let id = &provider().client_id;
            let answer = format!(
                r#"{{"active":true,"client_id":"{id}","exp":4000000000,"sub":"s",
                "preferred_username":"{username}"}}"#
            );
            let now = UnixTime(1);
            let claims = from_introspection(answer.as_bytes(), id, now).unwrap();
            let life = match is_by_credentials {
                true => Life::of_access_token(&claims, now),
                false => Life::of_sign_in(&claims, None, &provider().terms, now),
            };
            render(&claims, &provider(), b"token", None, life).record
        };
        let at = |record: &Secret, asked: &Destination| {
            let session = SessionView::over(record.expose()).unwrap();
            to_somebody_else(&provider(), Reason::NotPermitted, session, asked, &OCCASION)
        };
        let asked = Destination::of_request(&provider(), b"ext.example", b"/plans?a=1&b");
        let page = |record: &Secret| at(record, &asked);
        let bob = page(&record("<b>ob", false));
        assert_eq!(bob.status, 403);
        assert!(bob.body.contains("You are signed in as &lt;b&gt;ob."), "{}", bob.body);
        let start = "/outpost.goauthentik.io/start?rd=https%3A%2F%2Fext.example%2F";
        let sign_out = "/outpost.goauthentik.io/sign_out";
        let switch = format!("{start}plans%3Fa%3D1%26b&prompt=login");
        assert_eq!(links(&bob), [&switch, sign_out]);
        let long =
            Destination::of_start(&provider(), format!("rd=/{}", "é".repeat(1300)).as_bytes());
        let switch = format!("{start}&prompt=login");
        for asked in [&long, &Destination::TooLong] {
            assert_eq!(links(&at(&record("bob", false), asked)), [&switch, sign_out]);
        }
        assert_eq!(links(&page(&record("bob", true))), [""; 0], "sent with each request");
    }
}
