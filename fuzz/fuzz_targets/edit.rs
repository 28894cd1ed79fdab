//! Fuzzes bodies that edit a message: see `sse_chat::properties`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sse_chat::properties::edit(bytes));
