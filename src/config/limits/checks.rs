//! The values that limits may have, and the message for each that they may not.

use std::time::Duration;

use super::{Limits, MIN_HEAD_BYTES, MIN_REPLAY_RATE, SMALL_HEAD_BYTES};

impl Limits {
    /// The flag of every limit, whether its value is valid, and what would be.
    pub(in crate::config) fn checks(
        &self,
    ) -> impl Iterator<Item = (&'static str, bool, &'static str)> {
        let at_least_one = [
            ("--max-connections", self.max_connections),
            (
                "--max-connections-per-address",
                self.max_connections_per_address,
            ),
            ("--max-streams", self.max_streams),
            ("--max-streams-per-address", self.max_streams_per_address),
            ("--max-rooms-per-address", self.max_rooms_per_address),
            ("--presence-rate", self.presence_rate),
            ("--presence-rate-total", self.presence_rate_total),
            ("--max-body-bytes", self.max_body_bytes.unwrap_or(1)),
        ];
        let more_than_nothing = [
            ("--first-byte-timeout", self.first_byte_timeout),
            ("--head-timeout", self.head_timeout),
            ("--body-timeout", self.body_timeout),
            ("--answer-timeout", self.answer_timeout),
            ("--idle-timeout", self.idle_timeout),
        ];
        let others = [
            (
                "--busy-retry",
                !self.busy_retry.is_empty(),
                "the first time must not be longer than the second",
            ),
            (
                "--max-body-bytes",
                self.max_body_bytes.is_none_or(|most| most <= 16 << 20),
                "must be at most 16 MiB (16777216)",
            ),
            (
                "--stall",
                self.stall >= Duration::from_millis(1),
                "must be at least 1ms",
            ),
            (
                "--send-buffer",
                self.send_buffer <= 1 << 30,
                "must be at most 1 GiB (1073741824)",
            ),
            (
                "--accept-queue",
                (1..=1 << 20).contains(&self.accept_queue),
                "must be from 1 to 1048576",
            ),
        ];
        at_least_one
            .map(|(flag, count)| (flag, count > 0, "must be at least 1"))
            .into_iter()
            .chain(
                more_than_nothing
                    .map(|(flag, time)| (flag, !time.is_zero(), "must be more than 0s")),
            )
            .chain(others)
            .chain(self.head_checks())
            .chain(self.replay_checks())
            .chain([self.factor_check()])
    }

    fn head_checks(&self) -> [(&'static str, bool, &'static str); 2] {
        // With less, an allowed head could never be read.
        let of_one_head = self.max_head_bytes.saturating_sub(SMALL_HEAD_BYTES);
        [
            (
                "--max-head-bytes",
                (MIN_HEAD_BYTES..=1 << 20).contains(&self.max_head_bytes),
                "must be from 8192 to 1 MiB (1048576)",
            ),
            (
                "--head-budget",
                (of_one_head..=1 << 30).contains(&self.head_budget),
                "must be at least --max-head-bytes less 16 KiB (16384), and at most 1 GiB (1073741824)",
            ),
        ]
    }

    fn replay_checks(&self) -> [(&'static str, bool, &'static str); 2] {
        let rate = self.replay_rate;
        [
            (
                "--replay-rate",
                rate.is_none_or(|rate| rate.get() >= MIN_REPLAY_RATE),
                "must be at least 1024 bytes a second, or none",
            ),
            (
                "--replay-burst",
                self.replay_burst <= 1 << 40,
                "must be at most 1 TiB (1099511627776)",
            ),
        ]
    }

    /// A block gets no less than a narrower one.
    fn factor_check(&self) -> (&'static str, bool, &'static str) {
        (
            "--ipv6-48-factor",
            self.ipv6_48_factor >= self.ipv6_56_factor,
            "must not be less than --ipv6-56-factor",
        )
    }
}

#[cfg(test)]
mod tests {
    use std::num::{NonZeroU32, NonZeroUsize};

    use super::*;

    #[test]
    fn an_invalid_limit_is_refused_with_its_flag() {
        let bad = |flag, spoil: fn(&mut Limits)| {
            let mut limits = Limits::default();
            assert!(limits.checks().all(|(_, holds, _)| holds));
            spoil(&mut limits);
            let found = limits.checks().find(|(_, holds, _)| !holds);
            assert_eq!(found.map(|(flag, ..)| flag), Some(flag));
        };
        bad("--max-connections", |limits| limits.max_connections = 0);
        bad("--max-connections-per-address", |limits| {
            limits.max_connections_per_address = 0
        });
        bad("--max-streams-per-address", |limits| {
            limits.max_streams_per_address = 0
        });
        bad("--max-rooms-per-address", |limits| {
            limits.max_rooms_per_address = 0
        });
        bad("--presence-rate", |limits| limits.presence_rate = 0);
        bad("--presence-rate-total", |limits| {
            limits.presence_rate_total = 0
        });
        bad("--max-body-bytes", |limits| limits.max_body_bytes = Some(0));
        bad("--max-body-bytes", |limits| {
            limits.max_body_bytes = Some(1 << 30)
        });
        bad("--max-head-bytes", |limits| limits.max_head_bytes = 4096);
        bad("--max-head-bytes", |limits| limits.max_head_bytes = 2 << 20);
        bad("--head-budget", |limits| limits.head_budget = usize::MAX);
        bad("--head-budget", |limits| limits.head_budget = 64 * 1024 - 1);
        bad("--busy-retry", |limits| {
            limits.busy_retry = Duration::from_secs(2)..=Duration::from_secs(1)
        });
        bad("--ipv6-48-factor", |limits| {
            limits.ipv6_48_factor = NonZeroU32::MIN
        });
        bad("--first-byte-timeout", |limits| {
            limits.first_byte_timeout = Duration::ZERO
        });
        bad("--head-timeout", |limits| {
            limits.head_timeout = Duration::ZERO
        });
        bad("--body-timeout", |limits| {
            limits.body_timeout = Duration::ZERO
        });
        bad("--answer-timeout", |limits| {
            limits.answer_timeout = Duration::ZERO
        });
        bad("--idle-timeout", |limits| {
            limits.idle_timeout = Duration::ZERO
        });
        bad("--replay-rate", |limits| {
            limits.replay_rate = NonZeroUsize::new(1023)
        });
        bad("--replay-burst", |limits| limits.replay_burst = usize::MAX);
        bad("--stall", |limits| limits.stall = Duration::ZERO);
        bad("--send-buffer", |limits| limits.send_buffer = usize::MAX);
        bad("--accept-queue", |limits| limits.accept_queue = 0);
    }

    #[test]
    fn a_head_budget_holds_one_head_of_the_largest_size() {
        let holds = |head_budget, max_head_bytes| {
            let limits = Limits {
                head_budget,
                max_head_bytes,
                ..Limits::default()
            };
            limits.checks().all(|(_, holds, _)| holds)
        };
        assert!(holds(64 * 1024, 80 * 1024) && !holds(64 * 1024, 80 * 1024 + 1));
        // Small heads need no budget.
        assert!(holds(0, SMALL_HEAD_BYTES) && holds(0, MIN_HEAD_BYTES));
    }
}
