//! What is on the board, and what it is to a connection.

use gate::outpost::{Origin, Provenance, Snapshot};
use gate::shared_words::SharedWords;

/// What is on the board.
pub(super) enum Published {
    /// Settings that came by this very connection.
    Own(Snapshot),
    /// Nothing is known, says this very connection.
    Nothing,
    /// Settings that came from this authentik by another token.
    Doubted(Snapshot),
    /// What means nothing to this connection.
    Foreign,
}

/// The number of what is on the board, and what it is to this `origin`.
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
