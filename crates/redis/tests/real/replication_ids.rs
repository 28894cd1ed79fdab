//! The replication id of a server is another one after everything that may lose writes,
//! and stays as it is as long as none are lost.

use crate::engine::{Engine, Persistence, ask, programs, wait_for};
use crate::library::{self, Bounds};
use crate::sentinel::Sentinel;

/// The replication id.
fn id(engine: &Engine) -> String {
    let info: String = engine.ask(&["INFO", "replication"]);
    let line = info.lines().find(|line| line.starts_with("master_replid:"));
    line.unwrap().to_owned()
}

fn set(engine: &Engine, value: &str) {
    let () = engine.ask(&["SET", "key", value]);
}

fn get(engine: &Engine) -> Option<String> {
    engine.ask(&["GET", "key"])
}

#[test]
#[ignore = "needs Redis"]
fn a_restart_has_another_replication_id() {
    for program in programs() {
        let mut engine = Engine::start(&program, Persistence::None);
        let before = id(&engine);
        engine.kill();
        engine.restart();
        assert_ne!(id(&engine), before, "{program}, without data");

        let mut engine = Engine::start(&program, Persistence::Snapshot);
        set(&engine, "old");
        let () = engine.ask(&["SAVE"]);
        set(&engine, "new");
        let before = id(&engine);
        engine.kill();
        engine.restart();
        assert_eq!(get(&engine).as_deref(), Some("old"));
        assert_ne!(id(&engine), before, "{program}, from a snapshot");

        let mut engine = Engine::start(&program, Persistence::CommandLog);
        set(&engine, "new");
        let before = id(&engine);
        engine.kill();
        engine.restart();
        assert_eq!(get(&engine).as_deref(), Some("new"));
        assert_ne!(id(&engine), before, "{program}, from its command log");
    }
}

#[test]
#[ignore = "needs Redis"]
fn a_stop_that_saves_has_another_replication_id() {
    for program in programs() {
        let mut engine = Engine::start(&program, Persistence::Snapshot);
        set(&engine, "saved");
        let before = id(&engine);
        // The connection breaks in place of an answer.
        let _ = ask::<()>(&mut engine.connect(), &["SHUTDOWN", "SAVE"]);
        engine.kill();
        engine.restart();
        assert_eq!(get(&engine).as_deref(), Some("saved"));
        assert_ne!(id(&engine), before, "{program}");
    }
}

#[test]
#[ignore = "needs Redis"]
fn a_promoted_replica_has_another_replication_id_and_its_replica_the_same() {
    for program in programs() {
        let master = Engine::start(&program, Persistence::None);
        let replica = Engine::start(&program, Persistence::None);
        set(&master, "kept");
        replica.follow(&master);
        assert_eq!(id(&replica), id(&master), "{program}");
        let before = id(&master);
        let () = replica.ask(&["REPLICAOF", "NO", "ONE"]);
        assert_eq!(get(&replica).as_deref(), Some("kept"));
        assert_ne!(id(&replica), before, "{program}");
        master.follow(&replica);
        wait_for("the same replication id", || {
            (id(&master) == id(&replica)).then_some(())
        });
        assert_ne!(id(&master), before, "{program}");
    }
}

#[test]
#[ignore = "needs Redis"]
fn a_coordinated_failover_has_another_replication_id() {
    for program in programs() {
        let master = Engine::start(&program, Persistence::None);
        let replica = Engine::start(&program, Persistence::None);
        replica.follow(&master);
        set(&master, "kept");
        let before = id(&master);
        let () = master.ask(&["FAILOVER"]);
        wait_for("the promotion", || {
            let info: String = replica.ask(&["INFO", "replication"]);
            info.contains("role:master").then_some(())
        });
        assert_eq!(get(&replica).as_deref(), Some("kept"));
        assert_ne!(id(&replica), before, "{program}");
    }
}

/// Redis draws another id for the history that a first replica gets. Nothing is lost then,
/// so the generation that begins costs readers nothing: all of the last one is there.
#[test]
#[ignore = "needs Redis"]
fn the_first_replica_begins_a_generation_that_loses_nothing() {
    for program in programs() {
        let master = Engine::start(&program, Persistence::None);
        library::load_into(&master);
        let mut connection = master.connect();
        let first = library::open(&mut connection).unwrap();
        let publish = library::publish(&first.epoch, "a", "m", "x", None, Bounds::LARGE);
        library::answer(&publish, &mut connection).unwrap();
        let before = id(&master);
        let replica = Engine::start(&program, Persistence::None);
        replica.follow(&master);
        assert_ne!(id(&master), before, "{program}");
        let second = library::open(&mut connection).unwrap();
        assert_eq!((second.seq, second.ended), (2, vec![(first.epoch, 1)]));
        // A second one gets the same history.
        let before = id(&master);
        let other = Engine::start(&program, Persistence::None);
        other.follow(&master);
        assert_eq!(id(&master), before, "{program}");
    }
}

#[test]
#[ignore = "needs Redis"]
fn nothing_else_changes_the_replication_id() {
    for program in programs() {
        let engine = Engine::start(&program, Persistence::CommandLog);
        let before = id(&engine);
        for command in ["FLUSHALL", "SAVE", "BGREWRITEAOF"] {
            let _: String = engine.ask(&[command]);
            assert_eq!(id(&engine), before, "{program}, {command}");
        }
        let () = engine.ask(&["REPLICAOF", "NO", "ONE"]);
        assert_eq!(id(&engine), before, "{program}");
    }
}

#[test]
#[ignore = "needs Redis"]
fn a_failover_by_sentinel_has_another_replication_id_and_begins_a_generation() {
    for program in programs() {
        let mut master = Engine::start(&program, Persistence::None);
        let replica = Engine::start(&program, Persistence::None);
        library::load_into(&master);
        replica.follow(&master);
        let first = library::open(&mut master.connect()).unwrap();
        let before = id(&master);
        let sentinel = Sentinel::watch(&master);
        master.kill();
        wait_for("the failover", || {
            let port = sentinel.master_port()?;
            let info: String = replica.ask(&["INFO", "replication"]);
            let is_promoted = port == replica.port() && info.contains("role:master");
            is_promoted.then_some(())
        });
        assert_ne!(id(&replica), before, "{program}");
        let second = library::open(&mut replica.connect()).unwrap();
        assert!(second.epoch > first.epoch, "{program}");
        assert_eq!(second.ended, [(first.epoch, 0)], "{program}");
    }
}
