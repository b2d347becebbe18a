//! What all values of a kind have in common: text that parses once, and ids.

/// The conversions of a text newtype: from and into `String` (for serde), and `Display`. Its rule is its `FromStr`.
macro_rules! text_value {
    ($type:ident) => {
        impl TryFrom<String> for $type {
            type Error = $crate::InvalidValue;
            fn try_from(value: String) -> Result<Self, $crate::InvalidValue> {
                value.parse()
            }
        }

        impl From<$type> for String {
            fn from(value: $type) -> Self {
                value.0
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

/// `Display` and `FromStr` of a newtype over a UUID, and what people call it.
macro_rules! uuid_value {
    ($type:ident, $what:literal) => {
        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::InvalidValue;
            fn from_str(value: &str) -> Result<Self, $crate::InvalidValue> {
                uuid::Uuid::parse_str(value)
                    .map(Self)
                    .map_err(|_| $crate::InvalidValue::new($what, value, "a UUID"))
            }
        }
    };
}

pub(crate) use {text_value, uuid_value};
