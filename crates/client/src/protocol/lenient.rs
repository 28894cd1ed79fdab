//! Fields whose value a client ignores if it is of another type than expected.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

/// The value, or `None` if it is not a `T`. To be combined with `default`.
pub(super) fn lenient<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).ok())
}
