//! Enums whose variants have a fixed name on the wire, and [`OpenEnum`], in
//! which a client keeps a name that only a newer server knows.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Defines an enum with the name of each variant on the wire.
macro_rules! wire_enum {
    (
        $(#[$attribute:meta])*
        pub enum $name:ident {
            $($(#[$variant_attribute:meta])* $variant:ident = $text:literal,)+
        }
    ) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$variant_attribute])* $variant,)+
        }

        impl $name {
            /// All variants in their order: `ALL[variant as usize]` is `variant`.
            pub const ALL: [Self; [$($text),+].len()] = [$(Self::$variant),+];

            /// The name on the wire.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::protocol::UnknownName;

            fn from_str(name: &str) -> Result<Self, Self::Err> {
                match name {
                    $($text => Ok(Self::$variant),)+
                    _ => Err($crate::protocol::UnknownName),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}
pub(super) use wire_enum;

/// The text is not the name of a variant that this version knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownName;

impl fmt::Display for UnknownName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a name that this version of the protocol knows")
    }
}

impl std::error::Error for UnknownName {}

/// A value that a newer server may extend: decoding keeps an unknown name
/// instead of failing.
///
/// ```
/// use sse_chat_client::protocol::{GapReason, OpenEnum};
///
/// let reason: OpenEnum<GapReason> = serde_json::from_str("\"evicted\"")?;
/// assert_eq!(reason, GapReason::Evicted);
/// let reason: OpenEnum<GapReason> = serde_json::from_str("\"moved\"")?;
/// assert_eq!((reason.known(), reason.to_string()), (None, "moved".to_owned()));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenEnum<T> {
    /// A value of this version of the protocol.
    Known(T),
    /// Any other name, exactly as it was sent.
    Unknown(String),
}

impl<T: Copy> OpenEnum<T> {
    /// The value, unless its name is unknown.
    pub fn known(&self) -> Option<T> {
        match self {
            Self::Known(value) => Some(*value),
            Self::Unknown(_) => None,
        }
    }
}

impl<T> From<T> for OpenEnum<T> {
    fn from(value: T) -> Self {
        Self::Known(value)
    }
}

/// The empty name: for a field that the server left out.
impl<T> Default for OpenEnum<T> {
    fn default() -> Self {
        Self::Unknown(String::new())
    }
}

impl<T: PartialEq> PartialEq<T> for OpenEnum<T> {
    fn eq(&self, other: &T) -> bool {
        matches!(self, Self::Known(value) if value == other)
    }
}

impl<T: fmt::Display> fmt::Display for OpenEnum<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(value) => value.fmt(f),
            Self::Unknown(name) => f.write_str(name),
        }
    }
}

impl<T: Serialize> Serialize for OpenEnum<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Known(value) => value.serialize(serializer),
            Self::Unknown(name) => serializer.serialize_str(name),
        }
    }
}

impl<'de, T: FromStr> Deserialize<'de> for OpenEnum<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Ok(name
            .parse()
            .map_or_else(|_| Self::Unknown(name), Self::Known))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{BusyReason, ByeReason, EventName, GapReason, ProblemCode};

    /// Checks each variant of these wire enums.
    macro_rules! check_variants {
        ($($name:ident)+) => {$(
            for (index, variant) in $name::ALL.into_iter().enumerate() {
                let text = variant.as_str();
                assert_eq!(variant as usize, index, "{text}");
                assert_eq!(text.parse(), Ok(variant));
                assert_eq!(variant.to_string(), text);
                assert_eq!(serde_json::to_value(variant).unwrap(), text);
                assert_eq!(text.to_uppercase().parse::<$name>(), Err(UnknownName));
            }
        )+};
    }

    #[test]
    fn variants_are_listed_in_order_and_parsed_by_name() {
        check_variants!(EventName GapReason BusyReason ByeReason ProblemCode);
    }

    #[test]
    fn known_and_unknown_names_survive_a_round_trip() {
        for json in ["\"hello\"", "\"update\"", "\"\"", "\"a\\\"b\""] {
            let name: OpenEnum<EventName> = serde_json::from_str(json).unwrap();
            assert_eq!(serde_json::to_string(&name).unwrap(), json);
        }
        assert!(serde_json::from_str::<OpenEnum<EventName>>("7").is_err());
    }
}
