//! For whom and when a page is made.

use gate::page::Occasion;
use gate::wording::Language;

use super::{Request, now};

/// The occasion of a page for this request. Called only where a page is made.
pub(crate) fn of<'r>(r: &Request<'r>) -> Occasion<'r> {
    let wishes = r.headers().filter(|(name, _)| *name == b"accept-language");
    let request = r.request_id().and_then(|id| std::str::from_utf8(id).ok());
    Occasion {
        language: Language::accepted(wishes.map(|(_, value)| value)),
        time: now(),
        request: request.unwrap_or_default(),
    }
}
