//! `authentik_outpost URL { … }`: providers come from authentik's admin interface.

use std::path::PathBuf;

use gate::outpost::OutpostSettings;
use gate::provider::{SameSite, SettingsError};
use gate::secret::Secret;

use super::block::{self, single};
use super::lifetimes::TermsKeys;
use super::trust::TrustKeys;
use super::{MainConf, doubts, secret};
use crate::ngx::{Conf, Mistake, Place};

/// The outpost of this nginx.
pub(crate) struct OutpostConf {
    pub(crate) settings: OutpostSettings,
    /// Directory of the last valid settings.
    pub(crate) state: Option<PathBuf>,
    pub(super) place: Place,
}

/// Every key of the block.
const KEYS: [&str; 11] = [
    "token",
    "token_file",
    "browser_url",
    "cookie_samesite",
    "session_lifetime",
    "recheck",
    "idle_timeout",
    "refresh",
    "ssl_verify",
    "ssl_trusted_certificate",
    "state_path",
];

/// The block while it is read.
#[derive(Default)]
struct Block {
    seen: Vec<String>,
    token: Option<Secret>,
    browser_url: Option<String>,
    cookie_samesite: SameSite,
    state: Option<String>,
    trust: TrustKeys,
    terms: TermsKeys,
}

pub(super) fn define(conf: &mut MainConf, cf: &mut Conf<'_>) -> Result<(), Mistake> {
    if let Some(other) = &conf.outpost {
        let there = &other.place;
        return Err(Mistake::Said(format!(
            "\"authentik_outpost\" directive is duplicate, see {there}; there is one outpost per \
             nginx"
        )));
    }
    let (url, place) = (cf.argument(), cf.place());
    let mut block = Block::default();
    cf.read_block(&mut block, set_key)?;
    let Block { seen: _, token, browser_url, cookie_samesite, state, trust, terms } = block;
    let token = token.ok_or_else(|| {
        said(
            "token_file is missing: a file that holds the outpost's token, which authentik shows \
             under Applications, Outposts, View Deployment Info",
        )
    })?;
    let mut settings =
        OutpostSettings::new(&url, browser_url.as_deref(), token, trust.finish()?)
            .map_err(|SettingsError { key, message }| said(&format!("{key} {message}")))?;
    settings.cookie_samesite = cookie_samesite;
    settings.terms = terms.finish()?;
    doubts::warn_of_transport("authentik_outpost", &url, &settings.trust, &place, cf);
    let state = state.map(|path| state_directory(&path, cf)).transpose()?;
    conf.outpost = Some(OutpostConf { settings, state: state.map(PathBuf::from), place });
    Ok(())
}

/// Handles a line of the block.
fn set_key(into: &mut Block, cf: &mut Conf<'_>) -> Result<(), Mistake> {
    let (key, values) = block::line("authentik_outpost", &KEYS, &mut into.seen, cf)?;
    let value = single(&key, values)?;
    match key.as_str() {
        "token" | "token_file" if into.token.is_some() => {
            return Err(Mistake::Said(format!("{key}: the token is already set")));
        }
        "token" if value.trim().is_empty() => {
            return Err(Mistake::Said("token: is empty".to_owned()));
        }
        "token" => into.token = Some(Secret::new(value.trim())),
        "token_file" => into.token = Some(secret::read(&key, &value, cf)?),
        "browser_url" => into.browser_url = Some(value),
        "cookie_samesite" => into.cookie_samesite = block::same_site(&key, &value)?,
        "session_lifetime" => into.terms.set_session_lifetime(&key, &value)?,
        "recheck" => into.terms.set_recheck(&key, &value)?,
        "idle_timeout" => into.terms.set_idle_timeout(&key, &value)?,
        "refresh" => into.terms.set_refresh(&key, &value)?,
        "ssl_verify" => into.trust.set_verify(&key, &value)?,
        "ssl_trusted_certificate" => into.trust.set_authorities(&key, &value, cf)?,
        "state_path" => into.state = Some(value),
        _ => return Err(said(&format!("unknown key \"{key}\""))),
    }
    Ok(())
}

fn state_directory(path: &str, cf: &Conf<'_>) -> Result<String, Mistake> {
    cf.state_directory(path).map_err(|mistake| match mistake {
        Mistake::Said(what) => said(&format!("state_path: {what}")),
        other @ Mistake::Logged => other,
    })
}

fn said(what: &str) -> Mistake {
    Mistake::Said(format!("authentik_outpost: {what}"))
}
