//! Webhooks of a running node, from a merchant's side: told once the payment is accepted, provably, whatever happens to the
//! node. If this breaks, merchants do not ship what was paid, or ship it to whoever pretends to be the node.

mod kills;
mod operator;
mod verify;

use std::io;

use quittance_code_api::request::SignedRequest;
use quittance_tests::http;
use quittance_tests::people::{Payer, submit};

/// Asks for a payment as an older SDK does, to be told of at `url`.
fn ask(address: &str, request: &SignedRequest, url: &str) -> io::Result<()> {
    let body = request.create_intent_json(Some(url));
    let answer = http::call(address, "POST", "/v1/createIntent", "application/json", body.as_bytes())?;
    assert!(answer.is_success(), "{}", answer.text());
    Ok(())
}

/// Pays it. Again and again, until there is an answer.
fn pay(address: &str, payer: &Payer, intent: &str) -> io::Result<()> {
    let quote = match payer.quote(address, intent)? {
        Ok(quote) => quote,
        // Paid before the node was killed.
        Err(refused) if refused.text().contains("intent_already_submitted") => return Ok(()),
        Err(refused) => panic!("no quote for {intent}: {}", refused.text()),
    };
    let submitted = submit(address, intent, &payer.sign(&quote))?;
    submitted.unwrap_or_else(|refused| panic!("{intent} cannot be paid: {}", refused.text()));
    Ok(())
}
