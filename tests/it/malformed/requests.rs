//! The requests, byte for byte.

/// A request that no honest client sends.
pub(super) struct Hostile {
    pub(super) what: String,
    pub(super) bytes: Vec<u8>,
    /// Whether the client stops midway.
    pub(super) is_cut: bool,
}

impl Hostile {
    fn new(what: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self { what: what.into(), bytes: bytes.into(), is_cut: false }
    }

    fn cut(what: &str, bytes: impl Into<Vec<u8>>) -> Self {
        Self { is_cut: true, ..Self::new(what, bytes) }
    }

    /// Whether 204 is correct: for the one endpoint that answers everybody.
    pub(super) fn is_ping(&self) -> bool {
        self.bytes.windows(PING.len()).any(|window| window == PING.as_bytes())
    }
}

/// `session` is the name of the session cookie.
pub(super) fn cookies(session: &str) -> Vec<Hostile> {
    let id = "A".repeat(43);
    let many = |pair: &dyn Fn(usize) -> String| (0..1_000).map(pair).collect::<Vec<_>>().join("; ");
    let mut requests: Vec<Hostile> = [
        ("64 kB of one value", format!("{session}={}", "A".repeat(65_536))),
        ("64 kB of a name", format!("{}=x", "a".repeat(65_536))),
        ("64 kB of separators", ";".repeat(65_536)),
        ("64 kB of equals signs", "=".repeat(65_536)),
        ("64 kB of spaces between", format!("a=b{};{session}={id}", " ".repeat(65_536))),
        ("the session behind 64 kB", format!("a={}; {session}={id}", "x".repeat(65_536))),
        ("1,000 cookies", many(&|i| format!("c{i}={i}"))),
        ("1,000 sessions", many(&|i| format!("{session}={i:043}"))),
        ("1,000 sessions of other providers", many(&|i| format!("authentik_proxy_{i:08x}={id}"))),
        ("1,000 sign-ins", many(&|i| format!("authentik_login_{i:08x}={id}"))),
        ("1,000 counts", many(&|i| format!("authentik_signin_trail_{i:08x}={i}"))),
        ("one session twice", format!("{session}={id}; {session}={id}")),
        ("a name in capitals", format!("{}={id}", session.to_uppercase())),
        ("spaces around the equals sign", format!("{session} = {id}")),
        ("a quoted value", format!("{session}=\"{id}\"")),
        ("an open quote", format!("{session}=\"{id}")),
        ("no value", format!("{session}=")),
        ("no equals sign", session.to_owned()),
        ("no name", format!("={id}")),
        ("only an equals sign", "=".to_owned()),
        ("nothing", String::new()),
        ("commas", format!("{session}={id},{session}={id}")),
        ("percent escapes", format!("{session}=%41{}", "%00".repeat(14))),
        ("a tab", format!("{session}\t=\t{id}")),
        ("the old syntax of RFC 2965", format!("$Version=1; {session}={id}; $Path=/")),
    ]
    .map(|(what, value)| with_header(&format!("cookie: {what}"), "Cookie", value.as_bytes()))
    .into();
    for (what, value) in [
        ("bytes that are no UTF-8", &b"authentik_proxy_\xff=\xfe\x80\xc0\xaf"[..]),
        ("a lone continuation byte", b"\x80"),
        ("an overlong slash", b"a=\xc0\xaf; b=\xe0\x80\xaf"),
        ("a surrogate", b"a=\xed\xa0\x80"),
        ("a control byte", b"a=\x01\x1f\x7f"),
        ("a NUL byte", b"a=\x00"),
    ] {
        requests.push(with_header(&format!("cookie: {what}"), "Cookie", value));
    }
    let lines = format!("Cookie: {session}={id}\r\n").repeat(1_000);
    requests.push(Hostile::new("1,000 Cookie lines", format!("{GET}{lines}\r\n")));
    requests.push(Hostile::cut("half a Cookie line", format!("{GET}Cookie: {session}={id}")));
    requests
        .push(Hostile::new("a bare carriage return", format!("{GET}Cookie: a=b\r; c=d\r\n\r\n")));
    requests.push(Hostile::new(
        "a folded line",
        format!("{GET}Cookie: a=b;\r\n {session}={id}\r\n\r\n"),
    ));
    requests
}

pub(super) fn request_lines() -> Vec<Hostile> {
    let long = "x".repeat(100_000);
    let mut requests: Vec<Hostile> = [
        "GET / HTTP/1.0",
        "GET / HTTP/1.10",
        "GET / HTTP/2.0",
        "GET / HTTP/",
        "GET / HTTP/1.1 x",
        "GET / ",
        "GET  /  HTTP/1.1",
        "GET\t/\tHTTP/1.1",
        " GET / HTTP/1.1",
        "get / HTTP/1.1",
        "GET /\\..\\admin HTTP/1.1",
        "GET http://wiki.test@evil.test/ HTTP/1.1",
        "GET http://[::1]/ HTTP/1.1",
        "GET http:/// HTTP/1.1",
        "GET https://wiki.test HTTP/1.1",
        "GET javascript:alert(1) HTTP/1.1",
        "CONNECT wiki.test:443 HTTP/1.1",
        "CONNECT / HTTP/1.1",
        "TRACE / HTTP/1.1",
        "PRI * HTTP/2.0",
        "GET /%2 HTTP/1.1",
        "GET /%00 HTTP/1.1",
        "GET /a%00b HTTP/1.1",
        "GET /%c0%ae%c0%ae/ HTTP/1.1",
        "GET /%ff%fe HTTP/1.1",
        "GET /\x01\x02 HTTP/1.1",
        "GET /\x7f HTTP/1.1",
        "GET /\u{e9}\u{202e} HTTP/1.1",
        "GET /../../../etc/passwd HTTP/1.1",
        "GET /a b HTTP/1.1",
        "GET /#/public/ HTTP/1.1",
        "GET ?x HTTP/1.1",
        "GET",
        "",
    ]
    .map(|line| Hostile::new(format!("line: {line}"), format!("{line}\r\nHost: wiki.test\r\n\r\n")))
    .into();
    for (what, line) in [
        ("a path of 100 kB", format!("GET /{long} HTTP/1.1")),
        ("a query of 100 kB", format!("GET /?{long} HTTP/1.1")),
        ("a method of 100 kB", format!("{} / HTTP/1.1", long.to_uppercase())),
        ("10,000 slashes", format!("GET {} HTTP/1.1", "/".repeat(10_000))),
        ("10,000 segments up", format!("GET {} HTTP/1.1", "/..".repeat(3_000))),
    ] {
        requests.push(Hostile::new(what, format!("{line}\r\nHost: wiki.test\r\n\r\n")));
    }
    requests.push(Hostile::new("HTTP/0.9", "GET /\r\n"));
    requests.push(Hostile::new("HTTP/1.0 without Host", "GET / HTTP/1.0\r\n\r\n"));
    requests.push(Hostile::new("line feeds only", "GET / HTTP/1.1\nHost: wiki.test\n\n"));
    requests.push(Hostile::cut("half a request line", "GET /page HTTP/1."));
    requests.push(Hostile::cut("half a header", format!("{GET}X-authentik-user")));
    requests.push(Hostile::new(
        "TLS to a port without",
        [&b"\x16\x03\x01\x02\x00\x01\x00"[..]; 9].concat(),
    ));
    requests
}

pub(super) fn hosts() -> Vec<Hostile> {
    let mut requests: Vec<Hostile> = [
        "wiki.test:",
        "wiki.test:80",
        "wiki.test:99999",
        "wiki.test:x",
        "wiki.test.",
        "wiki.test..",
        "WIKI.TEST",
        ".wiki.test",
        "wiki..test",
        "user@wiki.test",
        "user:password@wiki.test",
        "wiki.test@evil.test",
        "[::1]",
        "[::1]:80",
        "[::1",
        "[fe80::1%25eth0]",
        "wiki.test/",
        "wiki.test/../",
        "wiki.test?x",
        "wiki.test#x",
        "wiki.test, evil.test",
        "wiki test",
        "wiki.test\t",
        "w\u{ef}ki.test",
        "*",
        "_",
        "%00",
        "",
        " ",
    ]
    .map(|host| Hostile::new(format!("host: {host:?}"), get_from(host.as_bytes())))
    .into();
    requests.push(Hostile::new("a host of NUL", get_from(b"wiki\x00.test")));
    requests.push(Hostile::new("a host that is no UTF-8", get_from(b"\xff\xfe")));
    requests.push(Hostile::new("a host of 60 kB", get_from("a.".repeat(30_000).as_bytes())));
    requests.push(Hostile::new("no host", "GET / HTTP/1.1\r\n\r\n"));
    requests.push(with_header("two hosts", "Host", b"evil.test"));
    requests.push(with_header("one host twice", "Host", b"wiki.test"));
    requests.push(Hostile::new(
        "an absolute line and another host",
        "GET http://evil.test/ HTTP/1.1\r\nHost: wiki.test\r\nAccept: text/html\r\n\r\n",
    ));
    requests
}

pub(super) fn queries() -> Vec<Hostile> {
    let long = "A".repeat(65_536);
    let callback = "/outpost.goauthentik.io/callback?X-authentik-auth-callback=true";
    let start = "/outpost.goauthentik.io/start";
    [
        format!("{callback}&state=a&state=a&code=b"),
        format!("{callback}&state=a&code=b&code=c"),
        format!("{callback}&state=a&st%61te=b&code=c"),
        format!("{callback}&state=&code="),
        format!("{callback}&state[]=a&code[]=b"),
        format!("{callback}&state=%&code=%zz"),
        format!("{callback}&state=%00&code=%00"),
        format!("{callback}&state=%ff%fe&code=%c0%af"),
        format!("{callback}&state={long}&code=x"),
        format!("{callback}&state=x&code={long}"),
        format!("{callback}&{}", "state=a&".repeat(8_000)),
        format!("{callback}{}", "&".repeat(65_536)),
        format!("{callback}&{}", "%26".repeat(20_000)),
        format!("{callback}&error=access_denied&error_description={long}"),
        format!("{callback}&X-authentik-logout=true"),
        "/outpost.goauthentik.io/callback".to_owned(),
        "/outpost.goauthentik.io/callback?".to_owned(),
        format!("/any?X-authentik-auth-callback=true&X-authentik-auth-callback=true&{long}"),
        "/any?X-authentik-auth-callback=true".to_owned(),
        "/any?x-authentik-auth-callback=TRUE&X-authentik-logout=false".to_owned(),
        format!("{start}?rd={long}"),
        format!("{start}?rd=/a&rd=/b"),
        format!("{start}?rd=%00"),
        format!("{start}?{}", "rd=/x&".repeat(10_000)),
        format!("{start}??rd=/x"),
        format!("/outpost.goauthentik.io/sign_out?{long}"),
        format!("/?{long}"),
    ]
    .map(|target| Hostile::new(format!("query: {target:.120}"), get_target(&target)))
    .into()
}

pub(super) fn bodies() -> Vec<Hostile> {
    let mut requests = Vec::new();
    for (what, headers, body) in [
        ("a body", "Content-Length: 5", "hello".to_owned()),
        ("a longer body than announced", "Content-Length: 1", "x".repeat(10_000)),
        ("a shorter body than announced", "Content-Length: 10000", "x".to_owned()),
        ("a huge length", "Content-Length: 9223372036854775807", String::new()),
        ("a length beyond numbers", "Content-Length: 99999999999999999999999", String::new()),
        ("a negative length", "Content-Length: -1", String::new()),
        ("an empty length", "Content-Length:", String::new()),
        ("two lengths", "Content-Length: 5\r\nContent-Length: 6", "hello!".to_owned()),
        ("chunks", CHUNKED, "5\r\nhello\r\n0\r\n\r\n".to_owned()),
        ("a bad chunk", CHUNKED, "zz\r\nhello\r\n0\r\n\r\n".to_owned()),
        ("a huge chunk", CHUNKED, "ffffffffffffffff\r\nx".to_owned()),
        ("chunks without end", CHUNKED, "1\r\nx\r\n".repeat(2_000)),
        ("a trailer", CHUNKED, "0\r\nX-authentik-username: root\r\n\r\n".to_owned()),
        (
            "length and chunks",
            "Content-Length: 5\r\nTransfer-Encoding: chunked",
            SMUGGLED.to_owned(),
        ),
        ("an unknown coding", "Transfer-Encoding: gzip", "x".to_owned()),
        ("two codings", "Transfer-Encoding: chunked, identity", "0\r\n\r\n".to_owned()),
        ("an expectation", "Content-Length: 5\r\nExpect: 100-continue", "hello".to_owned()),
        ("another expectation", "Expect: the-unexpected", String::new()),
    ] {
        for method in ["GET", "HEAD", "POST", "DELETE"] {
            for target in ["/", "/outpost.goauthentik.io/callback", "/outpost.goauthentik.io/start"]
            {
                let head =
                    format!("{method} {target} HTTP/1.1\r\nHost: wiki.test\r\n{headers}\r\n");
                let what = format!("{method} {target} with {what}");
                // Ends the stream, so that nginx does not wait for what never comes.
                let request = Hostile::new(what, format!("{head}\r\n{body}"));
                requests.push(Hostile { is_cut: true, ..request });
            }
        }
    }
    requests
}

pub(super) fn methods() -> Vec<Hostile> {
    let known = "GET HEAD POST PUT DELETE MKCOL COPY MOVE OPTIONS PROPFIND PROPPATCH LOCK UNLOCK PATCH \
                 TRACE CONNECT PURGE SIGNIN QUERY GE GETX _ X-Y M-SEARCH";
    let targets = ["/", "/outpost.goauthentik.io/callback", "/outpost.goauthentik.io/start", PING];
    let request = |method: &str, target: &str| {
        let line = format!("{method} {target} HTTP/1.1");
        Hostile::new(
            line.clone(),
            format!("{line}\r\nHost: wiki.test\r\nAccept: text/html\r\n\r\n"),
        )
    };
    let of_method = |method| targets.map(|target| request(method, target));
    known.split_whitespace().flat_map(of_method).collect()
}

fn with_header(what: &str, name: &str, value: &[u8]) -> Hostile {
    let head = format!("{GET}{name}: ");
    Hostile::new(what, [head.as_bytes(), value, b"\r\n\r\n"].concat())
}

fn get_from(host: &[u8]) -> Vec<u8> {
    [b"GET / HTTP/1.1\r\nAccept: text/html\r\nHost: ", host, b"\r\n\r\n"].concat()
}

fn get_target(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: wiki.test\r\nAccept: text/html\r\n\r\n")
}

const GET: &str = "GET /page HTTP/1.1\r\nHost: wiki.test\r\nAccept: text/html\r\n";
const PING: &str = "/outpost.goauthentik.io/ping";
const CHUNKED: &str = "Transfer-Encoding: chunked";
/// The end of the chunks, followed by what could be mistaken for another request.
const SMUGGLED: &str = "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: wiki.test\r\n\r\n";
