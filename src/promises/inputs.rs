//! Random inputs of a simulation: the server's log and its configuration, the options
//! of the readers, and the steps.

use std::num::NonZeroUsize;
use std::time::Duration;

use proptest::prelude::*;

use crate::chat::MAX_INLINE_BYTES;
use crate::config::{Config, Limits};
use crate::protocol::Backlog;

pub(super) const ROOMS: [&str; 4] = ["a", "b", "c", "d"];
pub(super) const READERS: usize = 3;
/// A budget of all histories that is never reached.
pub(super) const LARGE_BUDGET: usize = 64 << 20;

/// Most entries of a room in the largest history.
pub(super) const LARGE_HISTORY: usize = 300;

/// The inputs of a simulation.
#[derive(Debug, Clone)]
pub(crate) struct SimulationCase {
    pub(super) log: LogKind,
    pub(super) config: Config,
    /// With a store: after every other crash the server has a larger history, and holds
    /// all entries whose eviction was not durable.
    pub(super) grows: bool,
    pub(super) options: Vec<ReaderOptions>,
    pub(super) steps: Vec<SimulationStep>,
}

/// Where the server has its history.
#[derive(Debug, Clone, Copy)]
pub(super) enum LogKind {
    /// In memory.
    Memory,
    /// In a store.
    #[cfg(feature = "data")]
    Stored {
        /// Most bytes that wait to be durable.
        queue_bytes: usize,
    },
}

/// A step of a simulation.
#[derive(Debug, Clone)]
pub(super) enum SimulationStep {
    /// Publish `count` messages in a room.
    Publish { room: usize, count: usize },
    /// Publish a message over the channel's inline limit.
    PublishLarge { room: usize },
    /// Publish one of two texts with a client id that may have been used before.
    PublishWithId {
        room: usize,
        client_id: u8,
        text: u8,
    },
    /// Publish `count` events of a program in a room, of one size or over the
    /// channel's inline limit.
    PublishEvent {
        room: usize,
        count: usize,
        large: bool,
    },
    /// Change a message of a room, or delete an event.
    Change {
        room: usize,
        item: prop::sample::Index,
        change: ChangeStep,
    },
    /// The server does one round of work.
    Work,
    /// A reader reads all available bytes, `times` times.
    Read { reader: usize, times: usize },
    /// A reader reads a few bytes.
    ReadSome { reader: usize, bytes: usize },
    /// A reader reads once and is disconnected after a byte of it.
    Disconnect {
        reader: usize,
        byte: prop::sample::Index,
    },
    /// Readers are disconnected for so long that idle rooms are forgotten.
    Idle { gone: [bool; READERS] },
    /// A reader sends something after its request.
    SendJunk { reader: usize },
    /// Time passes: pings are due, and stalled readers are disconnected.
    AdvanceTime { seconds: u64 },
    /// The server ends and starts again: with its store, or without the history that it
    /// had in memory.
    Restart,
    /// With a store: requests are taken, made durable, and shown and answered. This does
    /// as many of these steps.
    #[cfg_attr(not(feature = "data"), expect(dead_code, reason = "there is no store"))]
    Commit { steps: usize },
    /// With a store: publish a message in each room, `times` times, and commit them.
    #[cfg_attr(not(feature = "data"), expect(dead_code, reason = "there is no store"))]
    Burst { times: usize },
    /// With a store: the server crashes while a reader reads, after a byte of that. It
    /// loses nothing.
    #[cfg_attr(not(feature = "data"), expect(dead_code, reason = "there is no store"))]
    CrashInRead {
        reader: usize,
        byte: prop::sample::Index,
    },
    /// All that was published is durable: it is still there after a
    /// [`Crash`](Self::Crash).
    Sync,
    /// The server crashes and starts again. Without a store it has what one would have.
    Crash(Loss),
    /// In memory: a generation ends while the server runs, and all since the last sync is
    /// lost.
    EndGeneration,
    /// The server is cut off from a history that it shares, or has it again.
    SetStale(bool),
    /// The server drains: all streams end with `bye`. Then it starts again.
    Drain,
}

/// What the store of a server lost by a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loss {
    /// Nothing: its generation goes on. Requests that were not answered are another
    /// matter: the store has those that were durable.
    Nothing,
    /// The same, but the server does not know that and begins another generation.
    NothingKnown,
    /// All since the last sync. The server begins another generation.
    Suffix,
}

/// A change of a message or an event.
#[derive(Debug, Clone, Copy)]
pub(super) enum ChangeStep {
    /// Another text of a message.
    Edit(u8),
    Delete,
    /// A reaction of this owner.
    React(u8),
    /// The owner takes its reaction back.
    TakeBack(u8),
}

/// Random inputs.
#[cfg(feature = "data")]
pub(crate) fn cases() -> impl Strategy<Value = SimulationCase> {
    prop_oneof![2 => in_memory(), 1 => stored()]
}

/// Random inputs.
#[cfg(not(feature = "data"))]
pub(crate) fn cases() -> impl Strategy<Value = SimulationCase> {
    in_memory()
}

fn in_memory() -> impl Strategy<Value = SimulationCase> {
    cases_of(Just(LogKind::Memory), steps(step()))
}

#[cfg(feature = "data")]
fn stored() -> impl Strategy<Value = SimulationCase> {
    let queue_bytes = prop_oneof![Just(2_000), Just(1 << 20)];
    let log = queue_bytes.prop_map(|queue_bytes| LogKind::Stored { queue_bytes });
    let commit = prop_oneof![3 => Just(3usize), 2 => 1..3usize];
    let commit = commit.prop_map(|steps| SimulationStep::Commit { steps });
    let burst = (1..6usize).prop_map(|times| SimulationStep::Burst { times });
    let crash = (0..READERS, any::<prop::sample::Index>());
    let crash = crash.prop_map(|(reader, byte)| SimulationStep::CrashInRead { reader, byte });
    cases_of(
        log,
        steps(prop_oneof![12 => step(), 3 => commit, 2 => burst, 2 => crash]),
    )
}

fn cases_of(
    log: impl Strategy<Value = LogKind>,
    steps: impl Strategy<Value = Vec<SimulationStep>>,
) -> impl Strategy<Value = SimulationCase> {
    let inputs = (log, config(), any::<bool>(), reader_options(), steps);
    inputs.prop_map(|(log, config, grows, options, steps)| SimulationCase {
        log,
        config,
        grows,
        options,
        steps,
    })
}

fn steps(
    step: impl Strategy<Value = SimulationStep>,
) -> impl Strategy<Value = Vec<SimulationStep>> {
    prop::collection::vec(step, 1..60)
}

/// A step of any server.
fn step() -> impl Strategy<Value = SimulationStep> {
    let change = prop_oneof![
        3 => (0..3u8).prop_map(ChangeStep::Edit),
        2 => Just(ChangeStep::Delete),
        2 => (0..2u8).prop_map(ChangeStep::React),
        1 => (0..2u8).prop_map(ChangeStep::TakeBack),
    ];
    prop_oneof![
        6 => (0..ROOMS.len(), prop_oneof![4 => 1..4usize, 1 => 100..200usize]).prop_map(|(room, count)| SimulationStep::Publish { room, count }),
        1 => (0..ROOMS.len(), 0..3u8, 0..2u8).prop_map(|(room, client_id, text)| SimulationStep::PublishWithId { room, client_id, text }),
        1 => (0..ROOMS.len()).prop_map(|room| SimulationStep::PublishLarge { room }),
        2 => (0..ROOMS.len(), 1..4usize, prop::bool::weighted(0.2)).prop_map(|(room, count, large)| SimulationStep::PublishEvent { room, count, large }),
        5 => (0..ROOMS.len(), any::<prop::sample::Index>(), change).prop_map(|(room, item, change)| SimulationStep::Change { room, item, change }),
        3 => Just(SimulationStep::Work),
        5 => (0..READERS, 1..4usize).prop_map(|(reader, times)| SimulationStep::Read { reader, times }),
        5 => (0..READERS, prop_oneof![0..300usize, 0..5000usize]).prop_map(|(reader, bytes)| SimulationStep::ReadSome { reader, bytes }),
        4 => (0..READERS, any::<prop::sample::Index>()).prop_map(|(reader, byte)| SimulationStep::Disconnect { reader, byte }),
        1 => any::<[bool; READERS]>().prop_map(|gone| SimulationStep::Idle { gone }),
        1 => (0..READERS).prop_map(|reader| SimulationStep::SendJunk { reader }),
        2 => (1..15u64).prop_map(|seconds| SimulationStep::AdvanceTime { seconds }),
        1 => Just(SimulationStep::Restart),
        3 => Just(SimulationStep::Sync),
        2 => Just(SimulationStep::Crash(Loss::Nothing)),
        1 => Just(SimulationStep::Crash(Loss::NothingKnown)),
        2 => Just(SimulationStep::Crash(Loss::Suffix)),
        2 => Just(SimulationStep::EndGeneration),
        3 => any::<bool>().prop_map(SimulationStep::SetStale),
        1 => Just(SimulationStep::Drain),
    ]
}

/// Servers with a large, small or no history, with and without a replay rate.
fn config() -> impl Strategy<Value = Config> {
    (
        prop_oneof![Just(0usize), Just(1), Just(5), Just(LARGE_HISTORY)],
        prop_oneof![Just(900usize), Just(2_500), Just(LARGE_BUDGET)],
        2..5usize,
        prop_oneof![Just(None), Just(NonZeroUsize::new(200_000))],
    )
        .prop_map(|(history, history_budget, max_rooms, replay_rate)| Config {
            history,
            history_budget,
            max_rooms,
            room_idle: Duration::from_secs(60),
            // Small, so that workers lag sometimes.
            fanout_queue: 16,
            fanout_large: MAX_INLINE_BYTES * 3 / 2,
            limits: Limits {
                replay_rate,
                ..Limits::default()
            },
            ..Config::default()
        })
}

/// The options of one reader's streams.
#[derive(Debug, Clone)]
pub(super) struct ReaderOptions {
    pub(super) rooms: Vec<&'static str>,
    pub(super) backlog: Backlog,
    /// Whether the reader has a name and gets presence events.
    pub(super) named: bool,
    /// Whether it gets events of programs as JSON, which it must in several rooms.
    pub(super) json: bool,
}

/// The options of all readers.
fn reader_options() -> impl Strategy<Value = Vec<ReaderOptions>> {
    let rooms = prop::sample::subsequence(ROOMS.to_vec(), 1..=3).prop_shuffle();
    let backlog = prop_oneof![
        Just(Backlog::Last(0)),
        Just(Backlog::Last(2)),
        Just(Backlog::All)
    ];
    let options =
        (rooms, backlog, any::<bool>(), any::<bool>()).prop_map(|(rooms, backlog, named, json)| {
            ReaderOptions {
                json: json || rooms.len() > 1,
                rooms,
                backlog,
                named,
            }
        });
    let all = prop::collection::vec(options, READERS);
    // Workers write to readers of the same rooms as a group.
    (all, any::<bool>()).prop_map(|(mut all, share_rooms)| {
        if share_rooms {
            all[1] = ReaderOptions {
                backlog: all[1].backlog,
                ..all[0].clone()
            };
        }
        all
    })
}
