//! A session for credentials.
//!
//! A client that keeps cookies does not have to send its credentials again. A client that does not
//! keep them has one session, however often it comes: the same credentials mean the same session,
//! until it ends.

use std::sync::Arc;

use gate::cookie::{self, SessionId};
use gate::credentials::{Credentials, Salt, session_id, zone_key};
use gate::provider::Provider;
use gate::sender::Sender;
use gate::store::{Inserted, Key, Record, Table, Unstored, kind};
use gate::time::UnixTime;

use crate::ngx::keyring::keyring;
use crate::ngx::random::random;
use crate::ngx::zone::warn_if_full;
use crate::ngx::{Fault, Request, Zone, now, sender};
use crate::storage;
use crate::visitor::sessions::{self, Sealed};

/// Credentials accepted by authentik.
pub(super) struct Accepted<'a> {
    pub(super) credentials: &'a Credentials,
    pub(super) key: &'a Key,
    pub(super) bytes: &'a [u8],
    /// This request has asked authentik.
    pub(super) is_fresh: bool,
}

/// Offers the session to a client with accepted credentials, by a cookie.
pub(super) fn session(
    r: &mut Request<'_>,
    provider: &Arc<Provider>,
    accepted: &Accepted<'_>,
    expires: UnixTime,
) -> Result<(), Fault> {
    if sender::of(r) == Sender::Nobody {
        return Ok(());
    }
    let Some(zone) = r.main_conf().zone() else { return Ok(()) };
    // A second time if another worker has created the session in the meantime.
    let id = (0..2).find_map(|_| id_of(zone, provider, accepted, expires));
    if let Some(id) = id {
        let life = expires.since(now());
        r.add_response_header("Set-Cookie", &cookie::set_session(provider, &id, life))?;
    }
    Ok(())
}

/// The id of the session, which is now in the zone.
///
/// The salt is a record of the user, like the session, so both end with a sign-out.
fn id_of(
    zone: Zone,
    provider: &Provider,
    accepted: &Accepted<'_>,
    expires: UnixTime,
) -> Option<SessionId> {
    let time = now();
    let name = zone_key(provider, b"session", accepted.credentials);
    let known = zone.with(|table| salt_of(table, &name, time))?;
    let keyring = keyring()?;
    let id_with = |salt: &Salt| session_id(provider, accepted.credentials, salt, keyring);
    // If only sessions are ended, the salt of an ended session remains. It is not reused: an id
    // that has ended stays dead.
    let lasting = known.filter(|salt| {
        let key = id_with(salt).zone_key(&provider.key);
        zone.with(|table| table.find(&key, time).is_some()) == Some(true)
    });
    let salt = lasting.or_else(random)?;
    let id = id_with(&salt);
    if lasting.is_some() && !accepted.is_fresh {
        return Some(id);
    }
    let key = id.zone_key(&provider.key);
    let Sealed { owner, bytes } =
        sessions::seal(accepted.bytes, &key, Some(id.as_sent()), storage::NEVER)?;
    let session = Record::new(key, owner, kind::SESSION, expires, &bytes).ok()?;
    let salt = Record::new(name, owner, kind::CREDENTIALS, expires, &salt).ok()?;
    let begin = |table: &mut Table<'_>| -> Result<Option<Inserted>, Unstored> {
        // If the user has been signed out meanwhile, the answer is gone, and there must be no
        // session.
        if table.find(accepted.key, time).is_none() || salt_of(table, &name, time) != known {
            return Ok(None);
        }
        table.insert(&salt, time)?;
        table.insert(&session, time).map(Some)
    };
    let inserted = zone.with(begin)?.ok()??;
    warn_if_full(&inserted);
    Some(id)
}

fn salt_of(table: &mut Table<'_>, name: &Key, time: UnixTime) -> Option<Salt> {
    let mut salt = Salt::default();
    table.find(name, time)?.copy_into(&mut salt).then_some(salt)
}
