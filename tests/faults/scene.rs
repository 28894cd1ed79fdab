//! The clients of a test: writers with a number of messages to send, readers of each
//! kind, and the final check.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::check::check;
use crate::client_reader;
use crate::notes::{Notes, Page};
use crate::plain_reader::PlainReader;
use crate::record::{Begins, Reading, Record};
use crate::tail_reader::TailReader;
use crate::transport::Transport;
use crate::writer::Writer;

/// Time limit of the final messages. After many cuts the client library may wait for
/// half a minute.
const HEARING: Duration = Duration::from_secs(45);

/// Writers and readers. Dropping it ends them.
pub(crate) struct Scene {
    pub(crate) notes: Notes,
    rooms: &'static [&'static str],
    allowed: Arc<Semaphore>,
    /// The number of messages allowed so far.
    asked: usize,
    random: fastrand::Rng,
    /// That of new plain readers.
    transport: Transport,
    /// New clients wait however long the server is silent.
    is_patient: bool,
    /// New writers change some of their messages.
    has_changes: bool,
    people: JoinSet<()>,
}

impl Scene {
    pub(crate) fn new(rooms: &'static [&'static str], random: fastrand::Rng) -> Self {
        Self {
            notes: Notes::new(),
            rooms,
            allowed: Arc::new(Semaphore::new(0)),
            asked: 0,
            random,
            transport: Transport::Clear,
            is_patient: true,
            has_changes: false,
            people: JoinSet::new(),
        }
    }

    /// Plain readers use this transport.
    pub(crate) fn over(mut self, transport: Transport) -> Self {
        self.transport = transport;
        self
    }

    /// New writers edit and delete some of their messages.
    pub(crate) fn with_changes(mut self) -> Self {
        self.has_changes = true;
        self
    }

    /// New clients time out on silence: the server or the network may stop.
    pub(crate) fn expect_silence(&mut self) {
        self.is_patient = false;
    }

    /// Adds a writer to all rooms.
    pub(crate) fn writer(&mut self, name: &str, address: SocketAddr) {
        self.writer_of(name, address, 0);
    }

    /// Adds a writer with texts of about `bytes` bytes.
    pub(crate) fn writer_of(&mut self, name: &str, address: SocketAddr, bytes: usize) {
        let random = self.random.fork();
        let writer = Writer::new(address, self.notes.clone(), name, self.rooms, random);
        let mut writer = writer.with_filler(bytes);
        if !self.is_patient {
            writer = writer.impatient();
        }
        if self.has_changes {
            writer = writer.changing();
        }
        self.people.spawn(writer.write(Arc::clone(&self.allowed)));
    }

    /// Adds a reader with the client library.
    pub(crate) fn client(&mut self, name: &str, rooms: &[&str], address: SocketAddr) -> Page {
        let page = self.notes.reader(name, rooms, Begins::Now);
        self.people
            .spawn(client_reader::follow(address, page.clone()));
        page
    }

    /// Adds a reader that behaves like a browser.
    pub(crate) fn plain(&mut self, name: &str, rooms: &[&str], address: SocketAddr) -> Page {
        let page = self.notes.reader(name, rooms, Begins::Now);
        let reader = self.plain_reader(address, page.clone());
        self.people.spawn(reader.follow());
        page
    }

    /// Adds one that reads a byte at a time until [`Scene::finish`].
    pub(crate) fn sipping(&mut self, name: &str, rooms: &[&str], address: SocketAddr) -> Page {
        let page = self.notes.reader(name, rooms, Begins::Now);
        let reader = self.plain_reader(address, page.clone());
        self.people.spawn(reader.sipping(&self.notes).follow());
        page
    }

    /// A reader that is not started yet.
    pub(crate) fn plain_reader(&self, address: SocketAddr, page: Page) -> PlainReader {
        let reader = PlainReader::new(address, page).over(self.transport);
        match self.is_patient {
            true => reader,
            false => reader.impatient(),
        }
    }

    /// Adds a reader process.
    pub(crate) fn tail(&mut self, name: &str, rooms: &[&str], url: &str) -> (TailReader, Page) {
        let page = self.notes.reader(name, rooms, Begins::AtOne);
        (TailReader::start(url, &page), page)
    }

    /// Starts a reader that stays until the end.
    pub(crate) fn stay(&mut self, reader: PlainReader) {
        self.people.spawn(reader.follow());
    }

    /// Waits until every reader except processes has a stream.
    pub(crate) async fn until_all_connected(&self) {
        self.until_all(|reading| reading.hellos() > 0 || reading.begins == Begins::AtOne)
            .await;
    }

    /// Waits until `is` holds for all readers at the same time.
    #[track_caller]
    pub(crate) fn until_all(&self, is: impl Fn(&Reading) -> bool) -> impl Future<Output = ()> {
        self.notes
            .until(move |record| record.readings.iter().all(&is))
    }

    /// Lets the writers send `count` more messages.
    pub(crate) fn allow(&mut self, count: u64) {
        let count = usize::try_from(count).unwrap();
        self.allowed.add_permits(count);
        self.asked += count;
    }

    /// Waits until all but `left` of them are acknowledged. The deadline is per
    /// message, since there may be many.
    pub(crate) async fn until_left(&self, left: u64) {
        let answered = self.asked - usize::try_from(left).unwrap();
        let mut clock = self.notes.clock();
        while *clock.borrow_and_update() < answered {
            crate::within(clock.changed()).await.unwrap();
        }
    }

    /// Lets the writers send `count` messages and waits until all are acknowledged.
    pub(crate) async fn publish(&mut self, count: u64) {
        self.allow(count);
        self.until_left(0).await;
    }

    /// Ends the faults: publishes a final message to each room at `address`, waits
    /// until all readers have seen them, and checks the record.
    pub(crate) async fn finish(mut self, address: SocketAddr) -> Record {
        self.until_left(0).await;
        self.allowed.close();
        let random = self.random.fork();
        let mut last = Writer::new(address, self.notes.clone(), "Last", self.rooms, random);
        for room in self.rooms {
            let words = crate::within(last.publish(room)).await;
            self.notes.record().final_messages.push(words);
        }
        self.notes.over.cancel();
        let heard = tokio::time::timeout(HEARING, self.notes.until_all_have_final());
        // The checker names readers that did not see them.
        let _ = heard.await;
        while let Some(ended) = self.people.try_join_next() {
            ended.unwrap();
        }
        let record = self.notes.record().clone();
        assert_sound(&record);
        record
    }
}

fn assert_sound(record: &Record) {
    let violations = check(record);
    for reading in &record.readings {
        let gaps: usize = ["evicted", "lagged", "restart"]
            .map(|reason| reading.gaps(reason))
            .iter()
            .sum();
        println!(
            "{}: {} messages, {} streams, {} cuts, {gaps} gaps",
            reading.reader,
            reading.updates(),
            reading.hellos(),
            reading.cuts()
        );
    }
    let first: Vec<_> = violations.iter().take(20).collect();
    assert!(
        violations.is_empty(),
        "{} violations: {first:#?}",
        violations.len()
    );
    assert_eq!(record.answered(), record.sent.len(), "all are answered");
}
