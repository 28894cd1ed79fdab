//! sse-chat
pub mod chat;
pub mod cli;
pub mod config;
pub mod http;
pub mod server;
pub mod sse;
