//! Redis and the nodes of a test, with writers and readers of their rooms.

use std::collections::BTreeMap;

use tokio::task::JoinSet;

use crate::engine::Engine;
use crate::node::{Node, Url};
use crate::reader::Reader;
use crate::record::{Published, Record};
use crate::writer::Writers;

/// The rooms of all tests.
pub(crate) const ROOMS: [&str; 2] = ["lobby", "garden"];

/// Nodes that share the history of one Redis.
pub(crate) struct Cluster {
    pub(crate) engine: Engine,
    pub(crate) nodes: Vec<Node>,
}

/// Writers and readers at work.
pub(crate) struct Traffic {
    writers: Writers,
    readers: Vec<Reader>,
}

impl Cluster {
    /// `count` nodes, with more flags.
    pub(crate) async fn start(engine: Engine, count: usize, more: &[&str]) -> Self {
        let url = format!("redis://127.0.0.1:{}", engine.port());
        Self::start_at(&url, engine, count, more).await
    }

    /// As [`Self::start`], with Redis at this URL.
    pub(crate) async fn start_at(url: &str, engine: Engine, count: usize, more: &[&str]) -> Self {
        let mut flags = vec![
            "--redis".to_owned(),
            url.to_owned(),
            "--history".to_owned(),
            "100000".to_owned(),
            "--history-bytes".to_owned(),
            "64MiB".to_owned(),
        ];
        flags.extend(more.iter().map(|&flag| flag.to_owned()));
        let mut starts = JoinSet::new();
        for _ in 0..count {
            let flags = flags.clone();
            starts.spawn(async move { Node::start(&flags).await });
        }
        Self {
            engine,
            nodes: starts.join_all().await,
        }
    }

    pub(crate) fn urls(&self) -> Vec<Url> {
        self.nodes.iter().map(Node::url).collect()
    }

    /// Begins to write and read at all nodes.
    pub(crate) async fn begin_traffic(&self, random: &mut fastrand::Rng) -> Traffic {
        self.begin_traffic_without(0, random).await
    }

    /// As [`Self::begin_traffic`], but nothing is written at the first `idle` nodes.
    pub(crate) async fn begin_traffic_without(
        &self,
        idle: usize,
        random: &mut fastrand::Rng,
    ) -> Traffic {
        let urls = self.urls();
        let mut readers = Vec::new();
        for index in 0..6 {
            let rooms: &[&str] = match index % 3 {
                0 => &ROOMS[..1],
                1 => &ROOMS[1..],
                _ => &ROOMS,
            };
            readers.push(Reader::begin(&urls, rooms, random.fork()).await);
        }
        Traffic {
            writers: Writers::begin(&urls[idle..], random),
            readers,
        }
    }
}

impl Traffic {
    /// Waits until `count` more messages are answered with 201.
    pub(crate) async fn more(&self, count: usize) {
        self.writers.more(count).await;
    }

    /// Waits until `count` more publishes are refused or cut.
    pub(crate) async fn more_refused(&self, count: usize) {
        self.writers.more_refused(count).await;
    }

    /// As [`Self::end`]. Nothing is lost, and nothing is announced as lost.
    pub(crate) async fn end_without_gaps(self, program: &str) {
        let (published, records) = self.end().await;
        for record in &records {
            record.check(&published);
            assert!(record.gaps().is_empty(), "{program}: {:?}", record.gaps());
        }
    }

    /// As [`Self::end`]. What is lost lies in gaps `restart`: in each room there were at least
    /// `least`. A reader that changes its server between two gaps gets both again.
    pub(crate) async fn end_with_restarts(self, program: &str, least: usize) {
        let (published, records) = self.end().await;
        for record in &records {
            record.check(&published);
            let gaps = record.gaps();
            assert!(
                gaps.len() >= least * record.rooms.len(),
                "{program}: {gaps:?}"
            );
            assert!(gaps.iter().all(|reason| *reason == "restart"), "{gaps:?}");
        }
    }

    /// As [`Self::end`], but what is not answered yet is given up.
    pub(crate) async fn stop(self) -> (Vec<Published>, Vec<Record>) {
        let published = self.writers.stop();
        Self::records(published, self.readers).await
    }

    /// Ends it, once each reader has the last message of each of its rooms. Returns what was
    /// published, and what each reader saw.
    pub(crate) async fn end(self) -> (Vec<Published>, Vec<Record>) {
        let published = self.writers.end().await;
        Self::records(published, self.readers).await
    }

    async fn records(
        published: Vec<Published>,
        readers: Vec<Reader>,
    ) -> (Vec<Published>, Vec<Record>) {
        let mut last = BTreeMap::new();
        for message in &published {
            let newest = last
                .entry(message.room.clone())
                .or_insert(message.id.clone());
            if *newest < message.id {
                newest.clone_from(&message.id);
            }
        }
        let mut records = Vec::new();
        for reader in readers {
            records.push(reader.end(&last).await);
        }
        (published, records)
    }
}
