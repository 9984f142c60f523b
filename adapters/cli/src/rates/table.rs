//! A table of exchange rates as an operator writes it.
//!
//! One table, from currency code to the price of one kin, as TOML or as JSON:
//!
//! ```toml
//! usd = "0.00002"
//! jpy = "0.003"
//! ```
//!
//! ```json
//! { "usd": "0.00002", "jpy": 3e-3 }
//! ```
//!
//! A price is a decimal of at most 19 digits, and stays the one that is written: it is never made a floating point number. So
//! TOML, whose numbers are such, has to have it as text; JSON may have either, and an exponent.

use core::fmt;

use quittance_core::currency::{Currency, ParseRateError, Rate};
use quittance_core::state::MAX_RATES;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The largest table that is read, in bytes.
pub(crate) const MAX_TABLE_BYTES: u64 = 64 * 1024;

/// Rates, each currency once.
pub(crate) type Rates = Vec<(Currency, Rate)>;

/// Reads a table: JSON if it begins with a brace, TOML otherwise.
///
/// # Errors
/// What is wrong, and in which currency's entry.
pub(crate) fn parse(text: &str) -> Result<Rates, String> {
    let text = text.trim_start_matches('\u{feff}');
    let mut rates = if text.trim_start().starts_with('{') {
        serde_json::from_str::<Table<Box<RawValue>>>(text).map_err(|error| error.to_string())?.0
    } else {
        // Its message alone: what it would show of the file may be anything.
        toml::from_str::<Table<String>>(text).map_err(|error| error.message().to_owned())?.0
    };
    rates.sort_unstable();
    if rates.is_empty() { Err("expected at least one rate, got none".to_owned()) } else { Ok(rates) }
}

struct Table<P>(Rates, core::marker::PhantomData<P>);

/// A price in one of the two languages.
trait Price: for<'de> Deserialize<'de> {
    fn text(&self) -> &str;
}

impl Price for String {
    fn text(&self) -> &str {
        self
    }
}

impl Price for Box<RawValue> {
    /// What stands there, be it a number or a text of digits. A text with an escape in it is none.
    fn text(&self) -> &str {
        let raw = self.get();
        raw.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(raw)
    }
}

impl<'de, P: Price> Deserialize<'de> for Table<P> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<P>(core::marker::PhantomData<P>);
        impl<'de, P: Price> Visitor<'de> for Entries<P> {
            type Value = Rates;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table from currency to the price of one kin")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Rates, A::Error> {
                let mut rates = Rates::new();
                while let Some(code) = map.next_key::<String>()? {
                    let currency = code.parse::<Currency>().map_err(|error| {
                        let shown: String = code.chars().take(16).collect();
                        A::Error::custom(format!("{shown:?}: {error}"))
                    })?;
                    let price = map
                        .next_value::<P>()
                        .map_err(|error| A::Error::custom(format!("{currency}: {error}")))?;
                    if rates.iter().any(|(known, _)| *known == currency) {
                        return Err(A::Error::custom(format!("{currency}: expected once, is there twice")));
                    }
                    if rates.len() == MAX_RATES {
                        return Err(A::Error::custom(format!("expected at most {MAX_RATES} rates")));
                    }
                    let rate = rate(price.text()).map_err(|error| {
                        let shown: String = price.text().chars().take(32).collect();
                        A::Error::custom(format!("{currency}: {error}; got {shown}"))
                    })?;
                    if currency == Currency::KIN && rate != Rate::ONE {
                        return Err(A::Error::custom(format!("kin: a kin is worth 1 kin, got {rate}")));
                    }
                    rates.push((currency, rate));
                }
                Ok(rates)
            }
        }
        let rates = deserializer.deserialize_map(Entries::<P>(core::marker::PhantomData))?;
        Ok(Self(rates, core::marker::PhantomData))
    }
}

/// A decimal, with or without an exponent, exactly.
fn rate(text: &str) -> Result<Rate, ParseRateError> {
    let Some((digits, exponent)) = text.split_once(['e', 'E']) else { return text.parse() };
    let exponent: i32 = exponent.parse().map_err(|_| ParseRateError)?;
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let decimals = i32::try_from(fraction.len()).map_err(|_| ParseRateError)?;
    // Zeros in front or behind, so that the point can go where the exponent puts it. Few: a rate has at most 27 decimals.
    let scale = decimals.checked_sub(exponent).filter(|scale| (-20..=64).contains(scale));
    let scale = scale.ok_or(ParseRateError)?;
    let all = format!("{whole}{fraction}{}", "0".repeat(usize::try_from(-scale).unwrap_or(0)));
    let behind = usize::try_from(scale).unwrap_or(0);
    let all = format!("{all:0>width$}", width = behind + 1);
    let (whole, fraction) = all.split_at_checked(all.len() - behind).ok_or(ParseRateError)?;
    if fraction.is_empty() { whole.parse() } else { format!("{whole}.{fraction}").parse() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_stays_the_one_that_the_operator_wrote() {
        for (text, want) in [
            ("usd = \"0.00002\"\njpy = \"0.003\"\n", "jpy 0.003 usd 0.00002"),
            (r#"{"usd":"0.00002","jpy":0.003}"#, "jpy 0.003 usd 0.00002"),
            (r#"{ "usd" : 2e-05 , "jpy" : 3.10E-3 }"#, "jpy 0.0031 usd 0.00002"),
            (r#"{"usd":"1.5e+2","jpy":2e0}"#, "jpy 2 usd 150"),
            // More digits than a double keeps.
            (r#"{"usd":0.1234567890123456789}"#, "usd 0.1234567890123456789"),
            (r#"{"usd":0.10000000000000000001e1}"#, "usd 1.0000000000000000001"),
            ("kin = \"1.0\"", "kin 1"),
            ("\u{feff}{\"usd\":1}", "usd 1"),
        ] {
            let rates = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            let have: Vec<_> = rates.iter().map(|(currency, rate)| format!("{currency} {rate}")).collect();
            assert_eq!(have.join(" "), want, "{text}");
        }
    }

    #[test]
    fn a_table_that_is_not_one_is_refused_with_the_entry_that_is_wrong() {
        for (text, said) in [
            ("", "at least one rate"),
            ("{}", "at least one rate"),
            ("[1]", "\"1\": currency must be"),
            ("usd = 0.00002", "usd: invalid type: floating point"),
            ("usd = \"0.00002\"\nusd = \"0.00003\"", "duplicate key"),
            (r#"{"usd":1,"usd":2}"#, "usd: expected once"),
            (r#"{"USD":1}"#, "\"USD\": currency must be three lower-case letters"),
            (r#"{"usd":0}"#, "usd: rate must be a decimal above zero"),
            (r#"{"usd":-1}"#, "got -1"),
            (r#"{"usd":null}"#, "got null"),
            (r#"{"usd":"1\u0030"}"#, "usd: rate must be"),
            (r#"{"usd":{"price":1}}"#, "usd: rate must be"),
            (r#"{"usd":1e-28}"#, "usd: rate must be"),
            (r#"{"usd":1e2147483648}"#, "usd: rate must be"),
            (r#"{"usd":1e-2147483648}"#, "usd: rate must be"),
            (r#"{"usd":1e999}"#, "usd: rate must be"),
            (r#"{"usd":"e5"}"#, "usd: rate must be"),
            (r#"{"usd":"1.e5"}"#, ""),
            (r#"{"usd":"é1"}"#, "usd: rate must be"),
            (r#"{"usd":"1eé"}"#, "usd: rate must be"),
            (r#"{"usd":"éé1e-1"}"#, "usd: rate must be"),
            (r#"{"kin":"2"}"#, "kin: a kin is worth 1 kin, got 2"),
            (r#"{"usd":1"#, "EOF"),
            (r#"{"usd":1} x"#, "trailing"),
        ] {
            match parse(text) {
                Err(error) => assert!(error.contains(said), "{text}: expected {said:?}, got {error:?}"),
                Ok(rates) => assert!(said.is_empty(), "{text}: {rates:?}"),
            }
        }
        let many: String = (0..=MAX_RATES)
            .map(|n| {
                let letter = |n: usize| char::from(b'a' + u8::try_from(n % 26).unwrap());
                format!("{}{}{} = \"1\"\n", letter(n / 676), letter(n / 26), letter(n))
            })
            .collect();
        assert_eq!(parse(&many).unwrap_err(), "expected at most 256 rates");
    }
}
