//! The notices of `tail` about the stream, as text: lost connections, gaps and
//! presence. `Output` prints them.

use std::collections::{BTreeSet, HashMap};

use crate::client::{ClientEvent, ObservedGap};
use crate::protocol::{ChangedEntry, GapReason, LeftMember, OpenEnum, PresenceEvent};

/// The most names in one line.
const MAX_NAMES: usize = 20;

/// Makes the notices of one subscription.
#[derive(Debug, Default)]
pub(super) struct Notices {
    disconnected: bool,
    /// The members of each room. The server may announce a member twice; the
    /// second time makes no notice.
    members: HashMap<String, BTreeSet<String>>,
}

impl Notices {
    /// The notices for an event, which may be none.
    pub(super) fn for_event(&mut self, event: &ClientEvent) -> Vec<String> {
        match event {
            ClientEvent::Message { .. } => Vec::new(),
            ClientEvent::Change { change, .. } => vec![changed(change)],
            ClientEvent::Event { event, .. } => {
                let (name, room) = (clean(&event.event), clean(&event.room));
                let bytes = event.data.len();
                vec![format!(
                    "event {name} in {room}: {bytes} bytes; --json shows it"
                )]
            }
            ClientEvent::Expiring(expiring) => {
                let at = clean(&expiring.expires_at);
                vec![format!("the token expires at {at}; the stream then ends")]
            }
            ClientEvent::Stale(stale) => {
                let since = clean(&stale.since);
                vec![format!(
                    "the server has been cut off from the shared history since {since}: messages of \
                     other servers arrive late"
                )]
            }
            ClientEvent::Fresh => vec!["the server has the shared history again".to_owned()],
            ClientEvent::Hello(_) => match std::mem::take(&mut self.disconnected) {
                true => vec!["reconnected".to_owned()],
                false => Vec::new(),
            },
            ClientEvent::Cut { reason, wait } => {
                self.disconnected = true;
                let wait = wait.as_secs_f64();
                vec![format!(
                    "disconnected: {reason}; next attempt in {wait:.1} s"
                )]
            }
            ClientEvent::Gap(lost) => gap(lost).into_iter().collect(),
            ClientEvent::Missing {
                room,
                after,
                before,
            } => vec![missing(room, *after, *before)],
            ClientEvent::Presence(change) => self.presence(change),
        }
    }

    fn presence(&mut self, change: &PresenceEvent) -> Vec<String> {
        let room = clean(&change.room);
        let known = self.members.entry(change.room.clone()).or_default();
        if let Some(members) = &change.members {
            *known = members.iter().map(|member| clean(&member.name)).collect();
            return vec![format!("{} in {room}: {}", change.count, join(known))];
        }
        let left = change.left.as_deref().unwrap_or_default();
        let joined = change.joined.as_deref().unwrap_or_default();
        let is_count = change.is_count();
        if is_count {
            // A count without members invalidates the list.
            known.clear();
        }
        // `left` first: a name may have left and joined again since the last event.
        let left: Vec<_> = left
            .iter()
            .filter(|member| known.remove(&clean(&member.name)))
            .collect();
        let joined = joined.iter().map(|member| clean(&member.name));
        let mut joined: BTreeSet<String> =
            joined.filter(|name| known.insert(name.clone())).collect();
        let mut lines = renamed(&left, &room);
        for new in left.iter().filter_map(|member| member.now.as_deref()) {
            joined.remove(&clean(new));
        }
        let left = left.iter().filter(|member| member.now.is_none());
        let left: BTreeSet<String> = left.map(|member| clean(&member.name)).collect();
        if !joined.is_empty() {
            lines.push(format!("joined {room}: {}", join(&joined)));
        }
        if !left.is_empty() {
            lines.push(format!("left {room}: {}", join(&left)));
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
            "the server was restarted: messages of {room} {since} may be lost"
        ));
    }
    let lost = match gap.lost.or(observed.counted) {
        Some(0) => return None,
        Some(1) => format!("1 message of {room} is lost"),
        Some(lost) => format!("{lost} messages of {room} are lost"),
        None => format!("messages of {room} may be lost"),
    };
    let reason = match &gap.reason {
        OpenEnum::Known(GapReason::Evicted) => "the server no longer has them",
        OpenEnum::Known(GapReason::Lagged) => "this client was too slow",
        OpenEnum::Known(GapReason::Unknown) => {
            "the server does not know the message to resume from"
        }
        other => &clean(&other.to_string()),
    };
    Some(format!("{lost}: {reason}"))
}

fn missing(room: &str, after: u64, before: u64) -> String {
    let room = clean(room);
    match before.saturating_sub(after) {
        0 | 1 => format!("message {before} of {room} arrived out of order"),
        2 => format!("message {} of {room} is missing", after + 1),
        _ => format!(
            "messages {} to {} of {room} are missing",
            after + 1,
            before - 1
        ),
    }
}

/// The lines about members that have changed their names.
fn renamed(left: &[&LeftMember], room: &str) -> Vec<String> {
    let renamed = left.iter().filter_map(|member| {
        let (old, new) = (clean(&member.name), clean(member.now.as_ref()?));
        Some(format!("{old} is now {new} in {room}"))
    });
    let mut lines: Vec<String> = renamed.take(MAX_NAMES).collect();
    lines.sort_unstable();
    lines
}

fn join(all: &BTreeSet<String>) -> String {
    let mut names: Vec<String> = all.iter().take(MAX_NAMES).cloned().collect();
    if all.len() > MAX_NAMES {
        names.push(format!("and {} more", all.len() - MAX_NAMES));
    }
    names.join(", ")
}

/// The line about a changed message.
fn changed(change: &ChangedEntry<'_>) -> String {
    match change {
        ChangedEntry::Deleted(deleted) => {
            let room = clean(&deleted.room);
            match deleted.number {
                Some(number) => format!("message {number} in {room} was deleted"),
                None => format!("an event in {room} was deleted"),
            }
        }
        ChangedEntry::Message(message) => {
            let (name, room) = (clean(&message.name), clean(&message.room));
            let reactions = message.reactions.iter();
            let reactions: String = reactions
                .map(|reaction| format!(" {} {}", clean(&reaction.emoji), reaction.count))
                .collect();
            let number = message.number;
            let text = clean(&message.message);
            format!("message {number} in {room} of {name} is now: {text}{reactions}")
        }
    }
}

/// The text without control characters, at most 100 characters. An sse-chat
/// server sends neither; other servers might.
pub(super) fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(100).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::protocol::Stale;

    fn gap_notice(reason: &str, lost: Option<u64>, counted: Option<u64>) -> String {
        let gap = serde_json::json!({"room": "lobby", "reason": reason, "lost": lost, "next": 1});
        let observed = ObservedGap {
            gap: serde_json::from_value(gap).unwrap(),
            after: Some(12),
            counted,
        };
        Notices::default()
            .for_event(&ClientEvent::Gap(observed))
            .join("|")
    }

    #[test]
    fn a_gap_notice_has_the_loss_and_its_reason() {
        assert_eq!(
            gap_notice("restart", None, None),
            "the server was restarted: messages of lobby after message 12 may be lost"
        );
        assert_eq!(
            gap_notice("evicted", Some(3), Some(3)),
            "3 messages of lobby are lost: the server no longer has them"
        );
        assert_eq!(
            gap_notice("lagged", None, Some(1)),
            "1 message of lobby is lost: this client was too slow"
        );
        assert!(gap_notice("unknown", None, None).starts_with("messages of lobby may be lost"));
        assert_eq!(
            gap_notice("new\u{1b}er", Some(2), None),
            "2 messages of lobby are lost: newer"
        );
        assert_eq!(gap_notice("evicted", Some(0), None), "");
    }

    #[test]
    fn missing_messages_are_reported_by_number() {
        assert_eq!(missing("a", 1, 3), "message 2 of a is missing");
        assert_eq!(missing("a", 1, 5), "messages 2 to 4 of a are missing");
        assert_eq!(missing("a", 5, 2), "message 2 of a arrived out of order");
        assert_eq!(
            missing("a", u64::MAX, 0),
            "message 0 of a arrived out of order"
        );
    }

    #[test]
    fn a_lost_connection_and_its_return_are_reported() {
        let hello = serde_json::from_str(r#"{"cursor":"e-0","ping_ms":1}"#).unwrap();
        let hello = ClientEvent::Hello(hello);
        let mut notices = Notices::default();
        assert!(notices.for_event(&hello).is_empty());
        let cut = ClientEvent::Cut {
            reason: "the stream ended".into(),
            wait: Duration::from_millis(1234),
        };
        assert_eq!(
            notices.for_event(&cut),
            ["disconnected: the stream ended; next attempt in 1.2 s"]
        );
        assert_eq!(notices.for_event(&hello), ["reconnected"]);
    }

    #[test]
    fn the_begin_and_the_end_of_a_stale_history_are_reported() {
        let stale = ClientEvent::Stale(Stale {
            since: "2026-11-28T01:02:03.004Z\u{1b}".to_owned(),
        });
        let mut notices = Notices::default();
        assert_eq!(
            notices.for_event(&stale),
            [
                "the server has been cut off from the shared history since 2026-11-28T01:02:03.004Z: \
                 messages of other servers arrive late"
            ]
        );
        let fresh = notices.for_event(&ClientEvent::Fresh);
        assert_eq!(fresh, ["the server has the shared history again"]);
    }

    #[test]
    fn a_member_that_is_announced_twice_makes_one_notice() {
        let mut notices = Notices::default();
        let mut notice = |event: &str| {
            let change: PresenceEvent = serde_json::from_str(event).unwrap();
            notices.for_event(&ClientEvent::Presence(change)).join("|")
        };
        let ada = r#"[{"name":"Ada"}]"#;
        let first = notice(&format!(r#"{{"room":"a","count":1,"members":{ada}}}"#));
        assert_eq!(first, "1 in a: Ada");
        let again = format!(r#"{{"room":"a","count":1,"joined":{ada},"left":[]}}"#);
        assert_eq!(notice(&again), "");
        let left = format!(r#"{{"room":"a","count":0,"joined":[],"left":{ada}}}"#);
        assert_eq!(notice(&left), "left a: Ada");
        assert_eq!(notice(&left), "");
    }

    #[test]
    fn a_member_that_changes_its_name_makes_one_notice() {
        let list = r#"{"room":"a","count":2,"members":[{"name":"Ada"},{"name":"Bob"}]}"#;
        for (event, line) in [
            (
                r#"{"room":"a","count":2,"joined":[{"name":"Eve"}],"left":[{"name":"Ada","now":"Eve"}]}"#,
                "Ada is now Eve in a",
            ),
            (
                r#"{"room":"a","count":1,"joined":[],"left":[{"name":"Ada","now":"Bob\u001b"}]}"#,
                "Ada is now Bob in a",
            ),
            (
                r#"{"room":"a","count":2,"joined":[{"name":"Eve"},{"name":"Zoe"}],"left":[{"name":"Ada","now":"Eve"},{"name":"Bob"}]}"#,
                "Ada is now Eve in a|joined a: Zoe|left a: Bob",
            ),
            (
                r#"{"room":"a","count":3,"joined":[{"name":"Eve"}],"left":[{"name":"Ida","now":"Eve"}]}"#,
                "joined a: Eve",
            ),
        ] {
            let mut notices = Notices::default();
            let lines = [list, event].map(|event| {
                let change: PresenceEvent = serde_json::from_str(event).unwrap();
                notices.for_event(&ClientEvent::Presence(change)).join("|")
            });
            assert_eq!(lines[1], line, "{event}");
        }
    }

    #[test]
    fn a_count_alone_invalidates_the_list_and_a_name_may_leave_and_join_in_one_event() {
        let mut notices = Notices::default();
        let mut notice = |event: &str| {
            let change: PresenceEvent = serde_json::from_str(event).unwrap();
            notices.for_event(&ClientEvent::Presence(change)).join("|")
        };
        let ada = r#"[{"name":"Ada"}]"#;
        let list = format!(r#"{{"room":"a","count":1,"members":{ada}}}"#);
        let again = format!(r#"{{"room":"a","count":1,"joined":{ada},"left":{ada}}}"#);
        let left = format!(r#"{{"room":"a","count":0,"joined":[],"left":{ada}}}"#);
        let count = r#"{"room":"a","count":180}"#;
        assert_eq!(notice(&list), "1 in a: Ada");
        assert_eq!(notice(&again), "joined a: Ada|left a: Ada");
        assert_eq!(notice(&left), "left a: Ada", "the name was in the list");
        assert_eq!(notice(&list), "1 in a: Ada");
        assert_eq!(notice(count), "180 in a");
        assert_eq!(notice(&left), "", "the list was invalid");
        assert_eq!(notice(&list), "1 in a: Ada", "a list may come at any time");
    }

    #[test]
    fn presence_is_one_notice_and_typing_is_none() {
        for (event, line) in [
            (
                r#"{"room":"a","count":1,"members":[{"name":"Ada"}]}"#,
                "1 in a: Ada",
            ),
            (
                r#"{"room":"a","count":2,"joined":[{"name":"Bob\u001b"}],"left":[]}"#,
                "joined a: Bob",
            ),
            (r#"{"room":"a","count":250}"#, "250 in a"),
            (
                r#"{"room":"a","count":2,"joined":[],"left":[],"typing":["Ada"]}"#,
                "",
            ),
        ] {
            let change: PresenceEvent = serde_json::from_str(event).unwrap();
            let lines = Notices::default().for_event(&ClientEvent::Presence(change));
            assert_eq!(lines.join("|"), line);
        }
    }
}
