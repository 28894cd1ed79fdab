//! A writer: publishes messages and events of programs, edits and deletes its own, and reacts
//! to those of all. It repeats each request until it is answered.

mod changes;

use std::net::SocketAddr;
use std::time::Duration;

use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use crate::event_id::Id;
use crate::http::{Answer, Http, Request};
use crate::item::Sent;
use crate::ledger::{ItemNo, Violation};
use crate::notes::Notes;
use crate::reader::EVENT;
use crate::shown::Shown;

/// The wait before a request is repeated.
const PAUSE: Duration = Duration::from_millis(5);
/// It edits one of its last messages of this number.
const OWN: usize = 20;

pub(crate) struct Writer {
    pub(crate) http: Http,
    pub(crate) notes: Notes,
    name: String,
    /// Of all its messages and reactions.
    edit_key: String,
    /// A token that permits to delete events.
    moderator: String,
    pub(crate) rooms: Vec<String>,
    n: u64,
    /// Messages and events that it may change.
    own: Vec<ItemNo>,
    /// The request of its last message.
    last: Option<Request>,
    pub(crate) random: fastrand::Rng,
}

/// The answer to the publisher of an event.
#[derive(Deserialize)]
struct EventAnswer {
    id: Id,
    room: String,
    event: String,
}

impl Writer {
    pub(crate) fn new(
        address: SocketAddr,
        notes: &Notes,
        name: &str,
        moderator: &str,
        rooms: &[&str],
        random: fastrand::Rng,
    ) -> Self {
        Self {
            http: Http::new(address),
            notes: notes.clone(),
            name: name.to_owned(),
            edit_key: format!("the-edit-key-of-{name}"),
            moderator: moderator.to_owned(),
            rooms: rooms.iter().map(|&room| room.to_owned()).collect(),
            n: 0,
            own: Vec::new(),
            last: None,
            random,
        }
    }

    /// Writes until it is to stop.
    pub(crate) async fn write(mut self, stop: CancellationToken) -> Self {
        while !stop.is_cancelled() {
            let room = self.random.choice(&self.rooms).cloned().unwrap();
            match self.random.u8(0..20) {
                0..=9 => {
                    self.publish(&room, None).await;
                }
                10..=12 => self.publish_event(&room).await,
                13..=15 => self.edit().await,
                16 => self.delete().await,
                17 => self.repeat().await,
                _ => self.react(&room).await,
            }
        }
        self
    }

    /// Publishes a message, with a token or with the edit key. `None` if it is refused.
    pub(crate) async fn publish(&mut self, room: &str, token: Option<&str>) -> Option<ItemNo> {
        let reply_to = (self.random.u8(0..8) == 0)
            .then(|| self.any_id(room))
            .flatten();
        let (no, sent) = self.new_item(room, reply_to, false);
        let mut body = serde_json::json!({
            "name": sent.title,
            "message": sent.text,
            "client_id": sent.label,
        });
        if let Some(reply_to) = &sent.reply_to {
            body["reply_to"] = reply_to.as_str().into();
        }
        let mut request = Request::new("POST", format!("/rooms/{room}/messages"));
        match token {
            Some(token) => request = request.with("Authorization", &format!("Bearer {token}")),
            None => body["edit_key"] = self.edit_key.as_str().into(),
        }
        let request = request.with_body("application/json", body.to_string());
        let (answer, since) = self.ask(&request).await;
        match answer.status {
            200 | 201 => {}
            403 if token.is_some() => {
                self.notes.ledger().item_mut(no).is_refused = true;
                self.notes.count_answer();
                return None;
            }
            _ => {
                self.refuse(&request, &answer);
                return None;
            }
        }
        let mut ledger = self.notes.ledger();
        match Shown::parse(&answer.body) {
            Ok(shown) if shown.client_id.as_ref() == Some(&sent.label) => {
                ledger.observe(&self.name, &shown, since);
            }
            odd => {
                let (by, what) = (self.name.clone(), format!("{odd:?}"));
                ledger.violate(Violation::Invalid { by, what });
            }
        }
        drop(ledger);
        self.last = Some(request);
        self.own.push(no);
        if self.own.len() > OWN {
            self.own.remove(0);
        }
        self.notes.count_answer();
        Some(no)
    }

    /// Publishes its last message again, which changes nothing.
    async fn repeat(&mut self) {
        if self.notes.ledger().evicts() {
            return;
        }
        let Some(request) = self.last.take() else {
            return;
        };
        let (answer, since) = self.ask(&request).await;
        match Shown::parse(&answer.body) {
            Ok(shown) if answer.status == 200 => {
                let by = self.name.clone();
                self.notes.ledger().observe(&by, &shown, since);
                self.notes.count_answer();
            }
            _ => self.refuse(&request, &answer),
        }
    }

    async fn publish_event(&mut self, room: &str) {
        let (no, sent) = self.new_item(room, None, true);
        let target = format!(
            "/rooms/{room}/events?event={EVENT}&client_id={}",
            sent.label
        );
        let request = Request::new("POST", target).with_body("text/plain", sent.text);
        let (answer, _) = self.ask(&request).await;
        if !matches!(answer.status, 200 | 201) {
            return self.refuse(&request, &answer);
        }
        let mut ledger = self.notes.ledger();
        match serde_json::from_str::<EventAnswer>(&answer.body) {
            Ok(EventAnswer {
                id,
                room: at,
                event,
            }) if at == room && event == EVENT => {
                ledger.event_answered(&self.name, no, id);
            }
            _ => {
                let (by, what) = (self.name.clone(), answer.body);
                ledger.violate(Violation::Invalid { by, what });
            }
        }
        drop(ledger);
        self.own.push(no);
        self.notes.count_answer();
    }

    /// What it sends next: a text with the client id, its version and random letters.
    fn new_item(&mut self, room: &str, reply_to: Option<Id>, is_event: bool) -> (ItemNo, Sent) {
        self.n += 1;
        let label = format!("{}-{}", self.name, self.n);
        let sent = Sent {
            room: room.to_owned(),
            title: if is_event { EVENT } else { &self.name }.to_owned(),
            is_event,
            text: self.text(&label, 0),
            label,
            reply_to: reply_to.map(|id| id.to_string()),
        };
        (self.notes.ledger().sending(sent.clone()), sent)
    }

    fn text(&mut self, label: &str, version: usize) -> String {
        let most = if self.random.u8(0..20) == 0 { 3000 } else { 60 };
        let letters = self.random.usize(1..most);
        let letters: String = (0..letters).map(|_| self.random.lowercase()).collect();
        format!("{label} v{version} {letters}")
    }

    /// The id of one of the last messages or events of the room.
    fn any_id(&mut self, room: &str) -> Option<Id> {
        let ledger = self.notes.ledger();
        let known = ledger.known(room)?.keys().rev().take(50);
        self.random.choice(known).cloned()
    }

    /// Repeats a request until it is answered. Returns the answer and the time at which that
    /// request began which was answered.
    pub(crate) async fn ask(&mut self, request: &Request) -> (Answer, u64) {
        loop {
            let since = self.notes.ledger().now();
            match self.http.ask(request).await {
                Ok(answer) if !matches!(answer.status, 408 | 429 | 503) => return (answer, since),
                _ => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    pub(crate) fn refuse(&self, request: &Request, answer: &Answer) {
        let Request { method, target, .. } = request;
        let what = format!("{method} {target}: {} {}", answer.status, answer.body);
        let by = self.name.clone();
        let mut ledger = self.notes.ledger();
        // What is changed may be evicted.
        if answer.status != 404 || !ledger.evicts() {
            ledger.violate(Violation::Refused { by, what });
        }
        drop(ledger);
        self.notes.count_answer();
    }
}
