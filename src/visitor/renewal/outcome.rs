//! What a renewal changes in the zone. On the event loop.

use std::cell::Cell;

use authentik_store::Row;
use gate::cookie::SentId;
use gate::identity::{self, OwnedRecord, Rendered, SessionView};
use gate::question::CoreError;
use gate::reason::Reason;
use gate::renewal::{End, Entry, FAILURE_KEPT, Renewed, is_about};
use gate::store::{Key, Owner, Record, dated, kind};
use gate::time::UnixTime;
use nginx::lifecycle::uptime;

use super::again;
use super::question::{Case, InStore};
use super::revocation;
use crate::authentik::core_server::{self, Cause};
use crate::ngx::log::{self, Level};
use crate::ngx::zone::warn_if_full;
use crate::ngx::{self, Zone, counters, now};
use crate::storage;
use crate::storage::ends::{self, Source};
use crate::visitor::sessions::{self, Sealed};

/// Minimum interval between `error` lines about failed renewals, in seconds: while authentik is
/// away, each session fails.
const SAY_AGAIN: u64 = 60;

/// What replacing a session's record has led to.
enum Replaced {
    Done,
    /// The session has ended meanwhile: it stays ended.
    Gone,
    NoRoom,
}

/// Carries out what a renewal has led to, and continues those who wait for it.
pub(super) fn settle(case: Case, renewed: Renewed, stored: InStore) {
    let Some(zone) = Zone::of_worker() else { return };
    let renewed = match again::put_off(zone, case, renewed) {
        Some(done) => done,
        None => return,
    };
    let (case, renewed) = renewed;
    if let InStore::Later(Some(row), fault) = &stored {
        storage::renewal::write_later(Row::clone(row), fault);
    }
    match renewed {
        Renewed::GoesOn(rendered) if matches!(stored, InStore::Ended) => {
            is_gone(zone, &case, &rendered);
        }
        Renewed::GoesOn(rendered) => goes_on(zone, &case, &rendered),
        Renewed::OtherKeys(rendered, flaw) => {
            core_server::outdate(zone, &case.provider, Cause::SignIn);
            replace(zone, &case, &rendered);
            fails(zone, &case, &CoreError::from(flaw));
        }
        Renewed::Ended(end) => ends(zone, &case, &end),
        Renewed::NotNow(error) => fails(zone, &case, &error),
    }
    // Last: those who wait look for the new record, and ask themselves if there is none.
    super::give_up(zone, &case.key);
    if let Some(ticket) = case.ticket {
        ngx::wake(ticket, |_| {});
    }
}

fn goes_on(zone: Zone, case: &Case, rendered: &Rendered) {
    match replace(zone, case, rendered) {
        Replaced::Done => counters::count_renewal(),
        // Signed out, or ended by authentik, while authentik was asked.
        Replaced::Gone => is_gone(zone, case, rendered),
        Replaced::NoRoom => {
            keep_failure(zone, &case.key, Reason::ZoneFull);
            say(Level::Error, case, "session not renewed", Reason::ZoneFull, "");
        }
    }
}

/// The session has ended while it was renewed: nobody will use its new refresh token.
fn is_gone(zone: Zone, case: &Case, rendered: &Rendered) {
    ends::in_zone(zone, |table| table.remove(&case.key));
    if let Some(view) = SessionView::over(rendered.record.expose()) {
        revocation::revoke(zone, &case.provider, view.refresh_token());
    }
}

/// Replaces the session's record under the same key, unless the session has ended meanwhile: whoever
/// ends a session removes its record under the same lock.
fn replace(zone: Zone, case: &Case, rendered: &Rendered) -> Replaced {
    let id = SentId::parse(case.id.expose());
    let Some(Sealed { owner, bytes }) =
        sessions::seal(rendered.record.expose(), &case.key, id, case.opened)
    else {
        return Replaced::NoRoom;
    };
    let Ok(record) = Record::new(case.key, owner, kind::SESSION, rendered.expires, &bytes) else {
        return Replaced::NoRoom;
    };
    let time = now();
    let replaced = zone.with(|table| match table.find(&case.key, time).is_some() {
        true => table.insert(&record, time).map(Some),
        false => Ok(None),
    });
    match replaced {
        Some(Ok(Some(inserted))) => {
            warn_if_full(&inserted);
            Replaced::Done
        }
        Some(Ok(None)) => Replaced::Gone,
        Some(Err(_)) | None => Replaced::NoRoom,
    }
}

fn ends(zone: Zone, case: &Case, end: &End) {
    if !remove_unchanged(zone, case) {
        // Renewed by another worker after this one took too long: its token is the valid one.
        return;
    }
    counters::count_refused_renewal();
    keep_failure(zone, &case.key, end.reason);
    say(log::level(end.reason.reply().level), case, "session ended", end.reason, &end.why);
}

/// Ends the session if its refresh token is still the one that was used. Returns whether it is
/// gone.
fn remove_unchanged(zone: Zone, case: &Case) -> bool {
    let present = sessions::read(zone, &case.key, now(), |sealed, _, _| {
        identity::open(sealed, &case.key, SentId::parse(case.id.expose())?)
    });
    if !is_about(case.former.view(), present.as_ref().map(OwnedRecord::view)) {
        return false;
    }
    let session = authentik_store::Ended::Session(case.key);
    ends::end(zone, [session], Source::Entitled, |table| {
        u32::from(table.remove(&case.key) == Ok(true))
    });
    true
}

fn fails(zone: Zone, case: &Case, error: &CoreError) {
    thread_local! {
        // Used on the event-loop thread only.
        static NEXT: Cell<UnixTime> = const { Cell::new(UnixTime(0)) };
    }
    let (time, reason) = (now(), Reason::from(error));
    counters::count_failed_renewal();
    keep_failure(zone, &case.key, reason);
    let is_news = time >= NEXT.get();
    if is_news {
        NEXT.set(time.plus(SAY_AGAIN));
    }
    let level = if is_news { log::level(reason.reply().level) } else { Level::Info };
    say(level, case, "session not renewed", reason, &error.to_string());
}

/// Those who wait must not all ask in turn.
fn keep_failure(zone: Zone, key: &Key, reason: Reason) {
    let payload = dated::payload(uptime(), FAILURE_KEPT, reason.code().as_bytes());
    let (key, time) = (Entry::Failure.key(key), now());
    let record = Record::new(key, Owner::NOBODY, kind::LEASE, time.plus(FAILURE_KEPT), &payload);
    if let Ok(record) = record {
        zone.put(&record, time);
    }
}

fn say(level: Level, case: &Case, what: &str, reason: Reason, why: &str) {
    let (code, name) = (reason.code(), &case.provider.name);
    let separator = if why.is_empty() { "" } else { ", " };
    log::cycle(level, format_args!("{what}, reason: {code}, provider: \"{name}\"{separator}{why}"));
}
