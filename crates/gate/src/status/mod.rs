//! What `authentik_status` shows: a [`Report`] of the module's state, as page, JSON or Prometheus.
//!
//! It contains no secrets and no user names: administrators choose who may see the page, and
//! monitoring systems keep their data for a long time.

mod count;
mod coverage;
mod duration;
pub mod ending;
mod html;
mod json;
mod moment;
mod prometheus;
mod report;
mod store;
#[cfg(test)]
mod tests;

pub use self::count::{
    Counter, Status, count, count_foreign_cookie, count_lookup, count_renewal,
    count_store_question, set_store_backlog,
};
pub use self::coverage::{Access, Coverage, Covered, Guard, Part, judged};
pub use self::duration::{Bucket, Duration, Histogram, record};
pub use self::report::{
    EventLoopReport, OutpostReport, ProviderReport, Report, Source, Tally, ZoneReport,
};
pub use self::store::StoreReport;
use crate::page::JSON_HEADERS;
use crate::response::Response;

/// `authentik_status format=…`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Format {
    /// A page for people.
    #[default]
    Html,
    /// For programs: the keys are listed in docs/monitoring.md.
    Json,
    /// Text exposition format 0.0.4.
    Prometheus,
}

impl Format {
    /// All of them, in the order they are offered.
    pub const ALL: [Self; 3] = [Self::Html, Self::Json, Self::Prometheus];

    /// Its name in the configuration.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Json => "json",
            Self::Prometheus => "prometheus",
        }
    }
}

/// The response to a status request; `may_end` is whether sessions can be ended there.
#[must_use]
pub fn answer(report: &Report, format: Format, may_end: bool) -> Response {
    match format {
        Format::Html if may_end => {
            let page = html::render(report, html::FORM);
            Response::with_body(200, &html::HEADERS_WITH_FORM, page)
        }
        Format::Html => Response::with_body(200, &html::HEADERS, html::render(report, "")),
        Format::Json => Response::with_body(200, &JSON_HEADERS, json::render(report)),
        Format::Prometheus => {
            Response::with_body(200, &prometheus::HEADERS, prometheus::render(report))
        }
    }
}
