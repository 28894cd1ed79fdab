//! Tickets: what a browser's `EventSource`, which can't send a header, shows instead
//! of a token. A ticket is good for one stream, once, for a minute.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};

use super::problem::Problem;
use crate::protocol::ProblemCode;
use crate::tokens::{Token, new_secret};

/// How long a ticket is good.
pub(super) const LIFETIME: Duration = Duration::from_secs(60);
/// Most tickets at one time, some 100 bytes each beside their tokens.
pub(super) const MAX_TICKETS: usize = 100_000;

/// The hash of a ticket: the table holds none that could be used.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Ticket([u8; 32]);

/// The tickets that are not used yet.
#[derive(Debug, Default)]
pub(super) struct Tickets(Mutex<UnusedTickets>);

#[derive(Debug, Default)]
struct UnusedTickets {
    by_ticket: HashMap<Ticket, UnusedTicket>,
    /// The same and some used ones, the oldest first, with the time to forget them.
    order: VecDeque<(SystemTime, Ticket)>,
}

#[derive(Debug)]
struct UnusedTicket {
    token: Arc<Token>,
    expires_at: SystemTime,
}

impl Ticket {
    pub(super) fn parse(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    /// By which other servers know it.
    pub(super) fn to_hex(self) -> String {
        use std::fmt::Write as _;
        let mut text = String::with_capacity(64);
        for byte in self.0 {
            // Writing to a `String` can't fail.
            let _ = write!(text, "{byte:02x}");
        }
        text
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ticket(…)")
    }
}

impl Tickets {
    /// Issues a ticket. Returns its text, and until when it is good.
    ///
    /// # Errors
    ///
    /// `rate_limited` if there are too many tickets.
    pub(super) fn issue(
        &self,
        token: Arc<Token>,
        now: SystemTime,
    ) -> Result<(String, SystemTime), Problem> {
        let text = new_secret().map_err(|_| full())?;
        let token_expires_at = UNIX_EPOCH.checked_add(Duration::from_secs(token.expires_at));
        let expires_at = token_expires_at.map_or(now + LIFETIME, |at| at.min(now + LIFETIME));
        let ticket = Ticket::parse(&text);
        let mut tickets = self.lock();
        tickets.forget_expired(now);
        if tickets.order.len() >= MAX_TICKETS {
            return Err(full());
        }
        tickets.order.push_back((now + LIFETIME, ticket));
        let issued = UnusedTicket { token, expires_at };
        tickets.by_ticket.insert(ticket, issued);
        Ok((text, expires_at))
    }

    /// The token of a ticket that can be used.
    pub(super) fn token(&self, ticket: Ticket, now: SystemTime) -> Option<Arc<Token>> {
        let tickets = self.lock();
        let issued = tickets.by_ticket.get(&ticket)?;
        (now < issued.expires_at).then(|| Arc::clone(&issued.token))
    }

    /// Uses a ticket up. Returns whether this call did.
    pub(super) fn spend(&self, ticket: Ticket, now: SystemTime) -> bool {
        let issued = self.lock().by_ticket.remove(&ticket);
        issued.is_some_and(|issued| now < issued.expires_at)
    }

    fn lock(&self) -> MutexGuard<'_, UnusedTickets> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn full() -> Problem {
    Problem::new(
        ProblemCode::RateLimited,
        "too many tickets wait to be used; try again later",
    )
    .retry_after(LIFETIME)
}

impl UnusedTickets {
    fn forget_expired(&mut self, now: SystemTime) {
        while let Some((forget_at, ticket)) = self.order.front()
            && *forget_at <= now
        {
            self.by_ticket.remove(ticket);
            self.order.pop_front();
        }
        if self.order.is_empty() {
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::Token;

    fn token() -> Arc<Token> {
        Arc::new(Token::for_tests(u64::MAX))
    }

    #[test]
    fn a_ticket_is_good_once_for_a_minute() {
        let (tickets, now) = (Tickets::default(), SystemTime::now());
        let (text, expires_at) = tickets.issue(token(), now).unwrap();
        assert_eq!(expires_at, now + LIFETIME);
        let ticket = Ticket::parse(&text);
        assert!(tickets.token(ticket, now).is_some());
        assert!(tickets.token(Ticket::parse("x"), now).is_none());
        assert!(tickets.spend(ticket, now) && !tickets.spend(ticket, now));
        assert!(tickets.token(ticket, now).is_none());
        let (text, expires_at) = tickets.issue(token(), now).unwrap();
        let ticket = Ticket::parse(&text);
        assert!(tickets.token(ticket, expires_at).is_none() && !tickets.spend(ticket, expires_at));
    }

    #[test]
    fn a_ticket_is_not_good_for_longer_than_its_token() {
        let (tickets, now) = (Tickets::default(), SystemTime::now());
        let seconds = now.duration_since(UNIX_EPOCH).unwrap().as_secs();
        let exp = seconds + 30;
        let token = Arc::new(Token::for_tests(exp));
        let (text, expires_at) = tickets.issue(token, now).unwrap();
        assert_eq!(expires_at, UNIX_EPOCH + Duration::from_secs(exp));
        let ticket = Ticket::parse(&text);
        let before = expires_at - Duration::from_millis(1);
        assert!(tickets.token(ticket, before).is_some());
        assert!(tickets.token(ticket, expires_at).is_none());
    }

    #[test]
    fn of_a_thousand_concurrent_uses_one_succeeds() {
        let (tickets, now) = (Tickets::default(), SystemTime::now());
        let (text, _) = tickets.issue(token(), now).unwrap();
        let uses = std::thread::scope(|scope| {
            let use_some = || {
                let ticket = Ticket::parse(&text);
                (0..250).filter(|_| tickets.spend(ticket, now)).count()
            };
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(use_some)).collect();
            let uses = threads.into_iter().map(|thread| thread.join().unwrap());
            uses.sum::<usize>()
        });
        assert_eq!(uses, 1);
    }

    #[test]
    fn tickets_are_bounded_and_expired_ones_make_room() {
        let (tickets, now) = (Tickets::default(), SystemTime::now());
        let token = token();
        for _ in 0..MAX_TICKETS {
            tickets.issue(Arc::clone(&token), now).unwrap();
        }
        let refused = tickets.issue(Arc::clone(&token), now).unwrap_err();
        assert_eq!(refused.code(), ProblemCode::RateLimited);
        assert!(tickets.issue(token, now + LIFETIME).is_ok());
        assert_eq!(tickets.lock().by_ticket.len(), 1);
        let ticket = format!("{:?}", Ticket::parse("secret"));
        assert_eq!(ticket, "Ticket(…)");
    }
}
