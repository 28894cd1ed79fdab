//! The people of a test: writers that say as many messages as they are told to,
//! readers of each kind, and the end, at which everything is checked.

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
use crate::writer::Writer;

/// How long the last words may take to everybody: a client of ours may wait
/// for half a minute after many cuts in a row.
const HEARING: Duration = Duration::from_secs(45);

/// Writers and readers. They end when it is dropped.
pub(crate) struct Scene {
    pub(crate) notes: Notes,
    rooms: &'static [&'static str],
    allowed: Arc<Semaphore>,
    /// How many messages were allowed.
    asked: usize,
    random: fastrand::Rng,
    /// Whoever comes gives nothing up for its silence.
    is_patient: bool,
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
            is_patient: true,
            people: JoinSet::new(),
        }
    }

    /// Whoever comes from now on has to do with a server or a network that may
    /// fall silent.
    pub(crate) fn expect_silence(&mut self) {
        self.is_patient = false;
    }

    /// Somebody who writes in all rooms, in one or the other.
    pub(crate) fn writer(&mut self, name: &str, address: SocketAddr) {
        self.writer_of(name, address, 0);
    }

    /// The same, with texts of about so many bytes.
    pub(crate) fn writer_of(&mut self, name: &str, address: SocketAddr, bytes: usize) {
        let random = self.random.fork();
        let writer = Writer::new(address, self.notes.clone(), name, self.rooms, random);
        let mut writer = writer.with_filler(bytes);
        if !self.is_patient {
            writer = writer.impatient();
        }
        self.people.spawn(writer.write(Arc::clone(&self.allowed)));
    }

    /// A reader by our own client.
    pub(crate) fn client(&mut self, name: &str, rooms: &[&str], address: SocketAddr) -> Page {
        let page = self.notes.reader(name, rooms, Begins::Now);
        self.people
            .spawn(client_reader::follow(address, page.clone()));
        page
    }

    /// A reader as a browser is one.
    pub(crate) fn plain(&mut self, name: &str, rooms: &[&str], address: SocketAddr) -> Page {
        let page = self.notes.reader(name, rooms, Begins::Now);
        let reader = self.plain_reader(address, page.clone());
        self.people.spawn(reader.follow());
        page
    }

    /// The same, a byte at a time, until [`Scene::finish`].
    pub(crate) fn sipping(&mut self, name: &str, rooms: &[&str], address: SocketAddr) -> Page {
        let page = self.notes.reader(name, rooms, Begins::Now);
        let reader = self.plain_reader(address, page.clone());
        self.people.spawn(reader.sipping(&self.notes).follow());
        page
    }

    /// A reader who is as patient as all are, and does nothing yet.
    pub(crate) fn plain_reader(&self, address: SocketAddr, page: Page) -> PlainReader {
        let reader = PlainReader::new(address, page);
        match self.is_patient {
            true => reader,
            false => reader.impatient(),
        }
    }

    /// A reader that is a process.
    pub(crate) fn tail(&mut self, name: &str, rooms: &[&str], url: &str) -> (TailReader, Page) {
        let page = self.notes.reader(name, rooms, Begins::AtOne);
        (TailReader::start(url, &page), page)
    }

    /// Somebody who was there now and then, and stays from now on.
    pub(crate) fn stay(&mut self, reader: PlainReader) {
        self.people.spawn(reader.follow());
    }

    /// Waits until every reader has a stream. One that is a process says
    /// nothing of it.
    pub(crate) async fn all_are_there(&self) {
        self.until_all(|reading| reading.hellos() > 0 || reading.begins == Begins::AtOne)
            .await;
    }

    /// Waits until this can be said of all readers at one time.
    #[track_caller]
    pub(crate) fn until_all(&self, is: impl Fn(&Reading) -> bool) -> impl Future<Output = ()> {
        self.notes
            .until(move |record| record.readings.iter().all(&is))
    }

    /// Lets the writers say so many more messages.
    pub(crate) fn allow(&mut self, count: u64) {
        let count = usize::try_from(count).unwrap();
        self.allowed.add_permits(count);
        self.asked += count;
    }

    /// Waits until all but so many of them were answered. Each answer has a
    /// deadline of its own, since they may be many.
    pub(crate) async fn until_left(&self, left: u64) {
        let answered = self.asked - usize::try_from(left).unwrap();
        let mut clock = self.notes.clock();
        while *clock.borrow_and_update() < answered {
            crate::within(clock.changed()).await.unwrap();
        }
    }

    /// Lets them say so many, and waits until all are answered.
    pub(crate) async fn say(&mut self, count: u64) {
        self.allow(count);
        self.until_left(0).await;
    }

    /// The faults are over: the last words are said in each room of the server
    /// at `address`, everybody hears them, and nothing may be wrong.
    pub(crate) async fn finish(mut self, address: SocketAddr) -> Record {
        self.until_left(0).await;
        self.allowed.close();
        let random = self.random.fork();
        let mut last = Writer::new(address, self.notes.clone(), "Last", self.rooms, random);
        for room in self.rooms {
            let words = crate::within(last.say(room)).await;
            self.notes.record().last_words.push(words);
        }
        self.notes.over.cancel();
        let heard = tokio::time::timeout(HEARING, self.notes.until_all_heard());
        // Who did not hear them is found by the checker, and named.
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
    let wrongs = check(record);
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
    let first: Vec<_> = wrongs.iter().take(20).collect();
    assert!(wrongs.is_empty(), "{} wrongs: {first:#?}", wrongs.len());
    assert_eq!(record.answered(), record.sent.len(), "all are answered");
}
