//! gRPC: the outcome of a call comes after the response, in trailers (gRPC over HTTP2,
//! "Responses").

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::harness::http2::{DATA, END_HEADERS, END_STREAM, HEADERS, SETTINGS, block, frame};
use crate::harness::{Curl, SITE_NAME, Site, TempDir, Wire, listen_http2};

#[test]
fn the_trailers_of_a_grpc_call_arrive() {
    let answer = |flags, fields: &[(&str, &[u8])]| frame(HEADERS, flags, 1, &block(fields));
    let begin: [(&str, &[u8]); 2] = [(":status", b"200"), ("content-type", b"application/grpc")];
    let denied: [(&str, &[u8]); 2] = [("grpc-status", b"7"), ("grpc-message", b"not yours")];
    let whole = [
        answer(END_HEADERS, &begin),
        frame(DATA, 0, 1, b"a message"),
        answer(END_HEADERS | END_STREAM, &[("grpc-status", b"0"), ("x-took", b"3ms")]),
    ];
    let failed =
        [answer(END_HEADERS, &begin), answer(END_HEADERS | END_STREAM, &[("grpc-status", b"13")])];
    // "Trailers-Only" of the gRPC protocol: one block for both.
    let refused = [answer(END_HEADERS | END_STREAM, &[&begin[..], &denied[..]].concat())];
    for (frames, told) in [
        (whole.concat(), &["\n\na message", "grpc-status: 0\n", "x-took: 3ms\n"][..]),
        (failed.concat(), &["grpc-status: 13\n"][..]),
        (refused.concat(), &["grpc-status: 7\n", "grpc-message: not yours\n"][..]),
    ] {
        let calls = Arc::new(AtomicUsize::new(0));
        let peer = grpc_peer(frames, Arc::clone(&calls));
        let site = site(&peer);
        let directory = TempDir::new();
        let address = site.other_address();
        let call = |headers: &[&str]| {
            let grpc = ["--http2-prior-knowledge", "-X", "POST", "-H", "te: trailers"];
            let curl = Curl::new(SITE_NAME, address, &directory).with(&grpc).with(headers);
            let grpc = curl.with(&["-H", "content-type: application/grpc"]);
            grpc.run(&format!("http://{SITE_NAME}:{}/service/Call", address.port()))
        };

        let stranger = call(&[]);
        assert!(stranger.starts_with("HTTP/2 401"), "{stranger}");
        assert!(!stranger.contains("grpc-status"), "{stranger}");
        assert_eq!(calls.load(Ordering::Relaxed), 0, "the service is not called");

        let session = site.signed_in().cookie_header().expect("a session cookie");
        let answer = call(&["-H", &format!("cookie: {session}")]);
        assert!(answer.starts_with("HTTP/2 200"), "{answer}");
        for told in told {
            assert!(answer.contains(told), "{told:?}: {answer}");
        }
        assert_eq!(calls.load(Ordering::Relaxed), 1);
    }
}

fn site(peer: &Wire) -> Site {
    let server = format!(
        "server {{
             {}
             server_name {SITE_NAME};
             authentik_provider wiki;
             location / {{ grpc_pass grpc://{}; }}
         }}",
        listen_http2(""),
        peer.address()
    );
    let other = "authentik_provider wiki; location / { proxy_pass http://app; }";
    Site::builder().http(&server).server(other).start()
}

/// A gRPC service that sends this response to the first call on each connection.
fn grpc_peer(answer: Vec<u8>, calls: Arc<AtomicUsize>) -> Wire {
    // The beginning of the preface looks like an HTTP/1 request.
    Wire::start(move |_, stream| {
        stream.read_exact(&mut [0; "SM\r\n\r\n".len()])?;
        loop {
            let mut head = [0; 9];
            stream.read_exact(&mut head)?;
            let [high, middle, low, kind, flags, ..] = head;
            let length = u64::from(u32::from_be_bytes([0, high, middle, low]));
            io::copy(&mut stream.take(length), &mut io::sink())?;
            if matches!(kind, HEADERS | DATA) && flags & END_STREAM != 0 {
                break;
            }
        }
        calls.fetch_add(1, Ordering::Relaxed);
        let settings = frame(SETTINGS, 0, 0, &[]);
        stream.get_mut().write_all(&[settings, answer.clone()].concat())?;
        // Until nginx closes.
        io::copy(stream, &mut io::sink()).map(|_| ())
    })
}
