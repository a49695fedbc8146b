//! The directory of the store, and moving files out of the way.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use ring::rand::{SecureRandom, SystemRandom};

use crate::fault::Fault;
use crate::mounts::network_kind;

/// Creates the file's directory if it does not exist, and checks that it is suitable.
pub(crate) fn prepare(path: &Path) -> Result<(), Fault> {
    let setup = |what: String| Err(Fault::Setup(what));
    let directory = match path.parent() {
        Some(directory) if path.is_absolute() && path.file_name().is_some() => directory,
        _ => return setup(format!("\"{}\" is not the absolute path of a file", path.display())),
    };
    let shown = directory.display();
    match DirBuilder::new().mode(0o700).create(directory) {
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
        return setup(format!("\"{shown}\" is open to other users; chmod 700 \"{shown}\""));
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
