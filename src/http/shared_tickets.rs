//! Tickets that several servers share. Redis has the hash of a ticket, and the token that it
//! stands for, encrypted with a key that only the ticket gives: who reads Redis has neither.
//! The server at which the stream begins verifies the token itself.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use sha2::{Digest, Sha256};

use super::problem::Problem;
use super::tickets::{LIFETIME, MAX_TICKETS, Ticket, full};
use crate::chat::{Hub, TicketError};
use crate::tokens::{Token, new_secret};

/// Issues a ticket for a token, which is verified. Returns its text, and until when it is
/// good.
pub(super) async fn issue(
    hub: &Hub,
    text: &str,
    token: &Token,
    now: SystemTime,
) -> Result<(String, SystemTime), Problem> {
    let ticket = new_secret().map_err(|_| full())?;
    let sealed = seal(&ticket, text).ok_or_else(full)?;
    let token_expires_at = UNIX_EPOCH.checked_add(Duration::from_secs(token.expires_at));
    let expires_at = token_expires_at.map_or(now + LIFETIME, |at| at.min(now + LIFETIME));
    let lifetime = expires_at.duration_since(now).unwrap_or_default();
    let id = Ticket::parse(&ticket).to_hex();
    let put = hub.put_ticket(&id, &sealed, lifetime, MAX_TICKETS).await;
    put.map_err(|error| match error {
        TicketError::TooMany => full(),
        TicketError::HistoryUnavailable(error) => error.into(),
    })?;
    Ok((ticket, expires_at))
}

/// The token of a ticket that can be used, which is to be verified.
pub(super) async fn token(hub: &Hub, ticket: &str) -> Result<String, Problem> {
    let sealed = hub.ticket(&Ticket::parse(ticket).to_hex()).await?;
    let sealed = sealed.ok_or_else(Problem::ticket_used)?;
    open(ticket, sealed).ok_or_else(Problem::ticket_used)
}

/// Encrypts a token.
fn seal(ticket: &str, token: &str) -> Option<Vec<u8>> {
    let mut sealed = token.as_bytes().to_vec();
    let nonce = Nonce::assume_unique_for_key(NONCE);
    key_of(ticket)?
        .seal_in_place_append_tag(nonce, Aad::empty(), &mut sealed)
        .ok()?;
    Some(sealed)
}

/// Decrypts a token. `None` if it was encrypted for another ticket, or is damaged.
fn open(ticket: &str, mut sealed: Vec<u8>) -> Option<String> {
    let nonce = Nonce::assume_unique_for_key(NONCE);
    let key = key_of(ticket)?;
    let token = key.open_in_place(nonce, Aad::empty(), &mut sealed).ok()?;
    Some(std::str::from_utf8(token).ok()?.to_owned())
}

/// Each key encrypts one token.
const NONCE: [u8; 12] = [0; 12];

/// The key that a ticket gives. It has nothing in common with the ticket's id.
fn key_of(ticket: &str) -> Option<LessSafeKey> {
    let hash = Sha256::new().chain_update("sse-chat: the key of the ticket ");
    let hash = hash.chain_update(ticket).finalize();
    Some(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &hash).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_ticket_opens_a_token_and_only_as_it_was() {
        let sealed = seal("ticket", "a.b.c").unwrap();
        assert!(!sealed.windows(5).any(|part| part == b"a.b.c"));
        assert_eq!(open("ticket", sealed.clone()).as_deref(), Some("a.b.c"));
        assert_eq!(open("Ticket", sealed.clone()), None);
        for place in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[place] ^= 1;
            assert_eq!(open("ticket", damaged), None, "{place}");
        }
        assert_eq!(open("ticket", Vec::new()), None);
    }
}
