//! Fuzzes JSON and form bodies: see `sse_chat::properties`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sse_chat::properties::body(bytes));
