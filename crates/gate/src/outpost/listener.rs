//! The process that holds the WebSocket.

/// A process, as one word of shared memory: its id and its start time. The system reuses the id of
/// a process that has ended, and the new process must not be mistaken for the old one: the
/// WebSocket would be believed open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listener(u64);

impl Listener {
    /// A process with this id, not 0, and this start time in milliseconds since boot.
    #[must_use]
    pub fn new(pid: u32, started: u64) -> Self {
        // In hundredths of a second, as in /proc; wraps after more than a year.
        Self((started / 10) << 32 | u64::from(pid))
    }

    /// Reverses [`Self::word`]; `None` if nobody listens.
    #[must_use]
    pub fn of(word: u64) -> Option<Self> {
        Some(Self(word)).filter(|listener| listener.pid() != 0)
    }

    /// Never 0.
    #[must_use]
    pub fn word(self) -> u64 {
        self.0
    }

    /// The process id.
    #[must_use]
    pub fn pid(self) -> u32 {
        self.0 as u32
    }

    /// Whether the process still exists; `started` gives the start time of the process with an id.
    #[must_use]
    pub fn is_there(self, started: impl FnOnce(u32) -> Option<u64>) -> bool {
        started(self.pid()).is_some_and(|at| Self::new(self.pid(), at) == self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_process_with_the_same_id_is_another_process() {
        let listener = Listener::of(Listener::new(4711, 1_234_560).word()).unwrap();
        assert_eq!(listener.pid(), 4711);
        for (started, is_there) in
            [(None, false), (Some(1_234_560), true), (Some(1_234_570), false), (Some(0), false)]
        {
            let found = listener.is_there(|pid| started.filter(|_| pid == 4711));
            assert_eq!(found, is_there, "{started:?}");
        }
        assert_eq!(Listener::of(0), None);
        assert_eq!(Listener::of(7 << 32), None, "nobody has the id 0");
        let old = Listener::new(u32::MAX, u64::MAX);
        assert_eq!((old.pid(), Listener::of(old.word())), (u32::MAX, Some(old)));
    }
}
