//! What protects each server and location: for `authentik_status`, and for `nginx -t` with
//! `authentik_report on`.

use gate::status::{Coverage, Guard, Part, judged};
use nginx::conf::ServerName;

use super::location::values::set_flag;
use super::protection::Protection;
use super::{LocationConf, MainConf};
use crate::ngx::{Conf, Mistake};

pub(super) fn set_report(conf: &mut MainConf, cf: &mut Conf<'_>) -> Result<(), Mistake> {
    set_flag("authentik_report", &mut conf.says_report, cf)
}

/// Adds the location that was merged.
pub(super) fn add(location: &LocationConf, cf: &mut Conf<'_>) {
    let (guard, of_provider) = match location.protection() {
        Protection::Off => (Guard::Off, None),
        Protection::By(provider) => {
            (Guard::Provider(provider.name.clone()), Some(&provider.unauth_paths))
        }
        Protection::Auto(_) => (Guard::Auto, None),
    };
    let open = of_provider.into_iter().chain(location.unauth_paths());
    let open_paths = match guard {
        Guard::Off => Vec::new(),
        Guard::Provider(_) | Guard::Auto => {
            open.flat_map(|paths| paths.texts()).map(str::to_owned).collect()
        }
    };
    let server = cf.server_names().next().map(|name| match name {
        ServerName::Written(name) => String::from_utf8_lossy(name).into_owned(),
        ServerName::Pattern => "~ (a regular expression)".to_owned(),
    });
    let part = Part {
        server: server.unwrap_or_default(),
        place: cf.server_place().to_string(),
        location: cf.location_name(),
        guard,
        unauthenticated: location.unauthenticated(),
        open_paths,
        rules: location
            .require()
            .into_iter()
            .flat_map(|all| all.rules())
            .map(|rule| rule.to_string())
            .collect(),
        answered_by: cf.location_answers_by(),
        is_internal: cf.location_is_internal(),
        satisfies_any: cf.location_satisfies_any(),
        has_address_rules: location.has_rules(),
    };
    cf.main_conf().parts.push(part);
}

/// Judges what was added, and lists it in the log if that is asked for.
pub(super) fn finish(cf: &mut Conf<'_>) {
    let main = cf.main_conf();
    let parts = std::mem::take(&mut main.parts);
    main.coverage = Some(Coverage::of(&parts));
    if main.says_report != Some(true) {
        return;
    }
    for part in judged(&parts) {
        cf.notice_without_place(&format!("authentik_report: {part}"));
    }
}
