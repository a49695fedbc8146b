//! The last good settings on disk, so that nginx starts and serves while authentik is unavailable.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use gate::outpost::{Origin, OutpostSettings, Provenance, Snapshot, vault};
use gate::secret::Secret;
use ring::rand::{SecureRandom, SystemRandom};

const NAME: &str = "outpost.settings";
/// Maximum size of the file, in bytes.
const LONGEST: u64 = 64 << 20;

/// Reads the settings stored by [`write`]; `None` if there are none.
///
/// # Errors
/// Why the file cannot be used, as a sentence without a full stop.
pub(super) fn read(
    directory: Option<&Path>,
    settings: &OutpostSettings,
) -> Result<Option<Snapshot>, String> {
    let Some(directory) = directory else { return Ok(None) };
    let path = directory.join(NAME);
    let wrong = |what: &str| format!("\"{}\" {what}", path.display());
    let mut sealed = Vec::new();
    match File::open(&path).and_then(|file| file.take(LONGEST).read_to_end(&mut sealed)) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(wrong(&format!("cannot be read: {error}"))),
    }
    let opened = vault::open(&sealed, &settings.token)
        .ok_or_else(|| wrong("was not written with this token, or is damaged; it is not used"))?;
    let Provenance::Own(document) = Origin::of(settings).unmark(opened.expose()) else {
        return Err(wrong("belongs to another authentik; it is not used"));
    };
    Snapshot::from_json(document)
        .map(Some)
        .map_err(|_| wrong("has another version; it is not used"))
}

/// Replaces the file atomically: readers see either the old settings or the new ones.
///
/// # Errors
/// Why the file was not replaced, for the log.
pub(super) fn write(directory: &Path, document: &Secret, token: &Secret) -> Result<(), String> {
    let mut nonce = [0; vault::NONCE];
    let sealed = SystemRandom::new().fill(&mut nonce).ok();
    let sealed = sealed.and_then(|()| vault::seal(document, token, nonce));
    let sealed = sealed.ok_or("the settings cannot be sealed")?;
    let path = directory.join(NAME);
    // Two processes may write at the same time for a moment, but not to the same file.
    let draft = directory.join(format!("{NAME}.{}", std::process::id()));
    let done = write_draft(&draft, &sealed).and_then(|()| fs::rename(&draft, &path));
    done.map_err(|error| {
        let _ = fs::remove_file(&draft);
        format!("\"{}\" cannot be written: {error}", path.display())
    })
}

fn write_draft(draft: &Path, sealed: &[u8]) -> io::Result<()> {
    // A process with this id may have been killed here. The file is created anew: a link is never
    // followed.
    match fs::remove_file(draft) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(draft)?;
    // Regardless of the umask.
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(sealed)?;
    file.sync_all()
}
