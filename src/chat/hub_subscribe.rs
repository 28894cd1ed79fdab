//! [`Hub::subscribe`], in a file above the hub and the subscription: a
//! subscription holds its hub.

use std::sync::Arc;

use super::errors::SubscribeError;
use super::hub::Hub;
use super::subscribe_options::SubscribeOptions;
use super::subscription::Subscription;

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
