//! All verdicts, by sender, request and location settings.

use super::*;
use crate::identity::{Life, render};
use crate::paths::{PathFacts, Subject};
use crate::testing;
use crate::time::UnixTime;
use crate::token::from_introspection;

struct Visit {
    path: &'static [u8],
    sender: Sender,
}

impl RequestFacts for Visit {
    fn sender(&self) -> Sender {
        self.sender
    }
    fn path(&self) -> PathFacts<'_> {
        PathFacts { normalized: self.path, raw: self.path, subject: Subject::Path }
    }
}

fn record_of(groups: &str) -> Vec<u8> {
    let provider = testing::provider();
    let id = &provider.client_id;
    let answer = format!(
        r#"{{"active":true,"client_id":"{id}","aud":"{id}","iss":"i","exp":4000000000,
            "sub":"s","preferred_username":"jane","groups":{groups},"entitlements":["edit"]}}"#
    );
    let claims = from_introspection(answer.as_bytes(), id, UnixTime(1)).unwrap();
    let life = Life::of_access_token(&claims, UnixTime(1));
    render(&claims, &provider, b"token", None, life).record.expose().to_vec()
}

fn verdict(
    visitor: Result<&[u8], Option<Reason>>,
    path: &'static [u8],
    sender: Sender,
    unauthenticated: Unauthenticated,
    require: &Requirements,
) -> String {
    let intercept = true;
    let open = UnauthPaths::compile(&["^/public/".to_owned()]).unwrap();
    let policy = Policy {
        provider_paths: &UnauthPaths::default(),
        location_paths: Some(&open),
        require: Some(require),
        unauthenticated,
        intercept_header_auth: intercept,
        open_directory: None,
        refusal_begins_sign_in: false,
    };
    let visitor = match visitor {
        Ok(record) => Visitor::Known(SessionView::over(record).unwrap()),
        Err(Some(reason)) => Visitor::Stranger(reason),
        Err(None) => Visitor::Unverified,
    };
    let (request, effort) = (&Visit { path, sender }, &Effort::default());
    match decide(&policy, Facts { request, visitor, effort }) {
        Verdict::Admit(permit) => match permit.identity() {
            Ok(session) => {
                assert!(permit.is_vote());
                format!("admit {}", String::from_utf8_lossy(session.username()))
            }
            Err(grounds) => {
                assert_eq!(permit.is_vote(), grounds == Grounds::Path);
                format!("admit {grounds:?}")
            }
        },
        Verdict::Ask => "ask".to_owned(),
        Verdict::SignIn(reason) => format!("sign in {}", reason.code()),
        Verdict::Invite(reason) => format!("invite {}", reason.code()),
        Verdict::Refuse(reason) => format!("refuse {}", reason.code()),
        Verdict::Forbid(rule) => format!("forbid {rule}"),
    }
}

#[test]
fn a_stranger_is_judged_by_path_sender_and_what_the_location_says() {
    use Sender::{Frame, Navigation, Nobody, Program, Submission};
    use Unauthenticated::{Auto, Pass, Redirect, Refuse};
    let none = Requirements::default();
    for (path, sender, unauthenticated, expected) in [
        (&b"/"[..], Navigation, Auto, "sign in no-session"),
        (b"/", Submission, Auto, "invite no-session"),
        (b"/", Frame, Auto, "invite no-session"),
        (b"/", Program, Auto, "refuse no-session"),
        (b"/", Nobody, Auto, "refuse no-session"),
        (b"/", Submission, Redirect, "sign in no-session"),
        (b"/", Frame, Redirect, "sign in no-session"),
        (b"/", Program, Redirect, "sign in no-session"),
        (b"/", Nobody, Redirect, "refuse no-session"),
        (b"/", Navigation, Refuse, "refuse no-session"),
        (b"/", Frame, Refuse, "refuse no-session"),
        (b"/", Program, Pass, "admit Pass"),
        (b"/", Nobody, Pass, "admit Pass"),
        (b"/public/x", Program, Auto, "admit Path"),
        (b"/public/x", Navigation, Refuse, "admit Path"),
        (b"/publicity", Navigation, Auto, "sign in no-session"),
    ] {
        let found = verdict(Err(Some(Reason::NoSession)), path, sender, unauthenticated, &none);
        assert_eq!(found, expected, "{path:?} {sender:?} {unauthenticated:?}");
    }
}

#[test]
fn authentik_is_asked_about_credentials_only_where_it_matters() {
    let none = Requirements::default();
    for (path, unauthenticated, expected) in [
        (&b"/"[..], Unauthenticated::Auto, "ask"),
        (b"/", Unauthenticated::Refuse, "ask"),
        (b"/", Unauthenticated::Pass, "ask"),
        (b"/public/x", Unauthenticated::Auto, "admit Path"),
        (b"/public/x", Unauthenticated::Refuse, "admit Path"),
    ] {
        let found = verdict(Err(None), path, Sender::Program, unauthenticated, &none);
        assert_eq!(found, expected, "{path:?} {unauthenticated:?}");
    }
}

#[test]
fn wrong_credentials_and_an_absent_authentik_are_answered_and_not_redirected() {
    let none = Requirements::default();
    for (reason, path, unauthenticated, expected) in [
        (
            Reason::CredentialsRejected,
            &b"/"[..],
            Unauthenticated::Auto,
            "refuse credentials-rejected",
        ),
        (Reason::CredentialsRejected, b"/public/", Unauthenticated::Auto, "admit Path"),
        (Reason::CredentialsRejected, b"/", Unauthenticated::Pass, "admit Pass"),
        (Reason::CoreTimeout, b"/", Unauthenticated::Redirect, "refuse core-timeout"),
    ] {
        let found = verdict(Err(Some(reason)), path, Sender::Navigation, unauthenticated, &none);
        assert_eq!(found, expected);
    }
}

#[test]
fn a_known_visitor_must_meet_every_rule_except_where_strangers_may_go() {
    let rule = |kind: &str, values: &[&str]| {
        let values: Vec<String> = values.iter().map(|v| (*v).to_owned()).collect();
        Rule::parse(kind, &values).unwrap()
    };
    let staff = rule("group", &["staff", "wiki editors"]);
    let record = record_of(r#"["devs","wiki editors","a|b"]"#);
    for (rules, path, expected) in [
        (vec![], &b"/"[..], "admit jane"),
        (vec![staff.clone()], b"/", "admit jane"),
        (vec![rule("group", &["Staff"])], b"/", "forbid group \"Staff\""),
        (vec![rule("group", &["a"])], b"/", "forbid group \"a\""),
        (vec![rule("group", &["a|b"])], b"/", "admit jane"),
        (vec![rule("group", &["wiki"])], b"/", "forbid group \"wiki\""),
        (vec![rule("entitlement", &["edit"])], b"/", "admit jane"),
        (vec![staff.clone(), rule("user", &["bob"])], b"/", "forbid user \"bob\""),
        (vec![staff, rule("user", &["bob", "jane"])], b"/", "admit jane"),
        (vec![rule("user", &["bob"])], b"/public/x", "admit jane"),
    ] {
        let mut require = Requirements::default();
        rules.into_iter().for_each(|rule| require.add(rule));
        let found = verdict(Ok(&record), path, Sender::Program, Unauthenticated::Auto, &require);
        assert_eq!(found, expected);
    }
}

#[test]
fn a_recheck_begins_only_where_a_stranger_who_opens_a_page_is_sent_to_sign_in() {
    use Sender::{Frame, Navigation, Nobody, Program, Submission};
    use Unauthenticated::{Auto, Pass, Redirect, Refuse};
    let record = record_of("[]");
    let open = UnauthPaths::compile(&["^/public/".to_owned()]).unwrap();
    let nothing = UnauthPaths::default();
    for (path, sender, unauthenticated, refusal_begins_sign_in, expected) in [
        (&b"/"[..], Navigation, Auto, false, "sign in"),
        (b"/", Navigation, Redirect, false, "sign in"),
        (b"/", Navigation, Refuse, true, "refuse"),
        (b"/", Navigation, Refuse, false, "admit"),
        (b"/", Navigation, Pass, false, "admit"),
        (b"/public/", Navigation, Auto, false, "admit"),
        (b"/", Submission, Redirect, false, "admit"),
        (b"/", Frame, Redirect, false, "admit"),
        (b"/", Program, Redirect, false, "admit"),
        (b"/", Program, Refuse, true, "admit"),
        (b"/", Nobody, Redirect, false, "admit"),
    ] {
        let policy = Policy {
            provider_paths: &nothing,
            location_paths: Some(&open),
            require: None,
            unauthenticated,
            intercept_header_auth: true,
            open_directory: None,
            refusal_begins_sign_in,
        };
        let visitor = Visitor::Recheck(SessionView::over(&record).unwrap());
        let (request, effort) = (&Visit { path, sender }, &Effort::default());
        let verdict = decide(&policy, Facts { request, visitor, effort });
        let is_known = |permit: &Permit<'_>| permit.identity().is_ok();
        let found = if matches!(verdict, Verdict::SignIn(Reason::RecheckDue)) {
            "sign in"
        } else if matches!(verdict, Verdict::Refuse(Reason::RecheckDue)) {
            "refuse"
        } else if matches!(&verdict, Verdict::Admit(permit) if is_known(permit)) {
            "admit"
        } else {
            "something else"
        };
        assert_eq!(found, expected, "{path:?} {sender:?} {unauthenticated:?}");
    }
}

#[test]
fn a_rule_that_nobody_could_meet_is_refused_at_once() {
    for (kind, values) in [("grup", vec!["a"]), ("group", vec![]), ("user", vec![""])] {
        let values: Vec<String> = values.into_iter().map(str::to_owned).collect();
        assert!(Rule::parse(kind, &values).is_err(), "{kind}");
    }
}
