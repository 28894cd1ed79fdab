//! Clients that change their names.

use super::*;

#[test]
fn a_name_that_is_changed_leaves_without_a_grace_period_whichever_stream_is_first() {
    for ends_first in [true, false] {
        let mut clock = Clock::new();
        clock.join("Ada");
        clock.flush();
        clock.wait(1);
        if ends_first {
            clock.leave("Ada");
        }
        clock.rename("Ada", "Grace");
        if !ends_first {
            clock.wait(4);
            clock.leave("Ada");
        }
        assert_eq!(
            clock.flush(),
            json!({"room": "lobby", "count": 1, "joined": ["Grace"], "left": ["Ada is now Grace"]})
        );
        assert!(clock.presence.renames.is_none() && clock.presence.leaving.is_empty());
        assert_eq!(clock.presence.due(clock.now), None);
    }
}

#[test]
fn the_new_name_may_be_announced_before_the_old_one_leaves() {
    let mut clock = Clock::new();
    clock.join("Ada");
    clock.flush();
    clock.wait(1);
    clock.rename("Ada", "Grace");
    assert_eq!(
        clock.flush(),
        json!({"room": "lobby", "count": 2, "joined": ["Grace"], "left": []})
    );
    clock.wait(2);
    clock.leave("Ada");
    assert_eq!(
        clock.flush(),
        json!({"room": "lobby", "count": 1, "joined": [], "left": ["Ada is now Grace"]})
    );
}

#[test]
fn a_member_that_stays_keeps_its_name() {
    let mut clock = Clock::new();
    clock.join("Ada");
    clock.join("Ada");
    clock.rename("Ada", "Eve");
    clock.rename("Bob", "Eve");
    clock.leave("Ada");
    assert_eq!(clock.flush()["left"], json!([]));
    clock.wait(5);
    assert_eq!(clock.flush(), Value::Null);
    assert!(clock.presence.renames.is_none(), "it is forgotten");
    clock.leave("Ada");
    assert_eq!(clock.flush(), Value::Null, "the grace period is as usual");
    clock.wait(5);
    assert_eq!(clock.flush()["left"], json!(["Ada"]));
}

#[test]
fn a_new_stream_under_the_old_name_ends_the_rename() {
    let mut clock = Clock::new();
    clock.join("Ada");
    clock.rename("Ada", "Grace");
    clock.join("Ada");
    clock.leave("Ada");
    clock.leave("Ada");
    assert_eq!(clock.flush()["count"], 2, "Ada is in its grace period");
    clock.wait(5);
    assert_eq!(clock.flush()["left"], json!(["Ada"]));
}

#[test]
fn a_new_name_that_is_no_member_is_not_announced() {
    let mut clock = Clock::new();
    clock.join("Ada");
    clock.join("Bob");
    clock.flush();
    clock.leave("Ada");
    clock.rename("Ada", "Grace");
    clock.leave("Grace");
    clock.wait(5);
    assert_eq!(
        clock.flush(),
        json!({"room": "lobby", "count": 1, "joined": [], "left": ["Ada"]})
    );
}

#[test]
fn names_that_change_twice_before_an_event_have_the_last_one() {
    // A chain.
    let mut clock = Clock::new();
    clock.join("Ada");
    clock.flush();
    clock.wait(1);
    for (old, new) in [("Ada", "Bea"), ("Bea", "Cleo")] {
        clock.leave(old);
        clock.rename(old, new);
    }
    assert_eq!(
        clock.flush(),
        json!({"room": "lobby", "count": 1, "joined": ["Cleo"], "left": ["Ada is now Cleo"]})
    );
    clock.wait(1);
    // There and back: the name has left and joined, as without a change of the name.
    for (old, new) in [("Cleo", "Dora"), ("Dora", "Cleo")] {
        clock.leave(old);
        clock.rename(old, new);
    }
    assert_eq!(
        clock.flush(),
        json!({"room": "lobby", "count": 1, "joined": ["Cleo"], "left": ["Cleo"]})
    );
    clock.wait(1);
    // There and back while the first stream is open: nothing has changed.
    clock.rename("Cleo", "Dora");
    clock.rename("Dora", "Cleo");
    clock.leave("Cleo");
    clock.leave("Dora");
    assert_eq!(clock.flush(), Value::Null);
    assert_eq!(
        (clock.presence.count(), clock.presence.renames.is_none()),
        (1, true)
    );
    // A chain whose first stream ends last.
    clock.rename("Cleo", "Bea");
    clock.rename("Bea", "Cora");
    clock.leave("Bea");
    assert_eq!(clock.flush()["joined"], json!(["Cora"]));
    clock.wait(1);
    clock.leave("Cleo");
    assert_eq!(clock.flush()["left"], json!(["Cleo is now Cora"]));
    clock.wait(1);
    clock.rename("Cora", "Cleo");
    clock.leave("Cora");
    clock.flush();
    clock.wait(1);
    // A chain whose end is gone.
    for (old, new) in [("Cleo", "Eve"), ("Eve", "Fay")] {
        clock.leave(old);
        clock.rename(old, new);
    }
    clock.leave("Fay");
    clock.wait(5);
    assert_eq!(
        clock.flush(),
        json!({"room": "lobby", "count": 0, "joined": [], "left": ["Cleo"]})
    );
}

#[test]
fn a_rename_after_a_snapshot_is_announced_for_both_names() {
    let mut clock = Clock::new();
    clock.join("Ada");
    clock.flush();
    clock.wait(1);
    clock.leave("Ada");
    clock.rename("Ada", "Bea");
    clock.snapshot();
    clock.leave("Bea");
    clock.rename("Bea", "Cleo");
    assert_eq!(
        clock.flush(),
        json!({
            "room": "lobby", "count": 1, "joined": ["Cleo"],
            "left": ["Ada is now Cleo", "Bea is now Cleo"]
        })
    );
}

#[test]
fn renames_that_wait_for_the_end_of_a_stream_are_bounded() {
    let mut clock = Clock::with_members(100);
    clock.join("Eve");
    (0..100).for_each(|number| clock.rename(&long_name(number), "Eve"));
    (0..100).for_each(|number| clock.leave(&long_name(number)));
    assert_eq!(clock.presence.count(), 101 - 32);
    clock.wait(5);
    clock.presence.remove_expired(clock.now, usize::MAX);
    assert_eq!(clock.presence.count(), 1);
}

#[test]
fn renames_cost_a_room_one_pointer_and_a_member_nothing() {
    assert_eq!(size_of::<Option<Box<Renames>>>(), size_of::<usize>());
    assert_eq!(size_of::<MemberEntry>(), 48);
}
