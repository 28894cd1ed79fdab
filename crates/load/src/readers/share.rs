//! Which subscribers a thread has, and which of all subscribers are slow.

/// The subscribers of one thread: every `of`th, from `at` on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Share {
    pub(crate) at: usize,
    pub(crate) of: usize,
    pub(crate) subscribers: usize,
}

impl Share {
    pub(super) fn indices(self) -> impl Iterator<Item = usize> {
        (self.at..self.subscribers).step_by(self.of)
    }
}

/// Spreads `slow` subscribers evenly over all.
pub(super) fn is_slow(index: usize, slow: usize, all: usize) -> bool {
    (index + 1) * slow / all != index * slow / all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_subscribers_are_spread_evenly() {
        for (slow, all) in [(0, 10), (1, 10), (3, 10), (10, 10), (50, 1000)] {
            let marked: Vec<usize> = (0..all)
                .filter(|index| is_slow(*index, slow, all))
                .collect();
            assert_eq!(marked.len(), slow);
        }
        assert!(is_slow(19, 50, 1000) && !is_slow(20, 50, 1000));
    }

    #[test]
    fn every_subscriber_has_one_thread() {
        let mut all: Vec<usize> = (0..3)
            .flat_map(|at| {
                let share = Share {
                    at,
                    of: 3,
                    subscribers: 10,
                };
                share.indices().collect::<Vec<_>>()
            })
            .collect();
        all.sort_unstable();
        assert_eq!(all, (0..10).collect::<Vec<_>>());
    }
}
