//! `authentik_status [format=html|json|prometheus] [end_sessions=on|off]`.

use gate::status::Format;
use nginx::content::Answerer;

use super::{LocationConf, duplicate};
use crate::ngx::{Conf, Mistake, Place};

/// What the location shows.
pub(super) struct StatusPage {
    pub(super) format: Format,
    /// Whether sessions can be ended there.
    pub(super) may_end: bool,
    /// Whether the location itself restricts access.
    pub(super) is_guarded: bool,
    place: Place,
}

const NOT_ALONE: &str = "authentik_status: another directive, like proxy_pass, answers in this \
    location; give it a location of its own";

pub(super) fn set_status(conf: &mut LocationConf, cf: &mut Conf<'_>) -> Result<(), Mistake> {
    if conf.status.is_some() {
        return Err(duplicate("authentik_status"));
    }
    let (mut format, mut may_end) = (None, None);
    for written in cf.arguments() {
        let is_duplicate = match written.as_str() {
            "end_sessions=on" => may_end.replace(true).is_some(),
            "end_sessions=off" => may_end.replace(false).is_some(),
            other => format.replace(format_of(other)?).is_some(),
        };
        if is_duplicate {
            return Err(Mistake::Said(format!("authentik_status: \"{written}\" is unexpected")));
        }
    }
    let (format, may_end) = (format.unwrap_or_default(), may_end.unwrap_or_default());
    if cf.answerer() != Answerer::Nobody {
        return Err(Mistake::Said(NOT_ALONE.to_owned()));
    }
    cf.answer_here();
    conf.status = Some(StatusPage { format, may_end, is_guarded: false, place: cf.place() });
    Ok(())
}

fn format_of(written: &str) -> Result<Format, Mistake> {
    let word = written.strip_prefix("format=");
    let found = Format::ALL.into_iter().find(|format| word == Some(format.word()));
    found.ok_or_else(|| {
        let known = Format::ALL.map(|format| format!("format={}", format.word())).join(", ");
        let known = format!("{known}, end_sessions=on, end_sessions=off");
        Mistake::Said(format!("authentik_status: \"{written}\" is not one of {known}"))
    })
}

impl StatusPage {
    /// The location itself must restrict access for sessions to be ended there.
    pub(super) fn settle(&mut self, chooses: bool) -> Result<(), Mistake> {
        self.is_guarded = chooses;
        if !self.may_end || chooses {
            return Ok(());
        }
        Err(Mistake::Said(format!(
            "authentik_status: end_sessions=on lets everybody who gets here end everybody's sessions; \
             add authentik_require, or allow and deny; in {}",
            self.place
        )))
    }

    /// Checked after the location was read: the last directive that answers wins.
    pub(super) fn answers_alone(&self, cf: &Conf<'_>) -> Result<(), Mistake> {
        if cf.answerer() == Answerer::Us {
            return Ok(());
        }
        Err(Mistake::Said(format!("{NOT_ALONE} in {}", self.place)))
    }
}
