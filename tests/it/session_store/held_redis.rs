//! A Redis of which some questions or answers are held up on the way, so that what usually takes a
//! moment happens in any order.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::redis_server::{RedisServer, SECRET, directive};
use crate::harness::{Builder, eventually};

/// Where an exchange is held up.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Held {
    /// The question, so that Redis sees it later.
    Question,
    /// The answer, which is then about the past.
    Answer,
}

/// What is held up, until the rule is dropped.
struct Rule {
    /// Text in the question.
    text: &'static str,
    held: Held,
    /// How many times more.
    times: AtomicUsize,
    /// How many times it was.
    happened: AtomicUsize,
    is_over: AtomicBool,
}

/// Ends a rule when dropped.
pub(crate) struct Hold(Arc<Rule>);

pub(crate) struct HeldRedis {
    _server: RedisServer,
    port: u16,
    rules: Arc<Mutex<Vec<Arc<Rule>>>>,
}

/// Longest question that is looked at as one.
const BUFFER: usize = 64 * 1024;
/// A test that fails must not hang.
const AT_MOST: Duration = Duration::from_secs(30);

impl HeldRedis {
    pub(crate) fn start() -> Self {
        let server = RedisServer::start();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let (rules, to) = (Arc::<Mutex<Vec<Arc<Rule>>>>::default(), server.port());
        let known = Arc::clone(&rules);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(("127.0.0.1", to)) else { continue };
                let known = Arc::clone(&known);
                thread::spawn(move || carry(client, server, &known));
            }
        });
        Self { _server: server, port, rules }
    }

    /// The configuration with this Redis.
    pub(crate) fn of(&self, builder: Builder) -> Builder {
        builder
            .http(&directive(&format!("redis://127.0.0.1:{}", self.port)))
            .secret_file(SECRET, &"0123456789abcdef".repeat(4))
    }

    /// From now on, exchanges whose question has this text are held up, so many of them.
    pub(crate) fn hold(&self, text: &'static str, held: Held, times: usize) -> Hold {
        let rule = Arc::new(Rule {
            text,
            held,
            times: AtomicUsize::new(times),
            happened: AtomicUsize::default(),
            is_over: AtomicBool::default(),
        });
        self.rules.lock().expect("rules").push(Arc::clone(&rule));
        Hold(rule)
    }

    /// Nothing that ended is heard, by no host.
    pub(crate) fn deafen(&self) -> Hold {
        let hold = self.hold("XREAD", Held::Answer, usize::MAX);
        // What was asked before is answered within a second.
        hold.happens();
        hold
    }
}

impl Hold {
    /// Waits until it has held something up.
    pub(crate) fn happens(&self) {
        eventually("something is held up", || self.0.happened.load(Ordering::SeqCst) > 0);
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.is_over.store(true, Ordering::SeqCst);
    }
}

impl Rule {
    fn applies(&self, question: &[u8]) -> bool {
        let has_it = question.windows(self.text.len()).any(|part| part == self.text.as_bytes());
        let is_due = has_it
            && !self.is_over.load(Ordering::SeqCst)
            && self
                .times
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |times| times.checked_sub(1))
                .is_ok();
        self.happened.fetch_add(usize::from(is_due), Ordering::SeqCst);
        is_due
    }

    fn wait(&self) {
        let mut waited = Duration::ZERO;
        while !self.is_over.load(Ordering::SeqCst) && waited < AT_MOST {
            thread::sleep(Duration::from_millis(5));
            waited += Duration::from_millis(5);
        }
    }
}

/// One question after the other, as the module asks them.
fn carry(mut client: TcpStream, mut server: TcpStream, rules: &Mutex<Vec<Arc<Rule>>>) {
    let Ok(mut back) = client.try_clone() else { return };
    let Ok(mut answers) = server.try_clone() else { return };
    let held: Arc<Mutex<Option<Arc<Rule>>>> = Arc::default();
    let of_answers = Arc::clone(&held);
    let reader = thread::spawn(move || {
        let mut buffer = vec![0; BUFFER];
        while let Ok(length @ 1..) = answers.read(&mut buffer) {
            let rule = of_answers.lock().expect("a rule").take();
            if let Some(rule) = rule {
                rule.wait();
            }
            if back.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
        let _ = back.shutdown(Shutdown::Both);
    });
    let mut buffer = vec![0; BUFFER];
    while let Ok(length @ 1..) = client.read(&mut buffer) {
        let question = &buffer[..length];
        let rules: Vec<Arc<Rule>> = rules.lock().expect("rules").clone();
        if let Some(rule) = rules.into_iter().find(|rule| rule.applies(question)) {
            match rule.held {
                Held::Question => rule.wait(),
                Held::Answer => *held.lock().expect("a rule") = Some(rule),
            }
        }
        if server.write_all(question).is_err() {
            break;
        }
    }
    let _ = server.shutdown(Shutdown::Both);
    let _ = reader.join();
}
