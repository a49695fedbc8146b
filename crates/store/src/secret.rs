//! The secret of a store: the key of its hashes of users, and of the proofs in session ids.
//!
//! It is in a separate file beside the store, readable only by its owner: a copy or a backup of the
//! store without it does not reveal whose sessions it contains.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use crate::fault::Fault;
use crate::place::{beside, random_number};

/// Length of a secret, in bytes.
pub const SIZE: usize = 32;

/// Overwritten when dropped.
pub type Secret = Zeroizing<[u8; SIZE]>;

/// Path of this store's secret.
#[must_use]
pub fn path_of(store: &Path) -> PathBuf {
    beside(store, ".secret")
}

/// Reads the store's secret; creates it if it does not exist. Of several processes that do so at
/// the same time, only one creates it.
///
/// # Errors
/// It is missing, cannot be created, or is readable by others.
pub fn read_or_make(store: &Path) -> Result<Secret, Fault> {
    let path = path_of(store);
    if !path.try_exists()? {
        make(&path)?;
    }
    let shown = path.display();
    let metadata = fs::metadata(&path)?;
    if metadata.permissions().mode() & 0o077 != 0 {
        let cure = format!("chmod 600 \"{shown}\"");
        return Err(Fault::Setup(format!("\"{shown}\" is readable by other users; {cure}")));
    }
    let bytes = Zeroizing::new(fs::read(&path)?);
    let Some(secret) = bytes.first_chunk::<SIZE>().filter(|_| bytes.len() == SIZE) else {
        let cure = "restore it, or remove it: sessions then begin anew";
        return Err(Fault::Setup(format!("\"{shown}\" is not {SIZE} bytes long; {cure}")));
    };
    Ok(Zeroizing::new(*secret))
}

fn make(path: &Path) -> Result<(), Fault> {
    let mut secret = Zeroizing::new([0; SIZE]);
    let filled = SystemRandom::new().fill(secret.as_mut_slice());
    filled.map_err(|_| Fault::Away("the system gives no random bytes".to_owned()))?;
    // Written completely, then named: nobody reads half of it.
    let draft = beside(path, &format!(".{:016x}", random_number()?));
    let written = write(&draft, secret.as_slice()).and_then(|()| fs::hard_link(&draft, path));
    let _ = fs::remove_file(&draft);
    match written {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            let shown = path.display();
            Err(Fault::Setup(format!("\"{shown}\" cannot be made: {error}")))
        }
        _ => Ok(()),
    }
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
