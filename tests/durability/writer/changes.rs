//! The changes of a writer: edits and deletions of its own messages and events, and reactions
//! to those of all.

use super::Writer;
use crate::event_id::Id;
use crate::http::Request;
use crate::ledger::{ItemNo, Violation};
use crate::register::Register;
use crate::shown::Shown;

/// Emoji of reactions, percent-encoded as well.
const EMOJI: [(&str, &str); 3] = [
    ("👍", "%F0%9F%91%8D"),
    ("🎉", "%F0%9F%8E%89"),
    ("😂", "%F0%9F%98%82"),
];

impl Writer {
    /// Edits one of its messages that it has not deleted.
    pub(super) async fn edit(&mut self) {
        let Some((no, id)) = self.one_of_its_own(false) else {
            return;
        };
        let (label, room, version) = {
            let ledger = self.notes.ledger();
            let item = ledger.item(no);
            let version = item.texts.changes() + 1;
            (item.sent.label.clone(), item.sent.room.clone(), version)
        };
        let text = self.text(&label, version);
        self.notes
            .ledger()
            .item_mut(no)
            .texts
            .request(Some(text.clone()));
        let request = Request::new("PATCH", format!("/rooms/{room}/messages/{id}"))
            .with("Edit-Key", &self.edit_key)
            .with_body("text/plain", text);
        let (answer, since) = self.ask(&request).await;
        if answer.status != 200 {
            return self.refuse(&request, &answer);
        }
        let mut ledger = self.notes.ledger();
        ledger.acknowledge(no);
        match Shown::parse(&answer.body) {
            Ok(shown) => {
                ledger.observe(&self.name, &shown, since);
            }
            Err(what) => {
                let by = self.name.clone();
                ledger.violate(Violation::Invalid { by, what });
            }
        }
        drop(ledger);
        self.notes.count_answer();
    }

    pub(super) async fn delete(&mut self) {
        let Some((no, id)) = self.one_of_its_own(true) else {
            return;
        };
        let (room, is_event) = {
            let mut ledger = self.notes.ledger();
            let item = ledger.item_mut(no);
            item.texts.request(None);
            (item.sent.room.clone(), item.sent.is_event)
        };
        let request = Request::new("DELETE", format!("/rooms/{room}/messages/{id}"));
        let request = match is_event {
            true => request.with("Authorization", &format!("Bearer {}", self.moderator)),
            false => request.with("Edit-Key", &self.edit_key),
        };
        let (answer, _) = self.ask(&request).await;
        if answer.status != 204 {
            return self.refuse(&request, &answer);
        }
        let mut ledger = self.notes.ledger();
        ledger.acknowledge(no);
        drop(ledger);
        self.own.retain(|own| *own != no);
        self.notes.count_answer();
    }

    fn one_of_its_own(&mut self, with_events: bool) -> Option<(ItemNo, Id)> {
        let no = self.random.choice(&self.own).copied()?;
        let ledger = self.notes.ledger();
        let item = ledger.item(no);
        let id = item.place.as_ref()?.id.clone();
        (!item.is_deleted() && (with_events || !item.sent.is_event)).then_some((no, id))
    }

    /// Adds its reaction to a message, or takes it back.
    pub(super) async fn react(&mut self, room: &str) {
        let Some(id) = self.any_id(room) else { return };
        let (emoji, encoded) = self.random.choice(EMOJI).unwrap();
        let pair = (emoji.to_owned(), self.name.clone());
        let (no, is_there) = {
            let mut ledger = self.notes.ledger();
            let no = ledger.known(room).and_then(|known| known.get(&id)).copied();
            let Some(no) = no else { return };
            let item = ledger.item_mut(no);
            if item.sent.is_event || item.is_deleted() {
                return;
            }
            let new = || Register::new(false);
            let register = item.reactions.entry(pair.clone()).or_insert_with(new);
            let is_there = !*register.last();
            register.request(is_there);
            (no, is_there)
        };
        let path = format!("/rooms/{room}/messages/{id}/reactions/{encoded}");
        let request = match is_there {
            true => Request::new("PUT", format!("{path}?name={}", self.name)),
            false => Request::new("DELETE", path),
        };
        let request = request.with("Edit-Key", &self.edit_key);
        let (answer, _) = self.ask(&request).await;
        let mut ledger = self.notes.ledger();
        match answer.status {
            204 => ledger.acknowledge_reaction(no, &pair),
            // It was deleted meanwhile.
            404 if ledger.item(no).is_deleted() => {}
            404 if ledger.evicts() => ledger.forget_reaction(no, &pair),
            _ => {
                drop(ledger);
                return self.refuse(&request, &answer);
            }
        }
        drop(ledger);
        self.notes.count_answer();
    }
}
