//! The secret of a store: all hosts and all processes with the same one share its sessions.
//!
//! It is in a separate file, readable only by its owner, and never in the store: a copy or a backup
//! of the store without it does not reveal whose sessions it contains. It is text, so that it can be
//! copied to other hosts by any means.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use authentik_gate::secret::Secret;
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use crate::fault::Fault;
use crate::place::{beside, random_number};

/// Minimum length of a secret, in bytes.
pub const SHORTEST: usize = 32;
/// Maximum length of its file, in bytes.
const LONGEST: u64 = 4096;
/// How to make one.
const MAKE: &str = "openssl rand -hex 32";

/// Path of the secret beside a store in a file, unless another is named.
#[must_use]
pub fn path_of(store: &Path) -> PathBuf {
    beside(store, ".secret")
}

/// Reads a secret: the text of the file without surrounding white space.
///
/// # Errors
/// There is none, it is too short, or it is readable by others.
pub fn read(path: &Path) -> Result<Secret, Fault> {
    let shown = path.display();
    let setup = |what: String| Fault::Setup(format!("\"{shown}\" {what}"));
    let unreadable = |error: io::Error| {
        if error.kind() == io::ErrorKind::NotFound {
            return setup(format!("does not exist; make it: (umask 077; {MAKE} >\"{shown}\")"));
        }
        setup(format!("cannot be read: {error}"))
    };
    let file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(setup("is not a file".to_owned()));
    }
    if metadata.permissions().mode() & 0o077 != 0 {
        return Err(setup(format!("is open to other users; chmod 600 \"{shown}\"")));
    }
    if metadata.len() > LONGEST {
        return Err(setup(format!("is longer than {LONGEST} bytes, it should hold a secret only")));
    }
    let mut text = Zeroizing::new(Vec::with_capacity(LONGEST as usize));
    file.take(LONGEST).read_to_end(&mut text).map_err(unreadable)?;
    let secret = text.trim_ascii();
    if secret.len() < SHORTEST {
        let length = secret.len();
        return Err(setup(format!(
            "has {length} bytes, a secret has at least {SHORTEST}; make one with: {MAKE}"
        )));
    }
    Ok(Secret::new(secret))
}

/// Makes a secret, unless there is one. Of several processes that do so at the same time, one makes
/// it. Returns whether this one did.
///
/// # Errors
/// It cannot be made.
pub fn make(path: &Path) -> Result<bool, Fault> {
    if path.try_exists()? {
        return Ok(false);
    }
    let mut random = Zeroizing::new([0; 32]);
    let filled = SystemRandom::new().fill(random.as_mut_slice());
    filled.map_err(|_| Fault::Away("the system gives no random bytes".to_owned()))?;
    // Written completely, then named: nobody reads half of it.
    let draft = beside(path, &format!(".{:016x}", random_number()?));
    let written = write(&draft, &text_of(&random)).and_then(|()| fs::hard_link(&draft, path));
    let _ = fs::remove_file(&draft);
    match written {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => {
            let shown = path.display();
            Err(Fault::Setup(format!("\"{shown}\" cannot be made: {error}")))
        }
    }
}

/// In hexadecimal, as a line.
fn text_of(random: &[u8; 32]) -> Zeroizing<Vec<u8>> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |half: u8| DIGITS.get(usize::from(half)).copied().unwrap_or_default();
    let mut text = Zeroizing::new(Vec::with_capacity(2 * random.len() + 1));
    random.iter().for_each(|byte| text.extend([digit(byte >> 4), digit(byte & 15)]));
    text.push(b'\n');
    text
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
