//! Sessions without logins, for `make bench` only (cargo feature `bench-seed`, never in a release).

use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;

use authentik_store::{Place, Row as Stored};
use gate::cookie::SessionId;
use gate::identity::{Life, Rendered, render};
use gate::keyring::Keyring;
use gate::provider::Provider;
use gate::store::{Key, Record, kind};
use gate::time::UnixTime;
use gate::token::from_introspection;
use nginx::directive::{HTTP, ONE};
use nginx::lifecycle;

use crate::conf::MainConf;
use crate::ngx::keyring::keyring;
use crate::ngx::log::{self, Level};
use crate::ngx::{Conf, Mistake, Row, Zone, now, now_millis};
use crate::storage::{self, write};
use crate::visitor::sessions::{self, Sealed};

/// `authentik_bench_seed N;` fills the zone, and the store if there is one, with N sessions of the first
/// provider.
pub(crate) const fn row() -> Row {
    Row::main(c"authentik_bench_seed", HTTP, ONE, set_seed)
}

fn set_seed(conf: &mut MainConf, cf: &mut Conf<'_>) -> Result<(), Mistake> {
    let number = cf.argument();
    let number = number.parse().map_err(|_| format!("authentik_bench_seed: \"{number}\"?"))?;
    conf.bench_sessions = number;
    Ok(())
}

/// How long the sessions last, in seconds.
const LIFE: u64 = 24 * 3600;
/// Length of each token, in bytes.
const TOKEN: usize = 1536;

/// Runs in the first worker; the session with number 0 comes last. They go to the store too, if there is one.
pub(crate) fn seed(conf: &MainConf) {
    let (Some(zone), Some(defined)) = (conf.zone(), conf.providers.first()) else { return };
    if conf.bench_sessions == 0 || lifecycle::worker_number() != 0 {
        return;
    }
    let used = || zone.with(|table| table.fill().blocks_used).unwrap_or_default();
    let (time, before) = (now(), used());
    // The store is a thread's: what it allocates must not change what requests cost here.
    let is_done = thread::scope(|scope| {
        let (rows, stored) = mpsc::sync_channel(64);
        let place = storage::place_of(conf.session_store());
        let writer = place.map(|place| scope.spawn(move || fill_store(&place, &stored, time)));
        let rows = writer.as_ref().map(|_| rows);
        let filled = fill_zone(conf.bench_sessions, zone, &defined.provider, rows.as_ref());
        drop(rows);
        filled.is_some() && writer.is_none_or(|writer| writer.join().is_ok_and(|done| done))
    });
    let (sessions, bytes) = (conf.bench_sessions + 1, u64::from(used() - before) * 512);
    match is_done {
        true => {
            log::cycle(Level::Warn, format_args!("bench: {sessions} sessions in {bytes} bytes"))
        }
        false => log::cycle(Level::Alert, format_args!("bench: zone or store is not filled")),
    }
}

fn fill_store(place: &Place, rows: &Receiver<Stored>, time: UnixTime) -> bool {
    let Ok(mut opened) = place.open() else { return false };
    rows.iter().all(|row| opened.store.put(&row, time.0).is_ok_and(|is_new| is_new))
}

fn fill_zone(
    last: usize,
    zone: Zone,
    provider: &Provider,
    rows: Option<&SyncSender<Stored>>,
) -> Option<()> {
    let keyring = keyring()?;
    let opened = if rows.is_some() { now_millis() } else { storage::NEVER };
    for number in (0..=last).rev() {
        let id = id(number, keyring);
        let key: Key = id.zone_key(&provider.key);
        let rendered = rendered(number, provider)?;
        let record = rendered.record.expose();
        let Sealed { owner, bytes } = sessions::seal(record, &key, Some(id.as_sent()), opened)?;
        let record = Record::new(key, owner, kind::SESSION, rendered.expires, &bytes).ok()?;
        zone.with(|table| table.insert(&record, now()));
        if let Some(rows) = rows {
            rows.send(write::row(id.as_sent(), &rendered, opened)?).ok()?;
        }
    }
    Some(())
}

/// The session with this number, of a user and a session at authentik of its own.
fn rendered(number: usize, provider: &Provider) -> Option<Rendered> {
    let exp = now().plus(LIFE).0;
    let client_id = &provider.client_id;
    let answer = format!(
        r#"{{"active":true,"client_id":"{client_id}","iss":"x","aud":"{client_id}","exp":{exp},
        "sub":"{number:064}","email":"bench@example.com","name":"Bench Mark",
        "preferred_username":"bench","sid":"{number:064}",
        "groups":["authentik Admins","wiki editors","wiki readers"],
        "entitlements":["edit","publish"]}}"#
    );
    let claims = from_introspection(answer.as_bytes(), client_id, now()).ok()?;
    let life = Life::of_access_token(&claims, now());
    Some(render(&claims, provider, &[b't'; TOKEN], None, life))
}

/// The id of the session with this number: its lower 24 bits, then zeros, and the proof from a
/// keyring of zeros (see `keyring::make`), so that ci/bench/seed.py can create its cookie.
fn id(number: usize, keyring: Keyring<'_>) -> SessionId {
    let mut random = [0; SessionId::RANDOM];
    let bytes = number.to_be_bytes();
    let lowest = bytes.iter().skip(size_of::<usize>() - 3);
    random.iter_mut().zip(lowest).for_each(|(to, from)| *to = *from);
    SessionId::new(random, keyring)
}
