//! Sessions without logins, for `make bench` only (cargo feature `bench-seed`, never in a release).

use gate::cookie::SessionId;
use gate::identity::{Life, render};
use gate::keyring::Keyring;
use gate::provider::Provider;
use gate::store::{Key, Owner, Record, kind};
use gate::token::from_introspection;
use nginx::directive::{HTTP, ONE};
use nginx::lifecycle;

use crate::conf::MainConf;
use crate::ngx::keyring::keyring;
use crate::ngx::log::{self, Level};
use crate::ngx::{Conf, Mistake, Row, now};
use crate::visitor::sessions::{self, Sealed};

/// `authentik_bench_seed N;` fills the zone with N sessions of the first provider.
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

/// Runs in the first worker; the session with number 0 comes last.
pub(crate) fn seed(conf: &MainConf) {
    let (Some(zone), Some(defined)) = (conf.zone(), conf.providers.first()) else { return };
    if conf.bench_sessions == 0 || lifecycle::worker_number() != 0 {
        return;
    }
    let (Some(payload), Some(keyring)) = (payload(&defined.provider), keyring()) else { return };
    let time = now();
    let before = zone.with(|table| table.fill().blocks_used).unwrap_or_default();
    for number in 0..=conf.bench_sessions {
        let number = conf.bench_sessions - number;
        let id = id(number, keyring);
        let key: Key = id.zone_key(&defined.provider.key);
        let sealed = sessions::seal(&payload, &key, Some(id.as_sent()), 0);
        let Some(Sealed { bytes: record, .. }) = sealed else { return };
        let mut owner = Owner { subject: [1; 16], sid: [2; 16] };
        owner.subject.iter_mut().zip(key).for_each(|(to, from)| *to = from);
        owner.sid.iter_mut().zip(key).for_each(|(to, from)| *to = !from);
        let Ok(record) = Record::new(key, owner, kind::SESSION, time.plus(LIFE), &record) else {
            return;
        };
        zone.with(|table| table.insert(&record, time));
    }
    let after = zone.with(|table| table.fill().blocks_used).unwrap_or_default();
    let (sessions, bytes) = (conf.bench_sessions + 1, u64::from(after - before) * 512);
    log::cycle(Level::Warn, format_args!("bench: {sessions} sessions in {bytes} bytes"));
}

fn payload(provider: &Provider) -> Option<Vec<u8>> {
    let exp = now().plus(LIFE).0;
    let (client_id, sub) = (&provider.client_id, "b".repeat(64));
    let answer = format!(
        r#"{{"active":true,"client_id":"{client_id}","iss":"x","aud":"{client_id}","exp":{exp},
        "sub":"{sub}","email":"bench@example.com","name":"Bench Mark",
        "preferred_username":"bench","sid":"{sub}",
        "groups":["authentik Admins","wiki editors","wiki readers"],
        "entitlements":["edit","publish"]}}"#
    );
    let claims = from_introspection(answer.as_bytes(), client_id, now()).ok()?;
    let life = Life::of_access_token(&claims, now());
    Some(render(&claims, provider, &[b't'; TOKEN], None, life).record.expose().to_vec())
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
