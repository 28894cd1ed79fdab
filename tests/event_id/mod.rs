//! Event ids. The tests have their own parser, so that a bug of the server's is not
//! repeated.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

/// An event id. Ordered as clients order them: by epoch as text, then by seq.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Id {
    pub(crate) epoch: String,
    pub(crate) seq: u64,
}

impl FromStr for Id {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (epoch, seq) = text.split_once('-').ok_or("an id without a dash")?;
        let seq = seq.parse().map_err(|error| format!("{text}: {error}"))?;
        Ok(Self {
            epoch: epoch.to_owned(),
            seq,
        })
    }
}

impl TryFrom<String> for Id {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.epoch, self.seq)
    }
}
