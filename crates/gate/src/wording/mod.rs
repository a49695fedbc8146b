//! The texts that people read, in their language.
//!
//! One file per language in `texts/`, which a translator can edit: `key = text`, one to a line. A
//! text that a file lacks is shown in English. Reason codes, the log and what programs receive are
//! always English.

mod accept;

/// A language with a file of texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// English; also for everybody whose language is not here.
    English,
    /// German.
    German,
    /// French.
    French,
    /// Spanish.
    Spanish,
    /// Italian.
    Italian,
    /// Dutch.
    Dutch,
    /// Polish.
    Polish,
    /// Japanese.
    Japanese,
    /// Chinese, in simplified characters.
    Chinese,
}

impl Language {
    /// Each once.
    pub const ALL: [Self; 9] = [
        Self::English,
        Self::German,
        Self::French,
        Self::Spanish,
        Self::Italian,
        Self::Dutch,
        Self::Polish,
        Self::Japanese,
        Self::Chinese,
    ];

    /// Its tag (BCP 47), for `lang` and `Content-Language`.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        self.tag_and_texts().0
    }

    /// The text, in English if this language lacks it.
    #[must_use]
    pub fn text(self, text: Text) -> &'static str {
        text_of(self.texts(), Self::English.texts(), text.key())
    }

    const fn texts(self) -> &'static str {
        self.tag_and_texts().1
    }

    const fn tag_and_texts(self) -> (&'static str, &'static str) {
        match self {
            Self::English => ("en", include_str!("texts/en.txt")),
            Self::German => ("de", include_str!("texts/de.txt")),
            Self::French => ("fr", include_str!("texts/fr.txt")),
            Self::Spanish => ("es", include_str!("texts/es.txt")),
            Self::Italian => ("it", include_str!("texts/it.txt")),
            Self::Dutch => ("nl", include_str!("texts/nl.txt")),
            Self::Polish => ("pl", include_str!("texts/pl.txt")),
            Self::Japanese => ("ja", include_str!("texts/ja.txt")),
            Self::Chinese => ("zh-Hans", include_str!("texts/zh.txt")),
        }
    }
}

/// The text with this key, from `fallback` if `texts` has none.
fn text_of(texts: &'static str, fallback: &'static str, key: &str) -> &'static str {
    line_of(texts, key).or_else(|| line_of(fallback, key)).unwrap_or_default()
}

/// The text after this key.
fn line_of(texts: &'static str, key: &str) -> Option<&'static str> {
    lines(texts).find(|(found, _)| *found == key).map(|(_, text)| text).filter(|s| !s.is_empty())
}

/// Keys and texts of a file: blank lines, and lines that begin with `#`, are for the translator.
fn lines(texts: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = texts.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once('=')).map(|(key, text)| (key.trim(), text.trim()))
}

macro_rules! texts {
    ($($name:ident $key:literal,)*) => {
        /// A text, by its key in the files.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[expect(missing_docs, reason = "texts/en.txt says it")]
        pub enum Text {
            $($name,)*
        }

        impl Text {
            /// Each once.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The key in the files.
            #[must_use]
            pub const fn key(self) -> &'static str {
                match self {
                    $(Self::$name => $key,)*
                }
            }
        }
    };
}

texts! {
    PleaseSignIn "please-sign-in",
    NeedsSession "needs-session",
    AskedAgain "asked-again",
    BadCredentials "bad-credentials",
    Forbidden "forbidden",
    NotForYou "not-for-you",
    SignedInAs "signed-in-as",
    BadBackend "bad-backend",
    NoBackend "no-backend",
    Nobodys "nobodys",
    NoProvider "no-provider",
    TheAddress "the-address",
    Again "again",
    BrokenLink "broken-link",
    TooLate "too-late",
    UnderWay "under-way",
    Elsewhere "elsewhere",
    NoCookie "no-cookie",
    NotSignedIn "not-signed-in",
    Broken "broken",
    Settings "settings",
    NoUserName "no-user-name",
    NoForwardUrl "no-forward-url",
    Internal "internal",
    NothingDone "nothing-done",
    NotOpened "not-opened",
    SignedIn "signed-in",
    LongLink "long-link",
    OpenAgain "open-again",
    OpenAfterwards "open-afterwards",
    TakesYou "takes-you",
    NothingEnded "nothing-ended",
    NoLogout "no-logout",
    SignedOutHere "signed-out-here",
    AllEnded "all-ended",
    PerhapsThere "perhaps-there",
    Unchecked "unchecked",
    NotLookedUp "not-looked-up",
    Away "away",
    Retry "retry",
    NothingKnown "nothing-known",
    Loop "loop",
    Looping "looping",
    NotReceived "not-received",
    SendAgain "send-again",
    LoadAgain "load-again",
    ToSignIn "to-sign-in",
    ToSignOut "to-sign-out",
    ToSwitch "to-switch",
    ToLoadAgain "to-load-again",
    ToTryAgain "to-try-again",
    ToStartPage "to-start-page",
    ToContinue "to-continue",
    ToSite "to-site",
    Reason "reason",
    Time "time",
    Request "request",
}

impl Text {
    /// The text in English: for programs and administrators.
    #[must_use]
    pub fn english(self) -> &'static str {
        Language::English.text(self)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// What is filled in: `{name}`.
    fn placeholders(text: &str) -> BTreeSet<&str> {
        let opened = text.split('{').skip(1);
        opened.map(|rest| rest.split_once('}').expect("a placeholder ends").0).collect()
    }

    #[test]
    fn english_has_every_text_and_the_others_have_no_other() {
        for text in Text::ALL {
            let english = line_of(Language::English.texts(), text.key());
            assert!(english.is_some(), "texts/en.txt lacks \"{}\"", text.key());
        }
        for language in Language::ALL {
            let file = language.tag();
            let mut seen = BTreeSet::new();
            for (key, text) in lines(language.texts()) {
                let known = Text::ALL.iter().find(|text| text.key() == key);
                let known = known.unwrap_or_else(|| panic!("{file}: nothing shows \"{key}\""));
                assert!(seen.insert(key), "{file}: \"{key}\" is there twice");
                assert_eq!(placeholders(text), placeholders(known.english()), "{file}: {key}");
                assert!(!text.contains(char::is_control), "{file}: {key}");
            }
        }
    }

    #[test]
    fn every_line_of_a_file_has_a_text_or_is_a_comment() {
        for language in Language::ALL {
            for line in language.texts().lines().filter(|line| !line.is_empty()) {
                let is_text = line.split_once(" = ").is_some_and(|(_, text)| !text.is_empty());
                assert!(is_text || line.starts_with('#'), "{}: {line}", language.tag());
            }
        }
    }

    #[test]
    fn a_text_that_is_missing_is_shown_in_english() {
        let texts = "# A comment = x\n\na = b = c\r\n# d = e\nempty =\n";
        for (key, text) in [("a", "b = c"), ("d", "english d"), ("empty", "english empty")] {
            assert_eq!(text_of(texts, "a = A\nd = english d\nempty = english empty", key), text);
        }
        assert_eq!(Language::German.text(Text::ToSignIn), "Anmelden");
        assert_eq!(Text::ToSignIn.english(), "Sign in");
    }

    #[test]
    fn every_language_has_a_tag_of_its_own() {
        let tags: BTreeSet<&str> = Language::ALL.iter().map(|language| language.tag()).collect();
        assert_eq!(tags.len(), Language::ALL.len());
    }
}
