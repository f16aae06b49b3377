#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| callbacks_fuzz::retry_after::survives(data));
