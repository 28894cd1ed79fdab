//! The `backlog` of a stream that has no cursor.

use std::fmt;
use std::str::FromStr;

/// How many past messages of each room a new reader gets. On the wire it is a
/// number from 0 to [`Backlog::MAX`], or `all`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backlog {
    /// At most this many.
    Last(usize),
    /// All that history holds.
    All,
}

/// The text is not a backlog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidBacklog;

impl Backlog {
    /// The largest number.
    pub const MAX: usize = 500;
}

impl FromStr for Backlog {
    type Err = InvalidBacklog;

    fn from_str(text: &str) -> Result<Self, InvalidBacklog> {
        if text == "all" {
            return Ok(Self::All);
        }
        // `usize` would accept a sign.
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse() {
            Ok(most) if digits && most <= Self::MAX => Ok(Self::Last(most)),
            _ => Err(InvalidBacklog),
        }
    }
}

impl fmt::Display for Backlog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Last(most) => most.fmt(f),
            Self::All => f.write_str("all"),
        }
    }
}

impl fmt::Display for InvalidBacklog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a backlog is a number from 0 to {}, or all",
            Backlog::MAX
        )
    }
}

impl std::error::Error for InvalidBacklog {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backlog_is_parsed_as_it_was_written() {
        for backlog in [Backlog::Last(0), Backlog::Last(500), Backlog::All] {
            assert_eq!(backlog.to_string().parse(), Ok(backlog));
        }
        for text in [
            "",
            "501",
            "-1",
            "+1",
            "1.5",
            "ALL",
            "99999999999999999999999",
        ] {
            assert_eq!(text.parse::<Backlog>(), Err(InvalidBacklog), "{text}");
        }
    }
}
