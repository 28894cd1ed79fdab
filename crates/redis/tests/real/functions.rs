//! What each function of the library does.

use redis::Connection;

use crate::audit::Audit;
use crate::engine::{Engine, Persistence, ask, programs};
use crate::library::{self, Answer, Bounds, STATE};

const LARGE: Bounds = Bounds::LARGE;

/// A server with the library, its connection and its epoch, for each program.
fn stores() -> impl Iterator<Item = (Engine, Connection, String)> {
    programs().into_iter().map(|program| {
        let engine = Engine::start(&program, Persistence::None);
        library::load_into(&engine);
        let mut connection = engine.connect();
        let epoch = library::open(&mut connection).unwrap().epoch;
        (engine, connection, epoch)
    })
}

fn assigned(seq: u64, number: u64, counted: u64) -> Answer {
    Answer::Assigned {
        seq,
        number,
        counted,
    }
}

fn entries(connection: &mut Connection, epoch: &str, room: &str) -> Vec<(u64, String)> {
    library::loaded(epoch, room, connection).entries
}

#[test]
#[ignore = "needs Redis"]
fn seqs_are_of_all_rooms_and_numbers_of_the_messages_of_one() {
    for (_engine, mut connection, epoch) in stores() {
        let mut publish = |room, kind| {
            let command = library::publish(&epoch, room, kind, "x", None, LARGE);
            library::answer(&command, &mut connection).unwrap()
        };
        assert_eq!(publish("a", "m"), assigned(1, 1, 0));
        assert_eq!(publish("b", "m"), assigned(2, 1, 0));
        assert_eq!(publish("a", "e"), assigned(3, 2, 1));
        assert_eq!(publish("a", "m"), assigned(4, 2, 2));
        assert_eq!(publish("a", "m"), assigned(5, 3, 3));
        let audit = Audit::of(&mut connection);
        assert_eq!(audit.seq, 5);
        assert_eq!(audit.rooms["a"].history.len(), 4);
    }
}

#[test]
#[ignore = "needs Redis"]
fn a_repeated_request_is_published_once_while_its_entry_is_held() {
    let bounds = Bounds {
        entries: 2,
        ..LARGE
    };
    for (_engine, mut connection, epoch) in stores() {
        let mut publish = |room, id, hash| {
            let command = library::publish(&epoch, room, "m", "x", Some((id, hash)), bounds);
            library::answer(&command, &mut connection).unwrap()
        };
        assert_eq!(publish("a", "id", "1"), assigned(1, 1, 0));
        assert_eq!(publish("a", "id", "1"), Answer::Repeated(1));
        assert_eq!(publish("a", "id", "2"), Answer::Reused);
        assert_eq!(publish("b", "id", "2"), assigned(2, 1, 0));
        assert_eq!(publish("a", "two", "2"), assigned(3, 2, 1));
        assert_eq!(publish("a", "three", "3"), assigned(4, 3, 2));
        // The first one is evicted now.
        assert_eq!(publish("a", "id", "2"), assigned(5, 4, 3));
        assert_eq!(publish("a", "three", "3"), Answer::Repeated(4));
        Audit::of(&mut connection);
    }
}

#[test]
#[ignore = "needs Redis"]
fn a_room_keeps_its_last_entries_within_both_bounds() {
    for (_engine, mut connection, epoch) in stores() {
        let mut publish = |content: &str, bounds| {
            let command = library::publish(&epoch, "a", "m", content, None, bounds);
            let _ = library::answer(&command, &mut connection).unwrap();
            let room = Audit::of(&mut connection).rooms.remove("a").unwrap();
            (room.history.len(), room.evicted)
        };
        let three = Bounds {
            entries: 3,
            ..LARGE
        };
        for held in 1..=3 {
            assert_eq!(publish("x", three), (held, 0));
        }
        assert_eq!(publish("x", three), (3, 1));
        // Each counts 100 bytes more than its content.
        let small = Bounds {
            bytes: 250,
            ..LARGE
        };
        assert_eq!(publish("12345", small), (2, 3));
        // Alone it is larger than the bound.
        let (held, evicted) = publish(&"x".repeat(500), small);
        assert_eq!((held, evicted), (0, 6));
    }
}

#[test]
#[ignore = "needs Redis"]
fn the_log_is_trimmed_exactly_and_rooms_keep_their_history() {
    let bounds = Bounds { log: 10, ..LARGE };
    for (_engine, mut connection, epoch) in stores() {
        for index in 0..200 {
            let room = if index < 5 { "quiet" } else { "loud" };
            let command = library::publish(&epoch, room, "m", "x", None, bounds);
            library::answer(&command, &mut connection).unwrap();
        }
        let length: usize = ask(&mut connection, &["XLEN", "{test}:log"]).unwrap();
        assert_eq!(length, 10);
        assert_eq!(entries(&mut connection, &epoch, "quiet").len(), 5);
    }
}

#[test]
#[ignore = "needs Redis"]
fn a_change_replaces_the_one_before_and_is_refused_if_another_came_first() {
    for (_engine, mut connection, epoch) in stores() {
        let publish = library::publish(&epoch, "a", "m", "first", None, LARGE);
        library::answer(&publish, &mut connection).unwrap();
        let mut change = |content, item, latest| {
            let command = library::change(&epoch, "a", "c", content, (item, latest), LARGE);
            library::answer(&command, &mut connection).unwrap()
        };
        assert_eq!(change("second", 1, 0), assigned(2, 2, 1));
        assert_eq!(change("lost update", 1, 0), Answer::Conflict(2));
        assert_eq!(change("third", 1, 2), assigned(3, 2, 1));
        assert_eq!(change("none", 7, 0), Answer::Gone);
        assert_eq!(change("none", 7, 3), Answer::Conflict(0));
        let expected = [(1, "first".to_owned()), (3, "third".to_owned())];
        assert_eq!(entries(&mut connection, &epoch, "a"), expected);
        Audit::of(&mut connection);
    }
}

#[test]
#[ignore = "needs Redis"]
fn a_deletion_erases_what_it_deletes_and_a_retry_is_still_one() {
    for (_engine, mut connection, epoch) in stores() {
        let publish =
            |content| library::publish(&epoch, "a", "m", content, Some(("id", "hash")), LARGE);
        let mut ask_for = |command: &redis::Cmd| library::answer(command, &mut connection).unwrap();
        assert_eq!(ask_for(&publish("secret")), assigned(1, 1, 0));
        let change =
            |kind, content, latest| library::change(&epoch, "a", kind, content, (1, latest), LARGE);
        assert_eq!(ask_for(&change("c", "secret too", 0)), assigned(2, 2, 1));
        assert_eq!(
            ask_for(&change("c", "secret as well", 2)),
            assigned(3, 2, 1)
        );
        assert_eq!(ask_for(&change("d", "gone", 3)), assigned(4, 2, 1));
        assert_eq!(ask_for(&publish("secret")), Answer::Repeated(1));
        assert_eq!(
            entries(&mut connection, &epoch, "a"),
            [(4, "gone".to_owned())]
        );
        let audit = Audit::of(&mut connection);
        assert_eq!(audit.log.len(), 1, "the log has nothing of it either");
    }
}

#[test]
#[ignore = "needs Redis"]
fn a_node_of_another_generation_is_refused_and_changes_nothing() {
    for (mut engine, mut connection, epoch) in stores() {
        let publish = library::publish(&epoch, "a", "m", "x", None, LARGE);
        library::answer(&publish, &mut connection).unwrap();
        let () = ask(&mut connection, &["SAVE"]).unwrap();
        engine.kill();
        engine.restart();
        let mut connection = engine.connect();
        // The first call after the restart begins the generation, whichever it is.
        let Answer::OtherEpoch(next) = library::answer(&publish, &mut connection).unwrap() else {
            panic!("it was taken");
        };
        assert!(next > epoch);
        let opened = library::open(&mut connection).unwrap();
        assert_eq!((opened.seq, opened.ended), (2, vec![(epoch.clone(), 1)]));
        assert_eq!(opened.epoch, next);
        let change = library::change(&epoch, "a", "c", "y", (1, 0), LARGE);
        let refused = Answer::OtherEpoch(next.clone());
        assert_eq!(library::answer(&change, &mut connection).unwrap(), refused);
        let publish = library::publish(&next, "a", "m", "y", None, LARGE);
        assert_eq!(
            library::answer(&publish, &mut connection).unwrap(),
            assigned(3, 2, 1)
        );
        let items: Vec<(String, Vec<String>)> =
            ask(&mut connection, &["XRANGE", "{test}:log", "-", "+"]).unwrap();
        let ids: Vec<_> = items.iter().map(|(id, _)| id.as_str()).collect();
        assert_eq!(ids, ["1-0", "2-0", "3-0"], "nodes read where it begins");
        assert_eq!(items[1].1, ["k", "g", "e", &next]);
    }
}

#[test]
#[ignore = "needs Redis"]
fn generations_that_ended_are_bounded_and_their_epochs_increase() {
    for (_engine, mut connection, epoch) in stores() {
        let mut last = epoch;
        for index in 0..1_100_u32 {
            let other = format!("{index:040x}");
            let () = ask(&mut connection, &["HSET", STATE, "replid", &other]).unwrap();
            let next = library::open(&mut connection).unwrap().epoch;
            assert!(next > last, "{next} after {last}");
            last = next;
        }
        assert_eq!(library::open(&mut connection).unwrap().ended.len(), 1_000);
    }
}

#[test]
#[ignore = "needs Redis"]
fn a_store_of_another_format_is_refused() {
    for (_engine, mut connection, epoch) in stores() {
        let () = ask(&mut connection, &["HSET", STATE, "format", "2"]).unwrap();
        let publish = library::publish(&epoch, "a", "m", "x", None, LARGE);
        let error = library::answer(&publish, &mut connection).unwrap_err();
        assert!(error.to_string().contains("has format 2"), "{error}");
    }
}

fn millis() -> u64 {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap();
    since.as_millis().try_into().unwrap()
}

/// The items of the log that are no entries: kind, room and author.
fn announced(connection: &mut Connection) -> Vec<(String, String, String)> {
    let items: Vec<(String, std::collections::HashMap<String, String>)> =
        ask(connection, &["XRANGE", "{test}:log", "-", "+"]).unwrap();
    let items = items.into_iter();
    let items = items.filter(|(_, fields)| !matches!(&*fields["k"], "m" | "e" | "c" | "d"));
    let field = |(_, mut fields): (String, std::collections::HashMap<String, String>)| {
        let mut take = |name| fields.remove(name).unwrap_or_default();
        (take("k"), take("r"), take("a"))
    };
    items.map(field).collect()
}

fn word(command: &redis::Cmd, connection: &mut Connection) -> String {
    let answer: Vec<redis::Value> = command.query(connection).unwrap();
    redis::from_redis_value_ref(&answer[0]).unwrap()
}

#[test]
#[ignore = "needs Redis"]
fn bans_reach_the_nodes_are_bounded_and_end() {
    for (_engine, mut connection, epoch) in stores() {
        let publish = library::publish(&epoch, "a", "m", "x", None, LARGE);
        library::answer(&publish, &mut connection).unwrap();
        let later = millis() + 3_600_000;
        let mut ban = |author, until| {
            let command = library::ban(&epoch, "a", author, until, 2);
            word(&command, &mut connection)
        };
        assert_eq!(ban("one", 1), "OK");
        assert_eq!(ban("two", later), "OK");
        // The first one has ended.
        assert_eq!(ban("three", later), "OK");
        assert_eq!(ban("four", later), "TOO_MANY");
        assert_eq!(ban("three", later + 1), "OK", "it has another end");
        let lift = library::lift(&epoch, "a", &["two", "unknown"]);
        assert_eq!(word(&lift, &mut connection), "OK");
        let banned = library::loaded(&epoch, "a", &mut connection).banned;
        assert_eq!(banned, ["three"]);
        let item = |kind: &str, author: &str| (kind.to_owned(), "a".to_owned(), author.to_owned());
        let expected = [
            item("b", "one"),
            item("b", "two"),
            item("b", "three"),
            item("b", "three"),
            item("u", "two"),
        ];
        assert_eq!(announced(&mut connection), expected);
    }
}

#[test]
#[ignore = "needs Redis"]
fn a_forgotten_room_keeps_its_place_and_its_tombstone_is_bounded() {
    for (_engine, mut connection, epoch) in stores() {
        let publish = |connection: &mut Connection, room| {
            let command = library::publish(&epoch, room, "m", "x", None, LARGE);
            library::answer(&command, connection).unwrap()
        };
        for room in ["a", "b", "c"] {
            publish(&mut connection, room);
        }
        // A room that is used, or has a ban, stays.
        let tidy = library::tidy(&epoch, 3_600_000, 2, 10);
        assert_eq!(word(&tidy, &mut connection), "OK");
        assert_eq!(entries(&mut connection, &epoch, "a").len(), 1);
        let ban = library::ban(&epoch, "c", "author", millis() + 3_600_000, 10);
        assert_eq!(word(&ban, &mut connection), "OK");
        let tidy = library::tidy(&epoch, 0, 2, 10);
        crate::engine::wait_for("the rooms to be forgotten", || {
            assert_eq!(word(&tidy, &mut connection), "OK");
            let held = ["a", "b"].map(|room| entries(&mut connection, &epoch, room).len());
            (held == [0, 0]).then_some(())
        });
        assert_eq!(entries(&mut connection, &epoch, "c").len(), 1);
        let room = library::loaded(&epoch, "a", &mut connection);
        assert_eq!((room.next, room.evicted, room.is_late), ((2, 1), 1, false));
        let keys: Vec<String> = ask(&mut connection, &["KEYS", "{test}:*:a"]).unwrap();
        assert_eq!(keys, ["{test}:room:a"]);
        // Its numbers go on.
        assert_eq!(publish(&mut connection, "a"), assigned(7, 2, 1));
        // Beyond the bound the oldest tombstone is dropped, which uses a seq.
        for room in ["d", "e", "f"] {
            publish(&mut connection, room);
        }
        crate::engine::wait_for("the tombstones to be dropped", || {
            assert_eq!(word(&tidy, &mut connection), "OK");
            let forgotten: usize = ask(&mut connection, &["ZCARD", "{test}:forgotten"]).unwrap();
            let used: Vec<String> =
                ask(&mut connection, &["ZRANGE", "{test}:used", "0", "-1"]).unwrap();
            (forgotten == 2 && used == ["c"]).then_some(())
        });
        let dropped: u64 = ask(&mut connection, &["HGET", STATE, "dropped"]).unwrap();
        let seq: u64 = ask(&mut connection, &["HGET", STATE, "seq"]).unwrap();
        assert!((8..=seq).contains(&dropped), "{dropped} of {seq}");
        // Any room that is not known may have been one of those.
        let room = library::loaded(&epoch, "new", &mut connection);
        assert_eq!(
            (room.next, room.evicted, room.is_late),
            ((1, 0), dropped, true)
        );
        assert_eq!(publish(&mut connection, "new"), assigned(seq + 1, 1, 0));
        let room = library::loaded(&epoch, "new", &mut connection);
        assert_eq!(
            (room.next, room.evicted, room.is_late),
            ((2, 1), dropped, true)
        );
    }
}

#[test]
#[ignore = "needs Redis"]
fn a_room_with_readers_is_not_forgotten() {
    for (_engine, mut connection, epoch) in stores() {
        let publish = library::publish(&epoch, "a", "m", "x", None, LARGE);
        library::answer(&publish, &mut connection).unwrap();
        let score = |connection: &mut Connection| -> u64 {
            ask(connection, &["ZSCORE", "{test}:used", "a"]).unwrap()
        };
        let before = score(&mut connection);
        crate::engine::wait_for("a later time", || {
            let used = library::use_rooms(&["a", "unknown"]);
            assert_eq!(word(&used, &mut connection), "OK");
            (score(&mut connection) > before).then_some(())
        });
        let rooms: Vec<String> =
            ask(&mut connection, &["ZRANGE", "{test}:used", "0", "-1"]).unwrap();
        assert_eq!(rooms, ["a"]);
    }
}
