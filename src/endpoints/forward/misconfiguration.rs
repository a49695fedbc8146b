//! Tells authentik's administrators that a proxy does not say which page was requested, like
//! authentik's outposts do (docs/protocol.md §2.6).

use authentik_io::pool::Cancel;
use gate::forward::{ForwardFlaw, FrontEnd};
use gate::outpost::Misconfiguration;

use crate::authentik::lease;
use crate::authentik::threads::{Errand, Line};
use crate::ngx::Request;
use crate::ngx::log::{self, Level, printable};
use crate::outpost;
use crate::visitor::providers;

/// Reports what is wrong with a question, unless one was reported recently. Does not block anybody.
pub(super) fn report(r: &Request<'_>, front_end: FrontEnd, flaw: ForwardFlaw) {
    let (Some(conf), Some(zone)) = (&r.main_conf().outpost, r.main_conf().zone()) else { return };
    let Some(directory) = outpost::directory().filter(|_| Misconfiguration::is_one(flaw)) else {
        return;
    };
    if !lease::take(zone, Misconfiguration::key(), Misconfiguration::ONCE_IN) {
        return;
    }
    let provider = providers::asked(r, &directory);
    let event = Misconfiguration {
        outpost: &directory.outpost().name,
        provider: provider.map(|provider| provider.name.as_str()).unwrap_or_default(),
        front_end,
        flaw,
        client: &printable(r.peer()),
        target: r.raw_target(),
    };
    let Some(request) = conf.settings.report(event.to_json(r.headers())) else { return };
    let trust = conf.settings.trust.clone();
    // On the line for credentials, so that sign-ins do not wait for it. If that is full, it is
    // dropped.
    let errand = Errand {
        line: Line::Credentials,
        provider: None,
        sender: None,
        ticket: None,
        cancel: Cancel::default(),
    };
    errand.hand_over(move |client, deadline| {
        let told = match client.fetch(&request, &trust, deadline) {
            Ok(response) if matches!(response.status, 200..300) => Ok(()),
            Ok(response) => Err(format!("authentik answered {}", response.status)),
            Err(error) => Err(error.to_string()),
        };
        Box::new(move || {
            if let Err(why) = told {
                let what = "cannot report a misconfiguration to authentik";
                log::cycle(Level::Info, format_args!("{what}: {why}"));
            }
        })
    });
}
