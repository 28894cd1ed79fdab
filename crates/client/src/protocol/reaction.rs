//! What readers see of the reactions to a message.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// The reactions to a message with one emoji.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReactionSummary<'a> {
    /// The emoji.
    pub emoji: Cow<'a, str>,
    /// How many people reacted with it.
    pub count: u64,
    /// The names of the first of them, at most [`ReactionSummary::MAX_NAMES`].
    pub names: Vec<Cow<'a, str>>,
}

impl ReactionSummary<'_> {
    /// The most names of a summary.
    pub const MAX_NAMES: usize = 10;
}
