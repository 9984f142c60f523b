//! Where the wire's IEEE doubles become integers and back, exactly and once.
//!
//! A double stands for the shortest decimal that reads back as the same double; that decimal is what a merchant typed. It
//! is taken as digits and an exponent, so no arithmetic is ever done in floating point. The one exception imitates an SDK
//! and says so.

use thiserror::Error;

/// The largest amount, in hundredths. Up to 15 decimal digits every whole number of hundredths has a double of its own;
/// beyond, two amounts can share one.
pub const MAX_HUNDREDTHS: u64 = 999_999_999_999_999;

/// The largest number of decimals of a [`Decimal`].
pub const MAX_SCALE: u8 = 27;

/// Why a double is not an amount or a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NumberError {
    /// NaN or an infinity.
    #[error("expected a finite number")]
    NotFinite,
    /// Below zero.
    #[error("expected a number above zero, got a negative one")]
    Negative,
    /// Zero, with either sign.
    #[error("expected a number above zero, got zero")]
    Zero,
    /// Not the double of any k/100.
    #[error("expected a whole number of hundredths")]
    FractionOfHundredth,
    /// Too many digits before the point.
    #[error("the number is too large")]
    TooLarge,
    /// Too many digits behind the point.
    #[error("expected at most {MAX_SCALE} decimals")]
    TooSmall,
}

/// `mantissa / 10^scale`, above zero. The mantissa does not end in a zero unless the scale is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decimal {
    /// All digits, above zero.
    pub mantissa: u64,
    /// How many of them are decimals, at most 27.
    pub scale: u8,
}

/// Reads an amount: the double nearest to some k/100.
///
/// # Errors
///
/// When the double is not finite, not above zero, larger than [`MAX_HUNDREDTHS`], or not the nearest to any k/100.
pub fn hundredths_from_double(value: f64) -> Result<u64, NumberError> {
    let (digits, exponent) = shortest_decimal(value)?;
    let hundredths = match exponent + 2 {
        shift @ 0.. => times_power_of_ten(digits, shift.unsigned_abs())?,
        // The digits do not end in a zero, so a decimal too many is a fraction of a hundredth.
        _ => return Err(NumberError::FractionOfHundredth),
    };
    if hundredths > MAX_HUNDREDTHS { Err(NumberError::TooLarge) } else { Ok(hundredths) }
}

/// The double nearest to `hundredths / 100`, which is what the SDKs put on the wire.
pub fn hundredths_to_double(hundredths: u64) -> f64 {
    nearest_double(&format!("{}.{:02}", hundredths / 100, hundredths % 100))
}

impl Decimal {
    /// Reads an exchange rate.
    ///
    /// # Errors
    ///
    /// When the double is not finite, not above zero, or has more digits than a `u64` and 27 decimals hold.
    pub fn from_double(value: f64) -> Result<Self, NumberError> {
        let (digits, exponent) = shortest_decimal(value)?;
        if exponent >= 0 {
            return Ok(Self { mantissa: times_power_of_ten(digits, exponent.unsigned_abs())?, scale: 0 });
        }
        match u8::try_from(exponent.unsigned_abs()) {
            Ok(scale) if scale <= MAX_SCALE => Ok(Self { mantissa: digits, scale }),
            _ => Err(NumberError::TooSmall),
        }
    }

    /// The double nearest to this number; the one it was read from, if it was.
    pub fn to_double(self) -> f64 {
        nearest_double(&format!("{}e-{}", self.mantissa, self.scale))
    }
}

/// How an SDK rounds a merchant's amount to hundredths (protocol a.3). The PHP SDK rounds its decimal text, so 1.005 is
/// one hundredth more there; that is not imitated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// `toFixed(2)`: an exact tie goes up.
    JavaScript,
    /// `round(x, 2)`: an exact tie goes to the even neighbour.
    Python,
}

impl Rounding {
    /// The hundredths an SDK would ask for. Zero is an answer: the SDKs round first and refuse afterwards.
    ///
    /// # Errors
    ///
    /// When the number is not finite, is negative, or is larger than [`MAX_HUNDREDTHS`].
    pub fn hundredths(self, amount: f64) -> Result<u64, NumberError> {
        let rounded = self.scaled(amount, 100)?;
        if rounded > MAX_HUNDREDTHS { Err(NumberError::TooLarge) } else { Ok(rounded) }
    }

    /// `value * factor`, exactly, rounded to a whole number.
    fn scaled(self, value: f64, factor: u64) -> Result<u64, NumberError> {
        if !value.is_finite() {
            return Err(NumberError::NotFinite);
        }
        if value < 0.0 {
            return Err(NumberError::Negative);
        }
        // IEEE 754: 52 bits of fraction, 11 of exponent, and an implied one unless the exponent is zero.
        let bits = value.to_bits();
        let (fraction, biased) = (bits & ((1 << 52) - 1), (bits >> 52) & 0x7ff);
        let significand = if biased == 0 { fraction } else { fraction | (1 << 52) };
        let product = u128::from(significand) * u128::from(factor);
        let whole = match biased.max(1) {
            // value = significand * 2^(biased - 1075)
            up @ 1075.. => {
                let shift = up - 1075;
                if shift > 64 { None } else { product.checked_mul(1 << shift) }
            }
            down => Some(self.halved(product, 1075 - down)),
        };
        whole.and_then(|whole| u64::try_from(whole).ok()).ok_or(NumberError::TooLarge)
    }

    /// `product / 2^shift`, rounded.
    fn halved(self, product: u128, shift: u64) -> u128 {
        if shift >= 127 {
            // The product has less than 127 bits, so this is below one half.
            return 0;
        }
        let (whole, half) = (product >> shift, 1 << (shift - 1));
        let rest = product & ((1 << shift) - 1);
        let up = match self {
            Self::JavaScript => rest >= half,
            Self::Python => rest > half || (rest == half && whole & 1 == 1),
        };
        whole + u128::from(up)
    }
}

/// The quarks of an amount in kin as the JavaScript SDK computes them: the product in floating point, then rounded.
///
/// # Errors
///
/// When the number is not finite, is negative, or has more quarks than a `u64` holds.
pub fn quarks_from_kin(kin: f64) -> Result<u64, NumberError> {
    Rounding::JavaScript.scaled(kin * 100_000.0, 1)
}

/// The digits of the shortest decimal that reads back as `value`, without zeros at the end, and the power of ten.
fn shortest_decimal(value: f64) -> Result<(u64, i32), NumberError> {
    if !value.is_finite() {
        return Err(NumberError::NotFinite);
    }
    if value == 0.0 {
        return Err(NumberError::Zero);
    }
    if value < 0.0 {
        return Err(NumberError::Negative);
    }
    // `d.ddde±n`, by the standard library's promise the shortest that round-trips: at most 17 digits.
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').expect("the e format writes an exponent");
    let (head, tail) = digits.split_once('.').unwrap_or((digits, ""));
    let mantissa: u64 = format!("{head}{tail}").parse().expect("at most 17 digits fit");
    let exponent: i32 = exponent.parse().expect("the exponent is a small integer");
    let decimals = i32::try_from(tail.len()).expect("at most 16 decimals");
    Ok((mantissa, exponent - decimals))
}

fn times_power_of_ten(digits: u64, power: u32) -> Result<u64, NumberError> {
    10_u64.checked_pow(power).and_then(|factor| digits.checked_mul(factor)).ok_or(NumberError::TooLarge)
}

fn nearest_double(text: &str) -> f64 {
    text.parse().expect("digits with a point or an exponent are a number")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_double_that_is_no_amount_is_refused_with_its_reason() {
        let check = |value: f64, want: NumberError| {
            assert_eq!(hundredths_from_double(value), Err(want), "{value:e}");
        };
        check(f64::NAN, NumberError::NotFinite);
        check(f64::INFINITY, NumberError::NotFinite);
        check(f64::NEG_INFINITY, NumberError::NotFinite);
        check(0.0, NumberError::Zero);
        check(-0.0, NumberError::Zero);
        check(-0.25, NumberError::Negative);
        check(0.001, NumberError::FractionOfHundredth);
        check(0.1 + 0.2, NumberError::FractionOfHundredth);
        check(f64::MIN_POSITIVE, NumberError::FractionOfHundredth);
        check(5e-324, NumberError::FractionOfHundredth);
        check(10_000_000_000_000.0, NumberError::TooLarge);
        check(f64::MAX, NumberError::TooLarge);
    }

    #[test]
    fn every_amount_up_to_a_hundred_thousand_keeps_its_hundredths() {
        for hundredths in (1..=10_000_000).chain([MAX_HUNDREDTHS - 1, MAX_HUNDREDTHS]) {
            assert_eq!(hundredths_from_double(hundredths_to_double(hundredths)), Ok(hundredths));
        }
    }

    #[test]
    fn a_rate_keeps_every_digit() {
        let check = |value: f64, mantissa: u64, scale: u8| {
            assert_eq!(Decimal::from_double(value), Ok(Decimal { mantissa, scale }), "{value:e}");
        };
        check(1.0, 1, 0);
        check(100.0, 100, 0);
        check(0.000_008_93, 893, 8);
        check(1e19, 10_000_000_000_000_000_000, 0);
        check(1e-27, 1, 27);
        assert_eq!(Decimal::from_double(1e-28), Err(NumberError::TooSmall));
        assert_eq!(Decimal::from_double(1e20), Err(NumberError::TooLarge));
        assert_eq!(Decimal::from_double(f64::NAN), Err(NumberError::NotFinite));
    }

    #[test]
    fn ties_go_where_each_sdk_sends_them_or_the_browser_draws_another_code() {
        let check = |amount: f64, javascript: u64, python: u64| {
            assert_eq!(Rounding::JavaScript.hundredths(amount), Ok(javascript), "JavaScript {amount}");
            assert_eq!(Rounding::Python.hundredths(amount), Ok(python), "Python {amount}");
        };
        check(0.125, 13, 12);
        check(0.375, 38, 38);
        check(0.625, 63, 62);
        check(1.005, 100, 100);
        check(1.115, 111, 111);
        check(0.004, 0, 0);
        check(5e-324, 0, 0);
        check(0.0, 0, 0);
        check(4.35, 435, 435);
        check(9_999_999_999_999.99, MAX_HUNDREDTHS, MAX_HUNDREDTHS);
        assert_eq!(Rounding::JavaScript.hundredths(f64::MAX), Err(NumberError::TooLarge));
        assert_eq!(Rounding::JavaScript.hundredths(-1.0), Err(NumberError::Negative));
        assert_eq!(Rounding::Python.hundredths(f64::NAN), Err(NumberError::NotFinite));
    }

    proptest! {
        #[test]
        fn any_double_is_an_answer_and_what_is_read_is_written_back(bits in any::<u64>()) {
            let value = f64::from_bits(bits);
            if let Ok(rate) = Decimal::from_double(value) {
                prop_assert_eq!(rate.to_double().to_bits(), bits);
                prop_assert!(rate.scale == 0 || rate.mantissa % 10 != 0);
            }
            if let Ok(hundredths) = hundredths_from_double(value) {
                prop_assert_eq!(hundredths_to_double(hundredths).to_bits(), bits);
            }
            let _ = Rounding::JavaScript.hundredths(value);
            let _ = quarks_from_kin(value);
        }

        #[test]
        fn an_amount_and_its_neighbours_are_told_apart(hundredths in 1..=MAX_HUNDREDTHS) {
            let value = hundredths_to_double(hundredths);
            prop_assert_eq!(hundredths_from_double(value), Ok(hundredths));
            prop_assert_eq!(Rounding::JavaScript.hundredths(value), Ok(hundredths));
            prop_assert_eq!(Rounding::Python.hundredths(value), Ok(hundredths));
            let up = f64::from_bits(value.to_bits() + 1);
            prop_assert_ne!(hundredths_from_double(up), Ok(hundredths));
        }

        #[test]
        fn rates_of_ordinary_size_survive(mantissa in 1_u64..1_000_000_000_000_000, scale in 0_u8..=27) {
            let value = Decimal { mantissa, scale }.to_double();
            let read = Decimal::from_double(value).expect("at most 15 digits");
            prop_assert_eq!(read.to_double().to_bits(), value.to_bits());
        }
    }
}
