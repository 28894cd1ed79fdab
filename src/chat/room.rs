//! One room: its numbers, its history, its readers' channel, its members.
//!
//! A room costs little until it is used: the channel is made for the first
//! reader that goes live and goes with the last, the history grows with what
//! is said.

use tokio::sync::broadcast;
use tokio::time::Instant;

use super::event_id::EventId;
use super::forgotten::Ended;
use super::history::{History, HistoryLimits};
use super::message::{Draft, Frame};
use super::name::{RoomName, UserName};
use super::presence::Presence;
use bytes::Bytes;

/// How many events a live reader may be behind before it is served from
/// history. It only has to cover the time until a reader's task runs.
const CHANNEL_EVENTS: usize = 128;

/// What live readers are handed.
#[derive(Debug, Clone)]
pub(super) enum Live {
    Update(Frame),
    Presence(Bytes),
}

#[derive(Debug)]
pub(super) struct Room {
    pub(super) name: RoomName,
    pub(super) history: History,
    pub(super) presence: Presence,
    channel: Option<broadcast::Sender<Live>>,
    /// Subscriptions to this room. While there is one the room is kept.
    readers: usize,
    last_used: Instant,
}

impl Room {
    /// A room that is used for the first time, or again after it was forgotten.
    pub(super) fn new(
        name: RoomName,
        limits: HistoryLimits,
        ended: Option<Ended>,
        now: Instant,
    ) -> Self {
        let history = match ended {
            Some(ended) => History::after(limits, ended.through, ended.next_number),
            None => History::new(limits),
        };
        Self {
            name,
            history,
            presence: Presence::default(),
            channel: None,
            readers: 0,
            last_used: now,
        }
    }

    /// Says `draft` in this room: history first, then the live readers.
    pub(super) fn say(&mut self, id: EventId, draft: Draft, now: Instant) -> Frame {
        let created_at = format!("{:.3}", jiff::Timestamp::now());
        let frame = Frame::encode(
            id,
            &self.name,
            self.history.next_number(),
            draft,
            &created_at,
        );
        self.history.push(frame.clone());
        self.last_used = now;
        self.tell(Live::Update(frame.clone()));
        frame
    }

    /// Tells the readers who came and who left.
    pub(super) fn flush_presence(&mut self, now: Instant) {
        if let Some(change) = self.presence.flush(&self.name, now) {
            self.tell(Live::Presence(change));
        }
    }

    fn tell(&self, live: Live) {
        if let Some(channel) = &self.channel {
            // An error says that nobody is live just now; there is history for that.
            let _ = channel.send(live);
        }
    }

    /// All that is said from now on.
    pub(super) fn go_live(&mut self) -> broadcast::Receiver<Live> {
        match &self.channel {
            Some(channel) => channel.subscribe(),
            None => {
                let (channel, receiver) = broadcast::channel(CHANNEL_EVENTS);
                self.channel = Some(channel);
                receiver
            }
        }
    }

    /// A subscription begins.
    pub(super) fn enter(&mut self, name: Option<&UserName>) {
        self.readers += 1;
        if let Some(name) = name {
            self.presence.join(name);
        }
    }

    /// A subscription ends.
    pub(super) fn leave(&mut self, name: Option<&UserName>, now: Instant) {
        self.readers -= 1;
        self.last_used = now;
        if let Some(name) = name {
            self.presence.leave(name, now);
        }
        if self.readers == 0 {
            self.channel = None;
        }
    }

    /// Nobody is here, and nobody said anything for `idle`, or ever.
    pub(super) fn is_idle(&self, now: Instant, idle: std::time::Duration) -> bool {
        let empty = self.readers == 0 && self.presence.count() == 0;
        empty && (self.ended().is_none() || now.duration_since(self.last_used) >= idle)
    }

    /// What must be remembered of this room when it is forgotten; nothing for
    /// one in which nothing was ever said, as far as anybody remembers.
    pub(super) fn ended(&self) -> Option<Ended> {
        let newest = self.history.newest().map_or(0, Frame::seq);
        let (through, next_number) = (
            newest.max(self.history.evicted_through()),
            self.history.next_number(),
        );
        (next_number > 1).then_some(Ended {
            through,
            next_number,
        })
    }
}
