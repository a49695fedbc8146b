//! Who is waiting for the response to a request, according to what browsers say about themselves.
//!
//! This affects only the form of a response, and keeps unrequested actions from being taken: a
//! client that lies gets a response that it cannot use.

/// Who waits for the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// A browser opening a page: it can follow a redirect to authentik and come back.
    Navigation,
    /// A browser submitting a form: a redirect would lose its contents.
    Submission,
    /// A page that loads another one in a frame: a person sees the response but did not ask for it.
    Frame,
    /// A script, a WebSocket, a tool: needs a plain 401.
    Program,
    /// Nobody: a speculative load, an image, a style sheet, a `HEAD`, a pre-flight. Must have no
    /// effect, since browsers send it unasked.
    Nobody,
}

/// The headers and the method that distinguish senders.
#[derive(Clone, Copy, Debug, Default)]
pub struct SenderHints<'a> {
    method: &'a [u8],
    /// `X-Forwarded-Method`.
    forwarded_method: Option<&'a [u8]>,
    /// `Upgrade` is present (WebSocket).
    upgrade: bool,
    /// `X-Requested-With: XMLHttpRequest`. Other values mean nothing: Android WebViews send the
    /// name of their app with every page.
    script: bool,
    /// A speculative load.
    speculative: bool,
    /// `Origin` or `Content-Type`, which browsers do not send when a page is opened.
    form: bool,
    /// Sent by a browser: `Sec-Fetch-…`, which browsers omit over plain http, `Origin`, `Referer`.
    browser: bool,
    /// `Sec-Fetch-User: ?1`: a person clicked or typed an address.
    by_hand: bool,
    /// `Upgrade-Insecure-Requests: 1`, which browsers send when they load a page.
    page: bool,
    /// `Sec-Fetch-Mode`.
    fetch_mode: Option<&'a [u8]>,
    /// `Sec-Fetch-Dest`.
    fetch_dest: Option<&'a [u8]>,
    /// `Sec-Fetch-Site`.
    fetch_site: Option<&'a [u8]>,
    /// `Accept`.
    accept: Option<&'a [u8]>,
}

impl<'a> SenderHints<'a> {
    /// Collects the hints from lower-case header names and values, in one pass.
    #[must_use]
    pub fn gather(
        method: &'a [u8],
        headers: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
    ) -> Self {
        let mut hints = Self { method, ..Self::default() };
        for (name, value) in headers {
            hints.browser |=
                name.starts_with(b"sec-fetch-") || matches!(name, b"origin" | b"referer");
            match name {
                b"upgrade" => hints.upgrade = true,
                b"x-requested-with" => hints.script |= is(value, b"XMLHttpRequest"),
                b"sec-fetch-mode" => hints.fetch_mode = Some(value),
                b"sec-fetch-dest" => hints.fetch_dest = Some(value),
                b"sec-fetch-site" => hints.fetch_site = Some(value),
                b"upgrade-insecure-requests" => hints.page = is(value, b"1"),
                b"sec-fetch-user" => hints.by_hand = is(value, b"?1"),
                b"sec-purpose" | b"purpose" | b"x-purpose" | b"x-moz" => {
                    hints.speculative |= is_speculative(value);
                }
                b"accept" => hints.accept = Some(value),
                b"origin" | b"content-type" => hints.form = true,
                b"x-forwarded-method" => hints.forwarded_method = Some(value),
                _ => {}
            }
        }
        hints
    }

    /// The client of the proxy that asks, which passes on the headers and puts the method into one.
    #[must_use]
    pub fn behind_proxy(self) -> Self {
        Self { method: self.forwarded_method.unwrap_or(self.method), ..self }
    }

    /// Whether this may be a form that is submitted: a proxy that asks may send every question with
    /// `GET`, whatever the method of the request.
    #[must_use]
    pub fn may_be_a_form(&self) -> bool {
        self.forwarded_method.is_none() && self.form
    }

    /// Whether a page may be shown in the requesting frame: only if a session works there after a
    /// sign-in, i.e. on the same site or, with `cookie_samesite none`, `everywhere`.
    #[must_use]
    pub fn may_frame(&self, everywhere: bool) -> bool {
        matches!(self.fetch_dest, Some(b"iframe" | b"frame"))
            && (everywhere
                || matches!(self.fetch_site, Some(b"same-origin" | b"same-site" | b"none")))
    }

    /// Whether the client is a browser, which might prompt for a password.
    #[must_use]
    pub fn is_of_browser(&self) -> bool {
        self.browser || self.script || self.speculative || self.accept.is_some_and(accepts_html)
    }

    /// A subresource that is displayed, run or discarded: neither a page nor a script's request.
    fn is_part_of_a_page(&self) -> bool {
        self.fetch_dest
            .is_some_and(|dest| !matches!(dest, b"document" | b"empty" | b"iframe" | b"frame"))
    }

    fn place(&self) -> Place {
        match (self.fetch_mode, self.fetch_dest) {
            // "empty": a service worker loads the page that a person opens.
            (Some(b"navigate"), None | Some(b"document" | b"empty"))
            | (None, Some(b"document")) => Place::Window,
            // The same, in Firefox.
            (Some(b"same-origin"), Some(b"empty"))
                if self.page && self.accept.is_some_and(accepts_html) =>
            {
                Place::Window
            }
            (Some(b"navigate") | None, Some(b"iframe" | b"frame")) => Place::Frame,
            (None, None) if self.accept.is_some_and(accepts_html) => Place::Window,
            (_, _) => Place::Nowhere,
        }
    }
}

/// Where the response is shown.
enum Place {
    Window,
    Frame,
    Nowhere,
}

impl Sender {
    /// A navigation is what says so (Fetch Metadata, W3C), otherwise what accepts HTML.
    #[must_use]
    pub fn of(hints: &SenderHints<'_>) -> Self {
        let harmless = matches!(hints.method, b"HEAD" | b"OPTIONS");
        if harmless || hints.speculative || hints.is_part_of_a_page() {
            return Self::Nobody;
        }
        if hints.upgrade || hints.script {
            return Self::Program;
        }
        match (hints.method, hints.place()) {
            (b"GET", Place::Window) => Self::Navigation,
            (b"GET", Place::Frame) if hints.by_hand => Self::Navigation,
            (b"GET", Place::Frame) => Self::Frame,
            (b"POST", Place::Window | Place::Frame) => Self::Submission,
            (_, _) => Self::Program,
        }
    }

    /// Whether a person reads the response.
    #[must_use]
    pub const fn is_person(self) -> bool {
        match self {
            Self::Navigation | Self::Submission | Self::Frame => true,
            Self::Program | Self::Nobody => false,
        }
    }
}

/// `prefetch`, `prefetch;prerender` and the like; `preview` is Safari's.
fn is_speculative(value: &[u8]) -> bool {
    let mut words = value.split(|byte| matches!(byte, b';' | b','));
    words.any(|word| is(word, b"prefetch") || is(word, b"prerender") || is(word, b"preview"))
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
