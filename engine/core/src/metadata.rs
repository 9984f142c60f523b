//! A merchant's own words about an intent: order numbers, customer references. Kept and signed, never interpreted.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use core::fmt;

/// The most entries.
pub const MAX_ENTRIES: usize = 20;
/// The longest key, in bytes.
pub const MAX_KEY_BYTES: usize = 40;
/// The most bytes that all keys and values have together. With the rest of the terms they stay well under
/// [`crate::verify::MAX_SIGNED_BYTES`].
pub const MAX_TOTAL_BYTES: usize = 2_048;

/// Keys and values, in order of key: at most [`MAX_ENTRIES`] and [`MAX_TOTAL_BYTES`]. A key is 1 to [`MAX_KEY_BYTES`] of
/// `a-z`, `0-9`, `_`, `-` and `.`; a value is any text, also none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata(BTreeMap<String, String>);

/// Why entries are not metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetadataError {
    /// More entries than [`MAX_ENTRIES`].
    TooMany {
        /// How many came.
        got: usize,
    },
    /// A key that is empty, too long, or has other characters.
    Key {
        /// Its first [`MAX_KEY_BYTES`] bytes.
        got: String,
    },
    /// A key that stands there twice.
    Repeated {
        /// Which.
        key: String,
    },
    /// More bytes than [`MAX_TOTAL_BYTES`].
    TooLong {
        /// How many came.
        got: usize,
    },
}

impl fmt::Display for MetadataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany { got } => write!(f, "metadata: expected at most {MAX_ENTRIES} entries, got {got}"),
            Self::Key { got } => write!(
                f,
                "metadata: expected keys of 1 to {MAX_KEY_BYTES} small letters, digits, '_', '-' and '.', got {got:?}"
            ),
            Self::Repeated { key } => write!(f, "metadata: expected each key once, got {key} twice"),
            Self::TooLong { got } => {
                write!(f, "metadata: expected at most {MAX_TOTAL_BYTES} bytes of keys and values, got {got}")
            }
        }
    }
}

impl core::error::Error for MetadataError {}

impl Metadata {
    /// The entries in any order.
    ///
    /// # Errors
    /// They break a bound; see [`Metadata`].
    pub fn new<K: Into<String>, V: Into<String>>(
        entries: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Self, MetadataError> {
        let (mut map, mut count, mut bytes) = (BTreeMap::new(), 0usize, 0usize);
        for (key, value) in entries {
            let (key, value) = (key.into(), value.into());
            count += 1;
            if count > MAX_ENTRIES {
                return Err(MetadataError::TooMany { got: count });
            }
            let plain =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-.".contains(&byte);
            if key.is_empty() || key.len() > MAX_KEY_BYTES || !key.bytes().all(plain) {
                let shown = key.get(..key.floor_char_boundary(MAX_KEY_BYTES)).unwrap_or_default();
                return Err(MetadataError::Key { got: shown.to_string() });
            }
            bytes = bytes.saturating_add(key.len()).saturating_add(value.len());
            if bytes > MAX_TOTAL_BYTES {
                return Err(MetadataError::TooLong { got: bytes });
            }
            if let Some(_earlier) = map.insert(key.clone(), value) {
                return Err(MetadataError::Repeated { key });
            }
        }
        Ok(Self(map))
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// Every entry, in order of key.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn what_does_not_fit_is_refused_with_its_reason_or_a_merchant_would_lose_an_order_number() {
        let many = |n: usize| (0..n).map(|i| (alloc::format!("k{i}"), String::new())).collect::<Vec<_>>();
        let one = |key: &str, bytes: usize| alloc::vec![(key.to_string(), "v".repeat(bytes))];
        for (entries, refusal) in [
            (many(0), None),
            (many(20), None),
            (many(21), Some(MetadataError::TooMany { got: 21 })),
            (one("order_id-1.x", 0), None),
            (one("", 1), Some(MetadataError::Key { got: String::new() })),
            (one("Order", 1), Some(MetadataError::Key { got: "Order".into() })),
            (one(&"k".repeat(40), 1), None),
            (one(&"k".repeat(41), 1), Some(MetadataError::Key { got: "k".repeat(40) })),
            (one("k", 2_047), None),
            (one("k", 2_048), Some(MetadataError::TooLong { got: 2_049 })),
            ([one("k", 1), one("k", 2)].concat(), Some(MetadataError::Repeated { key: "k".into() })),
        ] {
            assert_eq!(Metadata::new(entries.clone()).err(), refusal, "{entries:?}");
        }
    }
}
