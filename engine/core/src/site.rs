//! Who asks: the internet domain that a payer is shown, and whether it was proved.

use alloc::boxed::Box;
use core::fmt;
use core::str::FromStr;

use crate::ids::AccountId;

/// The longest domain, in bytes (RFC 1035, 2.3.4, less the octets that only the wire needs).
pub const MAX_DOMAIN_BYTES: usize = 253;

/// An internet domain in lower case: at least two labels of 1 to 63 `a-z`, `0-9` and `-`, none with a `-` at either end. A name
/// in another script is in its `xn--` form (RFC 5890).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Domain(Box<str>);

impl Domain {
    /// The domain as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Domain({self})")
    }
}

/// Why a text is not a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseDomainError;

impl fmt::Display for ParseDomainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "domain must be at least two labels of small letters, digits and '-', {MAX_DOMAIN_BYTES} bytes at most, such as \
             example.com"
        )
    }
}

impl core::error::Error for ParseDomainError {}

impl FromStr for Domain {
    type Err = ParseDomainError;
    fn from_str(text: &str) -> Result<Self, ParseDomainError> {
        let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(letter)
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        let right = text.len() <= MAX_DOMAIN_BYTES && text.contains('.') && text.split('.').all(label);
        if right { Ok(Self(text.into())) } else { Err(ParseDomainError) }
    }
}

/// The domain that a request names, and the key that proved it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// The domain.
    pub domain: Domain,
    /// The key that signed for the domain and is published on it. Only with one is whoever pays also logged in there.
    pub verifier: Option<AccountId>,
}
