//! The board: where the process that talks to authentik publishes settings for all workers.
//!
//! It has two buffers in shared memory that are written alternately. Readers copy the newest
//! without a lock and verify afterwards that it did not change. So a writer never waits for a
//! reader, and a writer that is killed leaves the older buffer intact.

use crate::sync::{AtomicU64, Ordering, fence};

#[cfg(not(miri))]
use ring::digest;

/// Room for what an outpost publishes, in words of eight bytes: twice 32 MB, enough for 20,000
/// providers with 1.5 KB of settings each. Memory that is not written is not used.
pub const ROOM: usize = 8 << 20;

/// Words before the two buffers.
pub(crate) const HEADER: usize = 8;

/// Number of the newest publication; 0 = none.
const NEWEST: usize = 0;
/// Per buffer: publication number (0 while being written), length in bytes, checksum.
const BUFFERS: [usize; 2] = [1, 4];

/// The board in shared memory: a header of zeros is an empty board.
#[derive(Clone, Copy)]
pub struct Board<'m> {
    header: &'m [AtomicU64],
    area: &'m [AtomicU64],
}

/// The document does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge {
    /// Length of the document, in bytes.
    pub length: usize,
    /// Available room, in bytes.
    pub room: usize,
}

impl<'m> Board<'m> {
    /// The board in these words; `None` if there are too few.
    #[must_use]
    pub fn new(words: &'m [AtomicU64]) -> Option<Self> {
        let (header, area) = words.split_at_checked(HEADER)?;
        Some(Self { header, area })
    }

    /// Number of the newest publication: it changes with each, and is 0 before the first.
    #[must_use]
    pub fn newest(&self) -> u64 {
        self.word(NEWEST).map_or(0, |word| word.load(Ordering::Acquire))
    }

    /// Publishes `document`. Only one process should; with two, readers see one or the other.
    ///
    /// # Errors
    /// The document is too large; the board is unchanged.
    pub fn publish(&self, document: &[u8]) -> Result<u64, TooLarge> {
        let room = self.area.len() / 2 * 8;
        let too_large = TooLarge { length: document.len(), room };
        let number = self.newest() + 1;
        let [Some(holds), Some(length), Some(checksum)] = self.facts(number) else {
            return Err(too_large);
        };
        let buffer = self.buffer(number);
        if document.len() > room {
            return Err(too_large);
        }
        holds.store(0, Ordering::Relaxed);
        fence(Ordering::Release); // readers that see a new word see the 0 as well
        for (word, bytes) in buffer.iter().zip(document.chunks(8)) {
            word.store(word_of(bytes), Ordering::Relaxed);
        }
        length.store(document.len() as u64, Ordering::Relaxed);
        checksum.store(checksum_of(document), Ordering::Relaxed);
        holds.store(number, Ordering::Release);
        if let Some(newest) = self.word(NEWEST) {
            newest.store(number, Ordering::Release);
        }
        Ok(number)
    }

    /// The newest document and its number. `None` if there is none or it is just being replaced;
    /// try again later.
    #[must_use]
    pub fn read(&self) -> Option<(u64, Vec<u8>)> {
        let number = self.newest();
        let [Some(holds), Some(length), Some(checksum)] = self.facts(number) else { return None };
        if number == 0 || holds.load(Ordering::Acquire) != number {
            return None;
        }
        let length = usize::try_from(length.load(Ordering::Relaxed)).ok()?;
        let checksum = checksum.load(Ordering::Relaxed);
        let words = self.buffer(number).get(..length.div_ceil(8))?;
        let mut document = Vec::with_capacity(words.len() * 8);
        for word in words {
            document.extend_from_slice(&word.load(Ordering::Relaxed).to_le_bytes());
        }
        document.truncate(length);
        fence(Ordering::Acquire);
        let unchanged = holds.load(Ordering::Relaxed) == number;
        // The checksum covers what the numbers cannot: two concurrent writers.
        (unchanged && checksum_of(&document) == checksum).then_some((number, document))
    }

    fn word(&self, at: usize) -> Option<&'m AtomicU64> {
        self.header.get(at)
    }

    fn facts(&self, number: u64) -> [Option<&'m AtomicU64>; 3] {
        let at = if number % 2 == 0 { BUFFERS[0] } else { BUFFERS[1] };
        [at, at + 1, at + 2].map(|at| self.word(at))
    }

    fn buffer(&self, number: u64) -> &'m [AtomicU64] {
        let (even, odd) = self.area.split_at(self.area.len() / 2);
        if number % 2 == 0 { even } else { odd }
    }
}

fn word_of(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    word.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    u64::from_le_bytes(word)
}

#[cfg(not(miri))]
fn checksum_of(document: &[u8]) -> u64 {
    word_of(digest::digest(&digest::SHA256, document).as_ref())
}

/// Miri cannot run ring's assembly; what it looks for is elsewhere.
#[cfg(miri)]
fn checksum_of(document: &[u8]) -> u64 {
    use std::hash::{DefaultHasher, Hasher};
    let mut hasher = DefaultHasher::new();
    hasher.write(document);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::outpost::{OidcConfiguration, ProviderConfig, Snapshot};
    use crate::secret::Secret;

    fn words(count: usize) -> Vec<AtomicU64> {
        (0..count).map(|_| AtomicU64::new(0)).collect()
    }

    #[test]
    fn as_many_providers_fit_as_are_read_from_authentik() {
        let core = "https://sso.example.com/application/o";
        let one = ProviderConfig {
            name: "app-00000".to_owned(),
            external_host: "https://app-00000.example.com".to_owned(),
            client_id: "i".repeat(40),
            client_secret: Secret::new("s".repeat(128)),
            cookie_secret: Secret::new("c".repeat(32)),
            oidc_configuration: OidcConfiguration {
                issuer: format!("{core}/app-00000/"),
                authorization_endpoint: format!("{core}/authorize/"),
                token_endpoint: format!("{core}/token/"),
                introspection_endpoint: format!("{core}/introspect/"),
                end_session_endpoint: format!("{core}/app-00000/end-session/"),
                jwks_uri: format!("{core}/app-00000/jwks/"),
                ..OidcConfiguration::default()
            },
            skip_path_regex: "^/app-00000/public/\n^/api/v0/[a-z]+/health$".to_owned(),
            ..ProviderConfig::default()
        };
        let snapshot = Snapshot { providers: vec![one; 100], ..Snapshot::default() };
        let hundred = snapshot.to_json().unwrap().expose().len();
        assert!(hundred * (20_000 / 100) < ROOM / 2 * 8, "{hundred} bytes for each hundred");
    }

    #[test]
    fn the_newest_publication_is_read() {
        let memory = words(HEADER + 2 * 4);
        let board = Board::new(&memory).unwrap();
        assert_eq!((board.newest(), board.read()), (0, None));
        for (number, document) in [(1, "a"), (2, "12345678"), (3, ""), (4, &"x".repeat(32))] {
            assert_eq!(board.publish(document.as_bytes()), Ok(number));
            assert_eq!(board.read(), Some((number, document.as_bytes().to_vec())));
        }
        assert_eq!(board.publish(&[0; 33]), Err(TooLarge { length: 33, room: 32 }));
        assert_eq!(board.read().unwrap().0, 4, "stays as it was");
        assert!(Board::new(&memory[..HEADER - 1]).is_none());
    }

    #[test]
    fn a_writer_that_dies_leaves_the_older_document() {
        let memory = words(HEADER + 8);
        let board = Board::new(&memory).unwrap();
        board.publish(b"first").unwrap();
        // The state in which a killed writer leaves it: its buffer is begun, NEWEST is not set.
        memory[BUFFERS[0]].store(0, Ordering::Relaxed);
        memory[HEADER].store(u64::MAX, Ordering::Relaxed);
        assert_eq!(board.read(), Some((1, b"first".to_vec())));
        assert_eq!(board.publish(b"again"), Ok(2));
        assert_eq!(board.read(), Some((2, b"again".to_vec())));
    }

    #[test]
    fn garbage_is_not_read() {
        let memory = words(HEADER + 8);
        let board = Board::new(&memory).unwrap();
        board.publish(b"document").unwrap();
        for at in [BUFFERS[1], BUFFERS[1] + 1, BUFFERS[1] + 2, HEADER + 4] {
            let before = memory[at].swap(u64::MAX, Ordering::Relaxed);
            assert_eq!(board.read(), None, "word {at}");
            memory[at].store(before, Ordering::Relaxed);
            assert!(board.read().is_some());
        }
    }

    #[test]
    fn a_reader_never_sees_half_of_two_documents() {
        const ROUNDS: u32 = if cfg!(miri) { 20 } else { 2000 };
        let memory = words(HEADER + 2 * 512);
        let board = Board::new(&memory).unwrap();
        board.publish(&[0; 4096]).unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                (0..ROUNDS).for_each(|n| board.publish(&[n as u8; 4096]).map(|_| ()).unwrap())
            });
            for _ in 0..ROUNDS {
                if let Some((_, document)) = board.read() {
                    assert!(document.iter().all(|byte| *byte == document[0]));
                }
            }
        });
    }
}
