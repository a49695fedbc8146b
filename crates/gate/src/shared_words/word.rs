//! The words that have a name.

/// A word that one process writes and all may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// The process that has the WebSocket open (a [`crate::outpost::Listener`]), 0 = closed.
    ConnectedBy,
    /// When it was last opened or closed, in seconds since 1970.
    ConnectedSince,
    /// Last successful refresh of the settings, in seconds since 1970.
    LastRefresh,
    /// Last failed refresh, in seconds since 1970.
    LastFailure,
    /// Longest turn of an event loop, in microseconds.
    LongestPause,
    /// Longest time an event loop took to replace the settings, in microseconds.
    LongestExchange,
    /// Sessions that authentik ended.
    EndedByCore,
    /// Number of failed refreshes.
    RefreshFailures,
    /// How many times the WebSocket was lost.
    Disconnects,
    /// Ends of sessions may have been missed, and not all sessions have been checked with authentik
    /// yet.
    Unchecked,
    /// The last publisher had lost the tenure by then.
    Overwritten,
    /// How many times a worker has requested the settings.
    SettingsAsked,
    /// How many of these requests are finished, successful or not.
    SettingsAnswered,
    /// Sessions that ended because they were not used.
    EndedIdle,
    /// How many times sessions were ended in the zone; only changed while the zone is locked. A
    /// session read from the store must not be used if this has changed meanwhile.
    Ends,
    /// Some ends in the zone may not have reached the store yet.
    EndsPending,
    /// Which store is followed, and how far: ends up to there are effective in the zone.
    FollowedStore,
    /// See [`Word::FollowedStore`].
    FollowedMark,
    /// When the store was last followed successfully, in seconds since boot.
    FollowedAt,
    /// Since when the store cannot be read, in seconds since 1970, 0 = it can.
    StoreUnreadSince,
    /// Since when it cannot be written, in seconds since 1970, 0 = it can.
    StoreUnwrittenSince,
    /// Sessions that were never stored, because too many waited for the store.
    StoreDropped,
    /// Sessions in the store when they were last counted.
    StoreSessions,
    /// Size of the store at that time, in bytes.
    StoreBytes,
    /// How many times a session got into the zone from the store whose end may have been missed.
    FromStore,
    /// How many of these have been checked with authentik, if that was necessary.
    FromStoreChecked,
    /// Since when no end of a session was missed, in seconds since 1970.
    ListenedSince,
    /// The store may forget ends when its memory is full.
    StoreEvicts,
}

impl Word {
    /// Room for words of this kind.
    pub(super) const ROOM: usize = 48;
}
