//! `/api/v3/outposts/instances/<pk>/health/`: what the admin page shows.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::core::Core;
use crate::json::{Json, object};
use crate::outpost::hub::Instance;

/// Version of the recorded authentik.
pub(super) const VERSION: &str = "2026.2.2";

/// The live instances. `None` (a server error) if one has an invalid version (docs/protocol.md
/// §3.2).
pub(super) fn of(core: &Core, outpost: &str) -> Option<Json> {
    let instances = core.hub.instances(outpost);
    let shown: Option<Vec<Json>> = instances.iter().map(instance).collect();
    shown.map(Json::Array)
}

fn instance(instance: &Instance) -> Option<Json> {
    let arg = |name: &str, missing: Json| match instance.args.get(name) {
        Some(value) => Json::from(value.clone()),
        None => missing,
    };
    let text = |name: &str| instance.args.get(name).and_then(Value::as_str).unwrap_or_default();
    let version = text("version");
    if !version.is_empty() && !is_version(version) {
        return None;
    }
    // Only a build with the server's own hash is compared; releases have none.
    let outdated = text("buildHash").is_empty() && !version.is_empty() && version != VERSION;
    Some(object([
        ("uid", instance.uid.as_str().into()),
        ("last_seen", timestamp(instance.last_seen).into()),
        ("version", version.into()),
        ("golang_version", arg("golangVersion", "".into())),
        ("openssl_enabled", arg("opensslEnabled", false.into())),
        ("openssl_version", arg("opensslVersion", "".into())),
        ("fips_enabled", Json::Value(Value::Null)),
        ("version_should", VERSION.into()),
        ("version_outdated", outdated.into()),
        ("build_hash", arg("buildHash", "".into())),
        ("build_hash_should", "".into()),
        ("hostname", arg("hostname", "".into())),
    ]))
}

/// Whether Python's `packaging.version` accepts it (PEP 440): `2026.2.2`, `1.0rc1`, `1.0.post1`,
/// `1.0+local.1`. Epochs are not supported.
fn is_version(text: &str) -> bool {
    let text = text.trim().to_ascii_lowercase();
    let (public, local) = match text.split_once('+') {
        Some((public, local)) => (public, Some(local)),
        None => (text.as_str(), None),
    };
    let word = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric());
    let local_is_good = local.is_none_or(|local| local.split(['.', '-', '_']).all(word));
    let public = public.strip_prefix('v').unwrap_or(public);
    let release = public.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(public.len());
    let (release, mut rest) = public.split_at(release);
    let release = match rest.is_empty() {
        true => release,
        false => release.strip_suffix('.').unwrap_or(release),
    };
    while let Some(shorter) = without_suffix(rest) {
        rest = shorter;
    }
    release.split('.').all(word) && rest.is_empty() && local_is_good
}

/// Strips a suffix such as `rc1`, `-dev2`, `-3`; `None` if there is none.
fn without_suffix(text: &str) -> Option<&str> {
    let bare = text.trim_start_matches(['.', '-', '_']);
    let named = SUFFIXES.iter().find_map(|name| bare.strip_prefix(name));
    let number = match named {
        Some(rest) => rest.trim_start_matches(['.', '-', '_']),
        None => bare.strip_prefix(|c: char| c.is_ascii_digit() && text.starts_with('-'))?,
    };
    Some(number.trim_start_matches(|c: char| c.is_ascii_digit()))
}

const SUFFIXES: [&str; 12] =
    ["alpha", "beta", "preview", "post", "pre", "dev", "rev", "rc", "a", "b", "c", "r"];

/// `2026-11-22T01:16:57.338511Z`
pub(super) fn timestamp(at: SystemTime) -> String {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, second) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let micros = since.subsec_micros();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
}

/// Year, month and day of a day since 1970 (Howard Hinnant, "chrono-compatible low-level date
/// algorithms", `civil_from_days`).
fn date(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn versions_are_those_python_takes() {
        for (text, good) in [
            ("2026.2.2", true),
            ("2024.1.0", true),
            ("0.1.0+nginx", true),
            ("2026.5.0-rc1", true),
            ("1.0.dev3", true),
            ("1.0-1", true),
            ("v1", true),
            ("nginx-1.0", false),
            ("1..0", false),
            ("1.0-nginx", false),
            ("1.0+", false),
            ("", false),
        ] {
            assert_eq!(is_version(text), good, "{text}");
        }
    }

    #[test]
    fn a_timestamp_is_written_as_recorded() {
        // Recorded after the connection was closed.
        let at = UNIX_EPOCH + Duration::from_micros(1_795_310_217_338_511);
        assert_eq!(timestamp(at), "2026-11-22T01:16:57.338511Z");
    }
}
