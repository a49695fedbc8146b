//! `authentik_session_store memory | file PATH | redis URL…`: where sessions are kept beyond the
//! session zone.
//!
//! The secret of a store is read here, in the master, which starts as root: workers inherit what
//! follows from it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use authentik_store::redis::Settings;
use authentik_store::{self as store, EndsFile, secret};

use super::redis;
use super::{MainConf, duplicate};
use crate::ngx::keyring::{self, Keys};
use crate::ngx::{Conf, Mistake};

const DIRECTIVE: &str = "authentik_session_store";

/// Where sessions are kept beyond the session zone.
#[derive(Debug, Default)]
pub(crate) enum SessionStore {
    /// Nowhere.
    #[default]
    Memory,
    /// In a file, by its absolute path.
    File(PathBuf),
    /// In Redis or Valkey.
    Redis(Arc<Settings>),
}

impl SessionStore {
    /// Its kind, for the status. `None` if there is none.
    pub(crate) fn kind(&self) -> Option<&'static str> {
        match self {
            Self::Memory => None,
            Self::File(_) => Some("file"),
            Self::Redis(_) => Some("redis"),
        }
    }
}

/// The directive.
#[derive(Default)]
pub(crate) struct Setting {
    pub(super) store: SessionStore,
    /// Where ends are kept that the store may not know yet. `None`: in memory only.
    pub(super) ends_file: Option<EndsFile>,
    /// What follows from the secret of the store.
    pub(crate) keys: Option<Keys>,
    /// What follows from the former secret, if one is named.
    pub(crate) former_keys: Option<Keys>,
}

pub(super) fn set_session_store(conf: &mut MainConf, cf: &mut Conf<'_>) -> Result<(), Mistake> {
    if conf.session_store.is_some() {
        return Err(duplicate(DIRECTIVE));
    }
    let arguments = cf.arguments();
    let Some((kind, rest)) = arguments.split_first() else { return Err(unknown_kind("")) };
    let setting = match kind.as_str() {
        "memory" => match rest.first() {
            None => Setting::default(),
            Some(surplus) => {
                return Err(wrong(&format!("memory takes no parameters; drop \"{surplus}\"")));
            }
        },
        "file" => file(rest, cf)?,
        "redis" => {
            let mut files = Files::default();
            let settings = redis::read(rest, &mut files, cf)?;
            let Some(path) = files.secret.take() else {
                return Err(wrong(
                    "secret_file is missing: the same file on all hosts, with at least 32 \
                     characters, e.g. from: openssl rand -hex 32",
                ));
            };
            if files.ends.is_none() {
                cf.warn(&format!(
                    "{DIRECTIVE}: without ends_file, a sign-out made while Redis is away is forgotten if nginx stops \
                     before Redis is back; add ends_file={EXAMPLE_OF_ENDS}, or ends_file=off if this host keeps \
                     no files"
                ));
            }
            files.derive(SessionStore::Redis(Arc::new(settings)), &path, cf)?
        }
        other => return Err(unknown_kind(other)),
    };
    conf.session_store = Some(setting);
    Ok(())
}

/// `file PATH [secret_file=F] [former_secret_file=F] [ends_file=F|off]`.
fn file(words: &[String], cf: &Conf<'_>) -> Result<Setting, Mistake> {
    let Some((path, parameters)) = words.split_first().filter(|(path, _)| !path.contains('='))
    else {
        return Err(wrong(
            "the path of the file is missing, e.g. file /var/lib/nginx/authentik/sessions",
        ));
    };
    let mut files = Files::default();
    for word in parameters {
        let (key, value) = parameter(word)?;
        if !files.set(key, value, cf)? {
            return Err(unknown_parameter(key, "file", FILES));
        }
    }
    let path = PathBuf::from(path);
    store::claim(&path).map_err(|fault| wrong(&fault.to_string()))?;
    give_to_workers(&path, cf)?;
    let of_secret = match files.secret.take() {
        Some(named) => named,
        None => made_beside(&path, cf)?,
    };
    files.ends.get_or_insert_with(|| Some(EndsFile::new(EndsFile::path_of(&path))));
    files.derive(SessionStore::File(path), &of_secret, cf)
}

/// The directory of a file that workers write.
fn give_to_workers(path: &Path, cf: &Conf<'_>) -> Result<(), Mistake> {
    let Some(directory) = path.parent() else { return Ok(()) };
    cf.state_directory(&directory.display().to_string()).map(drop)
}

/// The secret beside the store, which is made if it does not exist.
fn made_beside(path: &Path, cf: &Conf<'_>) -> Result<PathBuf, Mistake> {
    let of_secret = secret::path_of(path);
    let is_made = secret::make(&of_secret).map_err(|fault| wrong(&fault.to_string()))?;
    if is_made && path.exists() {
        cf.warn(&format!(
            "{DIRECTIVE}: \"{}\" was missing and is new, so the sessions in \"{}\" are unusable; \
             restore it from a backup to keep them",
            of_secret.display(),
            path.display()
        ));
    }
    Ok(of_secret)
}

/// What names these files, for messages.
pub(super) const FILES: &str = "secret_file, former_secret_file, ends_file";
const EXAMPLE_OF_ENDS: &str = "/var/lib/nginx/authentik/ends";

/// Files that a store of any kind needs, while parameters are read.
#[derive(Default)]
pub(super) struct Files {
    secret: Option<PathBuf>,
    former_secret: Option<PathBuf>,
    /// `Some(None)` is `off`.
    ends: Option<Option<EndsFile>>,
}

impl Files {
    /// Sets a parameter. `false` if it is none of these.
    pub(super) fn set(&mut self, key: &str, value: &str, cf: &Conf<'_>) -> Result<bool, Mistake> {
        let full_path = || cf.full_path(value).map(PathBuf::from);
        let is_first = match key {
            "secret_file" => self.secret.replace(full_path()?).is_none(),
            "former_secret_file" => self.former_secret.replace(full_path()?).is_none(),
            "ends_file" if value == "off" => self.ends.replace(None).is_none(),
            "ends_file" => self.ends.replace(Some(EndsFile::new(full_path()?))).is_none(),
            _ => return Ok(false),
        };
        once(is_first, key)?;
        Ok(true)
    }

    fn derive(
        self,
        store: SessionStore,
        of_secret: &Path,
        cf: &Conf<'_>,
    ) -> Result<Setting, Mistake> {
        let keys = keys("secret_file", of_secret)?;
        let former = self.former_secret;
        let former_keys = former.map(|former| keys_of_former(&former, &keys, cf)).transpose()?;
        let ends_file = self.ends.flatten();
        if let Some(file) = &ends_file {
            let of_store = match &store {
                SessionStore::File(path) => Some(path.as_path()),
                SessionStore::Memory | SessionStore::Redis(_) => None,
            };
            file.claim(of_store).map_err(|fault| wrong(&format!("ends_file: {fault}")))?;
            give_to_workers(file.path(), cf)?;
        }
        Ok(Setting { store, ends_file, keys: Some(keys), former_keys })
    }
}

fn keys_of_former(path: &Path, current: &Keys, cf: &Conf<'_>) -> Result<Keys, Mistake> {
    let former = keys("former_secret_file", path)?;
    if former.bytes() == current.bytes() {
        cf.warn(&format!(
            "{DIRECTIVE}: former_secret_file: has no effect, since it holds the current secret"
        ));
    }
    Ok(former)
}

fn keys(key: &str, path: &Path) -> Result<Keys, Mistake> {
    let secret = secret::read(path).map_err(|fault| wrong(&format!("{key}: {fault}")))?;
    keyring::derived(&secret).ok_or_else(|| wrong("no memory for the keys of sessions"))
}

/// A parameter `KEY=VALUE`.
pub(super) fn parameter(word: &str) -> Result<(&str, &str), Mistake> {
    match word.split_once('=') {
        Some((key, "")) => Err(wrong(&format!("{key}: is empty"))),
        Some(parameter) => Ok(parameter),
        // Not quoted: it could be a part of a password.
        None => Err(wrong("parameters are written KEY=VALUE; is a space or a \";\" misplaced?")),
    }
}

/// A parameter may be there once.
pub(super) fn once(is_first: bool, key: &str) -> Result<(), Mistake> {
    if is_first { Ok(()) } else { Err(wrong(&format!("{key}: is duplicate"))) }
}

/// A parameter that is not known. Quoted only if it looks like one: it could be a part of a password.
pub(super) fn unknown_parameter(key: &str, of: &str, there_are: &str) -> Mistake {
    let is_name = key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let shown = if is_name { format!(" \"{key}\"") } else { String::new() };
    wrong(&format!("unknown parameter{shown} of {of}; there are {there_are}"))
}

fn unknown_kind(kind: &str) -> Mistake {
    if kind.contains(':') {
        return wrong("the kind of store comes first: write redis URL secret_file=FILE");
    }
    wrong(&format!(
        "unknown store \"{kind}\"; write memory, file PATH, or redis URL secret_file=FILE"
    ))
}

pub(super) fn wrong(what: &str) -> Mistake {
    Mistake::Said(format!("{DIRECTIVE}: {what}"))
}
