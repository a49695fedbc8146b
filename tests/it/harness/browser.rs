//! A person with a browser: cookies, redirects, and the headers of a navigation or of a script's
//! `fetch()`.

use std::io;
use std::net::SocketAddr;

use url::Url;

use super::cookies::{Cookie, Jar};
use super::http::{Request, Response};
use super::http3::Http3;

/// A browser that resolves every host name to 127.0.0.1.
#[derive(Clone, Debug)]
pub(crate) struct Browser {
    home: Url,
    jar: Jar,
    refuses: fn(&str) -> bool,
    https: Option<Http3>,
}

/// The responses of one navigation, redirects first.
#[derive(Debug)]
pub(crate) struct Trail {
    steps: Vec<(Url, Response)>,
}

impl Browser {
    /// A fresh profile; relative addresses refer to `home`.
    pub(crate) fn new(home: &str) -> Self {
        Self {
            home: Url::parse(home).expect("the site's URL"),
            jar: Jar::default(),
            refuses: |_| false,
            https: None,
        }
    }

    /// Uses this client for https from now on.
    pub(crate) fn speak_http3(&mut self, client: &Http3) {
        self.https = Some(client.clone());
    }

    /// Opens a page like a person, and follows all redirects.
    pub(crate) fn open(&mut self, address: &str) -> Trail {
        self.open_until(address, |_| false)
    }

    /// Like [`Browser::open`], but stops before the first address for which `halt` returns true.
    pub(crate) fn open_until(&mut self, address: &str, halt: impl Fn(&Url) -> bool) -> Trail {
        let url = self.home.join(address).expect("an address");
        let response = self.navigate(&url);
        self.follow_until(url, response, halt)
    }

    /// Continues from the response to a request by the test.
    pub(crate) fn follow(&mut self, address: &str, response: Response) -> Trail {
        let url = self.home.join(address).expect("an address");
        self.store_cookies(&url, &response);
        self.follow_until(url, response, |_| false)
    }

    fn follow_until(
        &mut self,
        mut url: Url,
        mut response: Response,
        halt: impl Fn(&Url) -> bool,
    ) -> Trail {
        let mut trail = Trail { steps: Vec::new() };
        for _ in 0..MOST_REDIRECTS {
            let next = matches!(response.status(), 301 | 302 | 303 | 307 | 308)
                .then(|| url.join(response.location()).expect("a Location that is a URL"));
            trail.steps.push((url, response));
            match next {
                Some(next) if !halt(&next) => url = next,
                _ => return trail,
            }
            response = self.navigate(&url);
        }
        panic!("more than {MOST_REDIRECTS} redirects: {:#?}", trail.addresses());
    }

    /// Signs in at authentik, but stops before the callback. Returns the callback's address.
    pub(crate) fn open_until_callback(&mut self, address: &str) -> String {
        let trail = self.open_until(address, |url| url.path().ends_with("/callback"));
        trail.page().location().to_owned()
    }

    /// One step of a navigation, without following redirects.
    pub(crate) fn step(&mut self, address: &str) -> Response {
        let url = self.home.join(address).expect("an address");
        self.navigate(&url)
    }

    /// A request by the page, with these headers; cookies are kept.
    pub(crate) fn step_with(&mut self, address: &str, headers: &[(&str, &str)]) -> Response {
        let url = self.home.join(address).expect("an address");
        let request = self.request("GET", &url).headers(headers);
        self.exchange(&url, &request)
    }

    /// [`Browser::step`] for a server that may break the connection.
    pub(crate) fn try_step(&mut self, address: &str) -> io::Result<Response> {
        let url = self.home.join(address).expect("an address");
        let response = self.request("GET", &url).navigation().try_send()?;
        self.store_cookies(&url, &response);
        Ok(response)
    }

    /// A script's `fetch()`: with cookies, without following redirects.
    pub(crate) fn fetch(&mut self, address: &str) -> Response {
        let url = self.home.join(address).expect("an address");
        let request = self
            .request("GET", &url)
            .header("Accept", "*/*")
            .header("Sec-Fetch-Site", "same-origin")
            .header("Sec-Fetch-Mode", "cors")
            .header("Sec-Fetch-Dest", "empty");
        self.exchange(&url, &request)
    }

    /// A request for the test to send, with this browser's cookies.
    pub(crate) fn get(&self, address: &str) -> Request {
        let url = self.home.join(address).expect("an address");
        self.request("GET", &url)
    }

    /// The value of its `Cookie` header for the site.
    pub(crate) fn cookie_header(&self) -> Option<String> {
        self.jar.header(self.home.host_str().unwrap_or_default(), "/", false)
    }

    /// Its cookies for the site.
    pub(crate) fn cookies(&self) -> Vec<Cookie> {
        self.jar.of(self.home.host_str().unwrap_or_default())
    }

    /// Its session cookies for the site.
    pub(crate) fn session_cookies(&self) -> Vec<Cookie> {
        self.cookies().into_iter().filter(Cookie::is_session).collect()
    }

    /// Its cookies for the site that belong to unfinished sign-ins, except the counter of
    /// consecutive sign-ins, a small cookie that lasts a few seconds.
    pub(crate) fn state_cookies(&self) -> Vec<Cookie> {
        let count = |cookie: &Cookie| cookie.name.contains("authentik_signin_trail_");
        let other = |cookie: &Cookie| !cookie.is_session() && !count(cookie);
        self.cookies().into_iter().filter(other).collect()
    }

    /// Handles a `Set-Cookie` line as if from a response by this host: browsers reject some.
    pub(crate) fn take_cookie_of(&mut self, host: &str, line: &str) {
        self.jar.store(line, host, "/", true);
    }

    /// Adds a cookie, like a thief.
    pub(crate) fn plant(&mut self, cookie: Cookie) {
        self.jar.insert(cookie);
    }

    /// Makes authentik sign in this browser as another user from now on.
    pub(crate) fn become_user(&mut self, user: &str) {
        let cookie = format!("standin_user={user}; Path=/");
        self.jar.store(&cookie, "127.0.0.1", "/", false);
    }

    /// Rejects cookies with these names from now on, as browsers do by policy or because of a wrong
    /// clock.
    pub(crate) fn refuse_cookies(&mut self, refuses: fn(&str) -> bool) {
        self.refuses = refuses;
    }

    fn navigate(&mut self, url: &Url) -> Response {
        let request = self.request("GET", url).navigation();
        self.exchange(url, &request)
    }

    fn request(&self, method: &str, url: &Url) -> Request {
        let target = url
            .query()
            .map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
        let request = Request::new(address_of(url), method, &authority(url), &target);
        match self.jar.header(host_of(url), url.path(), url.scheme() == "https") {
            Some(cookies) => request.header("Cookie", cookies),
            None => request,
        }
    }

    fn exchange(&mut self, url: &Url, request: &Request) -> Response {
        let response = match &self.https {
            Some(client) if url.scheme() == "https" => client.send(request),
            Some(_) | None => request.send(),
        };
        self.store_cookies(url, &response);
        response
    }

    fn store_cookies(&mut self, url: &Url, response: &Response) {
        for line in response.all("set-cookie") {
            if (self.refuses)(line.split('=').next().unwrap_or_default()) {
                continue;
            }
            self.jar.store(line, host_of(url), url.path(), url.scheme() == "https");
        }
    }
}

impl Cookie {
    /// Whether it is a session cookie.
    pub(crate) fn is_session(&self) -> bool {
        is_session(&self.name)
    }
}

/// Whether it is a name that authentik's proxies use for sessions (docs/protocol.md §6.1).
pub(crate) fn is_session(name: &str) -> bool {
    let name = name.strip_prefix("__Host-").unwrap_or(name);
    name.strip_prefix("authentik_proxy_")
        .is_some_and(|hex| hex.len() == 8 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

impl Trail {
    /// The page on which the navigation ended.
    pub(crate) fn page(&self) -> &Response {
        &self.steps.last().expect("at least one step").1
    }

    /// Its status.
    pub(crate) fn status(&self) -> u16 {
        self.page().status()
    }

    /// The final address in the address bar.
    pub(crate) fn address(&self) -> &Url {
        &self.steps.last().expect("at least one step").0
    }

    /// All addresses, in order.
    pub(crate) fn addresses(&self) -> Vec<&str> {
        self.steps.iter().map(|(url, _)| url.as_str()).collect()
    }
}

/// The value of a query parameter.
pub(crate) fn parameter(url: &str, name: &str) -> Option<String> {
    let url = Url::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"));
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

fn host_of(url: &Url) -> &str {
    url.host_str().unwrap_or_default()
}

fn authority(url: &Url) -> String {
    url.port().map_or_else(|| host_of(url).to_owned(), |port| format!("{}:{port}", host_of(url)))
}

fn address_of(url: &Url) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], url.port_or_known_default().expect("a port")))
}

/// The same as Chrome.
const MOST_REDIRECTS: usize = 20;
