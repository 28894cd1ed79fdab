//! [`Hub::subscribe`], apart from the hub, because a subscription holds its hub.

use std::sync::Arc;

use super::Hub;
use crate::chat::errors::SubscribeError;
use crate::chat::subscribe_options::SubscribeOptions;
use crate::chat::subscription::Subscription;

impl Hub {
    /// Begins a stream, and creates its rooms as needed.
    ///
    /// # Errors
    ///
    /// [`SubscribeError`] if that would exceed the limit on rooms or members. The
    /// stream then has entered no room.
    pub fn subscribe(
        self: &Arc<Self>,
        options: SubscribeOptions,
    ) -> Result<Subscription, SubscribeError> {
        Subscription::begin(Arc::clone(self), options)
    }
}
