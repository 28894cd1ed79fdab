//! Calls of the function library, as a node makes them.

use redis::{Connection, FromRedisValue as _, RedisResult, Value};

use crate::engine::Engine;

const LIBRARY: &str = include_str!("../../src/chat/log/redis/functions.lua");
/// The one key that functions get.
pub(crate) const STATE: &str = "{test}:state";

/// The bounds of history.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) entries: usize,
    pub(crate) bytes: usize,
    pub(crate) log: usize,
}

impl Bounds {
    pub(crate) const LARGE: Self = Self {
        entries: 1_000_000,
        bytes: 1_000_000_000,
        log: 1_000_000,
    };
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
    let values: (String, String, u64, Vec<String>) = call("open").arg("wxyz").query(connection)?;
    let (ok, epoch, seq, ended) = values;
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
        .arg(&[bounds.entries, bounds.bytes, bounds.log]);
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
    let mut command = call("change");
    command
        .arg(&[epoch, "wxyz", room, kind, content])
        .arg(&[item, latest])
        .arg(&[bounds.entries, bounds.bytes, bounds.log]);
    command
}

pub(crate) fn load(epoch: &str, room: &str, most: usize) -> redis::Cmd {
    let mut command = call("load");
    command.arg(&[epoch, "wxyz", room]).arg(most);
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
