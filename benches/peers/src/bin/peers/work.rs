//! The works: the loads that every server is measured with, as flags of the load
//! generator.

use clap::ValueEnum;

/// One kind of load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Work {
    /// One message after the other to 1,000 readers
    #[value(name = "fanout-1000")]
    Fanout1000,
    /// One message after the other to 9,000 readers
    #[value(name = "fanout-9000")]
    Fanout9000,
    /// 64 messages in flight to 1,000 readers
    #[value(name = "fanout-1000-64")]
    Fanout1000With64,
    /// One message after the other to 9,000 readers of which none sleeps in a
    /// poll, so that no delivery wakes the load
    #[value(name = "fanout-9000-nap")]
    Fanout9000Nap,
    /// The same with 200 ms per message, so that the server idles as well
    #[value(name = "fanout-9000-nap-200")]
    Fanout9000Nap200,
    /// 2,000 messages a second, spread over 1,800 rooms with 5 readers each
    #[value(name = "rooms-1800")]
    Rooms1800,
    /// 100 messages a second to 1,000 readers
    Paced,
    /// 10 messages a second to 9,000 readers, on all cores
    Sender,
    /// 9,000 readers and no messages, for longer than a ping interval
    Idle,
    /// The same over HTTP/1.0
    #[value(name = "idle-http10")]
    IdleHttp10,
    /// Messages from 32 publishers to rooms without readers
    Publish,
    /// 9,000 readers that reconnect after missing 100 messages each
    Resume,
    /// One message after the other to 1,000 readers over TLS
    #[value(name = "tls-fanout-1000")]
    TlsFanout1000,
    /// The same to 9,000 readers
    #[value(name = "tls-fanout-9000")]
    TlsFanout9000,
    /// 9,000 readers over TLS and no messages
    TlsIdle,
    /// New connections with a full TLS handshake and one request each
    TlsHandshakes,
    /// One message after the other to 1,000 readers over HTTP/2, each with a
    /// connection
    #[value(name = "http2-fanout-1000")]
    Http2Fanout1000,
    /// The same to 5,000 readers on 100 connections
    #[value(name = "http2-fanout-100x50")]
    Http2Fanout100x50,
    /// 5,000 readers on 100 connections of HTTP/2 and no messages
    #[value(name = "http2-idle-100x50")]
    Http2Idle100x50,
}

/// What a work runs over. HTTP/2 is over TLS, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Over {
    /// HTTP/1.1 in clear
    Clear,
    /// HTTP/1.1 over TLS
    Tls,
    /// HTTP/2 over TLS
    Http2,
}

/// The program that generates the load. Both write the same report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Generator {
    /// `sse-chat bench`.
    Bench,
    /// The plain generator of this crate (src/bin/plain), for loads that `sse-chat
    /// bench` does not support.
    Plain,
}

/// The duration and size of a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scale {
    /// For results.
    Full,
    /// As large as `Full`, but short: it warms up the machine.
    Short,
    /// Small and short: a smoke test.
    Quick,
}

const QUICK_READERS: u32 = 20;
const ROOMS: u32 = 1_800;
const QUICK_ROOMS: u32 = 4;
const PAYLOAD_BYTES: u32 = 128;
/// The time limit for a delivery. It is long because nginx and node accept only a
/// few connections per turn of their event loops: under load, the message of the
/// last publisher waits for seconds. It is late, not lost.
const DRAIN: &str = "20s";

impl Work {
    /// All of them, in the order of the tables.
    pub(crate) const ALL: [Self; 19] = [
        Self::Fanout1000,
        Self::Fanout9000,
        Self::Fanout1000With64,
        Self::Fanout9000Nap,
        Self::Fanout9000Nap200,
        Self::Rooms1800,
        Self::Paced,
        Self::Sender,
        Self::Idle,
        Self::IdleHttp10,
        Self::Publish,
        Self::Resume,
        Self::TlsFanout1000,
        Self::TlsFanout9000,
        Self::TlsIdle,
        Self::TlsHandshakes,
        Self::Http2Fanout1000,
        Self::Http2Fanout100x50,
        Self::Http2Idle100x50,
    ];

    pub(crate) fn over(self) -> Over {
        match self {
            Self::TlsFanout1000 | Self::TlsFanout9000 | Self::TlsIdle | Self::TlsHandshakes => {
                Over::Tls
            }
            Self::Http2Fanout1000 | Self::Http2Fanout100x50 | Self::Http2Idle100x50 => Over::Http2,
            _ => Over::Clear,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Fanout1000 => "fanout-1000",
            Self::Fanout9000 => "fanout-9000",
            Self::Fanout1000With64 => "fanout-1000-64",
            Self::Fanout9000Nap => "fanout-9000-nap",
            Self::Fanout9000Nap200 => "fanout-9000-nap-200",
            Self::Rooms1800 => "rooms-1800",
            Self::Paced => "paced",
            Self::Sender => "sender",
            Self::Idle => "idle",
            Self::IdleHttp10 => "idle-http10",
            Self::Publish => "publish",
            Self::Resume => "resume",
            Self::TlsFanout1000 => "tls-fanout-1000",
            Self::TlsFanout9000 => "tls-fanout-9000",
            Self::TlsIdle => "tls-idle",
            Self::TlsHandshakes => "tls-handshakes",
            Self::Http2Fanout1000 => "http2-fanout-1000",
            Self::Http2Fanout100x50 => "http2-fanout-100x50",
            Self::Http2Idle100x50 => "http2-idle-100x50",
        }
    }

    /// Its heading in tables.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Fanout1000 => "1,000 readers, one message in flight",
            Self::Fanout9000 => "9,000 readers, one message in flight",
            Self::Fanout1000With64 => "1,000 readers, 64 messages in flight",
            Self::Fanout9000Nap => "9,000 readers, the load reads every 5 ms",
            Self::Fanout9000Nap200 => "9,000 readers, the load reads every 200 ms",
            Self::Rooms1800 => {
                "1,800 rooms with 5 readers each, 2,000 messages a second, all cores"
            }
            Self::Paced => "1,000 readers, 100 messages a second",
            Self::Sender => "9,000 readers, 10 messages a second, all cores",
            Self::Idle => "9,000 idle readers",
            Self::IdleHttp10 => "9,000 idle readers over HTTP/1.0",
            Self::Publish => "32 publishers, no readers",
            Self::Resume => "9,000 readers come back for 100 messages each",
            Self::TlsFanout1000 => "1,000 readers over TLS, one message in flight",
            Self::TlsFanout9000 => "9,000 readers over TLS, one message in flight",
            Self::TlsIdle => "9,000 idle readers over TLS",
            Self::TlsHandshakes => "full TLS handshakes with an ECDSA key, P-256",
            Self::Http2Fanout1000 => "1,000 connections of HTTP/2, one message in flight",
            Self::Http2Fanout100x50 => {
                "100 connections of HTTP/2 with 50 streams each, one message in flight"
            }
            Self::Http2Idle100x50 => "100 connections of HTTP/2 with 50 idle streams each",
        }
    }

    /// Whether the plot shows it.
    pub(crate) fn is_fanout(self) -> bool {
        matches!(
            self,
            Self::Fanout1000 | Self::Fanout9000 | Self::Fanout1000With64 | Self::Fanout9000Nap
        )
    }

    pub(crate) fn generator(self) -> Generator {
        match self {
            Self::Fanout9000Nap | Self::Fanout9000Nap200 | Self::IdleHttp10 => Generator::Plain,
            _ => Generator::Bench,
        }
    }

    /// Whether server and load share all cores. Otherwise the server has one.
    pub(crate) fn shares_cores(self) -> bool {
        matches!(self, Self::Sender | Self::Rooms1800)
    }

    pub(crate) fn readers(self, scale: Scale) -> u32 {
        match (self, scale) {
            (Self::Publish | Self::TlsHandshakes, _) => 0,
            (_, Scale::Quick) => QUICK_READERS,
            (Self::Fanout1000 | Self::Fanout1000With64 | Self::Paced, _) => 1_000,
            (Self::TlsFanout1000 | Self::Http2Fanout1000, _) => 1_000,
            (Self::Http2Fanout100x50 | Self::Http2Idle100x50, _) => 5_000,
            _ => 9_000,
        }
    }

    /// The flags for its generator, without those that select the server.
    pub(crate) fn flags(self, scale: Scale) -> Vec<String> {
        let mut flags = self.own_flags();
        let mut add = |flag: &str, value: &str| flags.extend([flag.to_owned(), value.to_owned()]);
        if self == Self::Rooms1800 {
            add("--rooms", &rooms(scale).to_string());
        }
        if !matches!(self, Self::Publish | Self::TlsHandshakes) {
            add("--subscribers", &self.readers(scale).to_string());
        }
        if self.generator() == Generator::Bench {
            add("--threads", "1");
            add("--json", "-");
        }
        add("--size", &PAYLOAD_BYTES.to_string());
        add("--drain", DRAIN);
        flags.extend(words(self.times(scale)));
        flags
    }

    fn own_flags(self) -> Vec<String> {
        words(match self {
            Self::Fanout1000 | Self::Fanout9000 => "--mode fanout --in-flight 1 --publishers 1",
            Self::Fanout1000With64 => "--mode fanout --in-flight 64 --publishers 64",
            Self::Fanout9000Nap => "--mode fanout --nap 5ms",
            Self::Fanout9000Nap200 => "--mode fanout --nap 200ms",
            Self::Rooms1800 => "--mode fanout --rate 2000 --publishers 16",
            Self::Paced => "--mode fanout --rate 100",
            Self::Sender => "--mode fanout --rate 10",
            Self::Idle => "--mode idle",
            Self::IdleHttp10 => "--mode idle --http 1.0",
            Self::Publish => "--mode publish --publishers 32",
            Self::Resume => "--mode resume --missed 100",
            Self::TlsFanout1000 | Self::TlsFanout9000 => {
                "--insecure --mode fanout --in-flight 1 --publishers 1"
            }
            Self::TlsIdle => "--insecure --mode idle",
            Self::TlsHandshakes => "--insecure --mode handshakes --connect-concurrency 32",
            Self::Http2Fanout1000 => {
                "--insecure --http2 --mode fanout --in-flight 1 --publishers 1"
            }
            Self::Http2Fanout100x50 => {
                "--insecure --http2 --streams-per-connection 50 --mode fanout --in-flight 1 \
                 --publishers 1"
            }
            Self::Http2Idle100x50 => "--insecure --http2 --streams-per-connection 50 --mode idle",
        })
    }

    /// The flags for the warm-up and the duration.
    fn times(self, scale: Scale) -> &'static str {
        match (self, scale) {
            // 32 handshakes take a slow machine a while.
            (Self::TlsHandshakes, Scale::Quick) => "--warmup 100ms --duration 2s",
            (_, Scale::Quick) => "--warmup 100ms --duration 300ms",
            (_, Scale::Short) => "--warmup 200ms --duration 1s",
            (
                Self::Idle | Self::IdleHttp10 | Self::TlsIdle | Self::Http2Idle100x50,
                Scale::Full,
            ) => "--warmup 500ms --duration 16s",
            (Self::Fanout9000Nap200, Scale::Full) => "--warmup 1s --duration 8s",
            (Self::Sender | Self::Rooms1800, Scale::Full) => "--warmup 1s --duration 12s",
            (_, Scale::Full) => "--warmup 1s --duration 4s",
        }
    }
}

fn rooms(scale: Scale) -> u32 {
    match scale {
        Scale::Quick => QUICK_ROOMS,
        Scale::Full | Scale::Short => ROOMS,
    }
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_work_is_parsed_from_its_name() {
        for work in Work::ALL {
            assert_eq!(Work::from_str(work.name(), false), Ok(work));
        }
        assert_eq!(Work::ALL.len(), Work::value_variants().len());
    }

    #[test]
    fn each_room_has_five_readers() {
        for scale in [Scale::Quick, Scale::Short, Scale::Full] {
            assert_eq!(Work::Rooms1800.readers(scale), 5 * rooms(scale));
        }
    }
}
