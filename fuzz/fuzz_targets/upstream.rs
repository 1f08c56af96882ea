#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| outcrop_fuzz::upstream(bytes));
