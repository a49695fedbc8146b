//! Refresh tokens as recorded: docs/protocol.md §4.8.

use std::thread;
use std::time::Duration;

use authentik_standin::{
    Endpoint, Fault, ProviderSettings, Settings, Standin, WIKI_CLIENT_ID, WIKI_CLIENT_SECRET,
};
use serde_json::Value;

use crate::client::{Answer, claims, get, post};
use crate::{CALLBACK, authorize_url, started};

const TOKEN: &str = "/application/o/token/";

fn giving(change: impl FnOnce(&mut Settings)) -> Standin {
    started(|settings| {
        settings.providers.first_mut().expect("a provider").give_refresh_tokens();
        change(settings);
    })
}

fn standin() -> Standin {
    giving(|_| {})
}

fn offline_url() -> String {
    authorize_url("&nonce=n1").replace("ak_proxy+", "ak_proxy+offline_access+")
}

fn signed_in_with(standin: &Standin, url: &str) -> Value {
    let code = get(standin.address(), url, &[]).code();
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", WIKI_CLIENT_ID),
        ("client_secret", WIKI_CLIENT_SECRET),
        ("code", &code),
        ("redirect_uri", CALLBACK),
    ];
    post(standin.address(), TOKEN, &form).json()
}

fn signed_in(standin: &Standin) -> Value {
    signed_in_with(standin, &offline_url())
}

fn refresh_token(answer: &Value) -> String {
    answer["refresh_token"].as_str().expect("a refresh token").to_owned()
}

fn refresh_with(standin: &Standin, token: &str, more: &[(&str, &str)]) -> Answer {
    let mut form = vec![
        ("grant_type", "refresh_token"),
        ("client_id", WIKI_CLIENT_ID),
        ("client_secret", WIKI_CLIENT_SECRET),
        ("refresh_token", token),
    ];
    form.retain(|(name, _)| !more.iter().any(|(changed, _)| changed == name));
    form.extend(more);
    post(standin.address(), TOKEN, &form)
}

fn refresh(standin: &Standin, token: &str) -> Answer {
    refresh_with(standin, token, &[])
}

#[test]
fn a_refresh_token_comes_with_its_scope_only() {
    let standin = standin();
    let answer = signed_in(&standin);
    assert_eq!(refresh_token(&answer).len(), 128);
    assert!(signed_in_with(&standin, &authorize_url("")).get("refresh_token").is_none());
    let no_scope = authorize_url("").replace("ak_proxy+entitlements+email+openid+profile", "");
    assert!(signed_in_with(&standin, &no_scope).get("refresh_token").is_some(), "all scopes");
    let without = started(|_| {});
    assert!(signed_in(&without).get("refresh_token").is_none(), "the mapping is missing");
}

#[test]
fn refreshed_tokens_have_no_nonce_and_the_claims_of_now() {
    let standin = standin();
    let first = signed_in(&standin);
    standin.change(|settings| settings.users[0].groups = vec!["new group".to_owned()]);
    let second = refresh(&standin, &refresh_token(&first)).json();
    for token in ["access_token", "id_token"] {
        let (before, after) = (claims(&first[token]), claims(&second[token]));
        assert_eq!(before["nonce"], "n1");
        assert!(after.get("nonce").is_none());
        for same in ["sub", "sid", "auth_time", "iss", "aud", "amr"] {
            assert_eq!(before[same], after[same], "{same}");
        }
        assert_ne!(before["jti"], after["jti"]);
        assert_eq!(after["groups"], serde_json::json!(["new group"]));
    }
    assert_eq!(second["scope"], first["scope"]);
    assert_ne!(second["refresh_token"], first["refresh_token"]);
}

#[test]
fn a_used_token_is_dead_at_once_and_its_successor_is_not() {
    let standin = standin();
    let first = refresh_token(&signed_in(&standin));
    let second = refresh_token(&refresh(&standin, &first).json());
    let again = refresh(&standin, &first);
    assert_eq!((again.status, &again.json()["error"]), (400, &"invalid_grant".into()));
    assert_eq!(refresh(&standin, &second).status, 200);
}

#[test]
fn refreshes_in_parallel_all_succeed() {
    let standin = standin();
    let first = refresh_token(&signed_in(&standin));
    standin.fault_times(Endpoint::Token, Fault::Slow(Duration::from_millis(300)), 5);
    let answers: Vec<Answer> = thread::scope(|scope| {
        let all: Vec<_> = (0..5).map(|_| scope.spawn(|| refresh(&standin, &first))).collect();
        all.into_iter().map(|one| one.join().expect("an answer")).collect()
    });
    let mut successors: Vec<String> =
        answers.iter().map(|answer| refresh_token(&answer.json())).collect();
    successors.sort();
    successors.dedup();
    assert_eq!(successors.len(), 5);
    assert!(successors.iter().all(|token| refresh(&standin, token).status == 200));
    assert_eq!(refresh(&standin, &first).status, 400);
}

#[test]
fn a_refresh_token_outlives_its_session_and_access_and_then_gives_no_sid() {
    let standin = standin();
    let first = signed_in(&standin);
    standin.end_sessions();
    standin.change(|settings| settings.providers[0].only_groups = vec!["nobody".to_owned()]);
    let second = refresh(&standin, &refresh_token(&first)).json();
    let (before, after) = (claims(&first["id_token"]), claims(&second["id_token"]));
    assert!(after.get("sid").is_none() && after.get("amr").is_none());
    assert_eq!(before["auth_time"], after["auth_time"]);
    standin.change(|settings| settings.providers[0].only_groups.clear());
    signed_in(&standin);
    let third = refresh(&standin, &refresh_token(&second)).json();
    assert!(claims(&third["id_token"]).get("sid").is_none(), "nor have the successors");
}

#[test]
fn with_a_threshold_the_token_stays_and_is_not_repeated() {
    let standin = giving(|settings| settings.providers[0].refresh_token_threshold_seconds = 60);
    let first = refresh_token(&signed_in(&standin));
    for _ in 0..3 {
        assert!(refresh(&standin, &first).json().get("refresh_token").is_none());
    }
}

#[test]
fn a_failed_client_authentication_leaves_the_token_usable() {
    let standin = giving(|settings| {
        settings.providers.push(ProviderSettings::new("chat", "http://wiki.test:8880"));
    });
    let token = refresh_token(&signed_in(&standin));
    let chat = [("client_id", "chat-client-id"), ("client_secret", "chat-client-secret")];
    for (changes, error) in [
        (vec![("client_secret", "wrong")], "invalid_client"),
        (vec![("client_id", "nope")], "invalid_client"),
        (chat.to_vec(), "invalid_grant"),
        (vec![("refresh_token", "")], "invalid_grant"),
        (vec![("refresh_token", "garbage")], "invalid_grant"),
        (vec![("scope", "openid profile")], "invalid_scope"),
    ] {
        let answer = refresh_with(&standin, &token, &changes);
        assert_eq!((answer.status, &answer.json()["error"]), (400, &error.into()), "{changes:?}");
    }
    let known = refresh_with(&standin, &token, &[("scope", "offline_access nonsense")]);
    assert_eq!(known.status, 200, "{known:?}");
}

#[test]
fn a_scope_taken_off_the_provider_matters_only_if_scope_is_sent() {
    let standin = standin();
    let token = refresh_token(&signed_in(&standin));
    standin.change(|settings| {
        settings.providers[0].scopes.retain(|scope| scope != "offline_access");
    });
    let with = refresh_with(&standin, &token, &[("scope", "openid offline_access")]);
    assert_eq!(with.json()["error"], "invalid_scope");
    assert_eq!(refresh(&standin, &token).status, 200);
}

#[test]
fn a_refresh_token_ends_by_its_time_its_user_and_revocation() {
    let standin = giving(|settings| settings.providers[0].refresh_token_seconds = 0);
    let expired = refresh(&standin, &refresh_token(&signed_in(&standin)));
    assert_eq!(expired.json()["error"], "invalid_grant");

    standin.change(|settings| settings.providers[0].refresh_token_seconds = 60);
    let token = refresh_token(&signed_in(&standin));
    for active in [false, true] {
        standin.change(|settings| settings.users[0].active = active);
        assert_eq!(refresh(&standin, &token).json()["error"], "invalid_grant");
    }

    let answer = signed_in(&standin);
    let token = refresh_token(&answer);
    let form = [
        ("client_id", WIKI_CLIENT_ID),
        ("client_secret", WIKI_CLIENT_SECRET),
        ("token", answer["access_token"].as_str().unwrap()),
    ];
    assert_eq!(post(standin.address(), "/application/o/revoke/", &form).status, 200);
    let token = refresh_token(&refresh(&standin, &token).json());
    assert_eq!(standin.refresh_tokens(), 1);
    let form = [form[0], form[1], ("token", token.as_str())];
    assert_eq!(
        post(standin.address(), "/application/o/revoke/", &form).json(),
        Value::Object(serde_json::Map::new())
    );
    assert_eq!(refresh(&standin, &token).json()["error"], "invalid_grant");
    assert_eq!(standin.refresh_tokens(), 0);
}

#[test]
fn introspection_shows_a_used_refresh_token_as_inactive_with_its_claims() {
    let standin = standin();
    let first = refresh_token(&signed_in(&standin));
    let ask = |token: &str| {
        let form = [
            ("client_id", WIKI_CLIENT_ID),
            ("client_secret", WIKI_CLIENT_SECRET),
            ("token", token),
        ];
        post(standin.address(), "/application/o/introspect/", &form).json()
    };
    assert_eq!(ask(&first)["active"], true);
    refresh(&standin, &first);
    let used = ask(&first);
    assert_eq!(used["active"], false);
    assert!(used["sid"].is_string());
}

#[test]
fn authentik_reports_a_logout_once_for_each_access_token() {
    let standin = giving(|settings| {
        settings.providers[0].logout_uri = "http://127.0.0.1:1/logout".to_owned();
        settings.push_delay = Duration::ZERO;
        settings.logout_retries.clear();
    });
    let first = refresh_token(&signed_in(&standin));
    let second = refresh_token(&refresh(&standin, &first).json());
    refresh(&standin, &second);
    standin.end_sessions();
    for _ in 0..100 {
        if standin.logouts().len() == 3 {
            return;
        }
        thread::sleep(Duration::from_millis(20));
    }
    panic!("{:?}", standin.logouts());
}
