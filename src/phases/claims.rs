//! Removes what a client claims: identity headers, and a host other than the one that is checked.

use gate::identity::{folds_to, is_identity_header};
use nginx::header_list::{HeaderName, NewHeader, UNREADABLE};

use crate::ngx::host::authority;
use crate::ngx::{Fault, Request};

/// Removes every header that only the module may set.
pub(super) fn remove_claimed_headers(r: &mut Request<'_>) -> Result<(), Fault> {
    let further = &r.server().identity_headers;
    r.remove_headers(|name, _| {
        is_identity_header(name)
            || further.iter().any(|own| folds_to(name, own))
            || name == UNREADABLE
    })
}

/// Sets `Host` to the host that was checked, for everything that uses it: `$http_host`, and
/// `HTTP_HOST` in CGI. RFC 9112 section 3.2.2 requires this of a proxy for the absolute form;
/// HTTP/3 has no `Host` at all, and `wiki.test:@other.test` is `other.test` for an application that
/// parses it as part of a URL.
///
/// A server that other proxies ask keeps their `Host`: it contains what their visitor sent.
pub(super) fn settle_host(r: &mut Request<'_>) -> Result<(), Fault> {
    const HOST: HeaderName<'static> = HeaderName::of_any(b"Host", b"host");
    if r.server().asked_by_proxies && !r.has_host_in_target() {
        return Ok(());
    }
    let value = authority(r)?;
    let said = r.host_header();
    if core::ptr::eq(value, said) || value.is_empty() || value == said {
        return Ok(());
    }
    if !r.has_host_header() {
        return r.add_headers(1, core::iter::once(NewHeader { name: HOST, value }));
    }
    r.edit_header(b"host", |_, _| Ok(Some(value)))
}

/// nginx rejects a second `Host`, so only the error page sees it: it gets the first one, like
/// nginx.
pub(super) fn drop_further_hosts(r: &mut Request<'_>) -> Result<(), Fault> {
    let mut found = 0;
    if r.headers().filter(|(name, _)| *name == b"host").count() < 2 {
        return Ok(());
    }
    r.cut_headers(|name, _| {
        found += usize::from(name == b"host");
        name == b"host" && found > 1
    })
}
