//! What the blocks `authentik_outpost` and `authentik_provider` have in common: keys, each once, with
//! values of bounded length.

use gate::provider::SameSite;

use super::duplicate;
use crate::ngx::{Conf, Mistake};

/// Longest value of a key, in bytes.
const LONGEST_VALUE: usize = 2048;

/// Key and values of the line that is being read: a key of the block's `keys` that was not `seen`.
pub(super) fn line(
    directive: &str,
    keys: &[&str],
    seen: &mut Vec<String>,
    cf: &Conf<'_>,
) -> Result<(String, Vec<String>), Mistake> {
    let mut words = cf.words().into_iter();
    let key = words.next().unwrap_or_default();
    let values: Vec<String> = words.collect();
    if !keys.contains(&key.as_str()) {
        let keys = keys.join(", ");
        return Err(Mistake::Said(format!("{directive}: unknown key \"{key}\"; there are {keys}")));
    }
    if seen.contains(&key) {
        return Err(duplicate(&key));
    }
    if let Some(long) = values.iter().find(|value| value.len() > LONGEST_VALUE) {
        let length = long.len();
        return Err(Mistake::Said(format!(
            "{key}: is {length} bytes long, at most {LONGEST_VALUE} are allowed"
        )));
    }
    seen.push(key.clone());
    Ok((key, values))
}

/// `cookie_samesite lax | none | strict`.
pub(super) fn same_site(key: &str, value: &str) -> Result<SameSite, Mistake> {
    SameSite::parse(value)
        .ok_or_else(|| Mistake::Said(format!("{key}: \"{value}\" is not one of lax, none, strict")))
}

/// The value of a key that takes one.
pub(super) fn single(key: &str, values: Vec<String>) -> Result<String, Mistake> {
    <[String; 1]>::try_from(values).map(|[value]| value).map_err(|values| {
        Mistake::Said(match values.len() {
            0 => format!("{key}: takes one value, e.g. {key} VALUE;"),
            count => format!("{key}: takes one value, not {count}; is a \";\" missing?"),
        })
    })
}
