//! The settings that one process publishes and all read.

use std::sync::Arc;

use authentik_gate::outpost::Board;
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread;

use crate::explore;

/// A header, and one word for each of two documents.
type Words = Arc<Vec<AtomicU64>>;

fn words() -> Words {
    Arc::new((0..8 + 2).map(|_| AtomicU64::new(0)).collect())
}

const DOCUMENTS: [&[u8]; 4] = [b"", b"first", b"2nd", b"and third"];

/// Documents of one word.
fn document(number: u64) -> &'static [u8] {
    DOCUMENTS
        .get(number as usize)
        .and_then(|document| document.get(..document.len().min(8)))
        .unwrap()
}

#[test]
fn what_is_read_is_what_was_published_under_that_number() {
    explore("board: a reader, and a writer that comes round to its buffer", None, || {
        let words = words();
        assert_eq!(Board::new(&words).unwrap().publish(document(1)), Ok(1));
        let of_writer = Arc::clone(&words);
        let writer = thread::spawn(move || {
            for number in 2..=3 {
                let board = Board::new(&of_writer).unwrap();
                assert_eq!(board.publish(document(number)), Ok(number));
            }
        });
        if let Some((number, found)) = Board::new(&words).unwrap().read() {
            assert_eq!(found, document(number), "number {number}");
        }
        writer.join().unwrap();
        let newest = Board::new(&words).unwrap().read();
        assert_eq!(newest, Some((3, document(3).to_vec())));
    });
}

#[test]
fn of_two_writers_readers_see_one_or_the_other_and_the_next_document_is_whole() {
    explore("board: a reader, and two writers that both think they are alone", Some(2), || {
        let words = words();
        let written: [&[u8]; 2] = [b"a", b"bb"];
        let writers = written.map(|document| {
            let words = Arc::clone(&words);
            thread::spawn(move || Board::new(&words).unwrap().publish(document).unwrap())
        });
        let board = Board::new(&words).unwrap();
        let is_one = |found: &[u8]| written.contains(&found);
        assert!(board.read().is_none_or(|(_, found)| is_one(&found)));
        for writer in writers {
            writer.join().unwrap();
        }
        assert!(board.read().is_none_or(|(_, found)| is_one(&found)));
        let number = board.publish(b"ccc").unwrap();
        assert_eq!(board.read(), Some((number, b"ccc".to_vec())));
    });
}

/// The bell of the fence, without the futex, which wakes whoever waits with the count that it
/// compares: who goes to sleep is whoever has heard the last ring.
#[test]
fn nobody_sleeps_through_a_publication() {
    explore("bell: a publication, and a thread about to sleep", None, || {
        let words = words();
        let bell = Arc::new(AtomicU64::new(0));
        let (of_writer, rung) = (Arc::clone(&words), Arc::clone(&bell));
        let writer = thread::spawn(move || {
            Board::new(&of_writer).unwrap().publish(document(1)).unwrap();
            rung.fetch_add(1, Ordering::Release);
        });
        let heard = bell.load(Ordering::Acquire);
        let seen = Board::new(&words).unwrap().newest();
        writer.join().unwrap();
        let sleeps = bell.load(Ordering::Relaxed) == heard;
        assert!(seen == 1 || !sleeps);
    });
}
