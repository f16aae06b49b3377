#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| callbacks_fuzz::response_head::survives(data));
