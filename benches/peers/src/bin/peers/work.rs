//! The works: what is asked of every server, as flags of `sse-chat bench`.

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
    /// 64 messages on their way at a time to 1,000 readers
    #[value(name = "fanout-1000-64")]
    Fanout1000With64,
    /// 100 messages a second to 1,000 readers
    Paced,
    /// 10 messages a second to 9,000 readers, on all cores
    Sender,
    /// 9,000 readers to whom nothing is said, for longer than a ping takes
    Idle,
    /// Messages that nobody reads, from 32 publishers
    Publish,
    /// 9,000 readers that come back for 100 messages each
    Resume,
}

/// How long and how large.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scale {
    /// What counts.
    Full,
    /// As large, but short: it only warms the machine up.
    Short,
    /// A smoke test.
    Quick,
}

const QUICK_READERS: u32 = 20;
const PAYLOAD_BYTES: u32 = 128;
/// How long a message may take. Long, since nginx and node take in a connection
/// or a few for each turn of their loops: under load, the message of the last
/// publisher waits for seconds. That is slow, but it is no loss.
const DRAIN: &str = "20s";

impl Work {
    /// All of them, in the order of the tables.
    pub(crate) const ALL: [Self; 8] = [
        Self::Fanout1000,
        Self::Fanout9000,
        Self::Fanout1000With64,
        Self::Paced,
        Self::Sender,
        Self::Idle,
        Self::Publish,
        Self::Resume,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Fanout1000 => "fanout-1000",
            Self::Fanout9000 => "fanout-9000",
            Self::Fanout1000With64 => "fanout-1000-64",
            Self::Paced => "paced",
            Self::Sender => "sender",
            Self::Idle => "idle",
            Self::Publish => "publish",
            Self::Resume => "resume",
        }
    }

    /// What it is, for a heading.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Fanout1000 => "1,000 readers, one message in flight",
            Self::Fanout9000 => "9,000 readers, one message in flight",
            Self::Fanout1000With64 => "1,000 readers, 64 messages in flight",
            Self::Paced => "1,000 readers, 100 messages a second",
            Self::Sender => "9,000 readers, 10 messages a second, all cores",
            Self::Idle => "9,000 idle readers",
            Self::Publish => "32 publishers, no readers",
            Self::Resume => "9,000 readers come back for 100 messages each",
        }
    }

    /// Whether it is one of the works that the plot shows.
    pub(crate) fn is_fanout(self) -> bool {
        matches!(
            self,
            Self::Fanout1000 | Self::Fanout9000 | Self::Fanout1000With64
        )
    }

    /// Whether server and load share all cores, so that the server has more
    /// than one.
    pub(crate) fn shares_cores(self) -> bool {
        self == Self::Sender
    }

    pub(crate) fn readers(self, scale: Scale) -> u32 {
        match (self, scale) {
            (Self::Publish, _) => 0,
            (_, Scale::Quick) => QUICK_READERS,
            (Self::Fanout9000 | Self::Sender | Self::Idle | Self::Resume, _) => 9_000,
            _ => 1_000,
        }
    }

    /// Its flags of `sse-chat bench`, all but those that say which server.
    pub(crate) fn flags(self, scale: Scale) -> Vec<String> {
        let own = match self {
            Self::Fanout1000 | Self::Fanout9000 => "--mode fanout --in-flight 1 --publishers 1",
            Self::Fanout1000With64 => "--mode fanout --in-flight 64 --publishers 64",
            Self::Paced => "--mode fanout --rate 100",
            Self::Sender => "--mode fanout --rate 10",
            Self::Idle => "--mode idle",
            Self::Publish => "--mode publish --publishers 32",
            Self::Resume => "--mode resume --missed 100",
        };
        let mut flags: Vec<String> = own.split(' ').map(str::to_owned).collect();
        if self != Self::Publish {
            flags.extend(["--subscribers".into(), self.readers(scale).to_string()]);
        }
        flags.extend(["--size".into(), PAYLOAD_BYTES.to_string()]);
        flags.extend(["--threads".into(), "1".into()]);
        flags.extend(["--drain".into(), DRAIN.into()]);
        flags.extend(self.times(scale).split(' ').map(str::to_owned));
        flags
    }

    /// How long is measured, after which warm-up.
    fn times(self, scale: Scale) -> &'static str {
        match (self, scale) {
            (_, Scale::Quick) => "--warmup 100ms --duration 300ms",
            (_, Scale::Short) => "--warmup 200ms --duration 1s",
            (Self::Idle, Scale::Full) => "--warmup 500ms --duration 16s",
            (Self::Sender, Scale::Full) => "--warmup 1s --duration 12s",
            (_, Scale::Full) => "--warmup 1s --duration 4s",
        }
    }
}
