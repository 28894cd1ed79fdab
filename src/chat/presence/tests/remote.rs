//! Members at other nodes.

use super::*;
use crate::chat::node_name::NodeName;

impl Clock {
    /// A room that other nodes share.
    fn shared() -> Self {
        let mut clock = Self::new();
        clock.presence.share();
        clock
    }

    fn join_at(&mut self, node: &str, name: &str) {
        let name = UserName::parse(name).unwrap();
        assert!(self.presence.join_at(&NodeName::new(node), &name));
    }

    fn leave_at(&mut self, node: &str, name: &str) {
        let name = UserName::parse(name).unwrap();
        assert!(self.presence.leave_at(node, &name));
    }

    /// What other nodes are to know: `+NAME` joins, `-NAME` leaves.
    fn changes_here(&mut self) -> Vec<String> {
        let changes = self.presence.take_changes_here().into_iter();
        let sign = |joins| if joins { '+' } else { '-' };
        let changes = changes.map(|(name, joins)| format!("{}{}", sign(joins), name.as_str()));
        changes.collect()
    }

    /// The members of the list with the times of their joins, as JSON.
    fn members(&mut self) -> Value {
        let members: Value = serde_json::from_slice(&self.presence.json(&self.room)).unwrap();
        members["members"].clone()
    }
}

#[test]
fn a_name_at_several_nodes_joins_once_and_leaves_once() {
    let mut clock = Clock::shared();
    clock.join_at("n1", "Ann");
    assert_eq!(
        clock.flush(),
        json!({"room": "lobby", "count": 1, "joined": ["Ann"], "left": []})
    );
    let ann = UserName::parse("Ann").unwrap();
    assert!(!clock.presence.join_at(&NodeName::new("n1"), &ann), "again");
    assert!(!clock.presence.leave_at("n2", &ann), "it is not there");
    let list = clock.members();
    clock.join_at("n2", "Ann");
    clock.join("Ann");
    clock.join("Ann");
    assert_eq!(
        (clock.presence.count(), clock.presence.count_here()),
        (1, 1)
    );
    assert_eq!(clock.presence.count_at_nodes(), 2);
    clock.leave_at("n1", "Ann");
    clock.leave("Ann");
    clock.leave("Ann");
    clock.wait(60);
    assert_eq!(clock.flush(), Value::Null);
    assert_eq!(clock.members(), list, "since the first join");
    assert_eq!(
        (clock.presence.count(), clock.presence.count_here()),
        (1, 0)
    );
    clock.leave_at("n2", "Ann");
    assert_eq!(
        clock.flush(),
        json!({"room": "lobby", "count": 0, "joined": [], "left": ["Ann"]})
    );
    assert_eq!(clock.presence.nodes().count(), 0);
}

#[test]
fn a_member_at_another_node_leaves_without_a_grace_period_here() {
    let mut clock = Clock::shared();
    clock.join_at("n1", "Ann");
    assert_eq!(clock.snapshot()["members"], json!(["Ann"]));
    clock.flush();
    clock.wait(1);
    clock.leave_at("n1", "Ann");
    assert_eq!(clock.flush()["left"], json!(["Ann"]));
    assert_eq!(clock.presence.due(clock.now), None);
}

#[test]
fn a_name_that_moves_from_node_to_node_sends_no_event_in_either_order() {
    let here = |clock: &mut Clock, joins| match joins {
        true => clock.join("Ann"),
        false => {
            clock.leave("Ann");
            clock.wait(5);
            clock.presence.remove_expired(clock.now, usize::MAX);
        }
    };
    let there = |clock: &mut Clock, node, joins| match joins {
        true => clock.join_at(node, "Ann"),
        false => clock.leave_at(node, "Ann"),
    };
    for (from, to) in [("", "n1"), ("n1", ""), ("n1", "n2")] {
        for leaves_first in [true, false] {
            let change = |clock: &mut Clock, place, joins| match place {
                "" => here(clock, joins),
                node => there(clock, node, joins),
            };
            let mut clock = Clock::shared();
            change(&mut clock, from, true);
            clock.flush();
            let list = clock.members();
            clock.wait(1);
            match leaves_first {
                true => change(&mut clock, from, false),
                false => change(&mut clock, to, true),
            }
            match leaves_first {
                true => change(&mut clock, to, true),
                false => change(&mut clock, from, false),
            }
            clock.wait(60);
            assert_eq!(clock.flush(), Value::Null, "{from:?} {to:?} {leaves_first}");
            assert_eq!(clock.members(), list, "since the first join");
        }
    }
}

#[test]
fn a_reader_that_begins_in_the_middle_of_a_move_gets_the_member() {
    let mut clock = Clock::shared();
    clock.join_at("n1", "Ann");
    clock.flush();
    clock.wait(1);
    clock.leave_at("n1", "Ann");
    assert_eq!(clock.snapshot()["members"], json!([]));
    clock.join("Ann");
    assert_eq!(
        clock.flush(),
        json!({"room": "lobby", "count": 1, "joined": ["Ann"], "left": []})
    );
}

#[test]
fn a_name_that_moves_before_it_is_announced_is_announced_once() {
    for has_snapshot in [false, true] {
        let mut clock = Clock::shared();
        clock.join_at("n1", "Ann");
        if has_snapshot {
            clock.snapshot();
        }
        clock.leave_at("n1", "Ann");
        clock.join_at("n2", "Ann");
        assert_eq!(
            clock.flush(),
            json!({"room": "lobby", "count": 1, "joined": ["Ann"], "left": []})
        );
    }
}

#[test]
fn a_renamed_client_s_name_stays_if_it_is_at_another_node() {
    let mut clock = Clock::shared();
    clock.join("Ada");
    clock.join_at("n1", "Ada");
    clock.flush();
    clock.wait(1);
    clock.rename("Ada", "Bea");
    clock.leave("Ada");
    assert_eq!(clock.flush()["left"], json!([]));
    assert_eq!(
        (clock.presence.count(), clock.presence.count_here()),
        (2, 1)
    );
    assert_eq!(clock.changes_here(), ["+Ada", "+Bea", "-Ada"]);
}

#[test]
fn a_client_may_take_another_name_at_another_node() {
    for (wait, left) in [(9, "Ada is now Bea"), (11, "Ada")] {
        let mut clock = Clock::shared();
        clock.join_at("n1", "Ada");
        clock.flush();
        clock.wait(1);
        clock.rename("Ada", "Bea");
        clock.flush();
        // Its stream there has a grace period.
        clock.wait(wait);
        assert_eq!(clock.flush(), Value::Null);
        clock.leave_at("n1", "Ada");
        assert_eq!(clock.flush()["left"], json!([left]));
    }
}

#[test]
fn a_member_types_only_where_it_has_a_stream() {
    let mut clock = Clock::shared();
    clock.join_at("n1", "Ann");
    assert!(!clock.begin_typing("Ann"));
    clock.join("Ann");
    assert!(clock.begin_typing("Ann"));
    assert_eq!(clock.flush()["typing"], json!(["Ann"]));
    clock.leave("Ann");
    clock.wait(5);
    let event = clock.flush();
    assert_eq!((&event["left"], &event["typing"]), (&json!([]), &json!([])));
    assert_eq!(clock.presence.count(), 1, "it is at the other node");
}

#[test]
fn other_nodes_get_joins_at_once_and_leaves_after_the_grace_period() {
    let mut clock = Clock::shared();
    clock.join_at("n1", "Ann");
    assert_eq!(clock.changes_here(), [""; 0], "it is not here");
    clock.join("Ann");
    clock.join("Ann");
    assert_eq!(clock.changes_here(), ["+Ann"]);
    clock.leave("Ann");
    clock.leave("Ann");
    clock.wait(4);
    clock.flush();
    clock.join("Ann");
    clock.leave("Ann");
    clock.wait(4);
    clock.flush();
    assert_eq!(
        clock.changes_here(),
        [""; 0],
        "the grace period is not over"
    );
    clock.wait(1);
    clock.flush();
    assert_eq!(clock.changes_here(), ["-Ann"]);
    clock.join("Ann");
    clock.rename("Ann", "Bob");
    clock.leave("Ann");
    assert_eq!(clock.changes_here(), ["+Ann", "+Bob", "-Ann"], "at once");
}

#[test]
fn a_room_that_is_not_shared_has_no_members_elsewhere_and_keeps_no_changes() {
    let mut clock = Clock::new();
    clock.join("Ann");
    let ann = UserName::parse("Ann").unwrap();
    assert!(!clock.presence.join_at(&NodeName::new("n1"), &ann));
    assert!(clock.presence.others.is_none());
    assert_eq!(clock.changes_here(), [""; 0]);
}
