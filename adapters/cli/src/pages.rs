//! What the pages take from the protocol.

use quittance_code_api::drawn_code::{self, svg};
use quittance_code_api::key::KeyPair;
use quittance_code_api::nonce::Nonce;
use quittance_code_api::scan_code::ScanCode;
use quittance_core::ids::IntentId;
use quittance_core::state::Asked;
use quittance_http_api::document;
use quittance_pages::{Options, Protocol};

use crate::pay;
use crate::picture::Qr;

/// Pages of a node, as the binary serves them: with `dev` also the wallet. The shop is added by the demo.
#[must_use]
pub fn options(dev: bool) -> Options {
    Options { dev, protocol: Protocol { ring_code, qr_code, amount: document::amount }, shop: None }
}

fn ring_code(id: IntentId, asked: &Asked, client_secret: &str, title: &str) -> Option<String> {
    let nonce = Nonce::from_client_secret(client_secret).ok()?;
    let is_its = |payload: &[u8; 20]| KeyPair::rendezvous(payload).public_key().0 == id.0;
    let payload = match asked {
        Asked::Payment(terms) => pay::codes(terms, nonce).find(is_its),
        Asked::Login(_) => ScanCode::LoginRequest { nonce }.encode().ok().filter(is_its),
    };
    Some(svg::draw(&drawn_code::encode(&payload?), title))
}

fn qr_code(link: &str, title: &str) -> Option<String> {
    Qr::new(link).ok().map(|qr| qr.svg(title))
}
