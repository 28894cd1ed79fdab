//! The newest epoch that this node knows. Epochs of one history increase as text, so an
//! older one is that of a server which was replaced and does not know it yet.

use std::sync::{Mutex, PoisonError};

/// The newest epoch that is known.
#[derive(Debug, Default)]
pub(crate) struct NewestEpoch(Mutex<String>);

impl NewestEpoch {
    /// Whether `epoch` is not older than the newest one, which it is from now on.
    pub(crate) fn accept(&self, epoch: &str) -> bool {
        let mut newest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_old = epoch < newest.as_str();
        if !is_old {
            epoch.clone_into(&mut newest);
        }
        !is_old
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_epoch_is_not_accepted() {
        let newest = NewestEpoch::default();
        for (epoch, is_accepted) in [
            ("b", true),
            ("b", true),
            ("c", true),
            ("b", false),
            ("c", true),
        ] {
            assert_eq!(newest.accept(epoch), is_accepted, "{epoch}");
        }
    }
}
