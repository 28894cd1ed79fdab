//! The name of another node of the same shared history, as the nodes draw it.

use std::borrow::Borrow;
use std::sync::Arc;

/// The name of another node. A node whose lease was over goes on under another name, so a
/// name that has left never comes back.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct NodeName(Arc<str>);

impl NodeName {
    pub(super) fn new(name: &str) -> Self {
        Self(name.into())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for NodeName {
    fn borrow(&self) -> &str {
        &self.0
    }
}
