//! `authentik_outpost URL { … }`: providers come from authentik's admin interface.

use std::path::PathBuf;

use gate::outpost::OutpostSettings;
use gate::provider::SettingsError;
use gate::secret::Secret;

use super::trust::TrustKeys;
use super::{MainConf, duplicate, secret};
use crate::ngx::Place;
use crate::ngx::conf::{Conf, Mistake};

/// The outpost of this nginx.
pub(crate) struct OutpostConf {
    pub(crate) settings: OutpostSettings,
    /// Directory of the last good settings.
    pub(crate) state: Option<PathBuf>,
    place: Place,
}

/// Longest value of a key, in bytes.
const LONGEST_VALUE: usize = 2048;

/// Every key of the block.
const KEYS: [&str; 6] =
    ["token", "token_file", "browser_url", "ssl_verify", "ssl_trusted_certificate", "state_path"];

/// The block as it is read.
#[derive(Default)]
struct Block {
    seen: Vec<String>,
    token: Option<Secret>,
    browser_url: Option<String>,
    state: Option<String>,
    trust: TrustKeys,
}

pub(super) fn define(conf: &mut MainConf, cf: &mut Conf<'_>) -> Result<(), Mistake> {
    if let Some(other) = &conf.outpost {
        let there = &other.place;
        return Err(Mistake::Said(format!(
            "\"authentik_outpost\" directive is duplicate, see {there}; one nginx is one outpost"
        )));
    }
    let (url, place) = (cf.argument(), cf.place());
    let mut block = Block::default();
    cf.read_block(&mut block, set_key)?;
    let Block { seen: _, token, browser_url, state, trust } = block;
    let token = token.ok_or_else(|| {
        said(
            "token_file is missing: a file that holds the outpost's token, which authentik shows \
             under Applications, Outposts, View Deployment Info",
        )
    })?;
    let settings = OutpostSettings::new(&url, browser_url.as_deref(), token, trust.finish()?)
        .map_err(|SettingsError { key, message }| said(&format!("{key} {message}")))?;
    let state = state.map(|path| cf.state_directory(&path)).transpose()?;
    conf.outpost = Some(OutpostConf { settings, state: state.map(PathBuf::from), place });
    Ok(())
}

/// One line of the block.
fn set_key(block: &mut Block, cf: &mut Conf<'_>) -> Result<(), Mistake> {
    let mut words = cf.words().into_iter();
    let key = words.next().unwrap_or_default();
    if !KEYS.contains(&key.as_str()) {
        return Err(said(&format!("unknown key \"{key}\"; there are {}", KEYS.join(", "))));
    }
    if block.seen.contains(&key) {
        return Err(duplicate(&key));
    }
    block.seen.push(key.clone());
    let (Some(value), None) = (words.next(), words.next()) else {
        return Err(Mistake::Said(format!("{key}: takes one value, e.g. {key} VALUE;")));
    };
    if value.len() > LONGEST_VALUE {
        let length = value.len();
        return Err(Mistake::Said(format!(
            "{key}: {length} bytes are too long, {LONGEST_VALUE} at most"
        )));
    }
    match key.as_str() {
        "token" | "token_file" if block.token.is_some() => {
            return Err(Mistake::Said(format!("{key}: the token was given already")));
        }
        "token" if value.trim().is_empty() => {
            return Err(Mistake::Said("token: is empty".to_owned()));
        }
        "token" => block.token = Some(Secret::new(value.trim())),
        "token_file" => block.token = Some(secret::read(&key, &value, cf)?),
        "browser_url" => block.browser_url = Some(value),
        "ssl_verify" => block.trust.set_verify(&key, &value)?,
        "ssl_trusted_certificate" => block.trust.set_authorities(&key, &value, cf)?,
        "state_path" => block.state = Some(value),
        _ => return Err(said(&format!("unknown key \"{key}\""))),
    }
    Ok(())
}

fn said(what: &str) -> Mistake {
    Mistake::Said(format!("authentik_outpost: {what}"))
}
