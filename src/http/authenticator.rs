//! From a request to an [`Identity`]: verifies the token that the request has.

use std::net::IpAddr;
use std::sync::Arc;
#[cfg(feature = "tokens")]
use std::time::SystemTime;

use hyper::Request;

#[cfg(feature = "tokens")]
use super::credentials::Credentials;
#[cfg(feature = "tokens")]
use super::input::Pairs;
use super::permission::{CommonRights, Identity};
use super::problem::Problem;
#[cfg(feature = "tokens")]
use super::shared_tickets;
#[cfg(feature = "tokens")]
use super::tickets::{Ticket, Tickets};
use crate::chat::Hub;
use crate::config::{BadSetting, Config};
#[cfg(feature = "tokens")]
use crate::tokens::{Token, TokenError, Verifier};

/// Verifies tokens. Without keys it looks at none.
#[derive(Debug)]
pub(super) struct Authenticator {
    common: Arc<CommonRights>,
    #[cfg(feature = "tokens")]
    verifier: Option<Verifier>,
    #[cfg(feature = "tokens")]
    pub(super) tickets: Tickets,
}

/// The sender of a request, and the ticket that a stream spends when it begins.
#[derive(Debug)]
pub(super) struct Sender {
    pub(super) identity: Identity,
    #[cfg(feature = "tokens")]
    pub(super) ticket: Option<Ticket>,
}

#[cfg(any(fuzzing, test))]
impl Sender {
    /// A sender without a token on an open server.
    pub(super) fn anonymous() -> Self {
        let common = Arc::new(CommonRights::new(&Config::default()));
        Self {
            identity: Identity::new(std::net::Ipv4Addr::LOCALHOST.into(), None, &common),
            #[cfg(feature = "tokens")]
            ticket: None,
        }
    }
}

/// What decides where a request may have its token.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(
    not(feature = "tokens"),
    allow(dead_code, reason = "without the feature no token is looked at")
)]
pub(super) struct CredentialSources {
    pub(super) is_stream: bool,
    pub(super) is_https: bool,
}

impl Authenticator {
    /// Reads the keys.
    ///
    /// # Errors
    ///
    /// The setting whose keys can't be read.
    pub(super) fn new(config: &Config) -> Result<Self, BadSetting> {
        Ok(Self {
            common: Arc::new(CommonRights::new(config)),
            #[cfg(feature = "tokens")]
            verifier: match config.tokens.are_enabled() {
                true => Some(Verifier::new(&config.tokens)?),
                false => None,
            },
            #[cfg(feature = "tokens")]
            tickets: Tickets::default(),
        })
    }

    /// The verifier, if there are keys.
    #[cfg(feature = "tokens")]
    pub(super) fn verifier(&self) -> Option<&Verifier> {
        self.verifier.as_ref()
    }

    /// Uses up the ticket of a stream that begins, if it has one.
    ///
    /// # Errors
    ///
    /// Another stream was faster.
    pub(super) async fn spend_ticket(&self, hub: &Hub, sender: &Sender) -> Result<(), Problem> {
        #[cfg(feature = "tokens")]
        if let Some(ticket) = sender.ticket {
            let is_spent = match hub.is_shared() {
                // Boxed: hyper would keep room for it as long as the connection lives.
                true => Box::pin(hub.take_ticket(&ticket.to_hex())).await?,
                false => self.tickets.spend(ticket, SystemTime::now()),
            };
            return match is_spent {
                true => Ok(()),
                false => Err(Problem::ticket_used()),
            };
        }
        let _ = (hub, sender);
        Ok(())
    }

    /// The sender of the request.
    ///
    /// # Errors
    ///
    /// `token_invalid` or `token_expired`. No token is no error here: what is
    /// permitted without one is decided with the right.
    pub(super) async fn identify(
        &self,
        hub: &Hub,
        client: IpAddr,
        request: &Request<()>,
        sources: CredentialSources,
    ) -> Result<Sender, Problem> {
        #[cfg(feature = "tokens")]
        if let Some(verifier) = &self.verifier {
            let by_token = self.identify_by(verifier, hub, client, request, sources);
            return by_token.await;
        }
        let _ = (hub, request, sources);
        Ok(Sender {
            identity: Identity::new(client, None, &self.common),
            #[cfg(feature = "tokens")]
            ticket: None,
        })
    }

    #[cfg(feature = "tokens")]
    async fn identify_by(
        &self,
        verifier: &Verifier,
        hub: &Hub,
        client: IpAddr,
        request: &Request<()>,
        sources: CredentialSources,
    ) -> Result<Sender, Problem> {
        let credentials = Credentials::of(request.headers(), sources.is_https)?;
        let query = || Pairs::of_query(request.uri().query());
        let (token, ticket) = match credentials {
            Credentials::Bearer(token) => (Some(verify(verifier, token).await?), None),
            _ if sources.is_stream && query().has("ticket") => {
                let query = query();
                let text = query.one("ticket")?.unwrap_or_default();
                let ticket = Ticket::parse(text);
                let token = match hub.is_shared() {
                    // Boxed: hyper would keep room for it as long as the connection lives.
                    true => {
                        let token = Box::pin(shared_tickets::token(hub, text)).await?;
                        verify(verifier, &token).await?
                    }
                    false => {
                        let token = self.tickets.token(ticket, SystemTime::now());
                        // The key of its token may have been removed since.
                        let token = token.filter(|token| verifier.is_current(token));
                        token.ok_or_else(Problem::ticket_used)?
                    }
                };
                (Some(token), Some(ticket))
            }
            Credentials::Cookie(token) => (Some(verify(verifier, token).await?), None),
            Credentials::None => (None, None),
        };
        Ok(Sender {
            identity: Identity::new(client, token, &self.common),
            ticket,
        })
    }
}

/// Verifies a token. It waits only where a key set has to be loaded again.
#[cfg(feature = "tokens")]
pub(super) async fn verify(verifier: &Verifier, token: &str) -> Result<Arc<Token>, Problem> {
    Ok(match verifier.verify(token, SystemTime::now()) {
        Err(TokenError::UnknownKey) => {
            // Boxed, since it is rare and large.
            Box::pin(verifier.verify_with_refresh(token, SystemTime::now())).await?
        }
        verified => verified?,
    })
}
