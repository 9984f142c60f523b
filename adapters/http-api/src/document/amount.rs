use quittance_core::currency::Currency;
use quittance_core::money::NativeAmount;

/// The longest text that is read as an amount.
const MAX_AMOUNT_BYTES: usize = 40;

/// Why a text is not an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// It is not plain digits with at most one point between them.
    #[error("a decimal such as 0.25")]
    Form,
    /// The engine cannot hold it.
    #[error("an amount in whole hundredths: the engine counts hundredths in every currency")]
    Finer,
    /// Nothing, or more than there can be.
    #[error("more than zero and at most 2^56 - 1 hundredths")]
    Range,
}

/// How many digits a currency has behind the point: ISO 4217's number for it. Two for what that list does not have or has no
/// number for: kin, and codes that were withdrawn.
#[must_use]
pub fn decimals(currency: Currency) -> usize {
    let code = currency.as_str().to_ascii_uppercase();
    let exponent = iso_currency::Currency::from_code(&code).and_then(iso_currency::Currency::exponent);
    exponent.map_or(2, usize::from)
}

/// An amount in the currency's major unit, with the decimals that the currency has, or two where that would lose a part:
/// `0.25` dollars, `500` yen, `7.25` yen, `0.250` dinars.
#[must_use]
pub fn amount(currency: Currency, amount: NativeAmount) -> String {
    let (whole, rest) = (amount.hundredths() / 100, amount.hundredths() % 100);
    match decimals(currency) {
        0 if rest == 0 => whole.to_string(),
        1 if rest.is_multiple_of(10) => format!("{whole}.{}", rest / 10),
        decimals => format!("{whole}.{rest:02}{:0<width$}", "", width = decimals.saturating_sub(2)),
    }
}

/// Reads an amount in a currency's major unit. Zeros behind the hundredths are welcome, since some currencies write them.
///
/// # Errors
/// It is not a decimal, finer than a hundredth, or out of range.
pub fn read_amount(text: &str) -> Result<NativeAmount, AmountError> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let plain = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    let ends = whole.is_empty() || text.ends_with('.') || text.len() > MAX_AMOUNT_BYTES;
    if ends || !plain(whole) || !plain(fraction) {
        return Err(AmountError::Form);
    }
    let (counted, finer) = fraction.split_at(fraction.len().min(2));
    if finer.bytes().any(|digit| digit != b'0') {
        return Err(AmountError::Finer);
    }
    let whole: u64 = whole.parse().map_err(|_| AmountError::Range)?;
    let rest: u64 = format!("{counted:0<2}").parse().map_err(|_| AmountError::Form)?;
    let hundredths = whole.checked_mul(100).and_then(|hundredths| hundredths.checked_add(rest));
    hundredths.and_then(NativeAmount::from_hundredths).ok_or(AmountError::Range)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every currency a scan code can carry, by the digits it has behind the point; all others have two. `hrk` and `sll` are
    /// withdrawn and still listed; `ang` is withdrawn and no longer listed, and kin never was: two is what both have.
    const NOT_TWO: [(usize, &str); 2] = [
        (0, "bif clp djf gnf isk jpy kmf krw pyg rwf ugx vnd vuv xaf xof xpf"),
        (3, "bhd iqd jod kwd lyd omr tnd"),
    ];

    #[test]
    fn every_currency_has_its_own_number_of_decimals_or_a_price_would_be_read_as_another() {
        let mut seen = 0;
        for code in quittance_code_api::currency_index::Currency::all() {
            let listed = NOT_TWO.iter().find(|(_, codes)| codes.split(' ').any(|one| one == code.code()));
            let expected = listed.map_or(2, |(decimals, _)| *decimals);
            let currency: Currency = code.code().parse().unwrap();
            assert_eq!(decimals(currency), expected, "{code}");
            for hundredths in [1, 10, 25, 100, 725, 50_000, NativeAmount::MAX.hundredths()] {
                let value = NativeAmount::from_hundredths(hundredths).unwrap();
                let shown = amount(currency, value);
                assert_eq!(read_amount(&shown), Ok(value), "{code}: {shown}");
            }
            seen += 1;
        }
        assert_eq!(seen, 154);
    }

    #[test]
    fn an_amount_is_read_exactly_or_refused_for_what_is_wrong_with_it() {
        use AmountError::{Finer, Form, Range};
        let check = |currency: &str, text: &str, expected: Result<u64, AmountError>, shown: &str| {
            let currency: Currency = currency.parse().unwrap();
            let read = read_amount(text);
            assert_eq!(read.map(NativeAmount::hundredths), expected, "{currency} {text}");
            assert_eq!(
                read.map(|read| amount(currency, read)).unwrap_or_default(),
                shown,
                "{currency} {text}"
            );
        };
        check("usd", "0.25", Ok(25), "0.25");
        check("usd", "0.2", Ok(20), "0.20");
        check("usd", "5", Ok(500), "5.00");
        check("usd", "0.250", Ok(25), "0.25");
        check("usd", "0.255", Err(Finer), "");
        check("jpy", "500", Ok(50_000), "500");
        check("jpy", "500.00", Ok(50_000), "500");
        check("jpy", "7.25", Ok(725), "7.25");
        check("jpy", "7.5", Ok(750), "7.50");
        check("kwd", "0.250", Ok(25), "0.250");
        check("kwd", "0.25", Ok(25), "0.250");
        check("kwd", "0.255", Err(Finer), "");
        check("kwd", "0.2550", Err(Finer), "");
        check("kin", "2500.00", Ok(250_000), "2500.00");
        check("usd", "720575940379279.35", Ok((1 << 56) - 1), "720575940379279.35");
        check("usd", "720575940379279.36", Err(Range), "");
        check("usd", "18446744073709551616", Err(Range), "");
        check("usd", "0", Err(Range), "");
        check("kwd", "0.000", Err(Range), "");
        let long = "1".repeat(41);
        for text in ["", ".", ".5", "5.", "1.2.3", "-1", "+1", "1e2", " 1", "1,5", "٣", long.as_str()] {
            check("usd", text, Err(Form), "");
        }
    }
}
