//! Members over nodes: leases, changes and what is loaded.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sse_chat_redis::{CallError, Lease, MemberChange, PresenceItem, ReadEvent};

use crate::cluster::{SlotMove, cluster};
use crate::engine::{DEADLINE, Engine, Persistence, programs};
use crate::node::{Node, run, settings};
use crate::random;

const LONG: Duration = Duration::from_secs(3_600);

fn change<'a>(room: &'a str, name: &'a str, joins: bool) -> MemberChange<'a> {
    MemberChange { room, name, joins }
}

/// All names of each room, as one reader learns them from the changes.
#[derive(Debug, Default)]
struct Learned {
    members: BTreeSet<(String, String, String)>,
    number: u64,
}

impl Learned {
    fn apply(&mut self, item: PresenceItem) {
        match item {
            PresenceItem::Changed { node, room, names } => {
                for (name, joins) in names {
                    let member = (node.clone(), room.clone(), name);
                    let is_news = match joins {
                        true => self.members.insert(member),
                        false => self.members.remove(&member),
                    };
                    assert!(is_news, "each change is one");
                }
            }
            PresenceItem::Left { node } => self.members.retain(|member| member.0 != node),
        }
    }

    /// Reads changes until `done`.
    async fn read(&mut self, node: &mut Node, done: impl Fn(&Self) -> bool) {
        while !done(self) {
            if let ReadEvent::Presence {
                number,
                follows,
                items,
            } = node.next().await
            {
                assert!(follows);
                self.number = number;
                items.into_iter().for_each(|item| self.apply(item));
            }
        }
    }

    fn names(&self, room: &str) -> Vec<&str> {
        let of = self.members.iter().filter(|member| member.1 == room);
        of.map(|member| member.2.as_str()).collect()
    }
}

async fn stored(node: &Node, room: &str) -> BTreeMap<String, BTreeSet<String>> {
    let members = node.log.members_of(room).await.unwrap();
    let nodes = members.nodes.into_iter();
    nodes
        .map(|(node, names)| (node, names.into_iter().collect()))
        .collect()
}

#[test]
#[ignore = "needs Redis"]
fn members_of_each_node_are_learned_by_all() {
    run(async {
        for program in programs() {
            let engine = Engine::start(&program, Persistence::None);
            let a = Node::join(settings(&engine)).await;
            let mut b = Node::join(settings(&engine)).await;
            let joins = [
                change("lobby", "Ann", true),
                change("lobby", "Bob", true),
                change("x", "Ann", true),
            ];
            let without = a.log.change_members("one", &joins).await;
            assert_eq!(without, Ok(Lease::Over), "it has none");
            for node in ["one", "two"] {
                assert_eq!(a.log.renew_lease(node, LONG, true).await, Ok(Lease::Held));
            }
            assert_eq!(a.log.change_members("one", &joins).await, Ok(Lease::Held));
            // What is no news is not announced.
            assert_eq!(a.log.change_members("one", &joins).await, Ok(Lease::Held));
            let more = [change("lobby", "Ann", true), change("lobby", "Zoe", false)];
            assert_eq!(a.log.change_members("two", &more).await, Ok(Lease::Held));
            let leaves = [change("lobby", "Bob", false), change("x", "Ann", false)];
            assert_eq!(a.log.change_members("one", &leaves).await, Ok(Lease::Held));
            let mut learned = Learned::default();
            learned.read(&mut b, |learned| learned.number == 5).await;
            assert_eq!(learned.names("lobby"), ["Ann", "Ann"], "{program}");
            assert!(learned.names("x").is_empty());
            let members = stored(&b, "lobby").await;
            let ann = || BTreeSet::from(["Ann".to_owned()]);
            let expected = BTreeMap::from([("one".to_owned(), ann()), ("two".to_owned(), ann())]);
            assert_eq!(members, expected, "{program}");
            assert_eq!(b.log.members_of("lobby").await.unwrap().as_of, 5);
            a.log.leave("two").await.unwrap();
            learned.read(&mut b, |learned| learned.number == 6).await;
            assert_eq!(learned.names("lobby"), ["Ann"]);
            assert_eq!(stored(&b, "lobby").await.len(), 1);
        }
    });
}

#[test]
#[ignore = "needs Redis"]
fn a_node_without_its_lease_loses_its_members_at_once_and_leaves_nothing() {
    run(async {
        for program in programs() {
            let engine = Engine::start(&program, Persistence::None);
            let a = Node::join(settings(&engine)).await;
            let mut b = Node::join(settings(&engine)).await;
            // More rooms than are removed in one call.
            let rooms: Vec<_> = (0..1_200).map(|index| format!("room-{index}")).collect();
            let joins: Vec<_> = rooms.iter().map(|room| change(room, "Ann", true)).collect();
            assert_eq!(a.log.renew_lease("dead", LONG, true).await, Ok(Lease::Held));
            assert_eq!(a.log.change_members("dead", &joins).await, Ok(Lease::Held));
            let mut learned = Learned::default();
            learned
                .read(&mut b, |learned| learned.members.len() == 1_200)
                .await;
            // Its lease ends now.
            let renewed = a.log.renew_lease("dead", Duration::ZERO, false).await;
            assert_eq!(renewed, Ok(Lease::Held));
            let end = async {
                loop {
                    b.log.renew_lease("alive", LONG, true).await.unwrap();
                    let keys: Vec<String> = engine.ask(&["KEYS", "*dead*"]);
                    let left: usize = engine.ask(&["SCARD", "{test}:left"]);
                    if keys.is_empty() && left == 0 {
                        return;
                    }
                }
            };
            tokio::time::timeout(DEADLINE, end).await.unwrap();
            learned
                .read(&mut b, |learned| learned.members.is_empty())
                .await;
            assert!(stored(&b, "room-7").await.is_empty(), "{program}");
            let nodes: Vec<String> = engine.ask(&["KEYS", "{test}:nodes:*"]);
            assert!(nodes.is_empty(), "{program}: {nodes:?}");
            // It learns that, and goes on under another name.
            let late = a.log.renew_lease("dead", LONG, false).await;
            assert_eq!(late, Ok(Lease::Over));
            assert_eq!(
                a.log.change_members("dead", &joins[..1]).await,
                Ok(Lease::Over)
            );
        }
    });
}

#[test]
#[ignore = "needs Redis"]
fn a_reader_that_missed_changes_learns_it() {
    run(async {
        for program in programs() {
            let engine = Engine::start(&program, Persistence::None);
            let mut node = Node::join(settings(&engine)).await;
            node.log.renew_lease("one", LONG, true).await.unwrap();
            let join = [change("lobby", "Ann", true)];
            node.log.change_members("one", &join).await.unwrap();
            node.log
                .change_members("one", &[change("lobby", "Bob", true)])
                .await
                .unwrap();
            let () = engine.ask(&["XDEL", "{test}:presence", "1-0"]);
            let event = loop {
                match node.next().await {
                    ReadEvent::Opened(_) => {}
                    event => break event,
                }
            };
            let ReadEvent::Presence {
                number: 2,
                follows: false,
                items,
            } = event
            else {
                panic!("{program}: {event:?}");
            };
            assert_eq!(items.len(), 1);
        }
    });
}

/// The members of the lobby at a node, and the lease of the node, as they are stored.
fn stored_at(engine: &Engine, node: &str) -> (Vec<String>, Option<u64>) {
    let names = engine.ask(&["SMEMBERS", &format!("{{test}}:members:{node}:lobby")]);
    let lease = engine.ask(&["ZSCORE", "{test}:leases", node]);
    (names, lease)
}

#[test]
#[ignore = "needs Redis"]
fn while_a_cluster_moves_the_slot_changes_of_members_are_whole() {
    let mut random = random("moves of members");
    run(async {
        for program in programs() {
            let engines = cluster::<2>(&program);
            let node = Node::join(settings(&engines[0])).await;
            for name in ["one", "gone"] {
                node.log.renew_lease(name, LONG, true).await.unwrap();
                let joins = [change("lobby", "Ann", true)];
                node.log.change_members(name, &joins).await.unwrap();
            }
            node.log.leave("gone").await.unwrap();
            let slot_move = SlotMove::begin(&engines);
            let before = ["one", "gone"].map(|name| stored_at(slot_move.from, name));
            assert_eq!(before[0].0, ["Ann"], "{program}");
            assert_eq!(before[1].0, ["Ann"], "{program}");
            slot_move.move_key("{test}:presence");
            // What can't be announced is not stored either.
            let join = [change("lobby", "Bob", true)];
            let refused = [
                node.log.change_members("one", &join).await.map(drop),
                node.log.renew_lease("two", LONG, true).await.map(drop),
                node.log.leave("one").await,
            ];
            for answer in refused {
                assert!(
                    matches!(answer, Err(CallError::Unavailable(_))),
                    "{program}: {answer:?}"
                );
            }
            let after = ["one", "gone"].map(|name| stored_at(slot_move.from, name));
            assert_eq!(after, before, "{program}");
            slot_move.end(&mut random);
            let changed = async {
                while node.log.change_members("one", &join).await.is_err() {
                    tokio::task::yield_now().await;
                }
            };
            tokio::time::timeout(DEADLINE, changed).await.unwrap();
            let names = BTreeSet::from(["Ann".to_owned(), "Bob".to_owned()]);
            let expected = BTreeMap::from([("one".to_owned(), names)]);
            assert_eq!(stored(&node, "lobby").await, expected, "{program}");
            // Two that join, one that leaves, and this one.
            assert_eq!(node.log.members_of("lobby").await.unwrap().as_of, 4);
        }
    });
}
