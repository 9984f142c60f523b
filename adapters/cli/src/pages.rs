//! What the pages take from the protocol.

use data_encoding::BASE64;
use quittance_code_api::drawn_code::{self, svg};
use quittance_code_api::element_options::ElementOptions;
use quittance_code_api::key::KeyPair;
use quittance_code_api::nonce::Nonce;
use quittance_code_api::scan_code::{PAYLOAD_LEN, ScanCode};
use quittance_core::ids::IntentId;
use quittance_core::state::Asked;
use quittance_core::terms::Fee;
use quittance_http_api::document;
use quittance_pages::{Onward, Options, Protocol};
use serde_json::{Value, json};

use crate::pay;
use crate::picture::Qr;

/// The kind of a code whose merchant named a list of fees.
const FEES_KIND: u8 = 4;

/// Pages of a node, as the binary serves them: with `dev` also the wallet. The shop is added by the demo.
#[must_use]
pub fn options(dev: bool) -> Options {
    Options { dev, protocol: Protocol { ring_code, app_link, qr_code, amount: document::amount }, shop: None }
}

fn ring_code(id: IntentId, asked: &Asked, client_secret: &str, title: &str) -> Option<String> {
    Some(svg::draw(&drawn_code::encode(&payload(id, asked, client_secret)?), title))
}

/// The code of an intent, if it is that of this secret.
fn payload(id: IntentId, asked: &Asked, client_secret: &str) -> Option<[u8; PAYLOAD_LEN]> {
    let nonce = Nonce::from_client_secret(client_secret).ok()?;
    let is_its = |payload: &[u8; PAYLOAD_LEN]| KeyPair::rendezvous(payload).public_key().0 == id.0;
    match asked {
        Asked::Payment(terms) => pay::codes(terms, nonce).find(is_its),
        Asked::Login(_) => ScanCode::LoginRequest { nonce }.encode().ok().filter(is_its),
    }
}

/// The address of the view that a phone's browser would show, for an app: the options in it are what the code is made from.
fn app_link(
    host: &str,
    id: IntentId,
    asked: &Asked,
    client_secret: &str,
    onward: &Onward<'_>,
) -> Option<String> {
    let Asked::Payment(terms) = asked else { return None };
    let kind = *payload(id, asked, client_secret)?.first()?;
    let amount: f64 = terms.amount.to_string().parse().ok()?;
    let mut options = json!({
        "mode": "payment",
        "currency": terms.currency.to_string(),
        "amount": amount,
        "destination": terms.destination.to_string(),
        "clientSecret": client_secret,
        "confirmParams": {},
    });
    for (name, url) in [("success", onward.success), ("cancel", onward.cancel)] {
        if let Some(url) = url {
            options["confirmParams"][name] = json!({ "url": url });
        }
    }
    // Even an empty list makes another code (protocol a.1).
    if kind == FEES_KIND {
        let fee = |fee: &Fee| json!({ "destination": fee.destination.to_string(), "basisPoints": fee.basis_points.get() });
        options["fees"] = terms.fees.iter().map(fee).collect();
    }
    let options = encoded(&options);
    // What an app would make of it has to be this very code: not every amount of a big currency survives as a double.
    let made = ElementOptions::decode(&options).ok()?.scan_code().ok()?;
    made.encode().ok().filter(|made| KeyPair::rendezvous(made).public_key().0 == id.0)?;
    Some(format!("codewallet://{host}/v1/elements/payment-request-page-mobile/#/{id}/p={options}"))
}

/// As the elements write options into an address (protocol g.1).
fn encoded(options: &Value) -> String {
    BASE64.encode(options.to_string().as_bytes()).replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")
}

fn qr_code(link: &str, title: &str) -> Option<String> {
    Qr::new(link).ok().map(|qr| qr.svg(title))
}
