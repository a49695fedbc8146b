//! Turns what nginx-sys found in the nginx sources into capabilities.
fn main() {}
