//! Hashes the ids of N sessions as a lookup does, for `make bench`, which counts its instructions under
//! valgrind: `session_key N`.

#![expect(clippy::expect_used, reason = "a measurement, started by hand: it may fail loudly")]

use std::hint::black_box;

use authentik_gate::cookie::SentId;
use authentik_gate::provider::ProviderKey;

fn main() {
    let number: usize = std::env::args()
        .nth(1)
        .and_then(|number| number.parse().ok())
        .expect("usage: session_key N");
    let id = SentId::parse(&[b'A'; 43]).expect("an id");
    for _ in 0..number {
        black_box(black_box(id).zone_key(&ProviderKey([1; 16])));
    }
}
