//! A browser's cookie jar (RFC 6265 section 5), as far as a sign-in needs one.

/// A stored cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cookie {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) domain: String,
    pub(crate) host_only: bool,
    pub(crate) path: String,
    pub(crate) secure: bool,
    pub(crate) http_only: bool,
    pub(crate) same_site: Option<String>,
    pub(crate) max_age: Option<i64>,
}

/// The jar. Cookies do not distinguish ports (RFC 6265 section 8.5).
#[derive(Clone, Debug, Default)]
pub(crate) struct Jar {
    cookies: Vec<Cookie>,
}

impl Jar {
    /// Handles one `Set-Cookie` line of a response from `host` and `path`; a rejected one is
    /// dropped.
    pub(crate) fn store(&mut self, line: &str, host: &str, path: &str, secure_channel: bool) {
        let Some((cookie, expired)) = parse(line, host, path) else { return };
        if cookie.secure && !secure_channel {
            return; // browsers do not take `Secure` cookies from http
        }
        if cookie.name.to_ascii_lowercase().starts_with("__host-") {
            // RFC 6265bis section 4.1.3.2.
            let own = cookie.host_only && cookie.path == "/" && line.contains("Path=");
            if !(own && cookie.secure) {
                return;
            }
        }
        self.cookies.retain(|old| {
            old.name != cookie.name || old.domain != cookie.domain || old.path != cookie.path
        });
        if !expired {
            self.cookies.push(cookie);
        }
    }

    /// The `Cookie` header for a request, longest paths first (RFC 6265 section 5.4).
    pub(crate) fn header(&self, host: &str, path: &str, secure_channel: bool) -> Option<String> {
        let mut fitting: Vec<&Cookie> = self
            .cookies
            .iter()
            .filter(|cookie| cookie.fits(host, path) && (secure_channel || !cookie.secure))
            .collect();
        fitting.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        let pairs: Vec<String> =
            fitting.iter().map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    /// All cookies that `host` would receive on some path.
    pub(crate) fn of(&self, host: &str) -> Vec<Cookie> {
        let covers = |cookie: &&Cookie| cookie.covers(host);
        self.cookies.iter().filter(covers).cloned().collect()
    }

    /// Adds a cookie, like a thief.
    pub(crate) fn insert(&mut self, cookie: Cookie) {
        self.cookies.push(cookie);
    }
}

impl Cookie {
    fn covers(&self, host: &str) -> bool {
        host == self.domain
            || (!self.host_only
                && host.strip_suffix(&self.domain).is_some_and(|rest| rest.ends_with('.')))
    }

    fn fits(&self, host: &str, path: &str) -> bool {
        let below = path.strip_prefix(&self.path).is_some_and(|rest| {
            self.path.ends_with('/') || rest.is_empty() || rest.starts_with('/')
        });
        self.covers(host) && below
    }
}

/// The cookie, and whether the line deletes it.
fn parse(line: &str, host: &str, request_path: &str) -> Option<(Cookie, bool)> {
    let mut parts = line.split(';').map(str::trim);
    let (name, value) = parts.next()?.split_once('=')?;
    let mut cookie = Cookie {
        name: name.to_owned(),
        value: value.to_owned(),
        domain: host.to_owned(),
        host_only: true,
        path: default_path(request_path),
        secure: false,
        http_only: false,
        same_site: None,
        max_age: None,
    };
    let mut expired = false;
    for part in parts {
        let (attribute, value) = part.split_once('=').unwrap_or((part, ""));
        match attribute.to_ascii_lowercase().as_str() {
            "path" if value.starts_with('/') => value.clone_into(&mut cookie.path),
            "domain" if !value.is_empty() => {
                cookie.domain = value.trim_start_matches('.').to_ascii_lowercase();
                cookie.host_only = false;
            }
            "secure" => cookie.secure = true,
            "httponly" => cookie.http_only = true,
            "samesite" => cookie.same_site = Some(value.to_owned()),
            "max-age" => cookie.max_age = value.parse().ok(),
            "expires" => expired |= value.contains(" 1970 ") || value.contains("-1970 "),
            _ => {}
        }
    }
    // Max-Age wins over Expires (RFC 6265 section 5.3).
    let expired = cookie.max_age.map_or(expired, |seconds| seconds <= 0);
    cookie.covers(host).then_some((cookie, expired))
}

/// RFC 6265 section 5.1.4.
fn default_path(request_path: &str) -> String {
    match request_path.rfind('/') {
        None | Some(0) => "/".to_owned(),
        Some(at) => request_path.split_at(at).0.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::Jar;

    #[test]
    fn the_jar_does_what_browsers_do() {
        let mut jar = Jar::default();
        for line in [
            "plain=1; Path=/",
            "deep=2; Path=/a",
            "wide=3; Domain=.test; Path=/",
            "foreign=4; Domain=other.test; Path=/",
            "secure=5; Path=/; Secure",
            "default=6",
            "replaced=7; Path=/",
            "replaced=8; Path=/",
            "gone=9; Path=/",
            "gone=; Path=/; Max-Age=0",
            "kept=10; Path=/",
            "kept=; Path=/elsewhere; Max-Age=0",
            "__Host-insecure=11; Path=/",
            "__Host-wide=12; Path=/; Domain=test; Secure",
        ] {
            jar.store(line, "wiki.test", "/a/page", false);
        }

        let sent = |host: &str, path: &str| jar.header(host, path, false).unwrap_or_default();
        assert_eq!(sent("wiki.test", "/"), "plain=1; wide=3; replaced=8; kept=10");
        assert_eq!(
            sent("wiki.test", "/a/b"),
            "deep=2; default=6; plain=1; wide=3; replaced=8; kept=10"
        );
        assert_eq!(sent("wiki.test", "/ab"), "plain=1; wide=3; replaced=8; kept=10");
        assert_eq!(sent("blog.test", "/"), "wide=3");
        assert_eq!(sent("xtest", "/"), "");
    }
}
