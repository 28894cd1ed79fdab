//! Tickets that any of the servers issues and takes. What one is for is not known here.

use std::time::Duration;

use sse_chat_redis::CallError;

use super::client::SharedClient;
use crate::chat::errors::{HistoryUnavailable, TicketError};

impl SharedClient {
    pub(in crate::chat) async fn put_ticket(
        &self,
        id: &str,
        content: &[u8],
        lifetime: Duration,
        most: usize,
    ) -> Result<(), TicketError> {
        let put = self.log.put_ticket(id, content, lifetime, most).await;
        put.map_err(|error| match error {
            CallError::TooManyTickets => TicketError::TooMany,
            _ => HistoryUnavailable.into(),
        })
    }

    pub(in crate::chat) async fn ticket(
        &self,
        id: &str,
    ) -> Result<Option<Vec<u8>>, HistoryUnavailable> {
        let found = self.log.ticket(id).await;
        found.map_err(|_| HistoryUnavailable)
    }

    pub(in crate::chat) async fn take_ticket(&self, id: &str) -> Result<bool, HistoryUnavailable> {
        let taken = self.log.take_ticket(id).await;
        Ok(taken.map_err(|_| HistoryUnavailable)?.is_some())
    }
}
