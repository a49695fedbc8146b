//! What went wrong, in short sentences for the log: without URLs, headers or bodies.

use std::io;
use std::time::Instant;

use authentik_gate::http::TransportError;
use ureq::{Error, Timeout};

use crate::tls::flaw;

/// Converts a ureq error. Its own text is used only where it cannot contain what was sent or
/// received. Whatever fails once the deadline has passed is a timeout.
#[expect(clippy::wildcard_enum_match_arm, reason = "ureq::Error is non-exhaustive")]
pub(super) fn transport_error(error: Error, deadline: Instant) -> TransportError {
    match error {
        Error::Timeout(_) if Instant::now() >= deadline => TransportError::Timeout,
        Error::Timeout(Timeout::Resolve) => unreachable("its name was not resolved in time"),
        Error::Timeout(Timeout::Connect) => unreachable("no connection was made in time"),
        Error::Timeout(_) => TransportError::Timeout,
        Error::HostNotFound => unreachable("its name has no address"),
        Error::ConnectionFailed => unreachable("no connection was made"),
        Error::Rustls(error) => TransportError::Tls(flaw::words(&error)),
        Error::Tls(what) => TransportError::Tls(plain(what)),
        Error::TlsRequired => TransportError::Tls("the connection is not encrypted".to_owned()),
        Error::Io(error) => io_error(&error),
        Error::BodyExceedsLimit(_) => TransportError::TooLarge,
        Error::LargeResponseHeader(..) => protocol("the header of the answer is too long"),
        Error::BadUri(_) | Error::Http(_) => protocol("the request cannot be written as HTTP"),
        _ => protocol("the answer is not HTTP/1.1"),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "io::ErrorKind is non-exhaustive")]
pub(crate) fn io_error(error: &io::Error) -> TransportError {
    use io::ErrorKind as Kind;
    // rustls reports a failed handshake as the io::Error of the socket.
    if let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return TransportError::Tls(flaw::words(error));
    }
    match error.kind() {
        Kind::ConnectionRefused => unreachable("connection refused"),
        Kind::TimedOut | Kind::WouldBlock => TransportError::Timeout,
        Kind::UnexpectedEof
        | Kind::ConnectionReset
        | Kind::ConnectionAborted
        | Kind::BrokenPipe => protocol("the connection ended before the answer was complete"),
        Kind::InvalidData | Kind::InvalidInput => protocol("the answer is not HTTP/1.1"),
        // Routing and name resolution, in the system's words.
        _ => TransportError::Unreachable(plain(&error.to_string())),
    }
}

fn unreachable(why: &str) -> TransportError {
    TransportError::Unreachable(why.to_owned())
}

fn protocol(why: &str) -> TransportError {
    TransportError::Protocol(why.to_owned())
}

/// One printable line of limited length: the peer chooses the names in a certificate.
pub(crate) fn plain(text: &str) -> String {
    let printable = |c: char| if c == ' ' || c.is_ascii_graphic() { c } else { '?' };
    text.chars().take(MAX_TEXT).map(printable).collect()
}

const MAX_TEXT: usize = 300;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_connection_that_takes_too_long_is_unreachable_unless_the_deadline_came() {
        let now = Instant::now();
        for reason in [Timeout::Resolve, Timeout::Connect] {
            let early = transport_error(Error::Timeout(reason), now + Duration::from_secs(60));
            assert!(matches!(early, TransportError::Unreachable(_)), "{early:?}");
            assert_eq!(transport_error(Error::Timeout(reason), now), TransportError::Timeout);
        }
    }

    #[test]
    fn text_of_the_peer_is_one_short_printable_line() {
        assert_eq!(plain("a\nb\u{1b}[1mc\u{202e}"), "a?b?[1mc?");
        assert_eq!(plain(&"x".repeat(10_000)).len(), MAX_TEXT);
    }
}
