//! The fuzzer around `tidings_fuzz::proxies`; what it checks stands there.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidings_fuzz::proxies(data));
