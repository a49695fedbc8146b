use serde_json::json;

use super::*;
use crate::fixtures::{provider, recorded};
use crate::http::{HttpResponse, TransportError};
use crate::question::{Question, RefreshTokens};

/// A time at which the recorded tokens were valid.
const NOW: UnixTime = UnixTime(1_795_764_000);
const LATER: UnixTime = UnixTime(1_795_764_060);

/// The recorded provider with refresh tokens.
fn p_refresh() -> Provider {
    provider("p-refresh")
}

fn tokens(file: &str) -> Tokens {
    Tokens::parse(recorded(file).as_bytes()).unwrap()
}

/// The session that the recorded sign-in opens.
fn session(file: &str) -> Secret {
    let (tokens, provider) = (tokens(file), p_refresh());
    let token = tokens.access_token.expose();
    let keys = Keys::shared(&provider);
    let claims = verify(token, &Expected::of(&provider, None), &keys, NOW).unwrap();
    let refresh_token = tokens.refresh_token.as_ref();
    let life = Life::of_sign_in(&claims, refresh_token, &provider.terms, NOW);
    render(&claims, &provider, token, None, life).record
}

fn view(record: &Secret) -> SessionView<'_> {
    SessionView::over(record.expose()).unwrap()
}

fn renewed(answer: Result<Tokens, CoreError>, former: &Secret) -> Renewed {
    let provider = p_refresh();
    Renewed::of(answer, view(former), &provider, &Keys::shared(&provider), LATER)
}

fn ended(renewed: Renewed) -> End {
    let Renewed::Ended(end) = renewed else { panic!("{renewed:?}") };
    end
}

/// The answer with this status and body.
fn read(status: u16, body: &str) -> Result<Tokens, CoreError> {
    let response = HttpResponse { status, body: Secret::new(body) };
    let question = RefreshTokens { refresh_token: Secret::new("r") };
    question.read(&p_refresh(), Ok(&response), LATER)
}

#[test]
fn a_recorded_refresh_renews_tokens_and_claims_and_prolongs_nothing_else() {
    let former = session("token_response_refreshable.json");
    let Renewed::GoesOn(rendered) = renewed(Ok(tokens("token_response_refreshed.json")), &former)
    else {
        panic!("the session ended");
    };
    let (before, after) = (view(&former), view(&rendered.record));
    assert_eq!(before.uid(), after.uid());
    assert_eq!(before.sid(), after.sid());
    assert!(!after.sid().is_empty());
    assert_eq!(before.signed_in(), after.signed_in());
    assert_eq!(before.expires(), after.expires());
    assert_eq!(rendered.expires, after.expires());
    assert!(after.access_until() > before.access_until());
    assert_ne!(before.token(), after.token());
    assert_ne!(before.refresh_token(), after.refresh_token());
    // In between, the user was given a group, a name and more.
    assert_ne!(before.user_headers(), after.user_headers());
}

#[test]
fn a_recorded_refresh_without_sid_ends_a_session_that_had_one() {
    let former = session("token_response_refreshable_ended.json");
    let end = ended(renewed(Ok(tokens("token_response_refreshed_ended.json")), &former));
    assert_eq!(end.reason, Reason::SessionEnded);
    assert!(end.why.contains("has ended the session"), "{}", end.why);
}

#[test]
fn the_tokens_of_another_user_or_session_end_the_session() {
    let former = session("token_response_refreshable.json");
    let end = ended(renewed(Ok(tokens("token_response_refreshed_ended.json")), &former));
    assert_eq!(end.reason, Reason::SessionEnded);
    let ended_session = session("token_response_refreshable_ended.json");
    let end = ended(renewed(Ok(tokens("token_response_refreshed.json")), &ended_session));
    assert_eq!(end.reason, Reason::SessionEnded);
}

#[test]
fn a_token_of_another_issuer_ends_the_session() {
    let former = session("token_response_refreshable.json");
    let elsewhere = Provider { issuer: "http://other.example/".to_owned(), ..p_refresh() };
    let answer = Ok(tokens("token_response_refreshed.json"));
    let keys = Keys::shared(&elsewhere);
    let end = ended(Renewed::of(answer, view(&former), &elsewhere, &keys, LATER));
    assert_eq!(end.reason, Reason::SessionEnded);
}

#[test]
fn a_refusal_ends_the_session_only_if_it_is_about_the_refresh_token() {
    let former = session("token_response_refreshable.json");
    let end = ended(renewed(read(400, recorded("token_error_invalid_grant.json")), &former));
    assert_eq!(end.reason, Reason::RenewalRefused);
    for (status, body) in [
        (400, recorded("token_error_invalid_client.json")),
        (400, r#"{"error":"temporarily_unavailable"}"#),
        (400, r#"{"error":"invalid_scope"}"#),
        (503, recorded("token_error_invalid_grant.json")),
        (429, ""),
        (200, "<html>"),
        (302, ""),
        (404, ""),
    ] {
        let renewed = renewed(read(status, body), &former);
        assert!(matches!(renewed, Renewed::NotNow(_)), "{status} {body}: {renewed:?}");
    }
    let away = CoreError::Unreachable(TransportError::Timeout);
    assert!(matches!(renewed(Err(away), &former), Renewed::NotNow(_)));
}

#[test]
fn without_a_new_refresh_token_the_old_one_is_kept() {
    let former = session("token_response_refreshable.json");
    let answer = Tokens { refresh_token: None, ..tokens("token_response_refreshed.json") };
    let Renewed::GoesOn(rendered) = renewed(Ok(answer), &former) else { panic!("it ended") };
    assert_eq!(view(&rendered.record).refresh_token(), view(&former).refresh_token());
}

#[test]
fn a_token_of_unknown_keys_leaves_the_session_as_it_was_but_for_its_refresh_token() {
    let former = session("token_response_refreshable.json");
    let answer = Ok(tokens("token_response_refreshed.json"));
    let keys = Keys::Shared(Secret::new("the former secret"));
    let renewed = Renewed::of(answer, view(&former), &p_refresh(), &keys, LATER);
    let Renewed::OtherKeys(rendered, TokenFlaw::Signature) = renewed else {
        panic!("{renewed:?}");
    };
    let (before, after) = (view(&former), view(&rendered.record));
    assert_eq!(before.user_headers(), after.user_headers());
    assert_eq!(before.token(), after.token());
    assert_eq!(before.access_until(), after.access_until());
    assert_eq!(before.expires(), rendered.expires);
    let new = tokens("token_response_refreshed.json").refresh_token.unwrap();
    assert_eq!(after.refresh_token(), new.expose());
    // Of any length.
    for token in ["", "x", &"y".repeat(300)] {
        let rendered = with_refresh_token(after, &Secret::new(token));
        assert_eq!(view(&rendered.record).refresh_token(), token.as_bytes());
        assert_eq!(view(&rendered.record).token(), before.token());
    }
}

#[test]
fn a_new_token_that_identifies_nobody_ends_the_session() {
    let former = session("token_response_refreshable.json");
    let provider = p_refresh();
    let answer = Ok(tokens("token_response_refreshed.json"));
    let too_late = NOW.plus(2 * 3600);
    let renewed = Renewed::of(answer, view(&former), &provider, &Keys::shared(&provider), too_late);
    assert_eq!(ended(renewed).reason, Reason::TokenTime);
    let garbage = json!({"access_token": "a.b.c", "token_type": "Bearer"}).to_string();
    let end = ended(self::renewed(read(200, &garbage), &former));
    assert_eq!(end.reason, Reason::TokenMalformed);
}

#[test]
fn the_entries_of_a_session_are_its_own() {
    let keys = [Entry::Lease, Entry::Failure].map(|entry| entry.key(&[1; 32]));
    assert_ne!(keys[0], keys[1]);
    assert_ne!(Entry::Lease.key(&[2; 32]), keys[0]);
}

#[test]
fn a_refusal_is_about_the_session_only_while_its_refresh_token_is_the_one_that_was_asked_with() {
    let asked = session("token_response_refreshable.json");
    let Renewed::GoesOn(newer) = renewed(Ok(tokens("token_response_refreshed.json")), &asked)
    else {
        panic!("the session ended");
    };
    assert!(is_about(view(&asked), Some(view(&asked))));
    assert!(!is_about(view(&asked), Some(view(&newer.record))), "another worker was faster");
    assert!(is_about(view(&asked), None), "it is gone already");
}
