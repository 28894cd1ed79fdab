//! Fuzzes names of rooms and people, texts, client ids: see `sse_chat::properties`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sse_chat::properties::names(bytes));
