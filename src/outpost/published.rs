//! What is published on the board, as seen by one connection.

use gate::outpost::{Origin, Provenance, Snapshot};
use gate::shared_words::SharedWords;

/// The contents of the board.
pub(super) enum Published {
    /// Settings from this connection.
    Own(Snapshot),
    /// This connection has published that nothing is known.
    Nothing,
    /// Settings from this authentik, received with another token.
    Doubted(Snapshot),
    /// Unrelated to this connection.
    Foreign,
}

/// The number and the contents of the publication, as seen by this `origin`.
pub(super) fn published(words: SharedWords<'static>, origin: &Origin) -> Option<(u64, Published)> {
    let (number, document) = words.board()?.read()?;
    let published = match origin.unmark(&document) {
        Provenance::Own([]) => Published::Nothing,
        Provenance::Own(own) => Snapshot::from_json(own).map_or(Published::Foreign, Published::Own),
        Provenance::ByOtherToken(other) => {
            Snapshot::from_json(other).map_or(Published::Foreign, Published::Doubted)
        }
        Provenance::Foreign => Published::Foreign,
    };
    Some((number, published))
}
