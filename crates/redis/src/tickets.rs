//! Tickets that any node issues and any node takes: each is good once, for a time. What a ticket
//! contains, and its secret, are not known here: it is stored under a hash of the secret.

use std::time::Duration;

use crate::answer::{Outcome, outcome};
use crate::calls::{CallError, SharedLog, done, millis};
use crate::value::unknown;

impl SharedLog {
    /// Stores a ticket for `lifetime`, under `id`: a hash of its secret, never the secret itself.
    /// There are at most `most` at one time; those that are over make room for others.
    ///
    /// It does not wait for replicas: a failover may lose a ticket, and its client gets another.
    ///
    /// # Errors
    ///
    /// [`CallError`] if there is no answer, or if there are too many tickets.
    pub async fn put_ticket(
        &self,
        id: &str,
        content: &[u8],
        lifetime: Duration,
        most: usize,
    ) -> Result<(), CallError> {
        let mut command = self.command("put_ticket");
        command.arg(id).arg(content).arg(millis(lifetime)).arg(most);
        done(self.call(command).await?).map(drop)
    }

    /// The content of a ticket, which stays good; `None` if it was taken, is over, or never was.
    ///
    /// # Errors
    ///
    /// [`CallError`] if there is no answer.
    pub async fn ticket(&self, id: &str) -> Result<Option<Vec<u8>>, CallError> {
        let mut command = self.command("ticket");
        command.arg(id);
        content(self.call(command).await?)
    }

    /// Takes a ticket: of all calls, one gets its content, the others `None`, as they do if it is
    /// over or never was. With [`replicas`](crate::Settings::replicas) they have that before the
    /// answer; without, a failover may make the ticket good again for the rest of its time.
    ///
    /// # Errors
    ///
    /// [`CallError`] if there is no answer: the ticket may be taken all the same.
    pub async fn take_ticket(&self, id: &str) -> Result<Option<Vec<u8>>, CallError> {
        let mut command = self.command("take_ticket");
        command.arg(id);
        content(self.call_replicated(command).await?)
    }
}

fn content(answer: redis::Value) -> Result<Option<Vec<u8>>, CallError> {
    match outcome(answer)? {
        Outcome::Done(mut parts) => Ok(Some(parts.next()?)),
        Outcome::Other(word, _) if word == "NONE" => Ok(None),
        Outcome::Other(word, _) => Err(unknown(&word).into()),
    }
}
