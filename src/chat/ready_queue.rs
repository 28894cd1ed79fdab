//! Deliveries that a subscription has ready, and the counting of those that the
//! reader took.

use std::collections::VecDeque;

use super::delivery::Delivery;
use super::totals::HubCounters;

#[derive(Debug)]
pub(super) struct ReadyQueue {
    /// What the reader has to know before anything else: `stale` or `fresh`.
    notice: Option<Delivery>,
    /// Gaps that are in no history. They come first.
    gaps: VecDeque<Delivery>,
    /// Each with the index of its room cursor.
    deliveries: VecDeque<(usize, Delivery)>,
    /// The first of `deliveries` that are from history.
    from_history: usize,
    /// Messages of the batch that were taken and are not counted yet.
    replayed: u64,
    /// Bytes of these messages.
    replayed_bytes: u64,
}

impl ReadyQueue {
    pub(super) fn new(gaps: VecDeque<Delivery>) -> Self {
        Self {
            notice: None,
            gaps,
            deliveries: VecDeque::new(),
            from_history: 0,
            replayed: 0,
            replayed_bytes: 0,
        }
    }

    /// Sets the first delivery, which is not from history.
    pub(super) fn set_notice(&mut self, notice: Option<Delivery>) {
        self.notice = notice;
    }

    /// Replaces the deliveries, except for the notice and the initial gaps, by a batch from
    /// history.
    pub(super) fn set_batch(&mut self, batch: VecDeque<(usize, Delivery)>) {
        self.from_history = batch.len();
        self.deliveries = batch;
    }

    /// Takes back the batch that was set, of which nothing was popped.
    pub(super) fn take_batch(&mut self) -> VecDeque<(usize, Delivery)> {
        self.from_history = 0;
        std::mem::take(&mut self.deliveries)
    }

    /// Appends a delivery that is not from history.
    pub(super) fn push(&mut self, index: usize, delivery: Delivery) {
        self.deliveries.push_back((index, delivery));
    }

    /// Whether initial gaps are left.
    pub(super) fn has_gaps(&self) -> bool {
        !self.gaps.is_empty()
    }

    /// All deliveries except the notice and the initial gaps.
    pub(super) fn deliveries(&self) -> impl ExactSizeIterator<Item = &Delivery> {
        self.deliveries.iter().map(|(_, delivery)| delivery)
    }

    /// All deliveries in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Delivery> {
        let first = self.notice.iter().chain(&self.gaps);
        first.chain(self.deliveries())
    }

    /// Takes and counts the first delivery. It has the index of its room cursor,
    /// unless it is the notice or an initial gap.
    pub(super) fn pop(&mut self, counters: &HubCounters) -> Option<(Option<usize>, Delivery)> {
        let (index, delivery) = match self.notice.take().or_else(|| self.gaps.pop_front()) {
            Some(first) => (None, first),
            None => {
                let (index, delivery) = self.deliveries.pop_front()?;
                self.count_replayed(&delivery, counters);
                (Some(index), delivery)
            }
        };
        if let Delivery::Gap(gap, _) = &delivery {
            counters.count_gap(gap.reason);
        }
        Some((index, delivery))
    }

    /// Drops all deliveries except the initial gaps.
    pub(super) fn clear(&mut self, counters: &HubCounters) {
        self.notice = None;
        self.deliveries = VecDeque::new();
        self.finish_batch(counters);
    }

    fn count_replayed(&mut self, delivery: &Delivery, counters: &HubCounters) {
        if self.from_history == 0 {
            return;
        }
        self.from_history -= 1;
        if let Delivery::Entry(_) = delivery {
            self.replayed += 1;
            self.replayed_bytes += delivery.bytes() as u64;
        }
        if self.from_history == 0 {
            self.finish_batch(counters);
        }
    }

    /// Adds to the hub's counters once per batch, since many streams replay at the
    /// same time and share these counters.
    fn finish_batch(&mut self, counters: &HubCounters) {
        self.from_history = 0;
        let messages = std::mem::take(&mut self.replayed);
        let bytes = std::mem::take(&mut self.replayed_bytes);
        if messages > 0 {
            counters.count_replayed(messages, bytes);
        }
    }
}
