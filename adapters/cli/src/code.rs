//! `quittance code`: what a payer's phone reads.

use data_encoding::HEXLOWER;
use quittance_code_api::drawn_code::{self, svg};
use quittance_code_api::element_options::ElementOptions;
use quittance_code_api::key::KeyPair;
use quittance_code_api::nonce::Nonce;
use quittance_code_api::number::Rounding;
use quittance_code_api::scan_code::{PAYLOAD_LEN, ScanCode};
use quittance_core::ids::IntentId;

use crate::args::CodeArgs;
use crate::client::{Client, block_on};
use crate::error::{CliError, Kind};
use crate::output::Output;
use crate::pay::{self, Seen};
use crate::picture::{Qr, terminal};
use crate::terms::signed_terms;

/// How to name a code completely.
const WHOLE: &str = "quittance code ID --client-secret SECRET --amount 0.25 --currency usd, or with --server instead of the price";

pub(crate) fn run(args: &CodeArgs, output: &Output) -> Result<(), CliError> {
    if args.qr { link(args, output) } else { rings(args, output) }
}

fn rings(args: &CodeArgs, output: &Output) -> Result<(), CliError> {
    let payload = payload(args)?;
    let id = IntentId(KeyPair::rendezvous(&payload).public_key().0);
    let code = drawn_code::encode(&payload);
    let picture = svg::draw(&code, &title(&ScanCode::decode(&payload).map_err(CliError::misuse)?));
    let json = serde_json::json!({
        "id": id.to_string(),
        "payload": HEXLOWER.encode(&payload),
        "code": HEXLOWER.encode(&code),
        "svg": picture,
    });
    output.result(&json, || if args.svg { picture } else { terminal(&code) });
    Ok(())
}

fn link(args: &CodeArgs, output: &Output) -> Result<(), CliError> {
    let (id, secret) = match given(args)? {
        Given::Seen(Seen::Secret(id, nonce)) => (id, Some(nonce.client_secret())),
        Given::Seen(seen) => (seen.id(), None),
        Given::Payload(payload) => (IntentId(KeyPair::rendezvous(&payload).public_key().0), None),
    };
    let link = match (&args.link, &args.server) {
        (Some(link), _) => link.clone(),
        (None, Some(server)) => {
            let client = Client::new(server)?;
            // A picture that leads nowhere is worse than none.
            block_on(client.intent(&id))?;
            let page = format!("{}/checkout/{id}", client.server());
            secret.map_or(page.clone(), |secret| format!("{page}?code={secret}"))
        }
        (None, None) => {
            return Err(CliError::misuse("there is no link to draw")
                .hint("--link URL, or --server URL for the intent's own page there"));
        }
    };
    let qr = Qr::new(&link)?;
    let json = serde_json::json!({ "id": id.to_string(), "link": link, "svg": qr.svg(&link) });
    output.result(&json, || if args.svg { qr.svg(&link) } else { qr.terminal() });
    Ok(())
}

/// What the command line names.
enum Given {
    Seen(Seen),
    /// A whole code, from a page's options.
    Payload([u8; PAYLOAD_LEN]),
}

fn given(args: &CodeArgs) -> Result<Given, CliError> {
    let no_id = match pay::parse(&args.intent, args.client_secret.as_deref()) {
        Ok(seen) => return Ok(Given::Seen(seen)),
        Err(error) => error,
    };
    // A whole address does as well: what stands before the options has no say in the code.
    let text = args.intent.rsplit_once("p=").map_or(args.intent.as_str(), |(_, options)| options);
    match ElementOptions::decode(text) {
        Ok(options) => {
            let code = options.scan_code().map_err(CliError::misuse)?;
            code.encode().map(Given::Payload).map_err(CliError::misuse)
        }
        // Whatever it was meant to be, an id is what it is mostly.
        Err(_) => Err(no_id),
    }
}

fn payload(args: &CodeArgs) -> Result<[u8; PAYLOAD_LEN], CliError> {
    let (id, nonce) = match given(args)? {
        Given::Payload(payload) | Given::Seen(Seen::Code(payload)) => return Ok(payload),
        Given::Seen(Seen::Secret(id, nonce)) => (id, nonce),
        Given::Seen(Seen::Id(_)) => {
            return Err(CliError::misuse("the id does not tell its code").hint(WHOLE));
        }
    };
    let found = candidates(args, id, nonce)?
        .into_iter()
        .find(|payload| KeyPair::rendezvous(payload).public_key().0 == id.0);
    found.ok_or_else(|| {
        let asked = match (&args.amount, &args.server) {
            (None, None) => "it is not that of a login, and no price is given",
            _ => "another price, or a wrong client secret",
        };
        CliError::new(Kind::Refused, format!("the code does not belong to {id}: {asked}")).hint(WHOLE)
    })
}

/// The codes that an SDK can have made of what is known.
fn candidates(args: &CodeArgs, id: IntentId, nonce: Nonce) -> Result<Vec<[u8; PAYLOAD_LEN]>, CliError> {
    let login = ScanCode::LoginRequest { nonce }.encode().map_err(CliError::misuse)?;
    if let (Some(amount), Some(currency)) = (args.amount, &args.currency) {
        let currency = currency.to_lowercase().parse().map_err(CliError::misuse)?;
        let hundredths = Rounding::JavaScript
            .hundredths(amount)
            .map_err(|error| CliError::misuse(format!("--amount: {error}")))?;
        let plain = ScanCode::PaymentRequest { currency, hundredths, nonce }.encode();
        let fees = ScanCode::PaymentRequestWithFees { currency, hundredths, nonce }.encode();
        return Ok(vec![plain.map_err(CliError::misuse)?, fees.map_err(CliError::misuse)?]);
    }
    let Some(server) = &args.server else { return Ok(vec![login]) };
    let intent = block_on(Client::new(server)?.intent(&id))?;
    let terms = signed_terms(&id, &intent)?;
    Ok(pay::codes(&terms, nonce).chain([login]).collect())
}

/// What is read out to those who do not see the picture.
fn title(code: &ScanCode) -> String {
    match code {
        ScanCode::PaymentRequest { currency, hundredths, .. }
        | ScanCode::PaymentRequestWithFees { currency, hundredths, .. } => {
            format!("Pay {}.{:02} {}", hundredths / 100, hundredths % 100, currency.code().to_uppercase())
        }
        ScanCode::LoginRequest { .. } => "Log in".to_owned(),
        ScanCode::Cash { .. } => "Cash".to_owned(),
        ScanCode::GiftCard { .. } => "Gift card".to_owned(),
        ScanCode::Tip { username } => format!("Tip {username}"),
    }
}
