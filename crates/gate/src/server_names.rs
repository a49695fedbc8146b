//! The names of an nginx server, to tell requests for them from those that it gets as the default
//! server.
//!
//! nginx passes a request for an unknown host to the first server of the address. Such a request
//! must not select a provider by host: its visitors may be those of another application.

/// `server_name` of one server. Without any, every host matches.
#[derive(Debug, Default)]
pub struct ServerNames {
    names: Vec<Box<[u8]>>,
    has_any: bool,
}

impl ServerNames {
    /// Adds a name as nginx has it: lower case; exact, or with a wildcard at one end.
    pub fn add(&mut self, name: &[u8]) {
        // The conventional name of a catch-all server.
        self.has_any |= name == b"_";
        self.names.push(name.into());
    }

    /// Adds a regular expression, which only nginx can match.
    pub fn add_regex(&mut self) {
        self.has_any = true;
    }

    /// Whether a request for this host (lower case, without port) is meant for the server.
    #[must_use]
    pub fn cover(&self, host: &[u8]) -> bool {
        let is_unnamed = self.names.iter().all(|name| name.is_empty());
        self.has_any || is_unnamed || self.names.iter().any(|name| covers(name, host))
    }
}

/// Matches like nginx's hashes of names (ngx_http_core_module, `server_name`).
fn covers(name: &[u8], host: &[u8]) -> bool {
    let ends = |with: &[u8]| host.len() > with.len() && host.ends_with(with);
    match name {
        [b'*', domain @ ..] => ends(domain),
        [b'.', bare @ ..] => host == bare || ends(name),
        [start @ .., b'*'] => host.len() > start.len() && host.starts_with(start),
        exact => host == exact,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> ServerNames {
        let mut all = ServerNames::default();
        names.iter().for_each(|name| all.add(name.as_bytes()));
        all
    }

    #[test]
    fn only_hosts_that_the_server_names_are_meant_for_it() {
        // The forms documented for `server_name` of ngx_http_core_module.
        for (name, host, expected) in [
            ("wiki.test", "wiki.test", true),
            ("wiki.test", "files.test", false),
            ("wiki.test", "x.wiki.test", false),
            ("wiki.test", "xwiki.test", false),
            ("wiki.test", "", false),
            ("*.example.test", "a.example.test", true),
            ("*.example.test", "a.b.example.test", true),
            ("*.example.test", "example.test", false),
            ("*.example.test", ".example.test", false),
            ("*.example.test", "aexample.test", false),
            (".example.test", "example.test", true),
            (".example.test", "a.example.test", true),
            (".example.test", "aexample.test", false),
            ("www.example.*", "www.example.test", true),
            ("www.example.*", "www.example.co.uk", true),
            ("www.example.*", "www.example.", false),
            ("www.example.*", "www.exampletest", false),
            ("127.0.0.1", "127.0.0.1", true),
        ] {
            assert_eq!(names(&[name]).cover(host.as_bytes()), expected, "{name} {host}");
        }
        assert!(names(&["wiki.test", "files.test"]).cover(b"files.test"));
        assert!(names(&["", "wiki.test"]).cover(b""));
        assert!(!names(&["", "wiki.test"]).cover(b"files.test"));
    }

    #[test]
    fn a_server_for_all_hosts_covers_each() {
        let mut by_regex = names(&["wiki.test"]);
        by_regex.add_regex();
        for server in [names(&[]), names(&[""]), names(&["_"]), names(&["a.test", "_"]), by_regex] {
            assert!(server.cover(b"files.test") && server.cover(b""), "{server:?}");
        }
    }
}
