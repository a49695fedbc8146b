//! What is protected here: each server and location of the running configuration, and by what.

use std::collections::HashSet;
use std::fmt;

use serde::Serialize;

use crate::decision::Unauthenticated;

/// Maximum number of parts that a report lists.
const LISTED: usize = 2_000;

/// A server (what none of its locations matches) or a location, as configured.
#[derive(Clone, Debug)]
pub struct Part {
    /// First name of the server; empty if it has none.
    pub server: String,
    /// Where the server is defined: file and line.
    pub place: String,
    /// The location as written; empty for the server itself.
    pub location: String,
    /// What protects it.
    pub guard: Guard,
    /// `authentik_unauthenticated`.
    pub unauthenticated: Unauthenticated,
    /// Patterns of the paths that need no session.
    pub open_paths: Vec<String>,
    /// `authentik_require`.
    pub rules: Vec<String>,
    /// The directive that answers before access is checked, if any.
    pub answered_by: Option<&'static str>,
    /// Reached only by internal redirects.
    pub is_internal: bool,
    /// `satisfy any`.
    pub satisfies_any: bool,
    /// `allow` or `deny` applies.
    pub has_address_rules: bool,
}

/// What protects a part of a site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Guard {
    /// Nothing.
    Off,
    /// The provider with this name.
    Provider(String),
    /// The outpost's provider for the host.
    Auto,
}

/// Who gets into a part of a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Users who have signed in.
    Protected,
    /// The same, except for some paths.
    PartlyOpen,
    /// Everybody, as far as this module is concerned.
    Open,
    /// Nobody directly.
    Internal,
}

/// A part of a site, judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Covered {
    /// First name of the server; empty if it has none.
    pub server: String,
    /// Where the server is defined: file and line.
    pub place: String,
    /// The location as written; empty for the server itself.
    pub location: String,
    /// Who gets in.
    pub access: Access,
    /// `off`, `auto` or the name of a provider.
    pub provider: String,
    /// Patterns of the paths that need no session.
    pub open_paths: Vec<String>,
    /// What the users must be.
    pub require: Vec<String>,
    /// What an auditor should look at.
    pub remarks: Vec<&'static str>,
}

/// All parts of the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// At most 2,000, in the order of the configuration.
    pub parts: Vec<Covered>,
    /// How many more there are.
    pub not_listed: usize,
}

impl Access {
    /// The word for it in texts.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Protected => "protected",
            Self::PartlyOpen => "partly open",
            Self::Open => "open",
            Self::Internal => "internal",
        }
    }
}

impl Coverage {
    /// Judges the parts of a configuration.
    #[must_use]
    pub fn of(parts: &[Part]) -> Self {
        let listed = judged(parts).take(LISTED).collect();
        Self { parts: listed, not_listed: parts.len().saturating_sub(LISTED) }
    }
}

/// All parts of a configuration, judged.
pub fn judged(parts: &[Part]) -> impl Iterator<Item = Covered> {
    let guarded = parts.iter().filter(|part| part.guard != Guard::Off).map(server_of);
    let guarded: HashSet<_> = guarded.collect();
    parts.iter().map(move |part| covered(part, guarded.contains(&server_of(part))))
}

/// What distinguishes the server of a part from others.
fn server_of(part: &Part) -> (&str, &str) {
    (&part.place, &part.server)
}

fn covered(part: &Part, is_server_guarded: bool) -> Covered {
    let access = access(part);
    let provider = match &part.guard {
        Guard::Off => "off".to_owned(),
        Guard::Provider(name) => name.clone(),
        Guard::Auto => "auto".to_owned(),
    };
    Covered {
        server: part.server.clone(),
        place: part.place.clone(),
        location: part.location.clone(),
        access,
        provider,
        open_paths: part.open_paths.clone(),
        require: part.rules.clone(),
        remarks: remarks(part, access, is_server_guarded),
    }
}

fn access(part: &Part) -> Access {
    if part.is_internal {
        return Access::Internal;
    }
    let passes = part.unauthenticated == Unauthenticated::Pass;
    match part.guard {
        Guard::Off => Access::Open,
        Guard::Provider(_) | Guard::Auto if part.answered_by.is_some() || passes => Access::Open,
        Guard::Provider(_) | Guard::Auto if part.open_paths.is_empty() => Access::Protected,
        Guard::Provider(_) | Guard::Auto => Access::PartlyOpen,
    }
}

fn remarks(part: &Part, access: Access, is_server_guarded: bool) -> Vec<&'static str> {
    let is_guarded = part.guard != Guard::Off;
    let mut remarks = Vec::new();
    if access == Access::Open {
        if part.answered_by.is_some() {
            remarks.push("answers before access is checked (return or rewrite)");
        }
        if is_guarded && part.unauthenticated == Unauthenticated::Pass {
            remarks.push("strangers get in (authentik_unauthenticated pass)");
        }
        if part.has_address_rules {
            remarks.push("allow and deny apply");
        }
        if !is_guarded && is_server_guarded {
            remarks.push("open, though other parts of this server are protected");
        }
    }
    if is_guarded && part.satisfies_any {
        remarks.push("other access checks can admit strangers (satisfy any)");
    }
    remarks
}

/// A line for the log.
impl fmt::Display for Covered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { server, place, location, access, provider, open_paths, require, remarks } = self;
        let server = if server.is_empty() { "without a name" } else { server };
        write!(f, "server {server} ({place})")?;
        if !location.is_empty() {
            write!(f, " location \"{location}\"")?;
        }
        write!(f, ": {}", access.word())?;
        if provider != "off" {
            write!(f, ", authentik_provider {provider}")?;
        }
        for rule in require {
            write!(f, ", only {rule}")?;
        }
        if !open_paths.is_empty() {
            write!(f, ", open paths: {}", open_paths.join(" "))?;
        }
        remarks.iter().try_for_each(|remark| write!(f, "; {remark}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(location: &str, guard: Guard) -> Part {
        Part {
            server: "wiki.example.com".into(),
            place: "nginx.conf:7".into(),
            location: location.into(),
            guard,
            unauthenticated: Unauthenticated::Auto,
            open_paths: Vec::new(),
            rules: Vec::new(),
            answered_by: None,
            is_internal: false,
            satisfies_any: false,
            has_address_rules: false,
        }
    }

    fn wiki(location: &str) -> Part {
        part(location, Guard::Provider("wiki".into()))
    }

    fn line(part: Part) -> String {
        Coverage::of(&[part]).parts[0].to_string()
    }

    #[test]
    fn each_part_says_who_gets_in() {
        const SERVER: &str = "server wiki.example.com (nginx.conf:7)";
        let rules = vec!["group \"staff\"".to_owned()];
        let open_paths = vec!["^/public/".to_owned()];
        for (part, said) in [
            (wiki(""), ": protected, authentik_provider wiki"),
            (part("/", Guard::Off), " location \"/\": open"),
            (part("", Guard::Auto), ": protected, authentik_provider auto"),
            (
                Part { open_paths, ..wiki("") },
                ": partly open, authentik_provider wiki, open paths: ^/public/",
            ),
            (
                Part { rules, ..wiki("/a") },
                " location \"/a\": protected, authentik_provider wiki, only group \"staff\"",
            ),
            (
                Part { answered_by: Some("return"), ..wiki("/a") },
                " location \"/a\": open, authentik_provider wiki; answers before access is checked \
                 (return or rewrite)",
            ),
            (
                Part { unauthenticated: Unauthenticated::Pass, ..wiki("") },
                ": open, authentik_provider wiki; strangers get in (authentik_unauthenticated pass)",
            ),
            (
                Part { satisfies_any: true, ..wiki("") },
                ": protected, authentik_provider wiki; other access checks can admit strangers \
                 (satisfy any)",
            ),
            (
                Part { has_address_rules: true, ..part("", Guard::Off) },
                ": open; allow and deny apply",
            ),
            (
                Part { is_internal: true, ..wiki("@a") },
                " location \"@a\": internal, authentik_provider wiki",
            ),
        ] {
            assert_eq!(line(part), format!("{SERVER}{said}"));
        }
        let unnamed = Part { server: String::new(), ..wiki("") };
        assert!(line(unnamed).starts_with("server without a name (nginx.conf:7): protected"));
    }

    #[test]
    fn what_is_open_in_a_protected_server_is_pointed_out() {
        let elsewhere = Part { place: "nginx.conf:30".into(), ..part("/b", Guard::Off) };
        let parts = [wiki(""), part("/a", Guard::Off), elsewhere];
        let remarks = Coverage::of(&parts).parts.into_iter().map(|part| part.remarks);
        let remarks: Vec<_> = remarks.collect();
        let said = "open, though other parts of this server are protected";
        assert_eq!(remarks, [vec![], vec![said], vec![]]);
    }

    #[test]
    fn a_long_list_is_cut_and_says_so() {
        let parts: Vec<Part> = (0..LISTED + 3).map(|at| wiki(&format!("/{at}"))).collect();
        let coverage = Coverage::of(&parts);
        assert_eq!((coverage.parts.len(), coverage.not_listed), (LISTED, 3));
    }
}
