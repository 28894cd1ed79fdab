//! Where everybody of a test writes down what happens, and the test waits for
//! it to have happened.

use std::cell::Cell;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::record::{Begins, Reading, Record, Seen, Sent, Shown};
use crate::within;

/// The record of a test that runs. Clones share it.
#[derive(Clone)]
pub(crate) struct Notes {
    record: Arc<Mutex<Record>>,
    /// How many messages were answered.
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

    /// Somebody is about to send something; returns what it is called here.
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

    /// A reader begins; returns where it writes.
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

    /// A clock that goes on by one with each message that is answered.
    pub(crate) fn clock(&self) -> watch::Receiver<usize> {
        self.answered.subscribe()
    }

    /// Looks at what is written so far.
    pub(crate) fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until every reader that stays has heard the last words of its
    /// rooms, for as long as that takes.
    pub(crate) fn until_all_heard(&self) -> impl Future<Output = ()> {
        // Who has heard them has heard them for good.
        let first = Cell::new(0);
        self.wait(move |record| {
            let rest = &record.readings[first.get()..];
            let has_heard =
                |reading: &&Reading| !reading.stayed || reading.has_heard(&record.last_words);
            first.set(first.get() + rest.iter().take_while(has_heard).count());
            first.get() == record.readings.len()
        })
    }

    /// Waits until this can be said of the record, under the deadline.
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

/// Where one reader writes down what it sees.
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

    /// Waits until this can be said of what it saw.
    #[track_caller]
    pub(crate) fn until(&self, is: impl Fn(&Reading) -> bool) -> impl Future<Output = ()> {
        self.notes
            .until(move |record| is(&record.readings[self.index]))
    }

    /// A look at what it saw.
    pub(crate) fn look<T>(&self, at: impl FnOnce(&Reading) -> T) -> T {
        at(&self.notes.record().readings[self.index])
    }
}
