#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| authentik_fuzz::run("outpost_message", data));
