//! What threads and processes can see of each other's writes: loom tries out every order in which
//! they may run, and every value that a load may return by the memory model of C11 (and Rust).
//!
//! The code of the gate is what ships, compiled with loom's atomics. What is not the gate's is
//! imitated here, and says so. Each promise was seen to be broken with the gate changed as
//! `weakened.txt` says, which `make interleavings` repeats.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a surprise shall fail the test, loudly")]

mod board;
mod ends;
mod sessions;
mod tenure;
mod words;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Runs `model` in every order, and prints how many there are. `switches`: at most so many times, a
/// thread is interrupted that could go on; `None` = any number.
fn explore(name: &str, switches: Option<usize>, model: impl Fn() + Send + Sync + 'static) {
    let executions = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&executions);
    let mut builder = loom::model::Builder::new();
    builder.max_branches = 50_000;
    builder.preemption_bound = switches;
    builder.check(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        model();
    });
    let bound = switches.map_or("all".to_owned(), |most| format!("at most {most} switches"));
    println!("EXPLORED {name}: {} executions, {bound}", executions.load(Ordering::Relaxed));
}
