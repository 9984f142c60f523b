//! Currencies and the rates that turn their amounts into quarks, without a float anywhere.

use core::fmt;
use core::str::FromStr;

use crate::money::{BasisPoints, NativeAmount, QUARKS_PER_KIN, Quarks};

/// A currency by its three lower-case letters, such as `usd` or `kin`. Which ones a node accepts is its adapter's matter.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// The currency whose amounts *are* quarks: one kin is 100 000 of them.
    pub const KIN: Self = Self(*b"kin");
    /// The currency the service fee is stated in.
    pub const USD: Self = Self(*b"usd");

    /// From three lower-case ASCII letters, or `None`.
    #[must_use]
    pub fn new(code: [u8; 3]) -> Option<Self> {
        code.iter().all(u8::is_ascii_lowercase).then_some(Self(code))
    }

    /// The three letters.
    #[must_use]
    pub fn code(&self) -> [u8; 3] {
        self.0
    }

    /// The three letters as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Currency({self})")
    }
}

/// Why a text is not a currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseCurrencyError;

impl fmt::Display for ParseCurrencyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("currency must be three lower-case letters such as usd")
    }
}

impl core::error::Error for ParseCurrencyError {}

impl FromStr for Currency {
    type Err = ParseCurrencyError;
    fn from_str(text: &str) -> Result<Self, ParseCurrencyError> {
        let code = <[u8; 3]>::try_from(text.as_bytes()).map_err(|_| ParseCurrencyError)?;
        Self::new(code).ok_or(ParseCurrencyError)
    }
}

/// The price of one kin in some currency: `mantissa × 10^-scale`, exact, without trailing zeros in the mantissa, so that
/// equal rates are equal values.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate {
    mantissa: u64,
    scale: u8,
}

impl Rate {
    /// The rate of kin itself.
    pub const ONE: Self = Self { mantissa: 1, scale: 0 };
    /// The largest scale: what a double near the smallest price on earth needs, and still inside 128-bit arithmetic.
    pub const MAX_SCALE: u8 = 27;

    /// `mantissa × 10^-scale`, or `None` for zero and for a scale above [`Self::MAX_SCALE`].
    #[must_use]
    pub fn new(mut mantissa: u64, mut scale: u8) -> Option<Self> {
        if mantissa == 0 {
            return None;
        }
        while scale > 0 && mantissa.is_multiple_of(10) {
            mantissa /= 10;
            scale -= 1;
        }
        (scale <= Self::MAX_SCALE).then_some(Self { mantissa, scale })
    }

    /// The digits without the decimal point.
    #[must_use]
    pub fn mantissa(self) -> u64 {
        self.mantissa
    }

    /// How many of the digits stand behind the decimal point.
    #[must_use]
    pub fn scale(self) -> u8 {
        self.scale
    }

    /// Whether this rate is `listed`, or off from it by no more than `tolerance` of it. Exact.
    #[must_use]
    pub fn is_within(self, tolerance: Option<BasisPoints>, listed: Self) -> bool {
        let Some(tolerance) = tolerance.filter(|_| self != listed) else { return self == listed };
        // On a common scale, where one of the two keeps its mantissa, which is below 2^64: if the other does not fit 128 bits
        // there, they are a factor of 2^64 apart.
        let scale = self.scale.max(listed.scale);
        let common = |rate: Self| {
            let factor = 10u128.checked_pow(u32::from(scale - rate.scale))?;
            u128::from(rate.mantissa).checked_mul(factor)
        };
        let (Some(signed), Some(listed)) = (common(self), common(listed)) else { return false };
        // |signed - listed| <= listed * tolerance / 10 000, without losing the remainder.
        let (whole, rest) = (listed / 10_000, listed % 10_000);
        let parts = u128::from(tolerance.get());
        signed.abs_diff(listed) <= whole * parts + rest * parts / 10_000
    }

    /// What an amount of this rate's currency is worth, to the nearest quark, halves up. `None` when it does not fit.
    ///
    /// The rule is stated here and applied once in a payment's life, when it is quoted; everything after compares quarks.
    #[must_use]
    pub fn quarks(self, amount: NativeAmount) -> Option<Quarks> {
        // hundredths / 100 / (mantissa / 10^scale) × QUARKS_PER_KIN
        let numerator = u128::from(amount.hundredths())
            .checked_mul(10u128.checked_pow(u32::from(self.scale))?)?
            .checked_mul(u128::from(QUARKS_PER_KIN / 100))?;
        // A numerator of 2^128 or more is refused above, and rightly: over a divisor below 2^64 it cannot fit.
        let divisor = u128::from(self.mantissa);
        let (whole, rest) = (numerator / divisor, numerator % divisor);
        let up = u128::from(rest >= divisor - rest);
        u64::try_from(whole + up).ok().map(Quarks::new)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let divisor = 10u128.pow(u32::from(self.scale));
        let (whole, rest) = (u128::from(self.mantissa) / divisor, u128::from(self.mantissa) % divisor);
        match self.scale {
            0 => write!(f, "{whole}"),
            scale => write!(f, "{whole}.{rest:0width$}", width = usize::from(scale)),
        }
    }
}

impl fmt::Debug for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rate({self})")
    }
}

/// Why a text is not a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseRateError;

impl fmt::Display for ParseRateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("rate must be a decimal above zero with at most 19 digits, 27 of them behind the point, such as 0.00001785")
    }
}

impl core::error::Error for ParseRateError {}

impl FromStr for Rate {
    type Err = ParseRateError;
    fn from_str(text: &str) -> Result<Self, ParseRateError> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = || whole.bytes().chain(fraction.bytes());
        if whole.is_empty() || text.ends_with('.') || !digits().all(|b| b.is_ascii_digit()) {
            return Err(ParseRateError);
        }
        let mantissa = digits()
            .try_fold(0u64, |sum, digit| sum.checked_mul(10)?.checked_add(u64::from(digit - b'0')))
            .ok_or(ParseRateError)?;
        let scale = u8::try_from(fraction.len()).map_err(|_| ParseRateError)?;
        Self::new(mantissa, scale).ok_or(ParseRateError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn the_payer_pays_the_nearest_quark_of_what_was_asked() {
        for (hundredths, rate, quarks) in [
            (250_000, "1", Some(250_000_000)),    // 2500 kin
            (25, "0.00002", Some(1_250_000_000)), // $0.25 at $0.00002 a kin: 12 500 kin
            (1, "0.00000893", Some(111_982_083)), // 1119.8208...: the .28 falls
            (1, "3", Some(333)),                  // 333.3
            (1, "2000", Some(1)),                 // exactly half a quark: up
            (1, "2001", Some(0)),                 // just below half: nothing, which a quote refuses
            // Half of 2^128 on the way, and still fewer than 2^64 quarks: counted, not refused.
            (200_000_000, "0.000000018446744073709551615", Some(10_842_021_724_855_044_341)),
            (NativeAmount::MAX.hundredths(), "1", None), // more than 2^64 quarks: refused, never wrapped
        ] {
            let amount = NativeAmount::from_hundredths(hundredths).unwrap();
            assert_eq!(
                rate.parse::<Rate>().unwrap().quarks(amount).map(Quarks::get),
                quarks,
                "{hundredths} at {rate}"
            );
        }
    }

    #[test]
    fn what_is_no_currency_or_rate_says_what_one_looks_like() {
        for code in ["", "us", "usdx", "USD", "u d", "äb"] {
            let error = code.parse::<Currency>().expect_err(code).to_string();
            assert!(error.contains("three lower-case letters"), "{error}");
        }
        let error = "1e3".parse::<Rate>().expect_err("no decimal").to_string();
        assert!(error.contains("0.00001785"), "{error}");
    }

    #[test]
    fn a_rate_has_one_form_so_that_the_same_price_is_the_same_rate() {
        for (text, canonical) in [
            ("1", Some("1")),
            ("1.0", Some("1")),
            ("0.00000893", Some("0.00000893")),
            ("00.500", Some("0.5")),
            ("18446744073709551615", Some("18446744073709551615")),
            ("18446744073709551616", None),
            ("0", None),
            ("0.000", None),
            ("", None),
            (".", None),
            ("1.", None),
            (".5", None),
            ("-1", None),
            ("1e3", None),
            ("0.0000000000000000000000000001", None), // 28 digits behind the point
        ] {
            let parsed = text.parse::<Rate>().ok().map(|rate| rate.to_string());
            assert_eq!(parsed.as_deref(), canonical, "{text}");
        }
    }
}
