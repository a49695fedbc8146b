//! A store in Redis or Valkey that several hosts use: one server, one with Sentinels, or a cluster.
//!
//! ```text
//! PREFIX s: KEY          a session, or a mark in its place when it has ended
//! PREFIX w: KIND : HASH  somebody who has sessions (a user, a session at authentik, a user name),
//!                        and when those with each provider, or with all, have ended
//! PREFIX l: KEY          a lease
//! PREFIX ends            a stream of ends, for all hosts
//! ```
//!
//! Every key but the stream expires by itself. No operation needs two keys at once, so that a
//! cluster can hold them in different places: a session of somebody whose sessions have ended is
//! still there, and is none because of the second key. So an end takes the same time for one session
//! and for a million.

mod connection;
mod keys;
mod link;
mod memory;
mod scripts;
mod settings;
mod stream;
mod trouble;
mod value;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use redis::{Cmd, Value, cmd};

use self::keys::Keys;
use self::link::{Link, Question};
use self::trouble::Trouble;
use crate::fault::Fault;
use crate::row::{Changes, End, Ended, Key, Mark, Row};

pub use keys::{unpacked as stored_session, unpacked_end as stored_end};
pub use settings::{Kind, Server, Settings};
pub use trouble::commands;

/// About how many ends the stream holds. Who is behind by more has missed some.
const FEED_LENGTH: usize = 100_000;
/// How many are read at once.
const FEED_PART: usize = 1000;
/// The field of an entry.
const FIELD: &str = "e";

/// How long an end of all sessions of somebody is remembered at least, for late writers, in seconds.
const ENDS_KEPT: u64 = 24 * 3600;

/// The connections of this thread. None is opened before it is needed.
pub struct RedisStore {
    link: Link,
    keys: Keys,
}

impl RedisStore {
    /// Connects to nothing yet.
    ///
    /// # Errors
    /// The certificates to trust are unusable.
    pub fn new(settings: Arc<Settings>) -> Result<Self, Fault> {
        let keys = Keys::new(&settings.prefix);
        let link = Link::new(settings).map_err(Fault::Setup)?;
        Ok(Self { link, keys })
    }

    /// Stores a session, replacing any with the same key. `false` if it has ended in the meantime
    /// or has expired: it is then not stored.
    ///
    /// # Errors
    /// It was not stored, or it is not known whether it was.
    pub fn put(&mut self, row: &Row, now: u64) -> Result<bool, Fault> {
        if row.expires <= now {
            return Ok(false);
        }
        let life = milliseconds(row.expires - now).into_bytes();
        let know = |(key, field): (Vec<u8>, String)| {
            script_on(scripts::KNOW, key, &[life.clone(), field.into_bytes()])
        };
        let questions: Vec<Question> = self.keys.all_of(row).into_iter().map(know).collect();
        if self.ask(&questions, Duration::ZERO)?.iter().any(|ends| have_ended(ends, row)) {
            return Ok(false);
        }
        let arguments = [keys::packed(row), life];
        let stored = self.run(scripts::PUT, self.keys.session(&row.key), &arguments)?;
        Ok(stored == 1)
    }

    /// The session with this key, unless it has ended or expired. What is not as written is not a
    /// session.
    ///
    /// # Errors
    /// The server could not be asked.
    pub fn get(&mut self, key: &Key, now: u64) -> Result<Option<Row>, Fault> {
        let replies = self.ask(&[on("GET", self.keys.session(key), |_| {})], Duration::ZERO)?;
        let value = replies.first().and_then(value::bytes);
        let row = value.and_then(|value| keys::unpacked(key, value));
        let Some(row) = row.filter(|row| row.expires > now) else { return Ok(None) };
        let ends = |(key, field): (Vec<u8>, String)| {
            on("HMGET", key, |command| {
                command.arg(field).arg(keys::ALL);
            })
        };
        let questions: Vec<Question> = self.keys.all_of(&row).into_iter().map(ends).collect();
        let replies = self.ask(&questions, Duration::ZERO)?;
        Ok(if replies.iter().any(|ends| have_ended(ends, &row)) { None } else { Some(row) })
    }

    /// Ends sessions; returns whether a single one was there, as a count, and 0 for others, which
    /// are not counted. Sessions opened earlier can no longer be stored either, by any host: a
    /// single one `until` then at least, in seconds since 1970.
    ///
    /// # Errors
    /// They may not have ended: try again.
    pub fn end(&mut self, end: &End, until: u64) -> Result<usize, Fault> {
        let question = match &end.ended {
            Ended::Session(key) => {
                let life = milliseconds(until.saturating_sub(now()).max(1)).into_bytes();
                script_on(scripts::END, self.keys.session(key), &[life])
            }
            ended @ (Ended::Subject(..) | Ended::Sid(..) | Ended::Name(_)) => {
                let Some((key, field)) = self.keys.whose(ended) else { return Ok(0) };
                let arguments = [field, end.at.to_string(), milliseconds(ENDS_KEPT)];
                script_on(scripts::END_ALL, key, &arguments.map(String::into_bytes))
            }
        };
        let questions = [question, self.news(&keys::packed_end(end))];
        let replies = self.link.ask(&questions, Duration::ZERO)?;
        if let Some(error) = replies.iter().find_map(error) {
            let fault = self.link.refused(error);
            if Trouble::is_out_of_memory(error) {
                self.remove(&end.ended);
            }
            return Err(fault);
        }
        let was_there = replies.first().and_then(value::number) == Some(1);
        Ok(usize::from(was_there && matches!(end.ended, Ended::Session(_))))
    }

    /// Whether there are sessions that this would end. Those of somebody may have ended already, and
    /// may be with another provider.
    ///
    /// # Errors
    /// The server could not be asked.
    pub fn knows(&mut self, ended: &Ended) -> Result<bool, Fault> {
        let question = match ended {
            Ended::Session(key) => on("GETRANGE", self.keys.session(key), |command| {
                command.arg(0).arg(0);
            }),
            Ended::Subject(..) | Ended::Sid(..) | Ended::Name(_) => {
                let Some((key, _)) = self.keys.whose(ended) else { return Ok(false) };
                on("EXISTS", key, |_| {})
            }
        };
        let replies = self.ask(&[question], Duration::ZERO)?;
        let reply = replies.first();
        let is_session = reply.and_then(value::bytes).is_some_and(keys::is_session);
        Ok(is_session || reply.and_then(value::number) == Some(1))
    }

    /// A server without memory takes no mark, but it forgets a session. The mark is due all the
    /// same, so that this changes nothing for the caller.
    fn remove(&mut self, ended: &Ended) {
        let Ended::Session(key) = ended else { return };
        let question = on("DEL", self.keys.session(key), |_| {});
        let _ = self.link.ask(&[question], Duration::ZERO);
    }

    /// What has ended since the mark returned by an earlier call. Waits for news, at most `wait`. A
    /// mark that is not in the stream, because the stream was shortened, lost or never had it, is
    /// the present one, with everything before it missed.
    ///
    /// # Errors
    /// The server could not be asked.
    pub fn changes(&mut self, mark: Mark, wait: Duration) -> Result<Changes, Fault> {
        if mark == [0, 0] || !self.has_entry(mark)? {
            return Ok(Changes { ends: Vec::new(), mark: self.last_entry()?, missed: true });
        }
        let feed = self.keys.feed();
        // 0 would wait for ever.
        let block = u64::try_from(wait.as_millis()).ok().filter(|milliseconds| *milliseconds > 0);
        let question = on_later("XREAD", feed, |key, command| {
            command.arg("COUNT").arg(FEED_PART);
            if let Some(milliseconds) = block {
                command.arg("BLOCK").arg(milliseconds);
            }
            command.arg("STREAMS").arg(key).arg(id(mark));
        });
        let replies = self.ask(&[question], wait)?;
        let mut changes = Changes { ends: Vec::new(), mark, missed: false };
        let streams = replies.first().and_then(value::array);
        let stream = streams.and_then(<[Value]>::first).and_then(value::pair);
        let entries = stream.and_then(|(_, entries)| value::array(entries));
        for (id, fields) in entries.unwrap_or_default().iter().filter_map(value::pair) {
            changes.mark = keys::id(id).unwrap_or(changes.mark);
            let packed = value::pair(fields).and_then(|(_, packed)| value::bytes(packed));
            match packed.map(keys::unpacked_end) {
                Some(Some(end)) => changes.ends.push(end),
                // The beginning of the stream.
                _ if packed == Some(&[]) => {}
                // From a later version of this module, perhaps.
                _ => changes.missed = true,
            }
        }
        Ok(changes)
    }

    /// Takes a lease for `life` seconds, or extends one's own; `false` if another process holds it.
    /// `holder` is a random number.
    ///
    /// # Errors
    /// It was not taken, or it is not known whether it was.
    pub fn lease(&mut self, key: &Key, holder: u64, life: u64) -> Result<bool, Fault> {
        let arguments = [holder.to_string().into_bytes(), milliseconds(life.max(1)).into_bytes()];
        Ok(self.run(scripts::LEASE, self.keys.lease(key), &arguments)? == 1)
    }

    /// Gives a lease back, if it is still this holder's.
    ///
    /// # Errors
    /// It lasts until its end.
    pub fn release(&mut self, key: &Key, holder: u64) -> Result<(), Fault> {
        let holder = [holder.to_string().into_bytes()];
        self.run(scripts::RELEASE, self.keys.lease(key), &holder).map(|_| ())
    }

    /// The policies by which servers remove keys when their memory is full, so that they may forget
    /// ends. Empty if none does, or if the user may not know (`INFO`).
    ///
    /// # Errors
    /// The servers could not be asked.
    pub fn evictions(&mut self) -> Result<Vec<String>, Fault> {
        let mut info = cmd("INFO");
        info.arg("memory");
        let replies = self.link.ask_each(&info)?;
        let mut policies: Vec<String> = replies.iter().filter_map(memory::eviction).collect();
        policies.sort_unstable();
        policies.dedup();
        Ok(policies)
    }

    fn has_entry(&mut self, mark: Mark) -> Result<bool, Fault> {
        let question = on("XRANGE", self.keys.feed(), |command| {
            command.arg(id(mark)).arg(id(mark));
        });
        let replies = self.ask(&[question], Duration::ZERO)?;
        Ok(replies.first().and_then(value::array).is_some_and(|entries| !entries.is_empty()))
    }

    /// The last entry of the stream, which gets one if it has none: a mark is always that of an
    /// entry.
    fn last_entry(&mut self) -> Result<Mark, Fault> {
        let question = on("XREVRANGE", self.keys.feed(), |command| {
            command.arg("+").arg("-").arg("COUNT").arg(1);
        });
        let replies = self.ask(&[question], Duration::ZERO)?;
        let entries = replies.first().and_then(value::array);
        let entry = entries.and_then(<[Value]>::first).and_then(value::pair);
        if let Some(mark) = entry.and_then(|(id, _)| keys::id(id)) {
            return Ok(mark);
        }
        let replies = self.ask(&[self.news(&[])], Duration::ZERO)?;
        let added = replies.first().and_then(keys::id);
        added.ok_or_else(|| Fault::Damaged("the stream of ends cannot be read".to_owned()))
    }

    /// An entry for the stream.
    fn news(&self, packed: &[u8]) -> Question {
        on("XADD", self.keys.feed(), |command| {
            command.arg("MAXLEN").arg("~").arg(FEED_LENGTH).arg("*").arg(FIELD).arg(packed);
        })
    }

    fn run(&mut self, script: &str, key: Vec<u8>, arguments: &[Vec<u8>]) -> Result<i64, Fault> {
        let replies = self.ask(&[script_on(script, key, arguments)], Duration::ZERO)?;
        Ok(replies.first().and_then(value::number).unwrap_or(0))
    }

    /// Asks; an error of the server is a fault.
    fn ask(&mut self, questions: &[Question], wait: Duration) -> Result<Vec<Value>, Fault> {
        let replies = self.link.ask(questions, wait)?;
        match replies.iter().find_map(error) {
            Some(error) => Err(self.link.refused(error)),
            None => Ok(replies),
        }
    }
}

fn error(reply: &Value) -> Option<&redis::ServerError> {
    if let Value::ServerError(error) = reply { Some(error) } else { None }
}

/// Whether one of these ends concerns a session.
fn have_ended(ends: &Value, row: &Row) -> bool {
    let Some(ends) = value::array(ends) else { return true };
    ends.iter().any(|end| match value::text(end).map(str::parse::<u64>) {
        Some(Ok(at)) => at >= row.opened,
        // Not as written: rather an end too many.
        Some(Err(_)) => true,
        None => *end != Value::Nil,
    })
}

/// A command whose first argument is its key.
fn on(name: &str, key: Vec<u8>, more: impl FnOnce(&mut Cmd)) -> Question {
    on_later(name, key, |key, command| {
        command.arg(key);
        more(command);
    })
}

/// A command whose key is another argument.
fn on_later(name: &str, key: Vec<u8>, arguments: impl FnOnce(&[u8], &mut Cmd)) -> Question {
    let mut command = cmd(name);
    arguments(&key, &mut command);
    Question { key, command }
}

/// Without its hash: the server keeps what it has compiled by itself, and computes the hash of a few
/// hundred bytes faster than a second question takes.
fn script_on(script: &str, key: Vec<u8>, arguments: &[Vec<u8>]) -> Question {
    on_later("EVAL", key, |key, command| {
        command.arg(script).arg(1).arg(key).arg(arguments);
    })
}

/// In seconds since 1970.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

fn milliseconds(seconds: u64) -> String {
    // The server's limit is that of a signed number.
    seconds.min(u64::from(u32::MAX)).saturating_mul(1000).to_string()
}

fn id([milliseconds, number]: Mark) -> String {
    format!("{milliseconds}-{number}")
}
