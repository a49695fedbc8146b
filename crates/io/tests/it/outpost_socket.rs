//! The outpost's WebSocket: what it brings, and how it is lost and won again.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use authentik_gate::provider::Trust;
use authentik_io::outpost::{Agent, Pace};
use authentik_standin::{Endpoint, Fault, Settings, Standin};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::diary::{Diary, Event, INSTANCE, identity, settings, settled, start, start_at};
use crate::tls::{Authority, VALID};

const PATIENCE: Duration = Duration::from_secs(5);
const SID: &str = "653bb1245e828fcda4fa53fcd5a3def5bd7654e651f54b4132b73d74e64435c4";

#[test]
fn the_hello_says_who_is_there() {
    let standin = Standin::start(Settings::default());
    let (_agent, diary) = start(&standin);
    assert_eq!(diary.connected(0), 0);
    let connections = standin.await_connections(1, PATIENCE);
    let [connection] = connections.as_slice() else { panic!("{connections:?}") };
    assert_eq!(connection.instance_uuid.as_deref(), Some(INSTANCE));
    assert_eq!(connection.attempt.as_deref(), Some("0"));
    let args = &connection.hellos[0].args;
    assert_eq!((&args["uuid"], &args["hostname"]), (&INSTANCE.into(), &"edge-1".into()));

    let requests = standin.requests();
    let handshake = requests.iter().find(|request| request.path.starts_with("/ws/")).unwrap();
    let extensions =
        |(name, _): &&(String, String)| name.eq_ignore_ascii_case("sec-websocket-extensions");
    assert_eq!(handshake.headers.iter().find(extensions), None, "no permessage-deflate");
}

#[test]
fn a_session_end_is_told_at_once_even_during_a_slow_refresh() {
    let standin = Standin::start(Settings::default());
    let (agent, diary) = start(&standin);
    settled(&diary);
    standin.fault(Endpoint::Providers, Fault::Slow(Duration::from_secs(6)));
    let asked = standin.count("/api/v3/outposts/instances/");
    agent.refresh_now();
    let until = Instant::now() + PATIENCE;
    while standin.count("/api/v3/outposts/instances/") == asked && Instant::now() < until {
        thread::sleep(Duration::from_millis(5));
    }
    let from = diary.len();
    // A busy machine may be late now and then; what waits for something is late each time.
    let took = [0, 1, 2].map(|told| {
        let pushed = Instant::now();
        assert_eq!(standin.push_session_end(SID), 1);
        assert_eq!(diary.session_end(from + told), SID);
        pushed.elapsed()
    });
    assert!(took.iter().any(|took| *took < Duration::from_millis(100)), "{took:?}");
    assert_eq!(diary.len(), from + 3, "the refresh is still under way");
}

#[test]
fn what_is_no_message_changes_nothing_and_the_connection_stays() {
    let standin = Standin::start(Settings::default());
    let (_agent, diary) = start(&standin);
    settled(&diary);
    let from = diary.len();
    standin.push_text("this is not json");
    standin.push_text(r#"{"instruction": 4, "args": {"session_id": ""}}"#);
    standin.push_binary(br#"{"instruction": 2, "args": {}}"#);
    standin.push_text(r#"{"instruction": 99, "args": {}}"#);
    standin.push_raw(&[0x89, 2, b'h', b'i']); // Ping
    standin.push_session_end(SID);
    assert_eq!(diary.session_end(from), SID);
    for bytes in [16, 46, 30] {
        let told = |event: &Event| matches!(event, Event::NotUnderstood(count) if *count == bytes);
        assert_eq!(diary.count(told), 1, "{bytes} bytes");
    }
    assert_eq!(diary.len(), from + 4, "three oddities, one session end, no refresh");
    assert_eq!(standin.all_connections().len(), 1);
}

#[test]
fn a_lost_connection_is_named_won_again_and_followed_by_a_refresh() {
    for (lose, says) in [
        ((|standin| standin.drop_sockets()) as fn(&Standin) -> usize, "the connection was lost"),
        (|standin| standin.close_sockets(1012), "authentik restarts"),
        (|standin| standin.close_sockets(1000), "authentik closed it (code 1000)"),
        (|standin| standin.push_garbage(), "authentik sent what is not WebSocket"),
        (|standin| standin.push_text(&"x".repeat(70_000)), "a message that is too long"),
    ] {
        let standin = Standin::start(Settings::default());
        let (agent, diary) = start(&standin);
        settled(&diary);
        let from = diary.len();
        assert_eq!(lose(&standin), 1);
        let (why, again_in) = diary.disconnected(from);
        assert!(why.contains(says), "{why}");
        assert!((750..=1000).contains(&again_in.as_millis()), "{again_in:?}");
        assert_eq!(diary.connected(from), 1, "the next attempt");
        let connected = diary.count(|_| true);
        diary.snapshot(connected.saturating_sub(1));
        agent.stop();
    }
}

#[test]
fn a_connection_that_no_longer_answers_is_given_up() {
    let standin = Standin::start(Settings::default());
    let pace = Pace {
        hello: Duration::from_millis(200),
        patience: Duration::from_secs(2),
        ..Pace::default()
    };
    let (_agent, diary) = start_at(&standin.base_url(), Trust::System, pace);
    settled(&diary);
    thread::sleep(Duration::from_millis(2_500));
    assert_eq!(diary.count(|event| matches!(event, Event::Disconnected(..))), 0, "it does answer");
    let (from, frozen) = (diary.len(), Instant::now());
    assert_eq!(standin.freeze_sockets(), 1);
    let (why, _) = diary.disconnected(from);
    assert_eq!(why, "authentik no longer answers on it");
    assert!(frozen.elapsed() < Duration::from_secs(5), "{:?}", frozen.elapsed());
    diary.connected(from);
}

#[test]
fn a_refused_web_socket_is_explained_and_refreshing_goes_on() {
    let standin = Standin::start(Settings::default());
    standin.fault(Endpoint::WebSocket, Fault::Status(403));
    let (agent, diary) = start(&standin);
    let (why, _) = diary.disconnected(0);
    assert!(why.contains("refuses the WebSocket (403): the token"), "{why}");
    let from = diary.len();
    agent.refresh_now();
    diary.snapshot(from);
    standin.clear_faults();
    assert!(diary.connected(0) > 0, "not the first attempt");
}

#[test]
fn whatever_answers_instead_of_a_web_socket_is_named() {
    for (fault, says) in [
        (Fault::HtmlError(502), "authentik answered 502 to the WebSocket"),
        (Fault::HtmlError(404), "must pass on Upgrade"),
        (Fault::Hangup, "does not speak WebSocket"),
        (Fault::Garbage, "does not speak WebSocket"),
        (Fault::Hang, "authentik did not answer in time"),
    ] {
        let standin = Standin::start(Settings::default());
        standin.fault(Endpoint::WebSocket, fault.clone());
        let pace = Pace { handshake: Duration::from_millis(500), ..Pace::default() };
        let (agent, diary) = start_at(&standin.base_url(), Trust::System, pace);
        let (why, _) = diary.disconnected(0);
        assert!(why.contains(says), "{fault:?}: {why}");
        agent.stop();
    }
}

#[test]
fn a_server_that_comes_back_is_found_again() {
    let standin = Standin::start(Settings::default());
    let (_agent, diary) = start(&standin);
    settled(&diary);
    let from = diary.len();
    standin.down();
    diary.disconnected(from);
    let (why, _) = diary.disconnected(diary.len());
    assert!(why.contains("connection refused"), "{why}");
    standin.up();
    diary.connected(from);
    diary.snapshot(from);
}

static THREADS: AtomicUsize = AtomicUsize::new(0);

fn counted(builder: thread::Builder, body: Box<dyn FnOnce() + Send>) -> std::io::Result<()> {
    THREADS.fetch_add(1, Ordering::SeqCst);
    let counted = move || {
        body();
        THREADS.fetch_sub(1, Ordering::SeqCst);
    };
    builder.spawn(counted).map(drop)
}

#[test]
fn a_stopped_agent_says_goodbye_and_its_threads_leave() {
    let standin = Standin::start(Settings::default());
    let diary = Arc::new(Diary::default());
    let settings = settings(&standin.base_url(), Trust::System);
    let agent = Agent::start(settings, identity(), diary.clone(), counted).unwrap();
    settled(&diary);
    standin.await_connections(1, PATIENCE);
    assert_eq!(THREADS.load(Ordering::SeqCst), 2);
    let stopped = Instant::now();
    agent.stop();
    assert!(stopped.elapsed() < Duration::from_secs(1), "it waits for nobody");
    while THREADS.load(Ordering::SeqCst) > 0 {
        assert!(stopped.elapsed() < PATIENCE, "the threads do not leave");
        thread::sleep(Duration::from_millis(5));
    }
    let until = Instant::now() + PATIENCE;
    while standin.all_connections()[0].close_code.is_none() && Instant::now() < until {
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(standin.all_connections()[0].close_code, Some(1000));
    assert_eq!(diary.count(|event| matches!(event, Event::Disconnected(..))), 0);
}

/// TLS before a stand-in: the settings of the `n`th connection are `configs[n]`, then the last.
fn tls_before(standin: &Standin, configs: Vec<Arc<ServerConfig>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let behind = standin.address();
    thread::spawn(move || {
        for (count, stream) in listener.incoming().enumerate() {
            let config = configs.get(count).or(configs.last()).unwrap().clone();
            thread::spawn(move || {
                let tls = ServerConnection::new(config).unwrap();
                relay(StreamOwned::new(tls, stream.unwrap()), TcpStream::connect(behind).unwrap());
            });
        }
    });
    url
}

/// Copies both ways until one end is gone.
fn relay(mut front: StreamOwned<ServerConnection, TcpStream>, mut behind: TcpStream) {
    let look = Some(Duration::from_millis(5));
    front.sock.set_read_timeout(look).unwrap();
    behind.set_read_timeout(look).unwrap();
    let mut buffer = [0; 16 * 1024];
    loop {
        match front.read(&mut buffer) {
            Ok(0) => return,
            Ok(count) => behind.write_all(&buffer[..count]).unwrap(),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
        match behind.read(&mut buffer) {
            Ok(0) => {
                front.conn.send_close_notify();
                let _ = front.flush();
                return;
            }
            Ok(count) => front.write_all(&buffer[..count]).unwrap(),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
    }
}

#[test]
fn the_web_socket_is_encrypted_and_judged_as_the_calls_are() {
    let (ours, other) = (Authority::new(), Authority::new());
    let (good, stranger) = (ours.server("localhost", VALID), other.server("localhost", VALID));
    let elsewhere = ours.server("sso.example.com", VALID);
    // A refresh without certificates is two calls; the third connection is the WebSocket.
    let third = |config: &Arc<ServerConfig>| vec![good.clone(), good.clone(), config.clone()];
    for (what, configs, trust, accepted) in [
        ("own authority", third(&good), ours.trusted(), true),
        ("other authority", third(&stranger), ours.trusted(), false),
        ("other name", third(&elsewhere), ours.trusted(), false),
        ("anything", vec![stranger.clone()], Trust::Anything, true),
    ] {
        let standin = Standin::start(Settings::default());
        let (agent, diary) = start_at(&tls_before(&standin, configs), trust, Pace::default());
        if accepted {
            diary.connected(0);
            standin.await_connections(1, PATIENCE);
            let from = diary.len();
            standin.push_session_end(SID);
            assert_eq!(diary.session_end(from), SID, "{what}");
        } else {
            let (why, _) = diary.disconnected(0);
            assert!(why.starts_with("no TLS connection to authentik"), "{what}: {why}");
            assert_eq!(standin.count("/ws/"), 0, "{what}: the token was not sent");
        }
        agent.stop();
    }
}
