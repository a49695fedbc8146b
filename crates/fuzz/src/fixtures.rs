//! The time and the keys of the targets, and how an input is taken apart.

use authentik_gate::keyring::Keyring;
use authentik_gate::time::UnixTime;

/// Seconds after the recording of the ten-year tokens.
pub(crate) const NOW: UnixTime = UnixTime(1_795_311_600);

pub(crate) const KEYRING: Keyring<'_> = Keyring::new(&[5; Keyring::SIZE]);

/// The input up to the first line end, and what follows it.
pub(crate) fn first_line(data: &[u8]) -> (&[u8], &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (line, rest) = data.split_at(end);
    (line, rest.get(1..).unwrap_or_default())
}

/// The bytes that are valid UTF-8, which is what most parsers of text are given.
pub(crate) fn lossy(data: &[u8]) -> String {
    String::from_utf8_lossy(data).into_owned()
}
