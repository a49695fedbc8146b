//! Who waits for the answer to a request, by what browsers say of themselves.
//!
//! None of this is trusted with more than the form of an answer: whoever lies gets one that he cannot
//! use.

/// Who waits for the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// A person's browser, which can follow a redirect to authentik and come back.
    Navigation,
    /// A script, a pre-flight, a WebSocket, a tool: needs a plain 401.
    Program,
}

/// The headers and the method that tell a navigation from a program.
#[derive(Clone, Copy, Debug, Default)]
pub struct SenderHints<'a> {
    /// Whether the method is `GET` or `HEAD`: another one loses its body in a redirect.
    pub safe_method: bool,
    /// `Upgrade` is present (WebSocket).
    upgrade: bool,
    /// `X-Requested-With: XMLHttpRequest`. Other values say nothing: with every page that it opens
    /// an Android WebView sends the name of its app.
    script: bool,
    /// `Sec-Fetch-Mode`.
    fetch_mode: Option<&'a [u8]>,
    /// `Sec-Fetch-Dest`.
    fetch_dest: Option<&'a [u8]>,
    /// `Accept`.
    accept: Option<&'a [u8]>,
}

impl<'a> SenderHints<'a> {
    /// Looks through lower-case names and values of headers, once.
    #[must_use]
    pub fn gather(
        safe_method: bool,
        headers: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
    ) -> Self {
        let mut hints = Self { safe_method, ..Self::default() };
        for (name, value) in headers {
            match name {
                b"upgrade" => hints.upgrade = true,
                b"x-requested-with" => hints.script |= is(value, b"XMLHttpRequest"),
                b"sec-fetch-mode" => hints.fetch_mode = Some(value),
                b"sec-fetch-dest" => hints.fetch_dest = Some(value),
                b"accept" => hints.accept = Some(value),
                _ => {}
            }
        }
        hints
    }
}

impl Sender {
    /// A navigation is what says so (Fetch Metadata, W3C), else what accepts HTML.
    #[must_use]
    pub fn of(hints: &SenderHints<'_>) -> Self {
        if !hints.safe_method || hints.upgrade || hints.script {
            return Self::Program;
        }
        let navigates = match (hints.fetch_mode, hints.fetch_dest) {
            // "empty": a service worker loads the page that the person opens.
            (Some(b"navigate"), None | Some(b"document" | b"empty" | b"iframe" | b"frame"))
            | (None, Some(b"document" | b"iframe" | b"frame")) => true,
            (Some(_), _) | (None, Some(_)) => false,
            (None, None) => hints.accept.is_some_and(accepts_html),
        };
        if navigates { Self::Navigation } else { Self::Program }
    }
}

fn is(value: &[u8], word: &[u8]) -> bool {
    value.trim_ascii().eq_ignore_ascii_case(word)
}

fn accepts_html(accept: &[u8]) -> bool {
    const HTML: &[u8] = b"text/html";
    accept.windows(HTML.len()).take(1024).any(|part| part.eq_ignore_ascii_case(HTML))
}

#[cfg(test)]
mod tests;
