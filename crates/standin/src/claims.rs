//! Claims and tokens, in the order and with the members that were recorded
//! (docs/protocol.md §4.5).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::call::Call;
use crate::core::{Core, Issued, Session, unix_now};
use crate::fault::Fault;
use crate::json::{Json, Members, object, set};
use crate::keys::{hmac_sha256, random_alphanumeric, sha256_hex};
use crate::settings::{IssuerMode, ProviderSettings, Signing, User};

/// What tokens are issued for.
pub(crate) struct Grant<'a> {
    pub(crate) provider: &'a ProviderSettings,
    pub(crate) user: &'a User,
    pub(crate) scopes: Vec<String>,
    pub(crate) nonce: Option<&'a str>,
    pub(crate) origin: Origin<'a>,
}

/// How the user was authenticated.
#[derive(Clone, Copy)]
pub(crate) enum Origin<'a> {
    /// In a browser, whose session still exists.
    Session(&'a Session),
    /// In a browser, whose session has ended since: `auth_time` stays, but there is no `sid` and no
    /// `amr`.
    EndedSession(&'a Session),
    /// By `client_credentials`: no `sid` and no `amr` either.
    Credentials,
}

impl<'a> Origin<'a> {
    fn live_session(self) -> Option<&'a Session> {
        match self {
            Self::Session(session) => Some(session),
            Self::EndedSession(_) | Self::Credentials => None,
        }
    }

    fn auth_time(self) -> Option<u64> {
        match self {
            Self::Session(session) | Self::EndedSession(session) => Some(session.auth_time),
            Self::Credentials => None,
        }
    }
}

/// The tokens of a token response, and the claims for introspection.
pub(crate) struct Tokens {
    pub(crate) access_token: String,
    pub(crate) id_token: String,
    pub(crate) refresh_token: Option<String>,
    pub(crate) issued: Issued,
}

/// Issues both tokens. `None` only if signing fails.
pub(crate) fn issue(core: &Core, call: &Call, grant: &Grant<'_>) -> Option<Tokens> {
    let user_claims = user_claims(grant);
    let mut claims = protocol_claims(call, grant);
    claims.extend(user_claims.iter().cloned());
    apply_faults(&mut claims, &call.faults);

    let scope = grant.scopes.join(" ");
    let client_id = grant.provider.client_id.clone();
    let mut access_claims = claims.clone();
    set(&mut access_claims, "azp", client_id.as_str().into());
    set(&mut access_claims, "uid", random_alphanumeric(40).into());
    set(&mut access_claims, "scope", scope.as_str().into());
    apply_faults(&mut access_claims, &call.faults);
    let expires = unix_now() + grant.provider.access_token_seconds;
    Some(Tokens {
        access_token: sign(core, call, grant.provider, access_claims)?,
        id_token: sign(core, call, grant.provider, claims.clone())?,
        refresh_token: None,
        issued: Issued { client_id, scope, expires, claims, user_claims },
    })
}

/// The issuer of a provider for the Host and scheme of this request.
pub(crate) fn issuer(call: &Call, provider: &ProviderSettings) -> String {
    if call.faults.contains(&Fault::WrongIssuer) {
        return "https://other-issuer.example.test/application/o/other/".to_owned();
    }
    match provider.issuer_mode {
        IssuerMode::PerProvider => format!("{}/application/o/{}/", call.origin(), provider.slug),
        IssuerMode::Global => format!("{}/", call.origin()),
    }
}

/// The subject of a user: hashed, 64 hexadecimal digits.
#[must_use]
pub fn subject(username: &str) -> String {
    sha256_hex(&format!("standin-user-{username}"))
}

fn protocol_claims(call: &Call, grant: &Grant<'_>) -> Members {
    let now = unix_now();
    let mut claims = Members::new();
    let mut put = |name: &str, value: Json| claims.push((name.to_owned(), value));
    put("iss", issuer(call, grant.provider).into());
    put("sub", subject(&grant.user.username).into());
    put("aud", grant.provider.client_id.as_str().into());
    put("exp", (now + grant.provider.access_token_seconds).into());
    put("iat", now.into());
    put("auth_time", grant.origin.auth_time().unwrap_or(now).into());
    put("acr", "goauthentik.io/providers/oauth2/default".into());
    if grant.origin.live_session().is_some() {
        put("amr", Json::from(["pwd"].as_slice()));
    }
    if let Some(nonce) = grant.nonce {
        put("nonce", nonce.into());
    }
    if let Some(session) = grant.origin.live_session() {
        put("sid", session.sid.as_str().into());
    }
    put("jti", random_alphanumeric(40).into());
    claims
}

/// The claims for the granted scopes.
fn user_claims(grant: &Grant<'_>) -> Members {
    let user = grant.user;
    let mut claims = Members::new();
    let has = |scope: &str| grant.scopes.iter().any(|granted| granted == scope);
    let mut put = |name: &str, value: Json| claims.push((name.to_owned(), value));
    if has("ak_proxy") {
        put("ak_proxy", ak_proxy(grant));
    }
    if has("email") {
        put("email", user.email.as_str().into());
        put("email_verified", false.into());
    }
    if has("entitlements") {
        put("entitlements", Json::from(user.entitlements.as_slice()));
        put("roles", Json::from(user.entitlements.as_slice()));
    }
    if has("profile") {
        put("name", user.name.as_str().into());
        put("given_name", user.name.as_str().into());
        put("preferred_username", user.username.as_str().into());
        put("nickname", user.username.as_str().into());
        put("groups", Json::from(user.groups.as_slice()));
    }
    claims
}

fn ak_proxy(grant: &Grant<'_>) -> Json {
    let overrides = [
        ("backend_override", &grant.provider.backend_override),
        ("host_header", &grant.provider.host_header),
    ];
    let mut members = Members::new();
    for (name, value) in overrides {
        if let Some(value) = value {
            members.push((name.to_owned(), value.as_str().into()));
        }
    }
    members.push(("user_attributes".to_owned(), grant.user.attributes.clone().into()));
    members.push(("is_superuser".to_owned(), grant.user.superuser.into()));
    Json::Object(members)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the other faults apply elsewhere")]
fn apply_faults(claims: &mut Members, faults: &[Fault]) {
    for fault in faults {
        match fault {
            Fault::WrongAudience => set(claims, "aud", "another-client".into()),
            Fault::Expired => set(claims, "exp", (unix_now() - 3600).into()),
            Fault::MissingExp => claims.retain(|(name, _)| name != "exp"),
            Fault::NoNonce => claims.retain(|(name, _)| name != "nonce"),
            Fault::WrongNonce => set(claims, "nonce", "another-nonce".into()),
            Fault::Claim(name, Some(value)) => set(claims, name, value.clone().into()),
            Fault::Claim(name, None) => claims.retain(|(existing, _)| existing != name),
            _ => {}
        }
    }
}

/// A JWS in compact form (RFC 7515, 7.1), corrupted according to the faults.
fn sign(core: &Core, call: &Call, provider: &ProviderSettings, claims: Members) -> Option<String> {
    let has = |fault: &Fault| call.faults.contains(fault);
    let secret = provider.client_secret.as_str();
    let wrong_alg = match provider.signing {
        Signing::Hs256 => "RS256",
        Signing::Rs256 | Signing::Es256 => "HS256",
    };
    let alg = match () {
        () if has(&Fault::AlgNone) => "none",
        () if has(&Fault::WrongAlg) => wrong_alg,
        () => provider.signing.name(),
    };
    let kid = match () {
        () if has(&Fault::UnknownKid) => Some(random_alphanumeric(86)),
        () if has(&Fault::NoKid) => None,
        () => core.keys.id(provider.signing),
    };
    let mut header = object([("alg", alg.into())]);
    if let Json::Object(members) = &mut header {
        members.extend(kid.map(|kid| ("kid".to_owned(), kid.into())));
        members.push(("typ".to_owned(), "JWT".into()));
    }
    let part = |json: Json| URL_SAFE_NO_PAD.encode(json.compact());
    let signed = format!("{}.{}", part(header), part(Json::Object(claims)));
    let mut signature = match () {
        () if has(&Fault::AlgNone) => Vec::new(),
        () if has(&Fault::WrongAlg) => hmac_sha256(secret, signed.as_bytes()),
        () => core.keys.sign(provider.signing, secret, signed.as_bytes())?,
    };
    if let Some(first) = signature.first_mut().filter(|_| has(&Fault::WrongSignature)) {
        *first ^= 1;
    }
    Some(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}
