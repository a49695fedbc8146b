//! What tests can do to the outpost side of a running stand-in.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::keys::random_bytes;
use crate::outpost::hub::{Command, Hub, OutpostConnection};
use crate::settings::ProviderSettings;
use crate::standin::Standin;

/// Each push returns the number of connections that got it.
impl Standin {
    /// Changes the provider with this slug like an administrator: the outposts that have it get two
    /// updates, each after a `Settings::push_delay`. Panics if there is none.
    #[expect(clippy::expect_used, reason = "a test that names no provider is wrong")]
    pub fn update_provider(&self, slug: &str, change: impl FnOnce(&mut ProviderSettings)) {
        let mut core = self.lock();
        let mut providers = core.settings.providers.iter_mut();
        change(providers.find(|provider| provider.slug == slug).expect("a provider of this slug"));
        core.provider_saved(slug);
    }

    /// Renews a certificate: one update after `Settings::push_delay`.
    pub fn update_certificate(&self, pk: &str, certificate_pem: &str, key_pem: &str) {
        let mut core = self.lock();
        for pair in core.settings.certificates.iter_mut().filter(|pair| pair.pk == pk) {
            certificate_pem.clone_into(&mut pair.certificate_pem);
            key_pem.clone_into(&mut pair.key_pem);
        }
        core.push_later(1, |_| true);
    }

    /// Sends TRIGGER_UPDATE to every outpost, at once.
    pub fn push_update(&self) -> usize {
        self.hub().update(|_| true)
    }

    /// Sends SESSION_END with this session id to every outpost, at once; no session ends here.
    pub fn push_session_end(&self, sid: &str) -> usize {
        self.hub().session_ended(sid)
    }

    /// Sends a text frame with any content.
    pub fn push_text(&self, text: &str) -> usize {
        self.tell(&Command::Text(text.to_owned()))
    }

    /// Sends a binary frame.
    pub fn push_binary(&self, bytes: &[u8]) -> usize {
        self.tell(&Command::Binary(bytes.to_vec()))
    }

    /// Sends raw bytes, which need not be a frame.
    pub fn push_raw(&self, bytes: &[u8]) -> usize {
        self.tell(&Command::Raw(bytes.to_vec()))
    }

    /// Sends random bytes, the first with a reserved bit (RFC 6455, 5.2).
    pub fn push_garbage(&self) -> usize {
        let mut bytes = random_bytes(64);
        bytes.insert(0, 0xff);
        self.push_raw(&bytes)
    }

    /// Closes every web socket: 1012 as in a restart, 1000 as after an odd message.
    pub fn close_sockets(&self, code: u16) -> usize {
        self.tell(&Command::Close(code))
    }

    /// Ends every web socket's TCP connection without a close frame.
    pub fn drop_sockets(&self) -> usize {
        self.tell(&Command::Drop)
    }

    /// Makes every web socket half-open: nothing is read or written, and pushes are lost.
    pub fn freeze_sockets(&self) -> usize {
        self.tell(&Command::Freeze)
    }

    /// Resumes frozen web sockets.
    pub fn thaw_sockets(&self) -> usize {
        self.tell(&Command::Thaw)
    }

    /// The open web sockets, oldest first, including frozen ones.
    pub fn connections(&self) -> Vec<OutpostConnection> {
        let all = self.all_connections().into_iter();
        all.filter(|connection| connection.closed.is_none()).collect()
    }

    /// All web sockets so far, oldest first.
    pub fn all_connections(&self) -> Vec<OutpostConnection> {
        self.hub().connections()
    }

    /// Waits until exactly this many web sockets are open and each has sent a hello; returns them.
    /// Panics if that takes too long.
    #[expect(clippy::panic, reason = "a test that waits in vain fails")]
    pub fn await_connections(&self, count: usize, patience: Duration) -> Vec<OutpostConnection> {
        let start = Instant::now();
        loop {
            let open = self.connections();
            if open.len() == count && open.iter().all(|one| !one.hellos.is_empty()) {
                return open;
            }
            if start.elapsed() > patience {
                panic!("{count} outposts should be connected after {patience:?}: {open:#?}");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Events that outposts have reported to `/api/v3/events/events/`.
    pub fn events(&self) -> Vec<Value> {
        self.lock().events.clone()
    }

    /// User name and `sid` of every browser session.
    pub fn sessions(&self) -> Vec<(String, String)> {
        let core = self.lock();
        let sessions = core.sessions.values();
        sessions.map(|session| (session.username.clone(), session.sid.clone())).collect()
    }

    /// Ends the session with this `sid` like an administrator: every outpost is told.
    pub fn end_session(&self, sid: &str) -> bool {
        self.lock().end_sessions(|session| session.sid == sid) > 0
    }

    /// Changes the order of `scopes_to_request`, as a restart of authentik does; so does `up`.
    pub fn shuffle_scopes(&self) {
        self.lock().scope_rotation += 1;
    }

    fn tell(&self, command: &Command) -> usize {
        self.hub().tell(command, |_| true)
    }

    fn hub(&self) -> Arc<Hub> {
        Arc::clone(&self.lock().hub)
    }
}
