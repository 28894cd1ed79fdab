//! The shared record of a running test, and waiting for its contents.

use std::cell::Cell;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::record::{Begins, Reading, Record, Requested, Seen, Sent, Shown};
use crate::wire::Pace;
use crate::within;

/// The record of a running test. Clones share it.
#[derive(Clone)]
pub(crate) struct Notes {
    record: Arc<Mutex<Record>>,
    /// The number of acknowledged messages.
    answered: watch::Sender<usize>,
    changed: watch::Sender<()>,
    /// The faults are over.
    pub(crate) over: CancellationToken,
}

impl Notes {
    pub(crate) fn new() -> Self {
        Self {
            record: Arc::default(),
            answered: watch::Sender::new(0),
            changed: watch::Sender::new(()),
            over: CancellationToken::new(),
        }
    }

    /// Adds a message before it is sent. Returns its index.
    pub(crate) fn sending(&self, sent: Sent) -> usize {
        let mut record = self.record();
        record.sent.push(sent);
        record.sent.len() - 1
    }

    pub(crate) fn answered(&self, index: usize, answer: Shown) {
        self.record().sent[index].answer = Some(answer);
        self.answered.send_modify(|answered| *answered += 1);
        self.changed.send_replace(());
    }

    /// Adds a change of an acknowledged message before it is requested.
    pub(crate) fn changing(&self, index: usize, text: Option<String>) {
        self.record().sent[index].changes.push(Requested {
            text,
            is_acknowledged: false,
        });
    }

    /// The last change of the message is acknowledged.
    pub(crate) fn changed(&self, index: usize) {
        let mut record = self.record();
        let last = record.sent[index].changes.last_mut();
        last.expect("a change was requested").is_acknowledged = true;
    }

    /// Adds a reader. Returns its page of the record.
    pub(crate) fn reader(&self, reader: &str, rooms: &[&str], begins: Begins) -> Page {
        let mut record = self.record();
        record.readings.push(Reading {
            reader: reader.to_owned(),
            rooms: rooms.iter().map(|&room| room.to_owned()).collect(),
            begins,
            seen: Vec::new(),
            stayed: true,
        });
        Page {
            notes: self.clone(),
            index: record.readings.len() - 1,
        }
    }

    /// A counter that increases with each acknowledged message.
    pub(crate) fn clock(&self) -> watch::Receiver<usize> {
        self.answered.subscribe()
    }

    /// The pace of a reader that reads a byte per acknowledged message.
    pub(crate) fn sips(&self) -> Pace {
        Pace::Sips {
            clock: self.clock(),
            over: self.over.clone(),
        }
    }

    /// The record so far.
    pub(crate) fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits, without a deadline, until every staying reader has seen the final
    /// messages of its rooms.
    pub(crate) fn until_all_have_final(&self) -> impl Future<Output = ()> {
        // A reader that has seen them need not be checked again.
        let first = Cell::new(0);
        self.wait(move |record| {
            let rest = &record.readings[first.get()..];
            let has_seen_final = |reading: &&Reading| {
                !reading.stayed || reading.has_seen_final(&record.final_messages)
            };
            first.set(first.get() + rest.iter().take_while(has_seen_final).count());
            first.get() == record.readings.len()
        })
    }

    /// Waits under the deadline until `is` holds for the record.
    #[track_caller]
    pub(crate) fn until(&self, is: impl Fn(&Record) -> bool) -> impl Future<Output = ()> {
        within(self.wait(is))
    }

    fn wait(&self, is: impl Fn(&Record) -> bool) -> impl Future<Output = ()> {
        let mut changed = self.changed.subscribe();
        async move {
            while !is(&self.record()) {
                changed.changed().await.unwrap();
            }
        }
    }
}

/// The part of the record that one reader writes.
#[derive(Clone)]
pub(crate) struct Page {
    notes: Notes,
    index: usize,
}

impl Page {
    pub(crate) fn saw(&self, seen: Seen) {
        self.change(|reading| reading.seen.push(seen));
    }

    fn change(&self, change: impl FnOnce(&mut Reading)) {
        change(&mut self.notes.record().readings[self.index]);
        self.notes.changed.send_replace(());
    }

    /// Waits until `is` holds for this reader.
    #[track_caller]
    pub(crate) fn until(&self, is: impl Fn(&Reading) -> bool) -> impl Future<Output = ()> {
        self.notes
            .until(move |record| is(&record.readings[self.index]))
    }

    /// Reads from what it saw.
    pub(crate) fn look<T>(&self, at: impl FnOnce(&Reading) -> T) -> T {
        at(&self.notes.record().readings[self.index])
    }
}
