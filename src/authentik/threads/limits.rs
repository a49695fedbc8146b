//! Limits on the threads of a worker, and on the questions that wait for them.

use authentik_io::pool::PoolSettings;

use super::spawn;

/// For sign-ins and the documents they need.
pub(super) const SIGN_INS: PoolSettings = PoolSettings {
    threads: THREADS,
    per_key: THREADS_PER_PROVIDER,
    queue: QUEUE,
    per_sender: QUEUE_PER_SENDER,
    name: "authentik",
    spawn,
    on_idle: None,
};

/// For header authentication: a flood of bad passwords does not hold up sign-ins.
pub(super) const CREDENTIALS: PoolSettings = PoolSettings {
    threads: CHECKERS,
    per_key: CHECKERS_PER_PROVIDER,
    queue: CHECK_QUEUE,
    per_sender: CHECK_QUEUE_PER_SENDER,
    ..SIGN_INS
};

/// Maximum threads per worker; one is started when all others are busy. Enough for 200 simultaneous
/// sign-ins through two workers if authentik takes a second for each.
const THREADS: usize = 32;
/// How many of them one provider may occupy: a slow one leaves room for the others.
const THREADS_PER_PROVIDER: usize = 24;

/// Sign-ins that can wait for a thread.
const QUEUE: usize = 1024;
/// How many of them may come from one client address: an office behind one address is no flood.
const QUEUE_PER_SENDER: usize = QUEUE / 4;
/// The same for header authentication.
const CHECKERS: usize = 8;
const CHECKERS_PER_PROVIDER: usize = 6;
const CHECK_QUEUE: usize = 256;
const CHECK_QUEUE_PER_SENDER: usize = CHECK_QUEUE / 4;
