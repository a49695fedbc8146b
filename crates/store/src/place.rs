//! The directory of a store in a file, and moving files out of the way.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use ring::rand::{SecureRandom, SystemRandom};

use crate::fault::Fault;
use crate::mounts::network_kind;

/// The same as [`prepare`], for the master, which gives the directory to the user of the workers: it
/// must be writable and must not be a directory of others.
///
/// # Errors
/// It is not suitable: the reason, and the remedy.
pub fn claim(path: &Path) -> Result<(), Fault> {
    prepare(path)?;
    let Some(directory) = path.parent() else { return Ok(()) };
    let shown = directory.display();
    let probe = beside(path, &format!(".probe-{:016x}", random_number()?));
    let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&probe);
    let _ = fs::remove_file(&probe);
    match written {
        Err(error) if error.kind() != io::ErrorKind::StorageFull => {
            return Err(Fault::Setup(format!("\"{shown}\" is not writable: {error}")));
        }
        _ => {}
    }
    if is_of_root(directory)? && has_other_files(directory, path)? {
        return Err(Fault::Setup(format!(
            "\"{shown}\" belongs to root and has other files, and would be given to the workers' \
             user; choose a directory of its own, e.g. {EXAMPLE}"
        )));
    }
    Ok(())
}

/// Whether both the directory and this process are root's.
fn is_of_root(directory: &Path) -> Result<bool, Fault> {
    let is_root = |path: &Path| fs::metadata(path).map(|metadata| metadata.uid() == 0);
    // A process' entry in /proc belongs to its effective user.
    Ok(is_root(directory)? && is_root(Path::new("/proc/self")).unwrap_or(true))
}

fn has_other_files(directory: &Path, path: &Path) -> Result<bool, Fault> {
    let ours = path.file_name().unwrap_or_default().as_encoded_bytes();
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name();
        let name = name.as_encoded_bytes();
        if !name.starts_with(ours) && !name.starts_with(SETTINGS) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Beginning of the files of `state_path`, which may share the directory.
const SETTINGS: &[u8] = b"outpost.settings";
/// Of a file.
const EXAMPLE: &str = "/var/lib/nginx/authentik/sessions";

/// Creates the file's directory if it does not exist, and checks that it is suitable.
pub(crate) fn prepare(path: &Path) -> Result<(), Fault> {
    let setup = |what: String| Err(Fault::Setup(what));
    let directory = match path.parent() {
        Some(directory) if path.is_absolute() && path.file_name().is_some() => directory,
        _ => {
            return setup(format!(
                "\"{}\" is not the absolute path of a file, like {EXAMPLE}",
                path.display()
            ));
        }
    };
    let shown = directory.display();
    match DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let parent = directory.parent().unwrap_or(directory).display();
            return setup(format!(
                "the directory \"{shown}\" cannot be made, since \"{parent}\" does not exist; make \
                 it: mkdir -p \"{parent}\""
            ));
        }
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return setup(format!("the directory \"{shown}\" cannot be made: {error}"));
        }
        _ => {}
    }
    let metadata = fs::metadata(directory)?;
    if !metadata.is_dir() {
        return setup(format!("\"{shown}\" is not a directory"));
    }
    if metadata.permissions().mode() & 0o077 != 0 {
        return setup(format!(
            "\"{shown}\" is open to other users; choose a directory of its own, like that of {EXAMPLE}, or: \
             chmod 700 \"{shown}\""
        ));
    }
    let mountinfo = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    if let Some(kind) = network_kind(&mountinfo, &fs::canonicalize(directory)?) {
        return setup(format!(
            "\"{shown}\" is on a network file system ({kind}), which does not lock files reliably; \
             choose a local directory"
        ));
    }
    Ok(())
}

/// Renames the file, and SQLite's files beside it, to an unused name. Returns the new name.
pub(crate) fn move_aside(path: &Path) -> Result<PathBuf, Fault> {
    let aside = beside(path, &format!(".aside-{:016x}", random_number()?));
    // Its companions first: a new file must not find a journal of the old one.
    for suffix in ["-wal", "-shm", ""] {
        match fs::rename(beside(path, suffix), beside(&aside, suffix)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    Ok(aside)
}

/// For unique names.
pub(crate) fn random_number() -> Result<u64, Fault> {
    let mut bytes = [0; 8];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| Fault::Away("the system gives no random bytes".to_owned()))?;
    Ok(u64::from_le_bytes(bytes))
}

/// Appends a suffix to a path.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
