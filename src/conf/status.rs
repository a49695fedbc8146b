//! `authentik_status [format=html|json|prometheus]`.

use gate::status::Format;
use nginx::content::Answerer;

use super::{LocationConf, duplicate};
use crate::ngx::{Conf, Mistake, Place};

/// What the location answers with.
pub(super) struct StatusPage {
    pub(super) format: Format,
    place: Place,
}

const NOT_ALONE: &str = "authentik_status: another directive, like proxy_pass, answers in this \
    location; give it a location of its own";

pub(super) fn set_status(conf: &mut LocationConf, cf: &mut Conf<'_>) -> Result<(), Mistake> {
    if conf.status.is_some() {
        return Err(duplicate("authentik_status"));
    }
    let format = match cf.arguments().first() {
        None => Format::default(),
        Some(written) => format_of(written)?,
    };
    if cf.answerer() != Answerer::Nobody {
        return Err(Mistake::Said(NOT_ALONE.to_owned()));
    }
    cf.answer_here();
    conf.status = Some(StatusPage { format, place: cf.place() });
    Ok(())
}

fn format_of(written: &str) -> Result<Format, Mistake> {
    let word = written.strip_prefix("format=");
    let found = Format::ALL.into_iter().find(|format| word == Some(format.word()));
    found.ok_or_else(|| {
        let known = Format::ALL.map(|format| format!("format={}", format.word())).join(", ");
        Mistake::Said(format!("authentik_status: \"{written}\" is not one of {known}"))
    })
}

impl StatusPage {
    /// Once the location was read: whoever comes last among those that answer has it.
    pub(super) fn answers_alone(&self, cf: &Conf<'_>) -> Result<(), Mistake> {
        if cf.answerer() == Answerer::Us {
            return Ok(());
        }
        Err(Mistake::Said(format!("{NOT_ALONE} in {}", self.place)))
    }
}
