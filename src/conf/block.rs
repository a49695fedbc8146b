//! What the blocks `authentik_outpost` and `authentik_provider` share: keys that may appear once,
//! with values of limited length.

use gate::provider::SameSite;

use super::duplicate;
use crate::ngx::{Conf, Mistake};

/// Maximum length of a value, in bytes.
const LONGEST_VALUE: usize = 2048;

/// Key and values of the current line: one of the block's `keys`, not yet `seen`.
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

/// The value of a key that takes exactly one.
pub(super) fn single(key: &str, values: Vec<String>) -> Result<String, Mistake> {
    <[String; 1]>::try_from(values).map(|[value]| value).map_err(|values| {
        Mistake::Said(match values.len() {
            0 => format!("{key}: takes one value, e.g. {key} VALUE;"),
            count => format!("{key}: takes one value, not {count}; is a \";\" missing?"),
        })
    })
}
