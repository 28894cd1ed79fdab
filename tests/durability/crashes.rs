//! The server is killed at random moments.

use std::path::PathBuf;

use crate::ledger::Violation;
use crate::life::{Fault, Life};
use crate::server::Setup;
use crate::{random, rounds};

/// The most crashes of one store, all of whose history is read after each.
const CRASHES: u64 = 10;

/// A new, empty folder.
pub(crate) fn new_folder(name: &str) -> PathBuf {
    let name = format!("durability-{}-{name}", std::process::id());
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answered_writes_survive_kills_at_random_moments() {
    let mut random = random("crashes");
    let mut left = rounds();
    while left > 0 {
        let crashes = left.min(CRASHES);
        left -= crashes;
        let folder = new_folder("crashes");
        let setup = Setup::on(&folder.join("data"));
        let fork = random.fork();
        let mut life = match left / CRASHES % 2 {
            0 => Life::begin(setup, &folder, fork).await,
            _ => Life::begin_larger(setup, &folder, fork).await,
        };
        for crash in 0..crashes {
            if crash % 3 == 1 {
                life.add_late_reader();
            }
            life.crash(Fault::drawn(&mut random)).await;
            life.check().await;
        }
        let ended = life.finish().await;
        println!(
            "{crashes} crashes, {} answered writes",
            ended.notes.answered()
        );
        ended.assert_sound();
        std::fs::remove_dir_all(&folder).unwrap();
    }
}

// What is written survives the process, on the disk or not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_sync_before_the_answer_a_kill_loses_nothing_either() {
    let mut random = random("unsynced");
    for sync in ["batch=20ms", "off"] {
        let folder = new_folder("unsynced");
        let setup = Setup::synced(&folder.join("data"), sync);
        let mut life = Life::begin(setup, &folder, random.fork()).await;
        for _ in 0..4 {
            life.crash(Fault::drawn(&mut random)).await;
            life.check().await;
        }
        life.finish().await.assert_sound();
        std::fs::remove_dir_all(&folder).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_short_history_goes_on_after_kills() {
    let mut random = random("short history");
    let folder = new_folder("short");
    let setup = Setup::on(&folder.join("data"));
    let mut life = Life::begin_evicting(setup, &folder, random.fork()).await;
    for _ in 0..5 {
        life.crash(Fault::drawn(&mut random)).await;
        life.check().await;
    }
    life.finish().await.assert_sound();
    std::fs::remove_dir_all(&folder).unwrap();
}

// The two tests of these tests. Cut connections alone lose nothing, also in memory.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_crash_the_checker_finds_nothing() {
    let folder = new_folder("cuts");
    let mut life = Life::begin(Setup::default(), &folder, random("cuts")).await;
    for _ in 0..3 {
        life.notes.until_answered(200).await;
        life.add_late_reader();
        life.check().await;
    }
    life.finish().await.assert_sound();
    std::fs::remove_dir_all(&folder).unwrap();
}

// Without a store a kill loses messages: it is found, and that each loss is announced.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_memory_a_kill_loses_messages_and_the_checker_finds_them() {
    let folder = new_folder("memory");
    let random = random("memory");
    let mut life = Life::begin(Setup::default(), &folder, random).await;
    life.crash(Fault::Kill).await;
    life.check().await;
    let ended = life.finish().await;
    let ledger = ended.notes.ledger();
    let violations = ledger.violations();
    let count = |is: fn(&Violation) -> bool| violations.iter().filter(|one| is(one)).count();
    assert!(count(|one| matches!(one, Violation::Gone { .. })) >= 10);
    assert!(count(|one| matches!(one, Violation::NewEpoch { .. })) == 1);
    assert!(ledger.is_each_loss_announced());
    let is_restart =
        |one: &Violation| matches!(one, Violation::Gap { reason, .. } if reason == "restart");
    assert!(violations.iter().any(is_restart));
    assert_eq!(count(|one| matches!(one, Violation::Missed { .. })), 0);
    std::fs::remove_dir_all(&folder).unwrap();
}
