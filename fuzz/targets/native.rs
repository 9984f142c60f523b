//! What the fuzzer does with bytes, for the documents that clients send to the native API: the first byte says which.

use quittance_core::currency::Currency;
use quittance_core::terms::Terms;
use quittance_http_api::document::{
    CreateRequest, DepositRequest, QuoteRequest, RefundRequest, Submission, WithdrawalRequest, amount,
    decimals, read_amount,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A document that is read says the same when it is written and read again; an amount is exact or refused.
pub(crate) fn native_json(bytes: &[u8]) {
    let Some((what, rest)) = bytes.split_first() else { return };
    match what % 7 {
        0 => create(rest),
        1 => document::<QuoteRequest>(rest),
        2 => document::<Submission>(rest),
        3 => document::<RefundRequest>(rest),
        4 => document::<WithdrawalRequest>(rest),
        5 => document::<DepositRequest>(rest),
        _ => an_amount(rest),
    }
}

fn document<D: DeserializeOwned + Serialize + PartialEq + std::fmt::Debug>(bytes: &[u8]) {
    let Ok(read) = serde_json::from_slice::<D>(bytes) else { return };
    let written = serde_json::to_vec(&read).expect("what was read can be written");
    assert_eq!(serde_json::from_slice::<D>(&written).expect("what was written can be read"), read);
}

fn create(bytes: &[u8]) {
    document::<CreateRequest>(bytes);
    let Ok(asked) = serde_json::from_slice::<CreateRequest>(bytes) else { return };
    let Ok(terms) = Terms::try_from(&asked.terms) else { return };
    let again = Terms::try_from(&quittance_http_api::document::Terms::from(&terms));
    assert_eq!(again.as_ref(), Ok(&terms), "written and read again, other terms");
}

/// A currency in its first three bytes, behind them an amount.
fn an_amount(bytes: &[u8]) {
    let Some((currency, text)) = std::str::from_utf8(bytes).ok().and_then(|text| text.split_at_checked(3))
    else {
        return;
    };
    if let (Ok(currency), Ok(value)) = (currency.parse::<Currency>(), read_amount(text)) {
        let written = amount(currency, value);
        assert!(written.split_once('.').is_none_or(|(_, part)| part.len() >= decimals(currency).min(2)));
        assert_eq!(read_amount(&written), Ok(value), "{written}");
    }
}
