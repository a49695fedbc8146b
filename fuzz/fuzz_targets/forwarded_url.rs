#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| authentik_fuzz::run("forwarded_url", data));
