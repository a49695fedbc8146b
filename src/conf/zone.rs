//! `authentik_shared_zone zone=NAME:SIZE`.

use nginx::conf::size;

use super::{MainConf, duplicate};
use crate::ngx::zone::SMALLEST;
use crate::ngx::{Conf, Mistake};

/// Name and size of the zone.
pub(super) struct Setting {
    pub(super) name: String,
    /// In bytes.
    pub(super) size: usize,
}

impl Default for Setting {
    fn default() -> Self {
        Self { name: "authentik".to_owned(), size: 16 << 20 }
    }
}

pub(super) fn set_shared_zone(conf: &mut MainConf, cf: &mut Conf<'_>) -> Result<(), Mistake> {
    if conf.zone_setting.is_some() {
        return Err(duplicate("authentik_shared_zone"));
    }
    conf.zone_setting = Some(parse(&cf.argument())?);
    Ok(())
}

fn parse(argument: &str) -> Result<Setting, String> {
    let wrong =
        |what: &str| format!("authentik_shared_zone: {what}; write e.g. zone=authentik:16m");
    let (name, written) = argument
        .strip_prefix("zone=")
        .and_then(|zone| zone.split_once(':'))
        .ok_or_else(|| wrong(&format!("\"{argument}\" is not zone=NAME:SIZE")))?;
    if name.is_empty() {
        return Err(wrong(&format!("\"{argument}\" has no name")));
    }
    let size = size(written).ok_or_else(|| wrong(&format!("\"{written}\" is not a size")))?;
    if size < SMALLEST {
        let smallest = SMALLEST / 1024;
        return Err(wrong(&format!("\"{written}\" is too small, at least {smallest}k is needed")));
    }
    Ok(Setting { name: name.to_owned(), size })
}
