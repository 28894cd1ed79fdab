//! Numbers of the lines of an import. Those of a store are far below these bounds; larger
//! ones would overflow once a server goes on from them.

use serde::{Deserialize, Deserializer};

/// The largest seq, number, count, id or time in milliseconds.
const MAX: i64 = i64::MAX / 2;
/// The largest [`cost`]: far more than the longest line.
const MAX_COST: i64 = 1 << 32;

/// A number from 0 to [`MAX`].
pub(super) fn number<'de, D, N>(deserializer: D) -> Result<N, D::Error>
where
    D: Deserializer<'de>,
    N: Deserialize<'de> + Copy + TryInto<i64>,
{
    check(N::deserialize(deserializer)?, MAX)
}

/// The same, or none.
pub(super) fn optional<'de, D, N>(deserializer: D) -> Result<Option<N>, D::Error>
where
    D: Deserializer<'de>,
    N: Deserialize<'de> + Copy + TryInto<i64>,
{
    let number = Option::<N>::deserialize(deserializer)?;
    number.map(|number| check(number, MAX)).transpose()
}

/// The bytes of an entry in memory.
pub(super) fn cost<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    check(i64::deserialize(deserializer)?, MAX_COST)
}

fn check<N: Copy + TryInto<i64>, E: serde::de::Error>(number: N, max: i64) -> Result<N, E> {
    let value = number.try_into();
    match value.is_ok_and(|value: i64| (0..=max).contains(&value)) {
        true => Ok(number),
        false => Err(E::custom(format_args!("a number is not from 0 to {max}"))),
    }
}
