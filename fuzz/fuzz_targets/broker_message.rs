#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| callbacks_fuzz::broker_message::survives(data));
