//! Fuzzes payloads of events of programs: see `sse_chat::properties`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sse_chat::properties::payload(bytes));
