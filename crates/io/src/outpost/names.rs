//! Resolves names within a time limit: the system resolver has its own, up to half a minute.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread::Builder;
use std::time::{Duration, Instant};

use authentik_gate::http::TransportError;
use url::{Host, Url};

use crate::pool::Spawner;

/// Asks the system, without a time limit.
type LookUp = fn(&str, u16) -> io::Result<Vec<SocketAddr>>;

/// Resolves names on a thread of its own, one at a time.
pub(super) struct Names {
    spawn: Spawner,
    look_up: LookUp,
    /// A lookup is still running, whether or not anybody waits for it.
    is_busy: Arc<AtomicBool>,
}

impl Names {
    pub(super) fn new(spawn: Spawner) -> Self {
        Self { spawn, look_up: by_the_system, is_busy: Arc::default() }
    }

    /// The addresses of a URL's host.
    ///
    /// # Errors
    /// There are none, the time limit is exceeded, or `is_stopped` says that they are no
    /// longer wanted.
    pub(super) fn addresses(
        &self,
        url: &Url,
        deadline: Instant,
        is_stopped: impl Fn() -> bool,
    ) -> Result<Vec<SocketAddr>, TransportError> {
        let unreachable = |why: &str| TransportError::Unreachable(why.to_owned());
        let port = url.port_or_known_default().unwrap_or_default();
        let name = match url.host() {
            Some(Host::Ipv4(address)) => return Ok(vec![(address, port).into()]),
            Some(Host::Ipv6(address)) => return Ok(vec![(address, port).into()]),
            Some(Host::Domain(name)) => name.to_owned(),
            None => return Err(unreachable("its URL has no host")),
        };
        // Do not start another lookup while one hangs: threads would pile up.
        if self.is_busy.swap(true, Ordering::AcqRel) {
            return Err(unreachable(TOO_SLOW));
        }
        let (sender, receiver) = sync_channel(1);
        let (look_up, is_busy) = (self.look_up, Arc::clone(&self.is_busy));
        let ask = move || {
            let found = look_up(&name, port);
            is_busy.store(false, Ordering::Release);
            let _ = sender.send(found); // nobody waits any more, perhaps
        };
        let builder = Builder::new().name("authentik-name".to_owned());
        if (self.spawn)(builder, Box::new(ask)).is_err() {
            self.is_busy.store(false, Ordering::Release);
            return Err(unreachable("there is no thread to find its address"));
        }
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match receiver.recv_timeout(left.min(LOOK)) {
                Ok(Ok(found)) if !found.is_empty() => return Ok(found),
                Ok(Ok(_) | Err(_)) => return Err(unreachable("its name has no address")),
                Err(RecvTimeoutError::Timeout) if !left.is_zero() && !is_stopped() => {}
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    return Err(unreachable(TOO_SLOW));
                }
            }
        }
    }
}

fn by_the_system(name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    Ok((name, port).to_socket_addrs()?.collect())
}

const TOO_SLOW: &str = "its name is not found in time: does the name server answer?";

/// How often to check whether the result is still wanted.
const LOOK: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::spawn_plainly;

    const SLOW: Duration = Duration::from_secs(4);

    fn ask(names: &Names, url: &str, patience: Duration) -> Result<Vec<SocketAddr>, String> {
        let url = Url::parse(url).unwrap();
        let found = names.addresses(&url, Instant::now() + patience, || false);
        found.map_err(|error| error.to_string())
    }

    #[test]
    fn a_resolver_that_hangs_holds_nobody_up_and_is_not_asked_again_meanwhile() {
        let hangs: LookUp = |_, port| {
            std::thread::sleep(SLOW);
            Ok(vec![([127, 0, 0, 1], port).into()])
        };
        let names = Names { look_up: hangs, ..Names::new(spawn_plainly) };
        let asked = Instant::now();
        for _ in 0..3 {
            let failure = ask(&names, "wss://sso.test/", Duration::from_millis(100)).unwrap_err();
            assert!(failure.contains("not found in time"), "{failure}");
        }
        assert!(asked.elapsed() < SLOW, "{:?}", asked.elapsed());
        let url = Url::parse("wss://sso.test/").unwrap();
        let stopped = names.addresses(&url, asked + SLOW, || true);
        assert!(stopped.is_err() && asked.elapsed() < SLOW, "{:?}", asked.elapsed());
        // Busy until the lookup ends, but not for ever.
        let patience = Instant::now() + 4 * SLOW;
        while ask(&names, "wss://sso.test:9443/", 2 * SLOW).is_err() {
            assert!(Instant::now() < patience, "it is never asked again");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    #[test]
    fn addresses_need_no_resolver_and_names_have_the_port_of_the_url() {
        let never: LookUp = |name, _| panic!("{name}");
        let names = Names { look_up: never, ..Names::new(spawn_plainly) };
        for (url, address) in [
            ("ws://127.0.0.1/", "127.0.0.1:80"),
            ("wss://127.0.0.1/", "127.0.0.1:443"),
            ("wss://[::1]:9443/", "[::1]:9443"),
        ] {
            let found = ask(&names, url, SLOW);
            assert_eq!(found, Ok(vec![address.parse().unwrap()]), "{url}");
        }
        let names = Names::new(spawn_plainly);
        let found = ask(&names, "wss://localhost:9443/", SLOW).unwrap();
        assert!(found.iter().all(|address| address.port() == 9443), "{found:?}");
        let none: LookUp = |_, _| Ok(Vec::new());
        let names = Names { look_up: none, ..Names::new(spawn_plainly) };
        assert!(ask(&names, "ws://a.test/", SLOW).unwrap_err().contains("no address"));
    }
}
