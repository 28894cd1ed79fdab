//! Calls of the function library, as a node makes them.

use redis::{Connection, FromRedisValue as _, RedisResult, Value};

use crate::engine::Engine;

const LIBRARY: &str = include_str!("../../src/functions.lua");
/// The one key that functions get.
pub(crate) const STATE: &str = "{test}:state";

/// The bounds of history.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) entries: usize,
    pub(crate) bytes: usize,
    pub(crate) log: usize,
    pub(crate) log_bytes: usize,
}

impl Bounds {
    pub(crate) const LARGE: Self = Self {
        entries: 1_000_000,
        bytes: 1_000_000_000,
        log: 1_000_000,
        log_bytes: 1_000_000_000,
    };

    fn arguments(self) -> [usize; 4] {
        [self.entries, self.bytes, self.log, self.log_bytes]
    }
}

/// What the store says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Opened {
    pub(crate) epoch: String,
    pub(crate) seq: u64,
    /// The generations that have ended, with their ends.
    pub(crate) ended: Vec<(String, u64)>,
}

/// The answer to a publish or a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    Assigned { seq: u64, number: u64, counted: u64 },
    Repeated(u64),
    Reused,
    Conflict(u64),
    Gone,
    OtherEpoch(String),
}

pub(crate) fn load_into(engine: &Engine) {
    let loaded: String = engine.ask(&["FUNCTION", "LOAD", "REPLACE", LIBRARY]);
    assert_eq!(loaded, "sse_chat");
}

pub(crate) fn open(connection: &mut Connection) -> RedisResult<Opened> {
    let values: (String, String, u64, Vec<String>, u64) =
        call("open").arg("wxyz").query(connection)?;
    let (ok, epoch, seq, ended, _) = values;
    assert_eq!(ok, "OK");
    let end_of = |line: String| {
        let (epoch, end) = line.split_once(' ').unwrap();
        (epoch.to_owned(), end.parse().unwrap())
    };
    let ended = ended.into_iter().map(end_of).collect();
    Ok(Opened { epoch, seq, ended })
}

/// A publish of this content. `retry` is a client id and a hash.
pub(crate) fn publish(
    epoch: &str,
    room: &str,
    kind: &str,
    content: &str,
    retry: Option<(&str, &str)>,
    bounds: Bounds,
) -> redis::Cmd {
    let (client_id, request) = retry.unwrap_or_default();
    let mut command = call("publish");
    command
        .arg(&[epoch, "wxyz", room, kind, content, client_id, request])
        .arg(&bounds.arguments());
    command
}

/// A change of the message or event `item`, whose latest change is `latest` or 0.
pub(crate) fn change(
    epoch: &str,
    room: &str,
    kind: &str,
    content: &str,
    (item, latest): (u64, u64),
    bounds: Bounds,
) -> redis::Cmd {
    let mut command = call(if kind == "d" { "delete" } else { "change" });
    command
        .arg(&[epoch, "wxyz", room, kind, content])
        .arg(&[item, latest])
        .arg(&bounds.arguments());
    command
}

fn load(epoch: &str, room: &str, most: usize) -> redis::Cmd {
    let mut command = call("load");
    command.arg(&[epoch, room]).arg(most);
    command
}

/// A ban of `author` until this time in milliseconds since 1970.
pub(crate) fn ban(epoch: &str, room: &str, author: &str, until: u64, most: usize) -> redis::Cmd {
    let mut command = call("ban");
    command
        .arg(&[epoch, "wxyz", room, author])
        .arg(until)
        .arg("content")
        .arg(most)
        .arg(&Bounds::LARGE.arguments());
    command
}

pub(crate) fn lift(epoch: &str, room: &str, authors: &[&str]) -> redis::Cmd {
    let mut command = call("lift");
    command
        .arg(&[epoch, "wxyz", room])
        .arg(&Bounds::LARGE.arguments())
        .arg(authors);
    command
}

pub(crate) fn use_rooms(rooms: &[&str]) -> redis::Cmd {
    let mut command = call("use");
    command.arg(rooms);
    command
}

/// Forgets rooms that were not used for `idle` milliseconds, at most `most` of them, and
/// drops tombstones beyond `tombstones`.
pub(crate) fn tidy(epoch: &str, idle: u64, tombstones: usize, most: usize) -> redis::Cmd {
    let mut command = call("tidy");
    command
        .arg(&[epoch, "wxyz"])
        .arg(idle)
        .arg(tombstones)
        .arg(most)
        .arg(&Bounds::LARGE.arguments());
    command
}

fn call(function: &str) -> redis::Cmd {
    let mut command = redis::cmd("FCALL");
    command
        .arg(format!("sse_chat_{function}"))
        .arg(1)
        .arg(STATE);
    command
}

/// What a node loads of a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Loaded {
    pub(crate) as_of: u64,
    /// The place of its next entry: number and counted.
    pub(crate) next: (u64, u64),
    pub(crate) evicted: u64,
    pub(crate) is_late: bool,
    /// The seqs and contents of its entries, the oldest first.
    pub(crate) entries: Vec<(u64, String)>,
    /// The banned authors, in order.
    pub(crate) banned: Vec<String>,
}

pub(crate) fn loaded(epoch: &str, room: &str, connection: &mut Connection) -> Loaded {
    type Answer = (
        String,
        u64,
        u64,
        u64,
        u64,
        u8,
        Vec<(String, Vec<String>)>,
        Vec<String>,
    );
    let answer: Answer = load(epoch, room, 1_000).query(connection).unwrap();
    let (ok, as_of, number, counted, evicted, late, entries, bans) = answer;
    assert_eq!(ok, "OK");
    let entry = |(id, fields): (String, Vec<String>)| {
        let seq = id.strip_suffix("-0").unwrap().parse().unwrap();
        let mut fields = fields.chunks(2).filter(|field| field[0] == "d");
        (seq, fields.next().unwrap()[1].clone())
    };
    let mut banned: Vec<_> = bans.chunks(2).map(|ban| ban[0].clone()).collect();
    banned.sort();
    Loaded {
        as_of,
        next: (number, counted),
        evicted,
        is_late: late == 1,
        entries: entries.into_iter().rev().map(entry).collect(),
        banned,
    }
}

pub(crate) fn answer(command: &redis::Cmd, connection: &mut Connection) -> RedisResult<Answer> {
    let values: Vec<Value> = command.query(connection)?;
    let number = |index: usize| u64::from_redis_value_ref(&values[index]).unwrap();
    let word = String::from_redis_value_ref(&values[0]).unwrap();
    Ok(match word.as_str() {
        "OK" => Answer::Assigned {
            seq: number(1),
            number: number(2),
            counted: number(3),
        },
        "REPEATED" => Answer::Repeated(number(1)),
        "REUSED" => Answer::Reused,
        "CONFLICT" => Answer::Conflict(number(1)),
        "GONE" => Answer::Gone,
        "EPOCH" => Answer::OtherEpoch(String::from_redis_value_ref(&values[1]).unwrap()),
        other => panic!("{other}"),
    })
}
