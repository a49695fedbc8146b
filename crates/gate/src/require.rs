//! `authentik_require`: conditions for signed-in visitors.

use std::fmt;

use crate::identity::SessionView;

/// All rules of a location; each must be met.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requirements(Vec<Rule>);

/// One rule: the visitor has one of the values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    kind: Kind,
    values: Vec<String>,
}

/// What a rule checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Group,
    Entitlement,
    User,
}

impl Requirements {
    /// Adds a rule.
    pub fn add(&mut self, rule: Rule) {
        self.0.push(rule);
    }

    /// All rules.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.0.iter()
    }

    /// The first rule that the visitor does not meet.
    #[must_use]
    pub fn unmet_by(&self, session: &SessionView<'_>) -> Option<&Rule> {
        self.0.iter().find(|rule| !rule.is_met_by(session))
    }
}

impl Rule {
    /// Parses `group|entitlement|user VALUE …`. Names are compared byte for byte.
    ///
    /// # Errors
    /// What is wrong, and what would be right.
    pub fn parse(kind: &str, values: &[String]) -> Result<Self, String> {
        let kind = match kind {
            "group" => Kind::Group,
            "entitlement" => Kind::Entitlement,
            "user" => Kind::User,
            _ => return Err(format!("\"{kind}\" is not one of group, entitlement, user")),
        };
        if values.is_empty() {
            return Err(format!(
                "{} needs a name, e.g. {} \"wiki editors\"",
                kind.word(),
                kind.word()
            ));
        }
        if values.iter().any(String::is_empty) {
            return Err(format!("{} \"\" is met by nobody; write a name", kind.word()));
        }
        Ok(Self { kind, values: values.to_vec() })
    }

    fn is_met_by(&self, session: &SessionView<'_>) -> bool {
        self.values.iter().map(String::as_bytes).any(|value| match self.kind {
            Kind::Group => session.is_in_group(value),
            Kind::Entitlement => session.has_entitlement(value),
            Kind::User => session.username() == value,
        })
    }
}

impl Kind {
    const fn word(self) -> &'static str {
        match self {
            Self::Group => "group",
            Self::Entitlement => "entitlement",
            Self::User => "user",
        }
    }
}

/// For the log: what is missing.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let values = self.values.join("\" or \"");
        write!(f, "{} \"{values}\"", self.kind.word())
    }
}
