//! `$authentik_…`: the results of the access phase. They never fail, and are empty if there is no
//! value.

use gate::identity::SessionView;
use gate::outpost::Certificate;

use crate::ngx::host::authority;
use crate::ngx::{Request, Variable, kept};
use crate::outpost;
use crate::visitor::providers;

/// All variables; listed in `docs/directives.md`.
pub(crate) const TABLE: &[Variable] = &[
    Variable { name: "authentik_username", value: |r| user_header(r, 0) },
    Variable { name: "authentik_groups", value: |r| user_header(r, 1) },
    Variable { name: "authentik_entitlements", value: |r| user_header(r, 2) },
    Variable { name: "authentik_email", value: |r| user_header(r, 3) },
    Variable { name: "authentik_name", value: |r| user_header(r, 4) },
    Variable { name: "authentik_uid", value: |r| user_header(r, 5) },
    Variable { name: "authentik_jwt", value: |r| user_header(r, 6) },
    Variable { name: "authentik_provider", value: provider },
    Variable { name: "authentik_status", value: status },
    Variable { name: "authentik_reason", value: reason },
    Variable { name: "authentik_upstream", value: upstream },
    Variable { name: "authentik_upstream_host", value: upstream_host },
    Variable {
        name: "authentik_ssl_certificate",
        value: |r| of_key_pair(r, |pair| pair.certificate.as_bytes()),
    },
    Variable {
        name: "authentik_ssl_certificate_key",
        value: |r| of_key_pair(r, |pair| pair.key.expose()),
    },
];

/// One of the user's seven headers, in the order of `gate::identity::HEADERS`. Only an admitted
/// visitor has any.
fn user_header<'r>(r: &Request<'r>, at: usize) -> &'r [u8] {
    let encoding = r.location().header_encoding();
    let session = admitted(r);
    session
        .and_then(|session| session.user_headers_in(encoding).get(at).copied())
        .unwrap_or_default()
}

/// The session of an admitted visitor.
fn admitted<'r>(r: &Request<'r>) -> Option<SessionView<'r>> {
    r.existing_state().filter(|state| state.headers_set.get())?;
    SessionView::over(r.recall(kept::RECORD)?)
}

/// Empty if there is no backend, so that nothing is proxied anywhere.
fn upstream<'r>(r: &Request<'r>) -> &'r [u8] {
    let Some(provider) = providers::known(r) else { return &[] };
    gate::upstream::backend(provider, admitted(r).as_ref()).unwrap_or_default()
}

fn upstream_host<'r>(r: &Request<'r>) -> &'r [u8] {
    let provider = providers::known(r).map(|provider| &**provider);
    gate::upstream::host(provider, admitted(r).as_ref(), authority(r).unwrap_or_default())
}

fn provider<'r>(r: &Request<'r>) -> &'r [u8] {
    providers::known(r).map(|provider| provider.name.as_bytes()).unwrap_or_default()
}

fn status<'r>(r: &Request<'r>) -> &'r [u8] {
    r.existing_state()
        .and_then(|state| state.decided.get().status)
        .map(|status| status.word().as_bytes())
        .unwrap_or_default()
}

fn reason<'r>(r: &Request<'r>) -> &'r [u8] {
    r.existing_state()
        .and_then(|state| state.decided.get().reason)
        .map(|reason| reason.code().as_bytes())
        .unwrap_or_default()
}

/// Part of the key pair of the outpost's provider for the host that a TLS client names. Only
/// available during the handshake, so that no log format, header or page can reveal the key. nginx
/// asks for both parts in one callback, so they come from the same settings.
fn of_key_pair<'r>(r: &Request<'r>, part: fn(&Certificate) -> &[u8]) -> &'r [u8] {
    let Some(name) = r.handshake_name() else { return &[] };
    let Some(directory) = outpost::directory() else { return &[] };
    let Some(pair) = directory.certificate(name) else { return &[] };
    r.keep(part(pair)).unwrap_or_default()
}
