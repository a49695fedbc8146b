//! What is created if nothing exists, and what happens to files that are not a store.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use authentik_gate::secret::Secret;

use super::super::*;
use super::{NOW, Place, row};
use crate::place::claim;
use crate::secret;

#[test]
fn what_is_no_store_is_moved_aside_whole() {
    let place = Place::new("aside");
    let spoil: [(&str, &dyn Fn()); 5] = [
        ("not a database", &|| fs::write(place.file(), [b'x'; 9000]).unwrap()),
        ("a database of others", &|| {
            let others = Connection::open(place.file()).unwrap();
            others.execute_batch("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)").unwrap();
        }),
        ("a later version", &|| {
            drop(place.open());
            let later = Connection::open(place.file()).unwrap();
            later.pragma_update(None, "user_version", 2).unwrap();
        }),
        ("cut off", &|| {
            drop(place.open());
            let whole = fs::read(place.file()).unwrap();
            fs::write(place.file(), &whole[..whole.len() / 2]).unwrap();
        }),
        ("overwritten", &|| {
            drop(place.open());
            let mut bytes = fs::read(place.file()).unwrap();
            bytes[100..4096].fill(0xa5);
            fs::write(place.file(), bytes).unwrap();
        }),
    ];
    for (what, spoil) in spoil {
        drop(place.open());
        for suffix in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(place::beside(&place.file(), suffix));
        }
        spoil();
        let spoilt = fs::read(place.file()).unwrap();
        let Opened { mut store, aside } = FileStore::open(&place.file()).unwrap();
        let (_, aside) = aside.expect(what);
        assert_eq!(fs::read(&aside).unwrap(), spoilt, "{what}");
        assert!(store.put(&row(1), NOW).unwrap(), "{what}");
        assert_eq!(store.get(&[1; 32], NOW).unwrap(), Some(row(1)), "{what}");
    }
}

#[test]
fn directory_and_files_are_for_their_owner_alone() {
    let place = Place::new("owner");
    {
        let mut store = place.open();
        assert!(secret::make(&secret::path_of(&place.file())).unwrap());
        store.put(&row(1), NOW).unwrap();
        assert_eq!(place.files(), ["sessions", "sessions-shm", "sessions-wal", "sessions.secret"]);
        for name in place.files() {
            let mode = fs::metadata(place.0.join(&name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    }
    assert_eq!(fs::metadata(&place.0).unwrap().permissions().mode() & 0o777, 0o700);

    fs::set_permissions(&place.0, Permissions::from_mode(0o750)).unwrap();
    assert!(place.setup_fault().contains("chmod 700"), "{}", place.setup_fault());
    let relative = FileStore::open(Path::new("sessions"));
    assert!(matches!(relative, Err(Fault::Setup(what)) if what.contains("absolute")));
    let nowhere = FileStore::open(&place.0.join("no/such/directory"));
    assert!(matches!(nowhere, Err(Fault::Setup(what)) if what.contains("cannot be made")));
}

#[test]
fn a_store_is_opened_without_its_secret() {
    let place = Place::new("no-secret");
    place.open().put(&row(1), NOW).unwrap();
    assert_eq!(place.files(), ["sessions"], "opening makes none");
}

#[test]
fn a_secret_stays_and_is_for_its_owner_alone() {
    let place = Place::new("secret");
    drop(place.open());
    let file = secret::path_of(&place.file());
    let fault = || match secret::read(&file) {
        Err(Fault::Setup(what)) => what,
        other => panic!("{:?}", other.map(drop)),
    };
    assert!(fault().contains("openssl rand -hex 32"), "{}", fault());
    assert!(secret::make(&file).unwrap());
    let secret = secret::read(&file).unwrap();
    assert_eq!(secret.expose().len(), 64);
    assert!(!secret::make(&file).unwrap(), "there is one");
    assert!(secret::read(&file).unwrap() == secret);

    for mode in [0o640, 0o604, 0o620] {
        fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        assert!(fault().contains("chmod 600"), "{}", fault());
    }
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    fs::write(&file, format!("\n {} \n", "x".repeat(31))).unwrap();
    assert!(fault().contains("has 31 bytes"), "{}", fault());
    fs::write(&file, "x".repeat(5000)).unwrap();
    assert!(fault().contains("longer"), "{}", fault());
    fs::remove_file(&file).unwrap();
    assert!(secret::make(&file).unwrap());
    assert!(secret::read(&file).unwrap() != secret, "a new one");
}

#[test]
fn a_directory_of_others_is_not_given_to_the_workers() {
    let place = Place::new("claim");
    let faulty = || match claim(&place.file()) {
        Err(Fault::Setup(what)) => what,
        other => panic!("{other:?}"),
    };
    claim(&place.file()).unwrap();
    assert!(place.files().is_empty(), "it leaves nothing behind");
    drop(place.open());
    secret::make(&secret::path_of(&place.file())).unwrap();
    fs::write(place.0.join("outpost.settings"), "").unwrap();
    claim(&place.file()).unwrap();
    fs::write(place.0.join(".bashrc"), "").unwrap();
    if fs::metadata(&place.0).unwrap().uid() == 0 {
        assert!(faulty().contains("has other files"), "{}", faulty());
    }
}

#[test]
fn of_several_that_make_a_secret_at_once_one_makes_it() {
    let place = Place::new("race");
    let path = place.file();
    fs::create_dir(&place.0).unwrap();
    fs::set_permissions(&place.0, Permissions::from_mode(0o700)).unwrap();
    let file = secret::path_of(&path);
    let open = || {
        let made = secret::make(&file).unwrap();
        (made, secret::read(&file).unwrap())
    };
    let secrets: Vec<(bool, Secret)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(secrets.iter().all(|(_, secret)| *secret == secrets[0].1));
    assert_eq!(secrets.iter().filter(|(made, _)| *made).count(), 1);
    let drafts = place.files().into_iter().filter(|name| name.starts_with("sessions.secret."));
    assert_eq!(drafts.count(), 0);
}

#[test]
fn a_file_that_was_replaced_is_noticed() {
    let place = Place::new("replaced");
    let store = place.open();
    assert!(store.is_current());
    fs::rename(place.file(), place.0.join("elsewhere")).unwrap();
    assert!(!store.is_current(), "it is gone");
    let mut other = place.open();
    assert!(!store.is_current() && other.is_current());
    assert!(other.put(&row(1), NOW).unwrap());
}

#[test]
fn who_only_reads_opens_a_file_while_another_process_writes() {
    let place = Place::new("open-busy");
    let mut one = place.open();
    one.put(&row(1), NOW).unwrap();
    let _writing = one.change().unwrap();
    let begun = std::time::Instant::now();
    assert_eq!(place.open().get(&[1; 32], NOW).unwrap(), Some(row(1)));
    assert!(begun.elapsed() < std::time::Duration::from_secs(1), "it does not wait");
}
