//! Records: requests read what was written at sign-in.

use serde_json::{Value, json};

use super::*;
use crate::fixtures::{member, provider, recorded};
use crate::secret::Secret;
use crate::time::UnixTime;
use crate::token::{Expected, Keys, VerifiedClaims, from_introspection, verify};

/// Claims of `p-proxy`, as from an active introspection.
fn claims(more: Value) -> VerifiedClaims {
    let client_id = provider("p-proxy").client_id;
    let mut answer = json!({"active": true, "client_id": client_id, "sub": "s", "exp": 2_000,
        "preferred_username": "u"});
    answer.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    from_introspection(answer.to_string().as_bytes(), &client_id, UnixTime(1_000)).unwrap()
}

fn with_headers(additional: Value) -> VerifiedClaims {
    claims(json!({"ak_proxy": {"user_attributes": {"additionalHeaders": additional}}}))
}

fn record(claims: &VerifiedClaims, basic: Option<BasicAttributes<'_>>) -> Secret {
    render(claims, &provider("p-proxy"), b"raw.token", basic, life(claims)).record
}

fn life(claims: &VerifiedClaims) -> Life<'static> {
    Life::of_access_token(claims, UnixTime(1_000))
}

/// Extra headers as `name: value` lines.
fn extras(record: &Secret) -> Vec<String> {
    let view = SessionView::over(record.expose()).unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    view.extra_headers()
        .map(|extra| {
            assert_eq!(text(extra.name).to_ascii_lowercase(), text(extra.lowercase));
            format!("{}: {}", text(extra.name), text(extra.value))
        })
        .collect()
}

fn verified(token: &str, now: u64) -> VerifiedClaims {
    let provider = provider("p-proxy");
    let keys = Keys::Shared(provider.client_secret.clone());
    verify(token.as_bytes(), &Expected::of(&provider, None), &keys, UnixTime(now)).unwrap()
}

#[test]
fn a_recorded_user_becomes_the_headers_that_authentik_promises() {
    let provider = provider("p-proxy");
    let token = member("token_response_hs256_zoe.json", "access_token");
    let claims = verified(&token, 1_795_311_600);
    let rendered = render(&claims, &provider, token.as_bytes(), None, life(&claims));
    let view = SessionView::over(rendered.record.expose()).unwrap();

    let expected = [
        "zoe",
        "staff|Gruppe Müller 名",
        "entitlement b|ü",
        "zoe@exämple.test",
        "Zoë Müller 日本語 😀",
        "c577ead6a22610e57b89c09e1cf42a26338c436054bd0c111c8783b742b53093",
        &token,
    ];
    assert_eq!(view.user_headers(), expected.map(str::as_bytes));
    assert_eq!(
        extras(&rendered.record),
        [
            "X-Bool: true",
            "X-Float: 1.5",
            "X-Group-Header: from-group-staff",
            "X-Int: 42",
            "X-List: [\"a\",\"b\"]",
            "X-Null: ",
            "X-Obj: {\"k\":\"v\"}",
            "X-Shared: user-value",
            "X-User-Header: zoë-value",
            "x-lower-case: lc",
        ]
    );
    assert_eq!(view.provider(), provider.key);
    assert_eq!(view.expires(), UnixTime(2_109_807_515));
    assert_eq!(rendered.expires, view.expires());
    assert_eq!(view.uid(), expected[5].as_bytes());
    assert_eq!(view.username(), b"zoe");
    assert_eq!(view.token(), token.as_bytes());
    assert!(view.sid().starts_with(b"fadcf4778640e92f"));
    assert!(!view.is_superuser());
    assert!(view.is_in_group("Gruppe Müller 名".as_bytes()));
    assert!(view.has_entitlement("entitlement b|ü".as_bytes()));
}

#[test]
fn every_text_has_a_nul_behind_it() {
    let claims = claims(json!({
        "preferred_username": "u", "groups": ["g"], "email": "", "name": "n", "sid": "i",
        "ak_proxy": {"backend_override": "http://b", "host_header": "h",
            "user_attributes": {"additionalHeaders": {"X-A": "", "X-B": "b"}}},
    }));
    let record = record(&claims, None);
    let bytes = record.expose();
    let view = SessionView::over(bytes).unwrap();
    let mut texts = view.user_headers().to_vec();
    texts.extend([view.sid(), view.backend_override(), view.host_header()]);
    texts.extend(view.extra_headers().flat_map(|extra| [extra.name, extra.lowercase, extra.value]));
    for text in texts {
        let end = text.as_ptr_range().end.addr() - bytes.as_ptr().addr();
        assert_eq!(bytes[end], 0, "{text:?}");
    }
    assert_eq!(view.backend_override(), b"http://b");
    assert_eq!(view.host_header(), b"h");
}

#[test]
fn each_encoding_of_the_headers_is_made_at_login() {
    let claims = claims(json!({
        "preferred_username": "zo\u{eb}", "groups": ["staff", "\u{10d}"], "name": "Z", "email": "a@b",
        "ak_proxy": {"user_attributes": {"additionalHeaders":
            {"X-A": "plain", "X-B": "\u{fc}", "X-C": "5 %", "X-D": "plain"}}},
    }));
    let record = record(&claims, None);
    let view = SessionView::over(record.expose()).unwrap();
    let shown = |encoding| {
        let extra = view.extra_headers_in(encoding).map(|extra| extra.value.to_vec());
        let user = view.user_headers_in(encoding).map(<[u8]>::to_vec);
        (user[..2].to_vec(), user[4].clone(), extra.collect::<Vec<_>>())
    };
    let bytes = |texts: &[&[u8]]| texts.iter().map(|text| text.to_vec()).collect::<Vec<_>>();
    let z = b"Z".to_vec();
    for (encoding, user, extra) in [
        (
            HeaderEncoding::Utf8,
            [&b"zo\xC3\xAB"[..], b"staff|\xC4\x8D"],
            [&b"plain"[..], b"\xC3\xBC", b"5 %", b"plain"],
        ),
        (
            HeaderEncoding::Percent,
            [b"zo%C3%AB", b"staff|%C4%8D"],
            [b"plain", b"%C3%BC", b"5 %25", b"plain"],
        ),
        (
            HeaderEncoding::Latin1,
            [b"zo\xEB", b"staff|%C4%8D"],
            [b"plain", b"\xFC", b"5 %25", b"plain"],
        ),
    ] {
        assert_eq!(shown(encoding), (bytes(&user), z.clone(), bytes(&extra)), "{encoding:?}");
    }
    assert_eq!(view.username(), "zo\u{eb}".as_bytes(), "what rules and logs see stays as it is");
}

#[test]
fn a_user_with_a_name_alone_has_empty_headers() {
    let record = record(&claims(json!({})), None);
    let view = SessionView::over(record.expose()).unwrap();
    assert_eq!(view.user_headers(), [&b"u"[..], b"", b"", b"", b"", b"s", b"raw.token"]);
    assert_eq!(view.extra_headers().count(), 0);
    assert!(view.sid().is_empty() && !view.is_in_group(b"") && !view.has_entitlement(b""));
}

#[test]
fn no_control_character_reaches_a_header() {
    let all: String = (0..=0x20_u8).chain([0x7f]).map(char::from).collect();
    let dirty = format!("a{all}b\r\nX-Evil: 1");
    let clean: &[u8] = b"a bX-Evil: 1";
    let claims = claims(json!({
        "name": dirty,
        "ak_proxy": {"backend_override": dirty, "host_header": dirty,
            "user_attributes": {"additionalHeaders": {"X-A": dirty}}},
    }));
    let record =
        render(&claims, &provider("p-proxy"), dirty.as_bytes(), None, life(&claims)).record;
    let view = SessionView::over(record.expose()).unwrap();
    let expected = [&b"u"[..], b"", b"", b"", clean, b"s", clean];
    assert_eq!(view.user_headers(), expected);
    let (backend, host) = (view.backend_override(), view.host_header());
    assert_eq!((backend, host), (&b"?"[..], &b"?"[..]), "not another host than was meant");
    assert_eq!(view.extra_headers().next().unwrap().value, clean);
}

#[test]
fn groups_are_found_whole_and_only_among_groups() {
    let claims = claims(json!({"groups": ["staff", "pipe|in|name", ""], "entitlements": ["read"],
        "ak_proxy": {"is_superuser": true}}));
    let record = record(&claims, None);
    let view = SessionView::over(record.expose()).unwrap();
    for (name, member) in [
        ("staff", true),
        ("pipe|in|name", true),
        ("", true),
        ("staf", false),
        ("Staff", false),
        ("pipe", false),
        ("staff|pipe|in|name", false),
        ("read", false),
    ] {
        assert_eq!(view.is_in_group(name.as_bytes()), member, "{name}");
    }
    assert!(view.has_entitlement(b"read") && !view.has_entitlement(b"staff"));
    assert!(view.is_superuser());
}

#[test]
fn a_token_of_36_kilobytes_and_150_groups_fits() {
    let token = recorded("access_token_of_150_groups.txt");
    let claims = verified(token, 1_795_310_000);
    let rendered = render(&claims, &provider("p-proxy"), token.as_bytes(), None, life(&claims));
    let view = SessionView::over(rendered.record.expose()).unwrap();
    assert_eq!(view.token(), token.as_bytes());
    assert_eq!(view.user_headers()[1].split(|byte| *byte == b'|').count(), 150);
    assert!(claims.groups.iter().all(|group| view.is_in_group(group.as_bytes())));
}

#[test]
fn an_additional_header_that_would_do_harm_is_left_out() {
    for name in [
        "",
        "X A",
        "X:A",
        "X\r\nA",
        "X-Ä",
        "X_A",
        "X-authentik_username",
        "X.authentik.username",
        "Content-Length",
        "Cookie",
        "cookie2",
        "PROXY",
        "transfer-encoding",
        "HOST",
        "Connection",
        "Upgrade",
        "TE",
        &"x".repeat(257),
    ] {
        let record = record(&with_headers(json!({name: "v", "X-Good": "g"})), None);
        assert_eq!(extras(&record), ["X-Good: g"], "{name:?}");
    }
    for odd in [json!(null), json!("X: y"), json!(["X"]), json!(7)] {
        assert!(extras(&record(&with_headers(odd), None)).is_empty());
    }
}

#[test]
fn an_additional_header_may_replace_an_identity_header_but_not_be_doubled() {
    let claims = with_headers(json!({"X-Authentik-Username": "other", "X-One": "1", "x-one": "2"}));
    assert_eq!(extras(&record(&claims, None)), ["X-Authentik-Username: other", "x-one: 2"]);
}

#[test]
fn of_thousands_of_additional_headers_the_first_are_set() {
    // As many as fit in a token, two spellings of each.
    let many: serde_json::Map<String, Value> = (0..3_500)
        .flat_map(|n| [(format!("X-{n:05}"), json!("1")), (format!("x-{n:05}"), json!("2"))])
        .collect();
    let record = record(&with_headers(many.into()), None);
    let kept = extras(&record);
    assert_eq!(kept.len(), extra::MAX_EXTRAS);
    assert_eq!((kept[0].as_str(), kept[127].as_str()), ("x-00000: 2", "x-00127: 2"));
}

#[test]
fn basic_credentials_are_sent_when_there_is_a_password() {
    // Vectors: docs/protocol.md §7.3.
    let with = |attributes: Value| {
        let claims = claims(json!({"email": "foo", "ak_proxy": {"user_attributes": attributes}}));
        extras(&record(&claims, Some(BasicAttributes { user: "u", password: "p" })))
    };
    for (attributes, header) in [
        (json!({"u": "foo", "p": "bar"}), Some("Basic Zm9vOmJhcg==")),
        (json!({"u": "svc", "p": "secret"}), Some("Basic c3ZjOnNlY3JldA==")),
        (json!({"p": "baz"}), Some("Basic Zm9vOmJheg==")),
        (json!({"u": 1, "p": "baz"}), Some("Basic Zm9vOmJheg==")),
        (json!({"u": "", "p": "bar"}), Some("Basic OmJhcg==")),
        (json!({"u": "jürgen", "p": "p:ss wörd"}), Some("Basic asO8cmdlbjpwOnNzIHfDtnJk")),
        (json!({"u": "foo", "p": ""}), None),
        (json!({"u": "foo", "p": 5}), None),
        (json!({"u": "foo"}), None),
        (json!({}), None),
    ] {
        let expected: Vec<_> = header.iter().map(|v| format!("Authorization: {v}")).collect();
        assert_eq!(with(attributes.clone()), expected, "{attributes}");
    }
    let both = json!({"u": "foo", "p": "bar", "additionalHeaders": {"authorization": "Bearer x"}});
    assert_eq!(with(both), ["authorization: Bearer x"]);
}

#[test]
fn bytes_that_are_not_a_whole_record_are_no_session() {
    let claims = with_headers(json!({"X-A": "a", "X-B": "b"}));
    let good = record(&claims, None);
    let good = good.expose();
    assert!(SessionView::over(good).is_some());
    for length in 0..good.len() {
        assert!(SessionView::over(&good[..length]).is_none(), "cut at {length}");
    }
    assert!(SessionView::over(&[good, b"x"].concat()).is_none());
    // A changed byte of magic, length, slots or count is noticed or leads to other texts within the
    // record, never outside it.
    for at in 0..good.len() {
        for value in [0, 1, 0x7f, 0xff] {
            let mut bytes = good.to_vec();
            if std::mem::replace(&mut bytes[at], value) == value {
                continue;
            }
            let Some(view) = SessionView::over(&bytes) else { continue };
            let range = bytes.as_ptr_range();
            for text in view.user_headers() {
                assert!(range.contains(&text.as_ptr()) && range.contains(&text.as_ptr_range().end));
            }
            let _ = (view.is_in_group(b"x"), view.extra_headers().count());
            assert!(at >= 8, "a changed magic or length was accepted");
        }
    }
}

#[test]
fn a_record_tells_how_long_its_session_lasts_and_what_prolongs_it() {
    let claims = claims(json!({}));
    let refresh_token = Secret::new("the refresh token");
    let life = Life {
        signed_in: UnixTime(900),
        access_since: UnixTime(950),
        expires: UnixTime(9_000),
        refresh_token: Some(&refresh_token),
        is_by_credentials: false,
    };
    let rendered = render(&claims, &provider("p-proxy"), b"raw.token", None, life);
    assert_eq!(rendered.expires, UnixTime(9_000));
    let view = SessionView::over(rendered.record.expose()).unwrap();
    assert_eq!((view.signed_in(), view.expires()), (UnixTime(900), UnixTime(9_000)));
    assert_eq!((view.access_since(), view.access_until()), (UnixTime(950), UnixTime(2_000)));
    assert!(!view.is_by_credentials() && !view.is_superuser());
    assert_eq!(view.refresh_token(), b"the refresh token");
    assert_eq!(view.token(), b"raw.token");
    assert!(view.user_headers().iter().all(|value| !value.starts_with(b"the refresh")));
}

#[test]
fn what_credentials_prove_lasts_as_long_as_its_token() {
    let claims = claims(json!({}));
    let record = record(&claims, None);
    let view = SessionView::over(record.expose()).unwrap();
    assert_eq!((view.expires(), view.access_until()), (UnixTime(2_000), UnixTime(2_000)));
    assert!(view.is_by_credentials());
    assert_eq!(view.refresh_token(), b"");
}
