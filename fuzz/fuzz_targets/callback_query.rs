#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| authentik_fuzz::run("callback_query", data));
