//! What is said about the stream itself, on standard error: cuts, gaps, who
//! came and left.

use std::collections::{BTreeSet, HashMap};

use crate::client::{ClientEvent, ObservedGap};
use crate::protocol::{GapReason, Member, OpenEnum, PresenceEvent};

/// Most names of one line.
const MAX_NAMES: usize = 20;

/// What has been said so far.
#[derive(Debug, Default)]
pub(super) struct Talk {
    cut: bool,
    /// Who is known to be here, by room: who comes may be told of twice.
    here: HashMap<String, BTreeSet<String>>,
}

impl Talk {
    /// The lines for something that was told; none for most.
    pub(super) fn about(&mut self, told: &ClientEvent) -> Vec<String> {
        match told {
            ClientEvent::Message { .. } => Vec::new(),
            ClientEvent::Hello(_) => match std::mem::take(&mut self.cut) {
                true => vec!["connected again".to_owned()],
                false => Vec::new(),
            },
            ClientEvent::Cut { reason, wait } => {
                self.cut = true;
                vec![format!(
                    "cut: {reason}; again in {:.1} s",
                    wait.as_secs_f64()
                )]
            }
            ClientEvent::Gap(observed) => gap(observed).into_iter().collect(),
            ClientEvent::Missing {
                room,
                after,
                before,
            } => vec![missing(room, *after, *before)],
            ClientEvent::Presence(presence) => self.presence(presence),
        }
    }

    fn presence(&mut self, change: &PresenceEvent) -> Vec<String> {
        let room = clean(&change.room);
        let here = self.here.entry(change.room.clone()).or_default();
        if let Some(members) = &change.members {
            *here = members.iter().map(|member| clean(&member.name)).collect();
            return vec![format!("{} in {room}: {}", change.count, names(here))];
        }
        let left = change.left.as_deref().unwrap_or_default();
        let joined = change.joined.as_deref().unwrap_or_default();
        let is_count = joined.is_empty() && left.is_empty();
        if is_count {
            // The count alone voids the list.
            here.clear();
        }
        // A name may have left and joined again between two events.
        let left = names_of(left, |name| here.remove(name));
        let joined = names_of(joined, |name| here.insert(name.to_owned()));
        let mut lines = Vec::new();
        if !joined.is_empty() {
            lines.push(format!("came to {room}: {}", names(&joined)));
        }
        if !left.is_empty() {
            lines.push(format!("left {room}: {}", names(&left)));
        }
        if is_count {
            lines.push(format!("{} in {room}", change.count));
        }
        lines
    }
}

fn gap(observed: &ObservedGap) -> Option<String> {
    let gap = &observed.gap;
    let room = clean(&gap.room);
    let since = observed.after.map_or_else(
        || "until now".to_owned(),
        |number| format!("after message {number}"),
    );
    if gap.reason == GapReason::Restart {
        return Some(format!(
            "the server was restarted: whatever was said in {room} {since} is lost"
        ));
    }
    let lost = match gap.lost.or(observed.counted) {
        Some(0) => return None,
        Some(1) => format!("1 message of {room} is lost"),
        Some(lost) => format!("{lost} messages of {room} are lost"),
        None => format!("messages of {room} may be lost"),
    };
    let why = match &gap.reason {
        OpenEnum::Known(GapReason::Evicted) => "the server no longer has them",
        OpenEnum::Known(GapReason::Lagged) => "they came faster than they could be taken",
        OpenEnum::Known(GapReason::Unknown) => "the server does not know the message to go on from",
        other => &clean(&other.to_string()),
    };
    Some(format!("{lost}: {why}"))
}

fn missing(room: &str, after: u64, before: u64) -> String {
    let room = clean(room);
    match before.saturating_sub(after) {
        0 | 1 => format!("message {before} of {room} came out of order"),
        2 => format!("message {} of {room} never came", after + 1),
        _ => format!(
            "messages {} to {} of {room} never came",
            after + 1,
            before - 1
        ),
    }
}

/// Those names that are news.
fn names_of(members: &[Member], mut is_news: impl FnMut(&str) -> bool) -> BTreeSet<String> {
    let names = members.iter().map(|member| clean(&member.name));
    names.filter(|name| is_news(name)).collect()
}

fn names(all: &BTreeSet<String>) -> String {
    let mut names: Vec<String> = all.iter().take(MAX_NAMES).cloned().collect();
    if all.len() > MAX_NAMES {
        names.push(format!("and {} more", all.len() - MAX_NAMES));
    }
    names.join(", ")
}

/// Without what could drive a terminal. Servers of ours send none of it.
fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(100).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn about_gap(reason: &str, lost: Option<u64>, counted: Option<u64>) -> String {
        let gap = serde_json::json!({"room": "lobby", "reason": reason, "lost": lost, "next": 1});
        let observed = ObservedGap {
            gap: serde_json::from_value(gap).unwrap(),
            after: Some(12),
            counted,
        };
        Talk::default().about(&ClientEvent::Gap(observed)).join("|")
    }

    #[test]
    fn a_gap_says_what_is_lost_and_why() {
        assert_eq!(
            about_gap("restart", None, None),
            "the server was restarted: whatever was said in lobby after message 12 is lost"
        );
        assert_eq!(
            about_gap("evicted", Some(3), Some(3)),
            "3 messages of lobby are lost: the server no longer has them"
        );
        assert_eq!(
            about_gap("lagged", None, Some(1)),
            "1 message of lobby is lost: they came faster than they could be taken"
        );
        assert!(about_gap("unknown", None, None).starts_with("messages of lobby may be lost"));
        assert_eq!(
            about_gap("new\u{1b}er", Some(2), None),
            "2 messages of lobby are lost: newer"
        );
        assert_eq!(about_gap("evicted", Some(0), None), "");
    }

    #[test]
    fn what_never_came_is_told_by_number() {
        assert_eq!(missing("a", 1, 3), "message 2 of a never came");
        assert_eq!(missing("a", 1, 5), "messages 2 to 4 of a never came");
        assert_eq!(missing("a", 5, 2), "message 2 of a came out of order");
        assert_eq!(
            missing("a", u64::MAX, 0),
            "message 0 of a came out of order"
        );
    }

    #[test]
    fn a_cut_is_told_and_its_end_too() {
        let hello = serde_json::from_str(r#"{"cursor":"e-0","ping_ms":1}"#).unwrap();
        let hello = ClientEvent::Hello(hello);
        let mut talk = Talk::default();
        assert!(talk.about(&hello).is_empty());
        let cut = ClientEvent::Cut {
            reason: "the stream ended".into(),
            wait: Duration::from_millis(1234),
        };
        assert_eq!(talk.about(&cut), ["cut: the stream ended; again in 1.2 s"]);
        assert_eq!(talk.about(&hello), ["connected again"]);
    }

    #[test]
    fn who_is_told_of_twice_is_said_once() {
        let mut talk = Talk::default();
        let mut about = |event: &str| {
            let presence: PresenceEvent = serde_json::from_str(event).unwrap();
            talk.about(&ClientEvent::Presence(presence)).join("|")
        };
        let ada = r#"[{"name":"Ada"}]"#;
        let first = about(&format!(r#"{{"room":"a","count":1,"members":{ada}}}"#));
        assert_eq!(first, "1 in a: Ada");
        let again = format!(r#"{{"room":"a","count":1,"joined":{ada},"left":[]}}"#);
        assert_eq!(about(&again), "");
        let left = format!(r#"{{"room":"a","count":0,"joined":[],"left":{ada}}}"#);
        assert_eq!(about(&left), "left a: Ada");
        assert_eq!(about(&left), "");
    }

    #[test]
    fn a_count_alone_voids_the_list_and_a_name_may_leave_and_join_in_one_event() {
        let mut talk = Talk::default();
        let mut about = |event: &str| {
            let presence: PresenceEvent = serde_json::from_str(event).unwrap();
            talk.about(&ClientEvent::Presence(presence)).join("|")
        };
        let ada = r#"[{"name":"Ada"}]"#;
        let list = format!(r#"{{"room":"a","count":1,"members":{ada}}}"#);
        let again = format!(r#"{{"room":"a","count":1,"joined":{ada},"left":{ada}}}"#);
        let left = format!(r#"{{"room":"a","count":0,"joined":[],"left":{ada}}}"#);
        let count = r#"{"room":"a","count":180}"#;
        assert_eq!(about(&list), "1 in a: Ada");
        assert_eq!(about(&again), "came to a: Ada|left a: Ada");
        assert_eq!(about(&left), "left a: Ada", "the name was in the list");
        assert_eq!(about(&list), "1 in a: Ada");
        assert_eq!(about(count), "180 in a");
        assert_eq!(about(&left), "", "the list was void");
        assert_eq!(about(&list), "1 in a: Ada", "a list may come at any time");
    }

    #[test]
    fn who_is_here_is_a_line() {
        for (event, line) in [
            (
                r#"{"room":"a","count":1,"members":[{"name":"Ada"}]}"#,
                "1 in a: Ada",
            ),
            (
                r#"{"room":"a","count":2,"joined":[{"name":"Bob\u001b"}],"left":[]}"#,
                "came to a: Bob",
            ),
            (r#"{"room":"a","count":250}"#, "250 in a"),
        ] {
            let presence: PresenceEvent = serde_json::from_str(event).unwrap();
            assert_eq!(
                Talk::default().about(&ClientEvent::Presence(presence)),
                [line]
            );
        }
    }
}
