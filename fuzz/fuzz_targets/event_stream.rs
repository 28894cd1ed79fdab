//! Fuzzes the decoder of the event stream: see `sse_chat::properties`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sse_chat::properties::event_stream(bytes));
