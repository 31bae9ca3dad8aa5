//! The fuzzer around `tidings_fuzz::headers`; what it checks stands there.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidings_fuzz::headers(data));
