//! The phases of a run: open, settle, warm up, measure, and, for idle readers, leave.

use std::io;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::arguments::{Arguments, Mode};
use crate::publish::Publisher;
use crate::readers::Readers;
use crate::usage::{self, Usage};

/// The times for a server to settle after the last reader has connected, and to free
/// memory after all have left. `sse-chat bench` uses the same.
const SETTLE: Duration = Duration::from_millis(500);
const FREE_MEMORY: Duration = Duration::from_secs(3);

/// The results of a run.
#[derive(Debug)]
pub(crate) struct Found {
    /// The server's usage before the first reader, with all of them, at the beginning
    /// and the end of the measured part, and after all have left.
    pub(crate) before: Usage,
    pub(crate) connected: Usage,
    pub(crate) begin: Usage,
    pub(crate) end: Usage,
    pub(crate) left: Option<Usage>,
    pub(crate) opened: u64,
    pub(crate) ended: u64,
    /// Deliveries of the measured part, and its length.
    pub(crate) deliveries: u64,
    pub(crate) seconds: f64,
    /// In the whole run.
    pub(crate) lost: u64,
    pub(crate) doubled: u64,
}

/// Runs all phases.
pub(crate) fn run(arguments: &Arguments) -> io::Result<Found> {
    let look = || usage::of(&arguments.pid);
    let before = look()?;
    let request = subscription(arguments);
    let mut readers = Readers::open(arguments.url, &request, arguments.subscribers)?;
    idle(&mut readers, SETTLE)?;
    let connected = look()?;
    readers.nap(arguments.nap);
    let mut load = Load::new(arguments, readers);
    load.run(arguments.warmup)?;
    let (begin, deliveries, since) = (look()?, load.readers.received, Instant::now());
    load.run(arguments.duration)?;
    let seconds = since.elapsed().as_secs_f64();
    let end = look()?;
    let (lost, doubled) = load.readers.lost_and_doubled(load.sent);
    Ok(Found {
        before,
        connected,
        begin,
        end,
        opened: load.readers.opened,
        ended: load.readers.ended,
        deliveries: load.readers.received - deliveries,
        seconds,
        lost,
        doubled,
        left: match arguments.mode {
            Mode::Fanout => None,
            Mode::Idle => Some(after_leaving(load, arguments)?),
        },
    })
}

fn subscription(arguments: &Arguments) -> Vec<u8> {
    let (version, host) = (arguments.http.name(), arguments.url);
    format!(
        "GET /rooms/bench-0/events {version}\r\nHost: {host}\r\nAccept: text/event-stream\r\n\r\n"
    )
    .into_bytes()
}

fn after_leaving(load: Load<'_>, arguments: &Arguments) -> io::Result<Usage> {
    drop(load);
    sleep(FREE_MEMORY);
    usage::of(&arguments.pid)
}

fn idle(readers: &mut Readers, time: Duration) -> io::Result<()> {
    let since = Instant::now();
    while since.elapsed() < time {
        readers.turn()?;
    }
    Ok(())
}

/// The running load, and the number of messages that it has sent.
struct Load<'a> {
    arguments: &'a Arguments,
    publisher: Publisher,
    readers: Readers,
    sent: u64,
    /// A message did not reach every reader: no further one is sent.
    broken: bool,
}

impl<'a> Load<'a> {
    fn new(arguments: &'a Arguments, readers: Readers) -> Self {
        let body = &arguments.publish_body;
        Self {
            arguments,
            publisher: Publisher::new(arguments.url, body, arguments.size),
            readers,
            sent: 0,
            broken: false,
        }
    }

    fn run(&mut self, time: Duration) -> io::Result<()> {
        if self.arguments.mode == Mode::Idle {
            return idle(&mut self.readers, time);
        }
        let since = Instant::now();
        while since.elapsed() < time && !self.broken {
            self.message()?;
        }
        Ok(())
    }

    /// Sends a message and waits until all readers have it.
    fn message(&mut self) -> io::Result<()> {
        let sent = self.publisher.send()?;
        self.sent += 1;
        let expected = self.sent * self.readers.opened;
        let mut last = (self.readers.received, Instant::now());
        while self.readers.received < expected {
            self.readers.turn()?;
            if self.readers.received > last.0 {
                last = (self.readers.received, Instant::now());
            } else if last.1.elapsed() > self.arguments.drain {
                self.broken = true;
                break;
            }
        }
        sent.answered()
    }
}
