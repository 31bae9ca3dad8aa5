//! The fuzzer around `tidings_fuzz::settings`; what it checks stands there.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidings_fuzz::settings(data));
