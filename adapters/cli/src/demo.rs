//! `quittance demo`: a merchant, a payer and a sequencer on this machine, over the wire, step by step.

use std::time::Duration;

use ed25519_dalek::SigningKey;
use futures_util::{SinkExt, StreamExt};
use prost::Message as _;
use quittance_code_api::call::{SignedMessage, get_status, open_message_stream_unsigned};
use quittance_code_api::envelope::{self, Method};
use quittance_code_api::key::PublicKey;
use quittance_code_api::nonce::Nonce;
use quittance_code_api::proto::code::messaging::v1::OpenMessageStreamResponse;
use quittance_code_api::proto::code::messaging::v1::message::Kind as MessageKind;
use quittance_code_api::proto::code::micropayment::v1::GetStatusResponse;
use quittance_code_api::request::{Fee, NonceOptions, PaymentOptions, SignedRequest};
use quittance_core::event::{Event, Record};
use quittance_http_api::document;
use quittance_runtime::Subscription;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message as Frame;

use crate::args::DemoArgs;
use crate::client::Client;
use crate::error::{CliError, Kind};
use crate::keys;
use crate::log;
use crate::node::{Node, NodeOptions};
use crate::output::Output;
use crate::pay::{self, Bounds, Seen};
use crate::serve::{StopSignal, until_told};
use crate::shop::{self, ShopOptions};

/// How long the merchant's page waits for each message.
const PATIENCE: Duration = Duration::from_secs(10);
/// What the demo's payer starts with: 100 000 kin.
const DEPOSIT: u64 = 10_000_000_000;

pub(crate) fn run(args: DemoArgs, output: &Output) -> Result<(), CliError> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(CliError::failed)?;
    runtime.block_on(demo(args, output))
}

async fn demo(args: DemoArgs, output: &Output) -> Result<(), CliError> {
    // Before a whole payment is told, to end with what was wrong with the command line.
    if let Some(directory) = &args.elements {
        shop::elements(directory)?;
    }
    let directory = tempfile::Builder::new().prefix("quittance-demo-").tempdir().map_err(CliError::failed)?;
    let mut options = NodeOptions::new(directory.path().join("data"), args.listen, true).with_dev_rates();
    let node = Node::start(options.clone()).await?;
    let mut story = Story::new(&node, *output)?;
    story.say(&format!(
        "a sequencer starts on {} with a new log in {}",
        node.url(),
        options.data().display()
    ))?;
    let (merchant, payer) = (keys::generate()?, keys::generate()?);
    let bought = story.buy(&merchant, &payer).await?;
    let declined = story.decline(&merchant).await?;
    node.stop().await?;
    let verified = log::verified(options.data(), true)?;
    let json = serde_json::json!({ "confirmed": bought, "canceled": declined, "log": verified.json() });
    output.result(&json, || format!("\nlog verify  {}", verified.text()));
    if !args.serve {
        return Ok(());
    }
    options.shop = Some(ShopOptions { elements: args.elements });
    keep_serving(options, output).await
}

async fn keep_serving(options: NodeOptions, output: &Output) -> Result<(), CliError> {
    let node = Node::start(options).await?;
    let stop = StopSignal::catch()?;
    let url = node.url();
    output.result(&serde_json::json!({ "listening": url }), || how_to(&url));
    let ended = until_told(&node, stop).await;
    node.stop().await?;
    ended
}

fn how_to(url: &str) -> String {
    format!(
        "\nThe sequencer is up again on the same log, with a shop and a wallet to try it in:\n\
         \n    {url}/shop\n    {url}/wallet\n\
         \nPoint an official SDK at it:\n\
         \n  JavaScript (@code-wallet/client 2.0.8)\n    \
         code.paymentIntents.create({{ destination, amount: 0.25, currency: 'usd', endpoint: '{url}/v1' }})\n\
         \n  Python (code_wallet 1.0.7)\n    \
         code_wallet.client.intents.client.endpoint = '{url}/v1'\n\
         \nand pay what it creates:\n    quittance keys new --out payer.key\n    \
         quittance account deposit $(quittance keys show payer.key) {DEPOSIT} --server {url}\n    \
         quittance pay ID --client-secret SECRET --key payer.key --server {url}\n\nCtrl-C ends it; the log is then deleted."
    )
}

/// Tells what happens, each line with its place in the log.
struct Story {
    client: Client,
    records: Subscription,
    output: Output,
    position: u64,
}

impl Story {
    fn new(node: &Node, output: Output) -> Result<Self, CliError> {
        let records = node.engine().subscribe(quittance_core::ids::Position(1));
        Ok(Self { client: Client::new(&node.url())?, records, output, position: 0 })
    }

    /// What somebody did, after what the log recorded meanwhile.
    fn say(&mut self, what: &str) -> Result<(), CliError> {
        self.log()?;
        self.output.note(&format!("{:>4}  {what}", self.position));
        Ok(())
    }

    fn log(&mut self) -> Result<(), CliError> {
        while let Some(record) = self.records.try_next()? {
            self.position = record.position.0;
            self.output.note(&format!(
                "{:>4}    {:<36} {}",
                record.position,
                record.event.name(),
                about(&record)
            ));
        }
        Ok(())
    }

    async fn buy(&mut self, merchant: &SigningKey, payer: &SigningKey) -> Result<String, CliError> {
        let account = keys::public(payer);
        let deposit = document::DepositRequest { quarks: DEPOSIT, key: "demo deposit".into() };
        self.client.deposit(&account, &deposit).await?;
        self.say(&format!("the payer {} has 100 000 kin", short(&account)))?;

        let partner = PublicKey(keys::generate()?.verifying_key().to_bytes());
        let fees = [Fee { destination: partner, basis_points: 250 }];
        let request = request(merchant, 25, Some(&fees))?;
        let id = request.intent_id();
        let mut page = Page::open(&self.client, id).await?;
        self.say("the merchant's page opens a message stream and waits")?;
        self.client.envelope(request.signed_message().envelope()).await?;
        self.say(&format!(
            "the merchant asks for $0.25, 2.5 % of it for a partner: intent {}",
            short(&id.to_string())
        ))?;

        let seen = Seen::Code(*request.payload());
        let (quiet, bounds) = (Output::new(true), Bounds::default());
        let poor = keys::generate()?;
        match pay::pay(&self.client, &seen, &poor, &bounds, PATIENCE, &quiet).await {
            Err(refused) => {
                self.say(&format!("somebody without funds tries to pay: {}", refused.message()))?;
            }
            Ok(_) => return Err(CliError::failed("somebody paid without funds; this is a bug")),
        }
        let paid = pay::pay(&self.client, &seen, payer, &bounds, PATIENCE, &quiet).await?;
        self.say("the payer's app checks the terms against the code, signs the quote, submits")?;
        for expected in ["requestToReceiveBill", "codeScanned", "intentSubmitted"] {
            let heard = page.next().await?;
            if heard != expected {
                return Err(CliError::failed(format!(
                    "the merchant's page heard {heard} instead of {expected}"
                )));
            }
            self.say(&format!("the merchant's page hears {heard}"))?;
        }
        let status = self.status(id).await?;
        self.say(&format!(
            "the SDK's getStatus: exists, scanned {}, submitted {}",
            status.code_scanned, status.intent_submitted
        ))?;
        if paid.intent.state != "confirmed" {
            let message = format!("the payment is {} after {PATIENCE:?}", paid.intent.state);
            return Err(CliError::new(Kind::Unreachable, message));
        }
        let left = self.client.account(&account).await?;
        self.say(&format!(
            "confirmed; the payer has {} quarks left, {} of them reserved",
            left.balance, left.reserved
        ))?;
        Ok(id.to_string())
    }

    async fn decline(&mut self, merchant: &SigningKey) -> Result<String, CliError> {
        let request = request(merchant, 100, None)?;
        let id = request.intent_id();
        self.client.envelope(request.signed_message().envelope()).await?;
        self.say(&format!("the merchant asks for $1.00: intent {}", short(&id.to_string())))?;
        let mut page = Page::open(&self.client, id).await?;
        self.client
            .envelope(SignedMessage::client_rejected_payment(request.rendezvous_key()).envelope())
            .await?;
        page.next().await?;
        let heard = page.next().await?;
        self.say(&format!("the payer declines; the merchant's page hears {heard}"))?;
        Ok(id.to_string())
    }

    async fn status(&self, intent: PublicKey) -> Result<GetStatusResponse, CliError> {
        let call = envelope::encode_request(Method::GetStatus, get_status(intent).encode_to_vec());
        let answer = self.client.envelope(call).await?;
        GetStatusResponse::decode(answer.as_slice()).map_err(CliError::failed)
    }
}

/// The merchant's page: a message stream over WebSocket, as the SDK's browser code opens it.
struct Page {
    messages: mpsc::Receiver<&'static str>,
}

impl Page {
    async fn open(client: &Client, intent: PublicKey) -> Result<Self, CliError> {
        let url = client.server().replacen("http", "ws", 1);
        let (mut socket, _) = tokio_tungstenite::connect_async(url).await.map_err(CliError::failed)?;
        let body = open_message_stream_unsigned(intent).encode_to_vec();
        let call = envelope::encode_request(Method::OpenMessageStream, body);
        socket.send(Frame::binary(call)).await.map_err(CliError::failed)?;
        let (heard, messages) = mpsc::channel(64);
        tokio::spawn(async move {
            while let Some(Ok(frame)) = socket.next().await {
                for kind in kinds(&frame.into_data()) {
                    if heard.send(kind).await.is_err() {
                        return;
                    }
                }
            }
        });
        Ok(Self { messages })
    }

    async fn next(&mut self) -> Result<&'static str, CliError> {
        let heard = tokio::time::timeout(PATIENCE, self.messages.recv()).await;
        heard.ok().flatten().ok_or_else(|| CliError::new(Kind::Unreachable, "the message stream fell silent"))
    }
}

fn kinds(frame: &[u8]) -> Vec<&'static str> {
    let Ok(Ok(body)) = envelope::decode_response(frame) else { return Vec::new() };
    let messages = OpenMessageStreamResponse::decode(body.as_slice()).map(|response| response.messages);
    messages
        .unwrap_or_default()
        .into_iter()
        .filter_map(|message| message.kind)
        .map(|kind| kind_name(&kind))
        .collect()
}

fn kind_name(kind: &MessageKind) -> &'static str {
    match kind {
        MessageKind::RequestToReceiveBill(_) => "requestToReceiveBill",
        MessageKind::CodeScanned(_) => "codeScanned",
        MessageKind::IntentSubmitted(_) => "intentSubmitted",
        MessageKind::ClientRejectedPayment(_) => "clientRejectedPayment",
        _ => "another message",
    }
}

/// A merchant's request for so many hundredths of a US dollar, with a nonce of its own.
pub(crate) fn request(
    merchant: &SigningKey,
    hundredths: u64,
    fees: Option<&[Fee]>,
) -> Result<SignedRequest, CliError> {
    let mut nonce = [0; 11];
    getrandom::fill(&mut nonce).map_err(CliError::failed)?;
    let options = PaymentOptions {
        destination: Some(&keys::public(merchant)),
        hundredths: Some(hundredths),
        currency: Some("usd"),
        fees,
        nonce: NonceOptions { given: Some(Nonce(nonce)), ..NonceOptions::default() },
        login: None,
    };
    options.build().map_err(CliError::failed)
}

fn about(record: &Record) -> String {
    match &record.event {
        Event::FundsDeposited { account, quarks, .. } => {
            format!("{quarks} for {}", short(&account.to_string()))
        }
        Event::RatesPublished { rates, .. } => format!("{} currencies", rates.len()),
        Event::IntentCreated { terms, .. } => {
            format!("{} {}", document::amount(terms.currency, terms.amount), terms.currency)
        }
        Event::IntentSubmitted { payment, .. } => format!("by {}", short(&payment.payer.to_string())),
        Event::SubmissionRefused { rejection } | Event::IntentRejected { rejection } => rejection.to_string(),
        Event::IntentVerified { reserved } => format!("{reserved} reserved"),
        Event::TransactionSettled { transaction, .. } => short(&transaction.to_string()),
        _ => String::new(),
    }
}

fn short(key: &str) -> String {
    format!("{}...", key.chars().take(8).collect::<String>())
}
