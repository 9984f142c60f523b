//! Every recorded case of the official SDKs, by its id: the bytes must be the same, or the case must be listed with
//! the crate whose tests check it. A merchant loses payments if one differs: its page and its server would compute two ids.

#[path = "vectors/calls.rs"]
mod calls;
#[path = "vectors/codes.rs"]
mod codes;
mod common;
#[path = "vectors/drawings.rs"]
mod drawings;
#[path = "vectors/requests.rs"]
mod requests;

use std::collections::BTreeSet;

use calls::{envelope_request, envelope_response, signed_call, submit_intent};
use codes::{currency, drawn, keys, nonce, payload, tip};
use common::{nonce_options, payment, recorded, seed, text};
use drawings::{drawing, element_options};
use quittance_code_api::currency_index::Currency;
use quittance_code_api::limits;
use quittance_code_api::number::{Rounding, hundredths_to_double};
use requests::{login_intent, low_level_payment_login, payment_intent, python_sdk};
use serde_json::Value;

/// Cases that the tests of another crate check, and the file that does.
const CHECKED_ELSEWHERE: [(&str, &str); 1] = [("webhook/docs-jwt", "adapters/webhook/src/token.rs")];

#[test]
fn every_recorded_case_has_the_same_bytes_here() {
    let vectors = recorded("vectors.json");
    let cases = vectors["cases"].as_array().expect("a list of cases");
    assert_eq!(Some(cases.len() as u64), vectors["meta"]["count"].as_u64());
    let mut listed: BTreeSet<&str> = CHECKED_ELSEWHERE.iter().map(|(id, _)| *id).collect();
    for (id, file) in CHECKED_ELSEWHERE {
        let path = format!("{}/../../{file}", env!("CARGO_MANIFEST_DIR"));
        let code = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert!(code.contains(&format!("\"{id}\"")), "{file} does not check {id}");
    }
    for case in cases {
        let id = text(case, "id");
        if !listed.remove(id) {
            println!("{id}");
            check(id, &case["input"], &case["output"]);
        }
    }
    assert!(listed.is_empty(), "listed, but not among the cases: {listed:?}");
}

fn check(id: &str, input: &Value, output: &Value) {
    match id.split_once('/').expect("group/name") {
        ("keys", _) => keys(id, input, output),
        ("currency", _) => currency(input, output),
        ("nonce", _) => nonce(input, output),
        ("payload", _) => payload(input, output),
        ("kikcode", "drawing-summary") => drawing(input, output),
        ("kikcode", _) => drawn(input, output),
        ("elements", _) => element_options(input, output),
        ("payment-intent", _) => {
            payment_intent(payment(input, Rounding::JavaScript, None, nonce_options(input)), output);
        }
        ("python-sdk", _) => python_sdk(input, output),
        ("payment-login-intent", "sdk-test") => low_level_payment_login(input, output),
        ("payment-login-intent", _) => {
            let verifier = seed(input, "verifier_seed");
            payment_intent(
                payment(input, Rounding::JavaScript, Some(&verifier), nonce_options(input)),
                output,
            );
        }
        ("login-intent", name) => login_intent(name, input, output),
        ("tip-intent", _) => tip(text(&input["platform"], "username"), output),
        ("envelope", name) if name.starts_with("response") => envelope_response(name, input, output),
        ("envelope", _) => envelope_request(id, input, output),
        ("signature" | "stream", _) => signed_call(id, input, output),
        ("submit-intent", _) => submit_intent(id, input, output),
        _ => panic!("{id}: no check here knows this case, and none elsewhere is named for it"),
    }
}

pub(crate) fn refused<T: core::fmt::Debug, E: core::fmt::Display>(result: Result<T, E>, output: &Value) {
    let (error, want) = (result.expect_err("must be refused").to_string(), text(output, "error"));
    assert!(error.starts_with(want), "expected {want:?}, got {error:?}");
}

#[test]
fn the_currency_table_is_the_one_every_code_was_written_with() {
    let vectors = recorded("vectors.json");
    let want: Vec<_> = vectors["data"]["currency_index_table"].as_array().expect("a table").iter().collect();
    let have: Vec<_> = Currency::all().map(Currency::code).collect();
    assert_eq!(have, want);
    for (index, currency) in Currency::all().enumerate() {
        assert_eq!(usize::from(currency.index()), index);
        assert_eq!(currency.code().parse(), Ok(currency));
    }
}

#[test]
fn the_limits_are_the_references_to_the_hundredth() {
    let vectors = recorded("vectors.json");
    let want = vectors["data"]["micropayment_limits"]["limits"].as_object().expect("limits");
    assert_eq!(limits::all().count(), want.len());
    for (currency, bounds) in want {
        let limit = limits::micro_payment(currency).unwrap_or_else(|| panic!("{currency} has a limit"));
        let have = (hundredths_to_double(limit.min_hundredths), hundredths_to_double(limit.max_hundredths));
        assert_eq!(
            (Some(have.0), Some(have.1)),
            (bounds["min"].as_f64(), bounds["max"].as_f64()),
            "{currency}"
        );
        assert!(limit.admits(limit.min_hundredths) && limit.admits(limit.max_hundredths), "{currency}");
        assert!(
            !limit.admits(limit.min_hundredths - 1) && !limit.admits(limit.max_hundredths + 1),
            "{currency}"
        );
    }
    for refused in ["ssp", "stn", "ves", "USD", ""] {
        assert_eq!(limits::micro_payment(refused), None, "{refused}");
    }
}
