//! What a server with a store makes durable, and what is there when it starts again.

use std::sync::Arc;

use proptest::sample::Index;

use super::{Simulation, full_budget};
use crate::chat::{Commit, CursorPlace, HistoryPage, HistoryQuery, Hub};
use crate::http::App;
use crate::promises::commit_stage::CommitStage;
use crate::promises::inputs::{LARGE_BUDGET, Loss, READERS, ROOMS};
use crate::promises::lost_suffix::LostSuffix;
use crate::promises::model::ItemState;
use crate::promises::transport::TestTransport;
use crate::protocol::{Epoch, EventId, RoomName};

/// The messages and events that the server holds in each room, and how many of the
/// oldest entries it may have evicted when it starts again.
type Holdings = [(Vec<EventId>, usize); ROOMS.len()];

impl<T: TestTransport> Simulation<T> {
    /// The next step of the server's commits. Returns whether there is one.
    pub(super) fn commit_step(&mut self) -> bool {
        let before = self.log.stage();
        let after = self.log.step();
        match (before, after) {
            (CommitStage::Idle, CommitStage::Taken) => self.model.take(),
            (CommitStage::Durable, CommitStage::Idle) => {
                for commit in self.model.show_taken() {
                    assert!(self.is_answered(commit), "it is durable and shown");
                }
            }
            _ => {}
        }
        self.check_pages(2);
        before != after
    }

    pub(super) fn commit_all(&mut self) {
        while self.commit_step() {}
    }

    fn is_answered(&self, commit: Commit) -> bool {
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                answer = commit.done() => answer.is_ok(),
                () = std::future::ready(()) => false,
            }
        })
    }

    /// Publishes in all rooms, and commits it once: evictions that follow from it are not
    /// durable.
    pub(super) fn burst(&mut self, times: usize) {
        for room in (0..ROOMS.len()).cycle().take(times * ROOMS.len()) {
            self.publish_next(room, "");
        }
        for _ in 0..3 {
            self.commit_step();
        }
    }

    pub(super) fn sync(&mut self) {
        self.commit_all();
        self.log.sync(&self.app.hub);
        self.synced = self.model.published.clone();
    }

    /// The server ends in order, and starts again.
    pub(super) fn restart(&mut self) {
        self.commit_all();
        let held = self.holdings();
        let hub = self.log.restart(&self.app.hub);
        self.start(hub);
        self.check_pages(usize::MAX);
        match self.log.queue_bytes() {
            Some(_) => self.check_holdings(&held),
            None => {
                self.first_epoch = self.app.hub.epoch();
                self.sync();
            }
        }
    }

    pub(super) fn crash(&mut self, loss: Loss) {
        let is_durable = self.log.stage() == CommitStage::Durable;
        let held = self.holdings();
        for commit in self.model.crash(is_durable) {
            assert!(!self.is_answered(commit), "it is not shown");
        }
        if loss == Loss::Suffix {
            for reader in &mut self.readers {
                reader.lose_gaps(&self.app.hub);
            }
        }
        let before = self.config.history;
        if let Some((history, budget)) = &mut self.next_bounds {
            std::mem::swap(&mut self.config.history, history);
            std::mem::swap(&mut self.config.history_budget, budget);
        }
        let next = App::new(self.config.clone()).unwrap().hub;
        let hub = self.log.crash(&self.app.hub, &next, loss);
        self.start(hub);
        match loss {
            Loss::Nothing | Loss::NothingKnown if self.config.history < before => {}
            Loss::Nothing | Loss::NothingKnown => self.check_holdings(&held),
            Loss::Suffix => {
                let lost = self.lose_suffix(self.app.hub.epoch());
                for reader in &mut self.readers {
                    reader.lose(&lost, &self.model.published);
                }
            }
        }
        self.check_pages(usize::MAX);
        if loss != Loss::Nothing {
            self.sync();
        }
    }

    /// The server crashes after a reader has got a part of what it reads.
    pub(super) fn crash_in_read(&mut self, reader: usize, byte: &Index) {
        self.cut(reader, byte);
        self.crash(Loss::Nothing);
    }

    /// A generation ends while the server runs.
    pub(super) fn end_generation(&mut self) {
        let ended = self.app.hub.epoch();
        if !self.log.end_generation(&self.app.hub) {
            return;
        }
        let lost = self.lose_suffix(ended);
        // A tombstone that was dropped may be what a room has beyond the end.
        let has_dropped = self.config.max_rooms < ROOMS.len();
        for reader in &mut self.readers {
            reader.end_generation(&lost, has_dropped, &self.model.published);
        }
        self.check_pages(usize::MAX);
    }

    /// The model loses what was published since the last sync, with the end of the
    /// generation `ended`.
    fn lose_suffix(&mut self, ended: Epoch) -> LostSuffix {
        let published = std::mem::replace(&mut self.model.published, self.synced.clone());
        let seq = u64::MAX;
        let end = match self.app.hub.place(EventId { epoch: ended, seq }) {
            CursorPlace::Beyond { end, .. } => end,
            CursorPlace::At(_) | CursorPlace::Foreign => u64::MAX,
        };
        LostSuffix::new(
            EventId {
                epoch: ended,
                seq: end,
            },
            &published,
            &self.synced,
        )
    }

    /// The server starts again with this hub.
    fn start(&mut self, hub: Arc<Hub>) {
        (0..READERS).for_each(|reader| self.disconnect(reader));
        let mut app = App::new(self.config.clone()).unwrap();
        app.hub = hub;
        self.app = Arc::new(app);
        self.transport = T::of(&self.app);
        self.budget = full_budget(&self.config);
    }

    /// A page shows the last messages and events that are shown, in their present state.
    pub(super) fn check_pages(&self, limit: usize) {
        for room in ROOMS {
            let page = self.page(room, limit);
            let published = &self.model.published[room];
            let count = page.entries.len();
            assert!(count <= published.len(), "{room}: {page:?}");
            let expected = &published[published.len() - count..];
            for (entry, item) in page.entries.iter().zip(expected) {
                let json = serde_json::from_slice(&entry.json()).unwrap();
                assert_eq!(ItemState::of_json(&json), *item.state(), "{room}: {item:?}");
                assert_eq!(json["id"], item.id.to_string(), "in the page of {room}");
                assert_eq!(json["number"].as_u64(), item.number, "{room}: {item:?}");
            }
            let newest = expected.last().map(|item| item.id);
            assert_eq!(page.newest, newest, "the newest of {room}");
        }
    }

    pub(super) fn page(&self, room: &str, limit: usize) -> HistoryPage {
        let query = HistoryQuery {
            after: None,
            before: None,
            limit,
        };
        self.app.hub.page(&RoomName::parse(room).unwrap(), query)
    }

    fn holdings(&self) -> Holdings {
        let is_durable = self.log.stage() == CommitStage::Durable;
        ROOMS.map(|room| {
            let page = self.page(room, usize::MAX);
            let held = page.entries.iter().map(|entry| entry.id()).collect();
            let evicted = match is_durable {
                true => self.model.taken_in(room),
                false => 0,
            };
            (held, evicted)
        })
    }

    /// After a start the server holds what it held before, if all rooms have their
    /// budget: otherwise the last used rooms have it.
    fn check_holdings(&self, before: &Holdings) {
        if self.config.history_budget < LARGE_BUDGET {
            return;
        }
        let now = self.holdings();
        for (room, ((now, _), (held, evicted))) in ROOMS.iter().zip(now.iter().zip(before)) {
            let mut held = held.iter().skip(*evicted);
            assert!(
                held.all(|id| now.contains(id)),
                "{room} has {now:?}, had {before:?}"
            );
        }
    }
}
