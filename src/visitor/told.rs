//! What applications are told about a visitor: the identity headers. Writing them requires a permit
//! (phases/access.rs).

use gate::identity::{HEADERS, HeaderEncoding, ProviderHeaders, SessionView};
use nginx::header_list::{HeaderName, NewHeader};

/// All identity headers of a visitor. Additional headers are set by the administrator and override
/// all others (docs/protocol.md §7.4).
pub(crate) fn identity_headers<'r>(
    session: &SessionView<'r>,
    provider: &'r ProviderHeaders,
    encoding: HeaderEncoding,
) -> impl Iterator<Item = NewHeader<'r>> {
    let session = *session;
    let overridden = move |header: &NewHeader<'_>| session.overrides(header.name.lowercase());
    let extra = session.extra_headers_in(encoding).map(|extra| NewHeader {
        name: HeaderName::of_any(extra.name, extra.lowercase),
        value: extra.value,
    });
    the_twelve(&session, provider, encoding).filter(move |header| !overridden(header)).chain(extra)
}

/// The headers that every visitor has.
pub(crate) fn the_twelve<'r>(
    session: &SessionView<'r>,
    provider: &'r ProviderHeaders,
    encoding: HeaderEncoding,
) -> impl Iterator<Item = NewHeader<'r>> + use<'r> {
    let user = session.user_headers_in(encoding);
    let values = user.into_iter().chain(provider.values_in(encoding));
    NAMES.iter().zip(values).map(|(name, value)| NewHeader { name: *name, value })
}

/// The names of the identity headers in nginx's form, in the order of [`HEADERS`].
pub(crate) static NAMES: [HeaderName<'static>; HEADERS.len()] = names();

const fn names() -> [HeaderName<'static>; HEADERS.len()] {
    let mut names = [HeaderName::new(b"", b""); HEADERS.len()];
    let mut to: &mut [HeaderName<'_>] = &mut names;
    let mut from: &[(&str, &str)] = &HEADERS;
    while let ([name, names @ ..], [(written, lowercase), headers @ ..]) = (to, from) {
        *name = HeaderName::new(written.as_bytes(), lowercase.as_bytes());
        (to, from) = (names, headers);
    }
    names
}
