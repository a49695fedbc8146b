//! The table of directives. `docs/directives.md` follows its order; `ci/drift.sh` compares them.

use super::location::values;
use super::{outpost, outpost_endpoint, protection, provider, report, session_store, status, zone};
use crate::ngx::Row;
use nginx::directive::{
    FLAG, HTTP, LOCATION, LOCATION_ONLY, NAMED_BLOCK, NONE_TO_TWO, ONE, ONE_OR_MORE, ONE_OR_TWO,
    SERVER,
};

/// All directives, without the keys in blocks.
pub(crate) static TABLE: &[Row] = &[
    Row::main(c"authentik_shared_zone", HTTP, ONE, zone::set_shared_zone),
    Row::main(c"authentik_session_store", HTTP, ONE_OR_MORE, session_store::set_session_store),
    Row::main(c"authentik_outpost", HTTP, NAMED_BLOCK, outpost::define),
    // Twice: nginx tells the two apart by their contexts, which are disjoint.
    Row::main(c"authentik_provider", HTTP, NAMED_BLOCK, provider::define),
    Row::location(c"authentik_provider", SERVER | LOCATION, ONE_OR_TWO, protection::set_provider),
    Row::main(c"authentik_report", HTTP, FLAG, report::set_report),
    Row::location(
        c"authentik_default_provider",
        HTTP,
        ONE_OR_TWO,
        protection::set_default_provider,
    ),
    Row::location(
        c"authentik_unauth_paths",
        HTTP | SERVER | LOCATION,
        ONE_OR_MORE,
        values::set_unauth_paths,
    ),
    Row::location(
        c"authentik_unauthenticated",
        HTTP | SERVER | LOCATION,
        ONE,
        values::set_unauthenticated,
    ),
    Row::location(c"authentik_require", SERVER | LOCATION, ONE_OR_MORE, values::set_require),
    Row::location(
        c"authentik_identity_headers",
        HTTP | SERVER | LOCATION,
        ONE_OR_MORE,
        values::set_identity_headers,
    ),
    Row::location(
        c"authentik_header_encoding",
        HTTP | SERVER | LOCATION,
        ONE,
        values::set_header_encoding,
    ),
    Row::location(
        c"authentik_strip_cookie",
        HTTP | SERVER | LOCATION,
        FLAG,
        values::set_strip_cookie,
    ),
    Row::location(
        c"authentik_header_auth",
        HTTP | SERVER | LOCATION,
        FLAG,
        values::set_header_auth,
    ),
    Row::location(
        c"authentik_outpost_endpoint",
        LOCATION_ONLY,
        ONE_OR_MORE,
        outpost_endpoint::set_outpost_endpoint,
    ),
    Row::location(c"authentik_status", LOCATION_ONLY, NONE_TO_TWO, status::set_status),
    #[cfg(feature = "bench-seed")]
    crate::testing::bench::row(),
    Row::end(),
];
