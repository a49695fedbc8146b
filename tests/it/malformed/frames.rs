//! HTTP/2 connections that no honest client makes, byte for byte.

use crate::harness::http2::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PADDED, PING, PREFACE, PRIORITY,
    PUSH_PROMISE, RST_STREAM, SETTINGS, WINDOW_UPDATE, block, frame, frame_of_length, request,
};

/// A description, and all bytes sent.
pub(super) type Conversation = (String, Vec<u8>);

/// The header fields of a stranger's request for this page.
pub(super) fn fields(path: &str) -> Vec<(&str, &[u8])> {
    vec![
        (":method", b"GET"),
        (":scheme", b"http"),
        (":path", path.as_bytes()),
        (":authority", b"wiki.test"),
        ("accept", b"text/html"),
        ("sec-fetch-mode", b"navigate"),
    ]
}

/// Invalid connection prefaces.
pub(super) fn prefaces() -> Vec<Conversation> {
    let page = request(1, &fields("/page"));
    let settings = frame(SETTINGS, 0, 0, &[]);
    let begin = |preface: &[u8]| [preface, &settings, &page].concat();
    vec![
        ("another end".to_owned(), begin(b"PRI * HTTP/2.0\r\n\r\nSX\r\n\r\n")),
        ("another path".to_owned(), begin(b"PRI /page HTTP/2.0\r\n\r\nSM\r\n\r\n")),
        ("another version".to_owned(), begin(b"PRI * HTTP/3.0\r\n\r\nSM\r\n\r\n")),
        ("small letters".to_owned(), begin(b"pri * http/2.0\r\n\r\nsm\r\n\r\n")),
        ("half of it".to_owned(), PREFACE[..14].to_vec()),
        ("half, then frames".to_owned(), begin(&PREFACE[..14])),
        ("twice".to_owned(), begin(&[PREFACE, PREFACE].concat())),
        ("none".to_owned(), begin(b"")),
        ("settings missing".to_owned(), [PREFACE, &page].concat()),
        ("noise".to_owned(), noise(4_096)),
        ("noise behind it".to_owned(), [PREFACE, &noise(65_536)].concat()),
        ("TLS".to_owned(), b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".repeat(20)),
    ]
}

/// Frames that violate a rule, each followed by a request.
pub(super) fn frames() -> Vec<Conversation> {
    let page = block(&fields("/page"));
    let whole = END_STREAM | END_HEADERS;
    let of = |kind, flags, stream, payload: &[u8]| frame(kind, flags, stream, payload);
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("the largest length", frame_of_length(0xff_ffff, HEADERS, whole, 1, &page)),
        ("more than a frame may have", of(HEADERS, whole, 1, &vec![0; 100_000])),
        ("a megabyte of data", of(DATA, END_STREAM, 1, &vec![b'x'; 1 << 20])),
        ("data of no stream", of(DATA, END_STREAM, 1, b"x")),
        ("headers of stream 0", of(HEADERS, whole, 0, &page)),
        ("headers of an even stream", of(HEADERS, whole, 2, &page)),
        ("a stream with the reserved bit", of(HEADERS, whole, 0x8000_0001, &page)),
        ("a smaller stream", [of(HEADERS, whole, 9, &page), of(HEADERS, whole, 3, &page)].concat()),
        ("a stream twice", [of(HEADERS, whole, 1, &page), of(HEADERS, whole, 1, &page)].concat()),
        ("the last stream", of(HEADERS, whole, 0x7fff_ffff, &page)),
        ("headers without end", of(HEADERS, END_STREAM, 1, &page)),
        (
            "another frame among headers",
            [of(HEADERS, END_STREAM, 1, &page), of(PING, 0, 0, &[0; 8])].concat(),
        ),
        ("a continuation of nothing", of(CONTINUATION, END_HEADERS, 1, &page)),
        (
            "a continuation of another stream",
            [of(HEADERS, END_STREAM, 1, &page), of(CONTINUATION, END_HEADERS, 3, &page)].concat(),
        ),
        ("more padding than frame", of(HEADERS, whole | PADDED, 1, &[&[255], &page[..]].concat())),
        ("padding of an empty frame", of(HEADERS, whole | PADDED, 1, &[])),
        ("an empty frame of headers", of(HEADERS, whole, 1, &[])),
        ("settings of a stream", of(SETTINGS, 0, 1, &[0; 6])),
        ("settings of seven bytes", of(SETTINGS, 0, 0, &[0; 7])),
        ("an answer with settings", of(SETTINGS, 1, 0, &[0; 6])),
        ("a table of 4 GB", of(SETTINGS, 0, 0, &[0, 1, 255, 255, 255, 255])),
        ("a window beyond bounds", of(SETTINGS, 0, 0, &[0, 4, 255, 255, 255, 255])),
        ("a frame size of 0", of(SETTINGS, 0, 0, &[0, 5, 0, 0, 0, 0])),
        ("a window of 0 more", of(WINDOW_UPDATE, 0, 0, &[0; 4])),
        ("a window too large", of(WINDOW_UPDATE, 0, 0, &[127, 255, 255, 255]).repeat(2)),
        ("a ping of a stream", of(PING, 0, 1, &[0; 8])),
        ("a ping of nine bytes", of(PING, 0, 0, &[0; 9])),
        ("10,000 pings", of(PING, 0, 0, &[0; 8]).repeat(10_000)),
        ("10,000 settings", of(SETTINGS, 0, 0, &[]).repeat(10_000)),
        ("10,000 empty frames of data", of(DATA, 0, 1, &[]).repeat(10_000)),
        ("10,000 priorities", of(PRIORITY, 0, 1, &[0, 0, 0, 3, 7]).repeat(10_000)),
        ("a stream that depends on itself", of(PRIORITY, 0, 1, &[0, 0, 0, 1, 0])),
        ("an end of an unknown stream", of(RST_STREAM, 0, 7, &[0; 4])),
        ("an end of stream 0", of(RST_STREAM, 0, 0, &[0; 4])),
        ("an end without a reason", of(RST_STREAM, 0, 1, &[])),
        ("a promise", of(PUSH_PROMISE, END_HEADERS, 1, &[&[0, 0, 0, 2], &page[..]].concat())),
        ("a farewell", of(GOAWAY, 0, 0, &[0; 8])),
        ("a farewell of a stream", of(GOAWAY, 0, 1, &[0; 8])),
        ("unknown frames", of(0x7f, 0xff, 1, &[0xff; 1_000]).repeat(100)),
    ];
    let mut conversations: Vec<Conversation> =
        cases.into_iter().map(|(what, bytes)| (what.to_owned(), bytes)).collect();
    for (what, garbage) in garbage_blocks() {
        let both = [&garbage[..], &page].concat();
        conversations.push((format!("headers: {what}"), of(HEADERS, whole, 1, &garbage)));
        conversations.push((format!("headers: {what}, then more"), of(HEADERS, whole, 1, &both)));
    }
    begun(conversations)
}

/// Invalid header blocks (RFC 7541).
fn garbage_blocks() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("index 0", vec![0x80]),
        ("an index beyond the table", vec![0xff, 0xff, 0xff, 0x7f]),
        ("a number without end", vec![0xff; 64]),
        ("a number beyond 64 bits", [&[0xff; 12][..], &[0x7f]].concat()),
        ("a name longer than the block", vec![0, 0x7f, 0xff, 0xff, 0x03, b'a']),
        ("bad Huffman bits", vec![0, 0x84, 0xff, 0xff, 0xff, 0xff, 0]),
        ("a table of 4 GB", vec![0x3f, 0xe1, 0xff, 0xff, 0xff, 0x0f]),
        ("1,000 sizes of the table", vec![0x20; 1_000]),
        ("noise", noise(2_000)),
    ]
}

/// Requests with contradictory or forbidden fields (RFC 9113 section 8).
pub(super) fn fields_of_requests() -> Vec<Conversation> {
    let mut conversations = Vec::new();
    let mut add = |what: String, fields: &[(&str, &[u8])]| {
        conversations.push((what, request(1, fields)));
    };
    for path in ["/page", "/outpost.goauthentik.io/start", "/public/a"] {
        for (name, value) in [
            (":path", "/page"),
            (":path", "/public/a"),
            (":path", "/outpost.goauthentik.io/ping"),
            (":method", "GET"),
            (":method", "OPTIONS"),
            (":scheme", "https"),
            (":authority", "wiki.test"),
            (":authority", "other.test"),
            (":status", "200"),
            (":protocol", "websocket"),
            (":x-authentik-username", "root"),
            (":", "x"),
            ("", "x"),
        ] {
            let pseudo = (name, value.as_bytes());
            let honest = fields(path);
            add(format!("{path}, then {name}"), &[&honest[..], &[pseudo]].concat());
            add(format!("{name}, then {path}"), &[&[pseudo], &honest[..]].concat());
        }
    }
    for missing in [":method", ":path", ":scheme"] {
        let mut rest = fields("/page");
        rest.retain(|(name, _)| *name != missing);
        add(format!("no {missing}"), &rest);
    }
    for path in ["", "*", "page", "//", "http://wiki.test/page", "/page#/public/", "/\0", "/ x"] {
        add(format!("the path {path:?}"), &fields(path));
    }
    let long = vec![b'a'; 60_000];
    let odd: [(&str, &[u8]); 22] = [
        ("Accept", b"text/html"),
        ("X-Authentik-Username", b"root"),
        ("x-authentik-username", b"root"),
        ("x_authentik_username", b"root"),
        ("connection", b"close"),
        ("connection", b"x-authentik-username"),
        ("keep-alive", b"1"),
        ("proxy-connection", b"close"),
        ("transfer-encoding", b"chunked"),
        ("upgrade", b"websocket"),
        ("te", b"gzip"),
        ("content-length", b"10"),
        ("content-length", b"-1"),
        ("host", b"wiki.test"),
        ("host", b"other.test"),
        ("cookie", b"a=b\r\nx-authentik-username: root"),
        ("cookie", b"a\0b"),
        ("x", b"\n"),
        ("x\r\ny", b"z"),
        ("x:y", b"z"),
        ("x y", b"z"),
        ("x", &long),
    ];
    for (name, value) in odd {
        for path in ["/page", "/outpost.goauthentik.io/callback"] {
            let what = format!("{path} with {name:?}: {:.40?}", String::from_utf8_lossy(value));
            add(what, &[&fields(path)[..], &[(name, value)]].concat());
        }
    }
    let crumbs = vec![("cookie", &b"authentik_proxy_0a1b2c3d=x"[..]); 1_000];
    add("1,000 cookies".to_owned(), &[&fields("/page")[..], &crumbs].concat());
    begun(conversations)
}

/// Adds preface and settings before, and an honest stranger's request after.
fn begun(conversations: Vec<Conversation>) -> Vec<Conversation> {
    let settings = frame(SETTINGS, 0, 0, &[]);
    let page = request(11, &fields("/page"));
    let whole = |bytes: &[u8]| [PREFACE, &settings, bytes, &page].concat();
    conversations.into_iter().map(|(what, bytes)| (what, whole(&bytes))).collect()
}

/// Random-looking bytes, the same each time (xorshift).
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    };
    (0..length).map(|_| next()).collect()
}
