//! A payer's app that submits, over either transport.

use prost::Message as _;
use quittance_code_api::envelope::{self, Method};
use quittance_code_api::key::{KeyPair, PublicKey};
use quittance_code_api::payer::{Draft, Order};
use quittance_code_api::proto::code::transaction::v2 as transaction;
use quittance_code_api::proto::code::transaction::v2::error_details::Type;
use quittance_code_api::proto::code::transaction::v2::submit_intent_response::{
    Error, Response, ServerParameters, error,
};
use quittance_core::command::{Request, SettlementOutcome};
use quittance_core::currency::{Currency, Rate};
use quittance_core::ids::{AccountId, AttemptNumber, DepositKey, IntentId};
use quittance_core::money::{NativeAmount, Quarks};
use quittance_core::policy::Policy;
use quittance_core::state::Key;
use quittance_core::terms::Fee;

use crate::grpc_client::{GrpcCall, path};
use crate::node::{DESTINATION, Node, Socket};

pub(crate) const TRANSPORTS: [&str; 2] = ["socket", "gRPC"];

const METHOD: Method = Method::SubmitIntent;

/// One call.
pub(crate) enum Client {
    Socket(Socket),
    Grpc(GrpcCall),
}

impl Client {
    pub(crate) async fn open(node: &Node, transport: &str) -> Self {
        match transport {
            "socket" => Self::Socket(node.socket("/").await),
            _ => Self::Grpc(node.grpc().await.open(&path(METHOD), &[])),
        }
    }

    pub(crate) async fn send(&mut self, message: Vec<u8>) {
        match self {
            Self::Socket(socket) => socket.send(envelope::encode_request(METHOD, message)).await,
            Self::Grpc(call) => call.send(&message),
        }
    }

    /// The next answer, or how the call failed.
    pub(crate) async fn next(&mut self) -> Result<Response, String> {
        let body = match self {
            Self::Socket(socket) => socket.next().await.expect("a frame")?,
            Self::Grpc(call) => match call.next().await {
                Some(body) => body,
                None => return Err(in_brackets(call.end().await)),
            },
        };
        let response = transaction::SubmitIntentResponse::decode(body.as_slice()).expect("a response");
        Ok(response.response.expect("one of the three"))
    }

    pub(crate) async fn parameters(&mut self) -> ServerParameters {
        match self.next().await {
            Ok(Response::ServerParameters(parameters)) => parameters,
            other => panic!("expected parameters, got {other:?}"),
        }
    }

    /// The last answer, behind which the call ends without a failure.
    pub(crate) async fn last(&mut self) -> Response {
        let response = self.next().await.expect("an answer");
        match self {
            Self::Socket(socket) => assert_eq!(socket.next().await, None),
            Self::Grpc(call) => assert_eq!(call.end().await.0, 0),
        }
        response
    }

    /// The last answer in a few words: the error's code and reason.
    pub(crate) async fn error(&mut self) -> String {
        match self.last().await {
            Response::Error(error) => words(&error),
            other => panic!("expected an error, got {other:?}"),
        }
    }

    pub(crate) async fn succeed(&mut self) {
        let last = self.last().await;
        assert!(matches!(last, Response::Success(ref success) if success.code == 0), "{last:?}");
    }

    /// A whole payment.
    pub(crate) async fn pay(
        node: &Node,
        transport: &str,
        draft: &Draft,
        owner: &KeyPair,
    ) -> Result<(), String> {
        let mut client = Self::open(node, transport).await;
        client.send(draft.first_message()).await;
        match client.next().await? {
            Response::ServerParameters(parameters) => {
                let signatures = draft.second_message(owner, &parameters).expect("signatures");
                client.send(signatures).await;
                client.succeed().await;
                Ok(())
            }
            Response::Error(error) => Err(words(&error)),
            Response::Success(_) => panic!("paid without a signature"),
        }
    }
}

fn words(error: &Error) -> String {
    let code = error::Code::try_from(error.code).expect("a code").as_str_name();
    match error.error_details.as_slice() {
        [transaction::ErrorDetails { r#type: Some(Type::ReasonString(reason)) }] => {
            format!("{code}: {}", reason.reason)
        }
        details => format!("{code}: {} details", details.len()),
    }
}

/// A gRPC failure as an envelope has it.
fn in_brackets((code, text): (u32, String)) -> String {
    let name = match code {
        3 => "invalid_argument",
        4 => "deadline_exceeded",
        12 => "unimplemented",
        14 => "unavailable",
        16 => "unauthenticated",
        other => panic!("{other}: {text}"),
    };
    if text.is_empty() { format!("[{name}]") } else { format!("[{name}] {text}") }
}

pub(crate) fn payer() -> KeyPair {
    KeyPair::from_seed(&[0x77; 32])
}

/// What a payer decides about a request in kin, without fees.
pub(crate) fn order<'a>(node: &Node, intent: PublicKey, fees: &'a [Fee]) -> Order<'a> {
    Order {
        intent,
        node: PublicKey(node.handle.node().0),
        destination: AccountId(DESTINATION.parse::<PublicKey>().expect("a key").0),
        currency: Currency::KIN,
        amount: NativeAmount::from_hundredths(250_000).expect("an amount"),
        fees,
        rate: Rate::ONE,
        service_fee: None,
    }
}

impl Node {
    pub(crate) async fn deposit(&self, payer: &KeyPair, quarks: u64) {
        let (account, quarks) = (AccountId(payer.public_key().0), Quarks::new(quarks));
        let key = DepositKey::from_text(&format!("{account} {quarks}"));
        self.handle.execute(Request::Deposit { key, account, quarks }).await.expect("a deposit");
    }

    /// A cent for every payment, and the price of a kin in dollars.
    pub(crate) async fn charge(&self, rate: &str) {
        let policy = Policy::standard(AccountId([0x55; 32]));
        self.handle.execute(Request::SetPolicy { policy }).await.expect("a policy");
        let rates = vec![(Currency::USD, rate.parse().expect("a rate"))];
        let publish = Request::PublishRates { source: "test".into(), rates };
        self.handle.execute(publish).await.expect("rates");
    }

    /// The rail's word that everything about a payment is final.
    pub(crate) async fn settle(&self, intent: PublicKey) {
        let id = IntentId(intent.0);
        let transactions = self.handle.query_about(Key::Intent(id), move |state| {
            let intent = state.intent(&id).expect("an intent");
            let settlement = intent.settlement().expect("a settlement");
            settlement.transactions.iter().map(|known| known.transaction.id).collect::<Vec<_>>()
        });
        for transaction in transactions.await.expect("transactions") {
            let report = Request::ReportSettlement {
                intent: id,
                transaction,
                attempt: AttemptNumber(1),
                outcome: SettlementOutcome::Settled,
                expected: None,
            };
            self.handle.execute(report).await.expect("a report");
        }
    }
}
