//! What a worker does with its readers: it delivers events to the live ones, and
//! lets the others catch up. It has no thread, no poll and no clock: the
//! caller reports what is ready, and passes the time. What depends on time alone is
//! in `clock`.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use super::catching_up::{CatchUpStep, CatchingUp};
use super::counters::{WorkerCounters, WriteBudget};
use super::events::{EventReceiver, FeedItem};
use super::groups::MIN_CAPACITY;
use super::live::GroupExit;
use super::mailbox::{Handoff, ReaderPermit};
use super::reader_table::ReaderTable;
use super::socket::Socket;
use crate::chat::{RoomKey, Staleness};
use crate::http::{App, bye};

/// Most events that a turn takes out of the channel. Those of rooms without live
/// readers cost a turn nothing else.
const MAX_RECEIVED: usize = 4096;

/// The readers of one worker, and what they share.
#[derive(Debug)]
pub(super) struct Readers<S: Socket> {
    pub(super) app: Arc<App>,
    pub(super) table: ReaderTable<S>,
    receiver: EventReceiver,
    pub(super) budget: WriteBudget,
    /// Readers that left their group in the current write. Empty between writes.
    pub(super) exits: Vec<GroupExit<S>>,
    /// When the messages of this turn were published.
    published: Vec<tokio::time::Instant>,
    /// While the server drains, when each stream ends; the next one is last.
    pub(super) end_times: Option<Vec<(Instant, usize)>>,
    /// The time of the last tick.
    pub(super) last_tick: Instant,
    counters: Arc<WorkerCounters>,
}

/// What ends the events of a turn. It is handled once they are written.
#[derive(Debug)]
enum Interruption {
    /// The channel can't give events of the room any more: its live readers go back to
    /// history.
    LostOfRoom(RoomKey),
    /// The channel can't give events of any room any more: all live readers go back to
    /// history.
    LostOfAnyRoom,
    /// The history of the room was loaded anew: its live readers go back to it.
    Reloaded(RoomKey),
    /// A reader of the room may be banned: its live readers go back to history, too.
    Banned(RoomKey),
    /// A generation has ended: what a reader has after seq `end` is lost, and such readers
    /// go back to history.
    GenerationEnded { position: u64, end: u64 },
    /// The history has become stale, or is fresh again: all live readers get an event.
    Staleness { position: u64, staleness: Staleness },
}

impl<S: Socket> Readers<S> {
    pub(super) fn new(app: Arc<App>, counters: Arc<WorkerCounters>, now: Instant) -> Self {
        let receiver = EventReceiver::new(&app.hub);
        counters.set_position(receiver.position());
        Self {
            table: ReaderTable::new(Arc::clone(&app), now),
            app,
            receiver,
            budget: WriteBudget::default(),
            exits: Vec::new(),
            published: Vec::new(),
            end_times: None,
            last_tick: now,
            counters,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// The token of the next reader.
    pub(super) fn next_token(&self) -> usize {
        self.table.next_token()
    }

    /// Adds a reader. It is catching up, and has its head still to write.
    pub(super) fn add(&mut self, socket: S, handoff: Handoff, permit: ReaderPermit, now: Instant) {
        let Handoff { first, stream } = handoff;
        let mut reader = CatchingUp::new(socket, first, stream.subscription, now);
        if self.end_times.is_some() {
            reader.end();
        }
        self.table.add(reader, stream.guard, permit);
    }

    /// The reader's socket takes bytes again.
    pub(super) fn writable(&mut self, token: usize) {
        self.table.queue(token);
    }

    /// The client sent something, or is gone.
    pub(super) fn readable(&mut self, token: usize) {
        self.table.read(token);
    }

    /// Receives a bounded number of events from the channel and writes them to all
    /// live readers. Pending when there were none.
    pub(super) fn deliver(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<()> {
        let (received, interruption) = self.receive(cx);
        let stamp = self.table.stamps.stamp(now);
        while let Some(group) =
            self.table
                .groups
                .write_next(stamp, &mut self.budget, &mut self.exits)
        {
            self.settle(group, now);
        }
        self.count_fan_out_times();
        if let Some(interruption) = interruption {
            self.handle(interruption, now);
        }
        match received {
            0 => Poll::Pending,
            _ => Poll::Ready(()),
        }
    }

    /// Queues the events of this turn. Returns how many events were received, and what ended
    /// them.
    fn receive(&mut self, cx: &mut Context<'_>) -> (usize, Option<Interruption>) {
        for received in 0..MAX_RECEIVED {
            let groups = &self.table.groups;
            let is_needed = |room, is_presence| groups.takes(room, is_presence);
            let Poll::Ready(item) = self.receiver.poll_next(cx, &self.app.hub, is_needed) else {
                return (received, None);
            };
            let interruption = match item {
                FeedItem::Unneeded => continue,
                FeedItem::Event(event) => {
                    if !self.table.groups.queue(&event) {
                        self.receiver.hold(event);
                        return (received + 1, None);
                    }
                    self.published.extend(event.content.seq().map(|_| event.at));
                    continue;
                }
                FeedItem::Lost(room) => Interruption::LostOfRoom(room),
                FeedItem::Lagged => Interruption::LostOfAnyRoom,
                FeedItem::Reloaded(room) => Interruption::Reloaded(room),
                FeedItem::Banned(room) => Interruption::Banned(room),
                FeedItem::GenerationEnded { position, end } => {
                    Interruption::GenerationEnded { position, end }
                }
                FeedItem::Staleness {
                    position,
                    staleness,
                } => Interruption::Staleness {
                    position,
                    staleness,
                },
            };
            return (received + 1, Some(interruption));
        }
        (MAX_RECEIVED, None)
    }

    fn handle(&mut self, interruption: Interruption, now: Instant) {
        match interruption {
            Interruption::LostOfRoom(room) => {
                self.counters.worker_lags.inc();
                self.table
                    .send_room_to_history(room, "a large event is lost", now);
            }
            Interruption::LostOfAnyRoom => {
                self.counters.worker_lags.inc();
                self.table.send_all_to_history(now);
            }
            Interruption::Reloaded(room) => {
                self.table
                    .send_room_to_history(room, "its history was loaded anew", now);
            }
            Interruption::Banned(room) => {
                self.table
                    .send_room_to_history(room, "an author is banned", now);
            }
            Interruption::GenerationEnded { position, end } => {
                self.table.send_beyond_to_history(position, end, now);
            }
            Interruption::Staleness {
                position,
                staleness,
            } => self.write_staleness(position, &staleness, now),
        }
    }

    /// Writes `stale` or `fresh` to the readers that were live at `position` of the channel.
    fn write_staleness(&mut self, position: u64, staleness: &Staleness, now: Instant) {
        let stamp = self.table.stamps.stamp(now);
        for number in self.table.groups.numbers() {
            self.table.groups.get_mut(number).write_staleness(
                position,
                staleness,
                stamp,
                &mut self.budget,
                &mut self.exits,
            );
            self.settle(number, now);
        }
    }

    /// Updates the table after a group was written to.
    pub(super) fn settle(&mut self, group: usize, now: Instant) {
        let lagging = self.table.settle(group, &mut self.exits, now);
        if lagging > 0 {
            self.counters.reader_lags.inc_by(lagging);
        }
    }

    /// Lets at most `most` readers that are catching up write once. Returns
    /// whether there are more.
    pub(super) fn catch_up(&mut self, most: usize, now: Instant) -> bool {
        for _ in 0..most {
            let Some(token) = self.table.next_queued() else {
                return false;
            };
            self.step(token, now);
        }
        self.table.has_queued()
    }

    /// One write of a reader that is catching up.
    fn step(&mut self, token: usize, now: Instant) {
        let Some(reader) = self.table.catching_up(token) else {
            return;
        };
        if !std::mem::take(&mut reader.is_queued) {
            return;
        }
        let config = &self.app.config;
        self.budget.count_write();
        let outcome = reader.step(now, &mut self.budget.delivered, || bye(config));
        if !matches!(outcome, CatchUpStep::Paused(_)) {
            // It was queued before its pause was over, and waits for something else.
            self.table.end_pause(token, now);
        }
        match outcome {
            CatchUpStep::More => self.table.queue(token),
            CatchUpStep::Blocked => {}
            CatchUpStep::Paused(until) => self.table.pause(token, until),
            CatchUpStep::Live(from) => self.table.go_live(token, from),
            CatchUpStep::Finished => self.table.finish(token),
            CatchUpStep::Failed(error) => self.table.fail(token, &error),
        }
    }

    /// Counts the messages of this turn, which have all been written.
    fn count_fan_out_times(&mut self) {
        if self.published.is_empty() {
            return;
        }
        let now = Instant::now();
        for published in self.published.drain(..) {
            let time = now.saturating_duration_since(published.into_std());
            self.counters.add_fan_out_time(time);
        }
        self.published.shrink_to(MIN_CAPACITY);
    }

    /// Adds the deliveries since the last call to the worker's counters.
    pub(super) fn flush_counters(&mut self) {
        let delivered = std::mem::take(&mut self.budget.delivered);
        self.counters.add_delivered(delivered);
        self.counters.set_position(self.receiver.position());
    }
}
