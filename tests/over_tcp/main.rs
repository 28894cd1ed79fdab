//! Tests over real TCP, on free ports, one file per promise.

#![allow(
    clippy::too_many_lines,
    reason = "a table of inputs is as long as it has to be"
)]
#![allow(
    clippy::unwrap_used,
    reason = "a test that panics has failed, as intended"
)]

/// Runs tests of event streams over each transport: the sockets of the fan-out in clear
/// and with TLS, and hyper's bodies over HTTP/1.0 and HTTP/2.
macro_rules! over_each {
    ($($test:ident)*) => {
        mod over_http_1_0 {
            $(
                #[tokio::test]
                async fn $test() {
                    super::$test(crate::support::Http::V1_0).await;
                }
            )*
        }

        over_transports! { $($test)* }
    };
}

/// Runs tests of whole requests over each transport.
macro_rules! over_transports {
    ($($test:ident)*) => {
        mod over_http_1_1 {
            $(
                #[tokio::test]
                async fn $test() {
                    super::$test(crate::support::Http::V1_1).await;
                }
            )*
        }

        mod over_tls {
            $(
                #[tokio::test]
                async fn $test() {
                    super::$test(crate::support::Http::V1_1Tls).await;
                }
            )*
        }

        mod over_http_2 {
            $(
                #[tokio::test]
                async fn $test() {
                    super::$test(crate::support::Http::V2Tls).await;
                }
            )*
        }
    };
}

mod certificates;
mod connection;
#[path = "../deadline/mod.rs"]
mod deadline;
mod entries;
mod event_reader;
mod refused;
mod scrape;
mod support;
#[path = "../transport/mod.rs"]
mod transport;
mod witness;

mod access;
mod bad_cursors;
mod bad_http;
mod bad_input;
mod bad_targets;
mod bodies;
mod changes;
mod cursor_spellings;
mod drain;
mod error_page;
mod event_payloads;
mod events;
mod foreign_pages;
mod gone_clients;
mod handshakes;
mod history;
#[cfg(feature = "https")]
mod http2;
mod https;
mod invisible;
mod large_heads;
mod last_request;
mod limits;
mod metrics;
mod paced_replay;
mod page;
mod page_folder;
mod plain_text;
mod publish;
mod random_input;
mod raw_http;
mod reactions;
mod refusals;
mod resume;
mod shares;
mod slow_reader;
mod stream;
mod tokens;
mod typing;
mod versions;
mod write_paths;
