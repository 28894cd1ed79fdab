//! A moderator that bans authors and lifts the bans. A ban that is answered holds, and one that
//! was lifted does not, whatever happens to the server.

use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use crate::event_id::Id;
use crate::http::Request;
use crate::ledger::Violation;
use crate::writer::Writer;

/// The most answered writes while a ban stands, which may be more than one crash.
const LONG: u64 = 200;

pub(crate) struct Moderator {
    /// Requests, and the messages of the authors.
    writer: Writer,
    token: String,
    /// Tokens of the authors, each with a subject of its own.
    authors: Vec<String>,
    /// Of the last bans of each room.
    banned: Vec<Id>,
}

#[derive(Deserialize)]
struct Bans {
    bans: Vec<Ban>,
}

#[derive(Deserialize)]
struct Ban {
    message: Id,
}

impl Moderator {
    pub(crate) fn new(writer: Writer, token: &str, authors: Vec<String>) -> Self {
        Self {
            writer,
            token: token.to_owned(),
            authors,
            banned: Vec::new(),
        }
    }

    /// Moderates until it is to stop. Some bans stay for good.
    pub(crate) async fn moderate(mut self, stop: CancellationToken) {
        let room = self.writer.rooms[0].clone();
        while let Some(author) = self.authors.pop() {
            while let Some(id) = self.begin(&room, &author).await {
                self.request("PUT", &room, &id).await;
                self.check(&room, &author, &id, true).await;
                let wait = self.writer.random.u64(0..LONG);
                let wait = self.writer.notes.until_answered(wait);
                tokio::select! {
                    () = wait => {}
                    () = stop.cancelled() => {}
                }
                self.check(&room, &author, &id, true).await;
                if stop.is_cancelled() {
                    return;
                }
                if self.writer.random.u8(0..4) == 0 {
                    self.banned.push(id);
                    break;
                }
                self.request("DELETE", &room, &id).await;
                self.check(&room, &author, &id, false).await;
            }
        }
    }

    /// Publishes a message of the author, who is not banned.
    async fn begin(&mut self, room: &str, author: &str) -> Option<Id> {
        let no = self.writer.publish(room, Some(author)).await;
        let Some(no) = no else {
            self.complain("an author who is not banned is refused".to_owned());
            return None;
        };
        let ledger = self.writer.notes.ledger();
        ledger.item(no).place.as_ref().map(|place| place.id.clone())
    }

    async fn request(&mut self, method: &'static str, room: &str, id: &Id) {
        let bans = format!("/rooms/{room}/bans?message={id}");
        let bans = match method {
            "PUT" => format!("{bans}&for=2h"),
            _ => bans,
        };
        let request = self.authorized(Request::new(method, bans));
        let (answer, _) = self.writer.ask(&request).await;
        // A request whose answer was lost may have lifted it.
        if answer.status != 204 && !(method == "DELETE" && answer.status == 404) {
            self.writer.refuse(&request, &answer);
        }
        self.writer.notes.count_answer();
    }

    async fn check(&mut self, room: &str, author: &str, id: &Id, is_banned: bool) {
        let was_refused = self.writer.publish(room, Some(author)).await.is_none();
        let request = self.authorized(Request::new("GET", format!("/rooms/{room}/bans")));
        let (answer, _) = self.writer.ask(&request).await;
        let list: Bans = match serde_json::from_str(&answer.body) {
            Ok(list) => list,
            Err(error) => return self.complain(format!("{error}: {answer:?}")),
        };
        let mut messages = list.bans.into_iter().map(|ban| ban.message);
        let mut listed: Vec<Id> = messages.by_ref().collect();
        listed.sort();
        let mut expected = self.banned.clone();
        if is_banned {
            expected.push(id.clone());
        }
        expected.sort();
        if was_refused != is_banned || listed != expected {
            self.complain(format!(
                "banned: {is_banned}, refused: {was_refused}, {listed:?} instead of {expected:?}"
            ));
        }
    }

    fn authorized(&self, request: Request) -> Request {
        request.with("Authorization", &format!("Bearer {}", self.token))
    }

    fn complain(&self, what: String) {
        let by = "moderator".to_owned();
        let mut ledger = self.writer.notes.ledger();
        ledger.violate(Violation::Ban { by, what });
    }
}
