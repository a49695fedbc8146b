//! Secrets in separate files.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use gate::secret::Secret;

use crate::ngx::{Conf, Mistake};

/// Maximum length of a secret file, in bytes: authentik's secrets have 128 characters.
const LONGEST: u64 = 4096;

/// Reads a secret: the file's text without surrounding white space.
///
/// Runs in the master process, as the user that started nginx, so the file can be readable by root
/// only.
pub(super) fn read(key: &str, path: &str, cf: &Conf<'_>) -> Result<Secret, Mistake> {
    let path = cf.full_path(path)?;
    let wrong = |what: &str| Mistake::Said(format!("{key}: \"{path}\" {what}"));
    let unreadable = |error: std::io::Error| wrong(&format!("cannot be read: {error}"));

    let facts = fs::metadata(&path).map_err(unreadable)?;
    if !facts.is_file() {
        return Err(wrong("is not a file"));
    }
    if facts.len() > LONGEST {
        return Err(wrong(&format!(
            "is longer than {LONGEST} bytes, it should hold a secret only"
        )));
    }
    if facts.permissions().mode() & 0o007 != 0 {
        cf.warn(&format!(
            "{key}: \"{path}\" can be read by every user of this machine; chmod 600 it"
        ));
    }
    let text = Secret::new(fs::read(&path).map_err(unreadable)?);
    let secret = Secret::new(text.expose().trim_ascii());
    if secret.is_empty() {
        return Err(wrong("is empty, it should hold the secret"));
    }
    // A secret of random bytes may contain a line feed, but is hardly ever text.
    if secret.expose_str().is_some_and(|text| text.contains('\n')) {
        return Err(wrong("has several lines, it should hold the secret only"));
    }
    Ok(secret)
}
