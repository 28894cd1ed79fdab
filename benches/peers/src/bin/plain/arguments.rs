//! The command line: the flags of `sse-chat bench` that this generator supports, and
//! two more, `--nap` and `--http`.

use std::net::SocketAddr;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use jiff::SignedDuration;

/// A minimal load generator
#[derive(Debug, Parser)]
#[command(name = "plain", version)]
pub(crate) struct Arguments {
    /// The server, as in http://127.0.0.1:8080
    #[arg(long, value_parser = parse_url)]
    pub(crate) url: SocketAddr,

    /// The server's processes, whose processor time and memory are measured
    #[arg(long, value_delimiter = ',', required = true)]
    pub(crate) pid: Vec<u32>,

    /// The kind of load
    #[arg(long, value_enum)]
    pub(crate) mode: Mode,

    /// Readers of one room
    #[arg(long)]
    pub(crate) subscribers: usize,

    /// Bytes of a payload
    #[arg(long, default_value_t = 128)]
    pub(crate) size: usize,

    /// Interval at which readers read; 0s to read as soon as data arrives
    #[arg(long, value_parser = parse_time, default_value = "0s")]
    pub(crate) nap: Duration,

    /// HTTP version of the readers
    #[arg(long, value_enum, default_value_t = Version::Http11)]
    pub(crate) http: Version,

    /// Duration of the load before the measured part
    #[arg(long, value_parser = parse_time, default_value = "1s")]
    pub(crate) warmup: Duration,

    /// Duration of the measured part
    #[arg(long, value_parser = parse_time, default_value = "4s")]
    pub(crate) duration: Duration,

    /// Time without a delivery after which a message counts as lost
    #[arg(long, value_parser = parse_time, default_value = "20s")]
    pub(crate) drain: Duration,

    /// Body of a message; {payload} stands for the payload
    #[arg(long)]
    pub(crate) publish_body: String,
}

/// The kind of load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// One message after the other to all readers
    Fanout,
    /// Readers without messages
    Idle,
}

/// A version of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Version {
    /// HTTP/1.0
    #[value(name = "1.0")]
    Http10,
    /// HTTP/1.1
    #[value(name = "1.1")]
    Http11,
}

impl Version {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
        }
    }
}

fn parse_url(text: &str) -> Result<SocketAddr, String> {
    let address = text.strip_prefix("http://").ok_or("no http:// URL")?;
    address.parse().map_err(|error| format!("{error}"))
}

fn parse_time(text: &str) -> Result<Duration, String> {
    let time: SignedDuration = text.parse().map_err(|error| format!("{error}"))?;
    Duration::try_from(time).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_urls_are_written_as_for_the_other_generator() {
        assert_eq!(parse_time("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_time("16s"), Ok(Duration::from_secs(16)));
        assert!(parse_time("-1s").is_err());
        let address = SocketAddr::from(([127, 0, 0, 1], 80));
        assert_eq!(parse_url("http://127.0.0.1:80"), Ok(address));
    }
}
