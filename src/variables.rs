//! `$authentik_…`: what the access phase left behind. Never fail; empty when there is nothing.

use gate::identity::SessionView;

use crate::ngx::Request;

/// One variable: its name without `$`, and how its value is found.
pub(crate) struct Variable {
    pub(crate) name: &'static str,
    pub(crate) value: for<'r> fn(&Request<'r>) -> &'r [u8],
}

/// All of them; `docs/directives.md` lists the same.
pub(crate) static TABLE: [Variable; 10] = [
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
];

/// Of the seven headers of the user, in the order of `gate::identity::HEADERS`. Only an admitted
/// visitor has any.
fn user_header<'r>(r: &Request<'r>, at: usize) -> &'r [u8] {
    r.existing_state()
        .filter(|state| state.headers_set.get())
        .and_then(|state| state.record.get())
        .and_then(|record| SessionView::over(r.recall(record)))
        .and_then(|view| view.user_headers().get(at).copied())
        .unwrap_or_default()
}

fn provider<'r>(r: &Request<'r>) -> &'r [u8] {
    r.location().provider().map(|provider| provider.name.as_bytes()).unwrap_or_default()
}

fn status<'r>(r: &Request<'r>) -> &'r [u8] {
    r.existing_state().map(|state| state.decided.get().status.as_bytes()).unwrap_or_default()
}

fn reason<'r>(r: &Request<'r>) -> &'r [u8] {
    r.existing_state()
        .and_then(|state| state.decided.get().reason)
        .map(|reason| reason.code().as_bytes())
        .unwrap_or_default()
}
