//! The report of a load generator: the fields that the tables need, under their
//! names in the JSON.

use serde::Deserialize;

/// The report of one call.
#[derive(Debug, Deserialize)]
pub(crate) struct Report {
    /// `None` in a report of the plain generator.
    pub(crate) machine: Option<Machine>,
    pub(crate) runs: [Run; 1],
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Machine {
    pub(crate) system: String,
    pub(crate) processor: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Run {
    pub(crate) connect: Connect,
    pub(crate) publish: Option<Publish>,
    pub(crate) delivery: Option<Delivery>,
    pub(crate) resume: Option<Resume>,
    pub(crate) server: Option<ServerUse>,
    pub(crate) warnings: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Connect {
    pub(crate) ok: u64,
    pub(crate) failed: u64,
    /// From the first connection to the last answer; 0 in a report of the plain
    /// generator.
    #[serde(default)]
    pub(crate) seconds: f64,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Publish {
    pub(crate) accepted: u64,
    pub(crate) refused: u64,
    pub(crate) unanswered: u64,
    /// Accepted messages per second.
    pub(crate) per_second: f64,
    /// From sending a message to its answer.
    pub(crate) answer: Latency,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Delivery {
    pub(crate) received: u64,
    pub(crate) lost: u64,
    pub(crate) doubled: u64,
    pub(crate) out_of_order: u64,
    pub(crate) announced_lost: u64,
    pub(crate) disconnected: u64,
    /// Deliveries per second.
    pub(crate) per_second: f64,
    /// From the intended time of sending to the delivery to each subscriber.
    pub(crate) each: Latency,
    /// From the intended time of sending to the last delivery.
    pub(crate) last: Latency,
}

/// Percentiles; `None` if nothing was measured.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Latency {
    pub(crate) p50_us: Option<f64>,
    pub(crate) p99_us: Option<f64>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Resume {
    /// Subscribers that got all messages that they had missed.
    pub(crate) whole: u64,
    pub(crate) all_seconds: f64,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ServerUse {
    /// Processor time in the measured part.
    pub(crate) cpu_seconds: f64,
    pub(crate) cpu_us_per_delivery: Option<f64>,
    pub(crate) cpu_us_per_publish: Option<f64>,
    pub(crate) cpu_us_per_handshake: Option<f64>,
    /// Bytes; `None` without subscribers.
    pub(crate) memory_per_subscriber: Option<f64>,
    /// Processor time per subscriber and second.
    pub(crate) cpu_us_per_subscriber_second: Option<f64>,
    /// Bytes before the first subscriber, and after all had left.
    pub(crate) memory_before: u64,
    pub(crate) memory_left: Option<u64>,
}

impl Run {
    /// Lost deliveries, announced or not.
    pub(crate) fn lost(&self) -> u64 {
        let of = |delivery: &Delivery| delivery.lost + delivery.announced_lost;
        self.delivery.as_ref().map_or(0, of)
    }

    pub(crate) fn doubled(&self) -> u64 {
        self.delivery
            .as_ref()
            .map_or(0, |delivery| delivery.doubled)
    }

    /// All other faults: of connections, messages and streams.
    pub(crate) fn other_faults(&self) -> u64 {
        let of_publish = |publish: &Publish| publish.refused + publish.unanswered;
        let of_delivery = |delivery: &Delivery| delivery.out_of_order + delivery.disconnected;
        self.connect.failed
            + self.publish.as_ref().map_or(0, of_publish)
            + self.delivery.as_ref().map_or(0, of_delivery)
    }

    /// The condition of a smoke test: every message reached every reader.
    pub(crate) fn is_whole(&self, readers: u32) -> bool {
        let readers = u64::from(readers);
        let published = |publish: &Publish| publish.accepted > 0;
        let delivered = |delivery: &Delivery| delivery.received > 0 || readers == 0;
        self.lost() + self.doubled() + self.other_faults() == 0
            && self.connect.ok >= readers
            && self.publish.as_ref().is_none_or(published)
            && self.delivery.as_ref().is_none_or(delivered)
            && self
                .resume
                .as_ref()
                .is_none_or(|resume| resume.whole == readers)
    }
}
