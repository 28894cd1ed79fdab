//! All that one call writes is there together, or nothing of it: after kills, after a
//! command log that was cut, and on a replica that is promoted in the middle.

use std::fs;
use std::path::PathBuf;

use crate::audit::Audit;
use crate::engine::{Engine, Persistence, programs, wait_for};
use crate::library::{self, Bounds, STATE};
use crate::random;
use crate::storm::{Storm, assert_holds};

/// How often each server is killed.
const ROUNDS: u64 = 8;
/// So that much is evicted.
const SMALL: Bounds = Bounds {
    entries: 40,
    bytes: 5_000,
    log: 1_000_000,
    log_bytes: 1_000_000_000,
};

fn wait_for_answers(storm: &Storm, count: usize) {
    wait_for("the answers", || (storm.count() >= count).then_some(()));
}

#[test]
#[ignore = "needs Redis"]
fn a_kill_leaves_each_call_whole_and_loses_nothing_that_was_answered() {
    let mut random = random("kills");
    for program in programs() {
        let mut engine = Engine::start(&program, Persistence::CommandLog);
        library::load_into(&engine);
        for round in 1..=ROUNDS {
            let storm = Storm::begin(&engine, random.u64(..1 << 40), SMALL);
            wait_for_answers(&storm, random.usize(100..500));
            engine.kill();
            let answered = storm.end();
            engine.restart();
            // The function library is kept, too.
            let opened = library::open(&mut engine.connect()).unwrap();
            assert_eq!(opened.ended.len() as u64, round, "{program}");
            let audit = Audit::of(&mut engine.connect());
            assert!(audit.seq >= *answered.keys().last().unwrap(), "{program}");
            assert_holds(&audit, &answered, audit.seq);
            assert_eq!(audit.epoch, opened.epoch);
        }
    }
}

/// The last file of the command log.
fn command_log(engine: &Engine) -> PathBuf {
    let folder = engine.folder().join("appendonlydir");
    let names = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let is_log = |path: &PathBuf| path.to_str().unwrap().ends_with(".incr.aof");
    names.filter(is_log).max().unwrap()
}

#[test]
#[ignore = "needs Redis"]
fn a_cut_command_log_leaves_each_call_whole() {
    let mut random = random("cuts");
    for program in programs() {
        let mut engine = Engine::start(&program, Persistence::CommandLog);
        library::load_into(&engine);
        let storm = Storm::begin(&engine, random.u64(..1 << 40), SMALL);
        wait_for_answers(&storm, 300);
        engine.kill();
        let answered = storm.end();
        let log = command_log(&engine);
        let whole = fs::read(&log).unwrap();
        for _ in 0..ROUNDS {
            let cut = random.usize(whole.len() / 2..whole.len());
            fs::write(&log, &whole[..cut]).unwrap();
            engine.restart();
            let audit = Audit::of(&mut engine.connect());
            assert_holds(&audit, &answered, audit.seq);
            let opened = library::open(&mut engine.connect()).unwrap();
            assert_eq!(opened.ended.last().unwrap().1, audit.seq, "{program}");
            engine.kill();
        }
        engine.restart();
    }
}

#[test]
#[ignore = "needs Redis"]
fn a_replica_that_is_promoted_has_each_call_whole() {
    let mut random = random("promotions");
    for program in programs() {
        for _ in 0..ROUNDS / 2 {
            let mut master = Engine::start(&program, Persistence::None);
            let replica = Engine::start(&program, Persistence::None);
            library::load_into(&master);
            replica.follow(&master);
            let first = library::open(&mut master.connect()).unwrap();
            let storm = Storm::begin(&master, random.u64(..1 << 40), SMALL);
            wait_for_answers(&storm, random.usize(100..500));
            wait_for("entries on the replica", || {
                let opened: Option<u64> = replica.ask(&["HGET", STATE, "seq"]);
                opened.filter(|seq| *seq > 50)
            });
            // It has what came so far, and no more.
            let () = replica.ask(&["REPLICAOF", "NO", "ONE"]);
            let count = storm.count();
            wait_for_answers(&storm, count + 50);
            master.kill();
            let answered = storm.end();
            let opened = library::open(&mut replica.connect()).unwrap();
            let audit = Audit::of(&mut replica.connect());
            assert_holds(&audit, &answered, audit.seq - 1);
            assert!(audit.seq < *answered.keys().last().unwrap(), "{program}");
            assert!(opened.epoch > first.epoch, "{program}");
            // The last item says that the generation has begun.
            assert_eq!(opened.ended, [(first.epoch, audit.seq - 1)], "{program}");
        }
    }
}
