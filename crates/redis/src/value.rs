//! Answers of Redis as values of Rust. What a function of the library answers has a known
//! shape: anything else is of another program.

use std::fmt;

use redis::{FromRedisValue, Value};

/// An answer of another shape.
#[derive(Debug)]
pub(crate) struct BadAnswer(String);

impl fmt::Display for BadAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "an answer that no version of this program gives: {}",
            self.0
        )
    }
}

/// The parts of an answer, taken one after the other.
#[derive(Debug)]
pub(crate) struct Parts(std::vec::IntoIter<Value>);

impl Parts {
    pub(crate) fn of(value: Value) -> Result<Self, BadAnswer> {
        match value {
            Value::Array(values) => Ok(Self(values.into_iter())),
            other => Err(unknown(&format!("{other:?}"))),
        }
    }

    /// The next part.
    pub(crate) fn next<T: FromRedisValue>(&mut self) -> Result<T, BadAnswer> {
        let missing = || BadAnswer("it is too short".to_owned());
        let value = self.0.next().ok_or_else(missing)?;
        T::from_redis_value(value).map_err(|error| BadAnswer(error.to_string()))
    }

    /// The next part, which has parts itself.
    pub(crate) fn next_parts(&mut self) -> Result<Self, BadAnswer> {
        Self::of(self.next()?)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.len() == 0
    }
}

/// The answer is none of those that its function gives. Its begin is shown.
pub(crate) fn unknown(text: &str) -> BadAnswer {
    BadAnswer(text.chars().take(60).collect())
}

/// The text is not of the form that it is written in.
pub(crate) fn parse<T: std::str::FromStr>(text: &str) -> Result<T, BadAnswer> {
    text.parse().map_err(|_| unknown(text))
}
