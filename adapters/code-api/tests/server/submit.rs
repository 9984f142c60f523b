//! `SubmitIntent` as a payer's app uses and misuses it, over both transports.

use std::time::Duration;

use prost::Message as _;
use quittance_code_api::call::{self, SignedMessage};
use quittance_code_api::envelope::Method;
use quittance_code_api::key::{KeyPair, PublicKey};
use quittance_code_api::payer::{Order, establish_relationship};
use quittance_code_api::proto::code::common::v1 as common;
use quittance_code_api::proto::code::messaging::v1::message::Kind;
use quittance_code_api::proto::code::transaction::v2::error_details::Type;
use quittance_code_api::proto::code::transaction::v2::submit_intent_request::{
    Request as Part, SubmitActions, SubmitSignatures,
};
use quittance_code_api::proto::code::transaction::v2::submit_intent_response::Response;
use quittance_code_api::proto::code::transaction::v2::{SubmitIntentRequest, server_parameter};
use quittance_code_api::request::{self, NonceOptions, PaymentOptions, SignedRequest};
use quittance_code_api::server::Destinations;
use quittance_core::command::Request;
use quittance_core::currency::Currency;
use quittance_core::ids::{AccountId, IntentId};
use quittance_core::money::{BasisPoints, NativeAmount, Quarks};
use quittance_core::payment::{Payment, Purpose};
use quittance_core::policy::Policy;
use quittance_core::state::Key;
use quittance_core::terms::Fee;
use tokio::time::timeout;

use crate::node::{DESTINATION, Node, STUCK, StoppedClock, kin};
use crate::submit_client::{Client, TRANSPORTS, order, payer};

const SAVINGS: u64 = 1_000_000_000_000;

async fn small_pool(nonces: usize) -> Node {
    let node = Node::with(|options| {
        options.destinations = Destinations::Any;
        options.nonces = nonces;
    });
    let node = node.await;
    node.deposit(&payer(), SAVINGS).await;
    node
}

async fn request(node: &Node, name: &str) -> SignedRequest {
    let request = kin(name);
    node.send(request.signed_message().to_request()).await.expect("a request");
    request
}

async fn payment(node: &Node, intent: PublicKey) -> Option<Payment> {
    let id = IntentId(intent.0);
    let look = move |state: &quittance_core::state::State| {
        state.intent(&id).and_then(|intent| intent.submission()).map(|known| known.payment.clone())
    };
    node.handle.query_about(Key::Intent(id), look).await.expect("an answer")
}

fn fees() -> [request::Fee; 2] {
    let fee = |seed, basis_points| request::Fee { destination: PublicKey([seed; 32]), basis_points };
    [fee(10, 125), fee(11, 3)]
}

fn engine_fees() -> Vec<Fee> {
    let fee = |fee: request::Fee| Fee {
        destination: AccountId(fee.destination.0),
        basis_points: BasisPoints::new(fee.basis_points).expect("basis points"),
    };
    fees().map(fee).to_vec()
}

/// A quarter dollar, with shares for two others.
async fn quarter(node: &Node, name: &str) -> SignedRequest {
    let fees = fees();
    let options = PaymentOptions {
        destination: Some(DESTINATION),
        hundredths: Some(25),
        currency: Some("usd"),
        fees: Some(&fees),
        nonce: NonceOptions::idempotency_key(name),
        ..PaymentOptions::default()
    };
    let request = options.build().expect("a request");
    node.send(request.signed_message().to_request()).await.expect("a request");
    request
}

fn quarter_order<'a>(node: &Node, intent: PublicKey, fees: &'a [Fee]) -> Order<'a> {
    Order {
        currency: Currency::USD,
        amount: NativeAmount::from_hundredths(25).expect("an amount"),
        rate: "0.00002".parse().expect("a rate"),
        service_fee: Some(Quarks::new(50_000_000)),
        ..order(node, intent, fees)
    }
}

/// Lost if this fails: an official app cannot pay here, or pays something else than it signed.
#[tokio::test]
async fn a_payer_pays_what_it_signed_over_either_transport() {
    for transport in TRANSPORTS {
        let node = small_pool(16).await;
        node.charge("0.00002").await;
        let intent = quarter(&node, "order-1").await.intent_id();
        let fees = engine_fees();
        let draft = quarter_order(&node, intent, &fees).draft(&payer()).expect("a draft");
        Client::pay(&node, transport, &draft, &payer()).await.expect("paid");
        let paid = payment(&node, intent).await.expect("a payment");
        let transfers: Vec<_> = paid.transfers.iter().map(|to| (to.purpose, to.quarks.get())).collect();
        let expected = [
            (Purpose::ServiceFee, 50_000_000),
            (Purpose::Fee, 15_625_000),
            (Purpose::Fee, 375_000),
            (Purpose::Destination, 1_184_000_000),
        ];
        assert_eq!(transfers, expected, "{transport}");
        assert_eq!(paid.transfers[0].destination, AccountId([0x55; 32]));
        let again = Client::pay(&node, transport, &draft, &payer()).await;
        assert_eq!(again, Err("STALE_STATE: intent already exists".into()), "{transport}");
        let other = KeyPair::from_seed(&[0x78; 32]);
        node.deposit(&other, SAVINGS).await;
        let other_draft = quarter_order(&node, intent, &fees).draft(&other).expect("a draft");
        let again = Client::pay(&node, transport, &other_draft, &other).await;
        assert_eq!(again, Err("STALE_STATE: intent already exists".into()), "{transport}");
    }
}

/// Lost if this fails: whoever waits for the payment does not learn how it was made, or learns two stories.
#[tokio::test]
async fn those_who_wait_are_told_what_the_payer_said() {
    let node = small_pool(4).await;
    let waiting = request(&node, "order-1").await;
    let mut stream = node.socket("/").await;
    let open = call::open_message_stream(waiting.rendezvous_key()).encode_to_vec();
    stream.call(Method::OpenMessageStream, open).await;
    stream.message().await;
    let draft = order(&node, waiting.intent_id(), &[]).draft(&payer()).expect("a draft");
    Client::pay(&node, "gRPC", &draft, &payer()).await.expect("paid");
    let told = stream.message().await;
    let Some(Kind::IntentSubmitted(submitted)) = &told.kind else { panic!("{told:?}") };
    let said = SubmitActions::decode(draft.actions()).expect("actions");
    assert!(submitted.metadata.is_some());
    assert_eq!(submitted.metadata, said.metadata);
    assert_eq!(node.poll(waiting.rendezvous_key()).await.last(), Some(&told), "the same message again");
}

/// Lost if this fails: an app is told something that it cannot act on, or a payment passes that breaks a rule.
#[tokio::test]
async fn what_the_node_refuses_it_refuses_in_the_protocols_words() {
    let node = small_pool(16).await;
    let check = async |order: &Order<'_>, owner: &KeyPair, want: &str| {
        for transport in TRANSPORTS {
            let draft = order.draft(owner).expect("a draft");
            let got = Client::pay(&node, transport, &draft, owner).await.expect_err(want);
            assert_eq!(got, want, "{transport}");
        }
    };
    let (open, poor) = (request(&node, "open").await, KeyPair::from_seed(&[0x79; 32]));
    let intent = open.intent_id();
    let honest = order(&node, intent, &[]);
    check(&honest, &poor, "INVALID_INTENT: insufficient balance to perform action").await;
    let unknown = kin("unknown").intent_id();
    let text = format!("INVALID_INTENT: no payment request has intent id {unknown}");
    check(&order(&node, unknown, &[]), &payer(), &text).await;
    let text = format!("INVALID_INTENT: payment has a request to destination {DESTINATION}");
    check(&Order { destination: AccountId([3; 32]), ..honest }, &payer(), &text).await;
    let text = "INVALID_INTENT: payment has a request for 2500.00 native amount";
    let more = NativeAmount::from_hundredths(250_001).expect("an amount");
    check(&Order { amount: more, ..honest }, &payer(), text).await;
    let text = "INVALID_INTENT: kin exchange rate must be 1";
    check(&Order { rate: "1.001".parse().expect("a rate"), ..honest }, &payer(), text).await;
    let text = "INVALID_INTENT: intent doesn't require a fee payment";
    check(&Order { service_fee: Some(Quarks::new(1)), ..honest }, &payer(), text).await;
    let elsewhere = Order { node: PublicKey([9; 32]), ..honest };
    let own = order(&node, intent, &[]).draft(&payer()).expect("a draft");
    let vault = quittance_code_api::solana::address::Timelock::of(
        payer().public_key(),
        PublicKey(node.handle.node().0),
    );
    let vault = vault.vault.address;
    let text = format!("INVALID_INTENT: source must be the owner's primary account {vault}");
    check(&elsewhere, &payer(), &text).await;

    let canceled = request(&node, "canceled").await;
    let reject = SignedMessage::client_rejected_payment(canceled.rendezvous_key());
    node.send(reject.to_request()).await.expect("a rejection");
    let order_of = |intent| order(&node, intent, &[]);
    let text = "STALE_STATE: payment request was canceled";
    check(&order_of(canceled.intent_id()), &payer(), text).await;

    node.charge("0.00002").await;
    let text = "INVALID_INTENT: intent requires a fee payment";
    check(&honest, &payer(), text).await;
    let fees = engine_fees();
    let intent = quarter(&node, "quarter").await.intent_id();
    let honest = quarter_order(&node, intent, &fees);
    // A hundredth of it up or down, which is where the protocol draws the line.
    for off in [49_500_000, 50_500_000] {
        let text = "INVALID_INTENT: code fee payment amount must be $0.01 USD";
        check(&Order { service_fee: Some(Quarks::new(off)), ..honest }, &payer(), text).await;
    }
    let text = "INVALID_INTENT: expected 3 fee payment action";
    check(&Order { fees: &fees[..1], ..honest }, &payer(), text).await;
    let stale = "0.000019".parse().expect("a rate");
    check(&Order { rate: stale, ..honest }, &payer(), "STALE_STATE: fiat exchange rate is stale").await;
    assert_eq!(payment(&node, intent).await, None);
    assert!(own.actions().len() < 4096);
}

/// Lost if this fails: a payment goes through whose transactions nobody signed.
#[tokio::test]
async fn without_a_valid_signature_for_each_transaction_nothing_is_paid() {
    // Of six, one is kept from a payer who has begun and not paid.
    let node = small_pool(6).await;
    node.charge("0.00002").await;
    let fees = engine_fees();
    let intent = quarter(&node, "order-1").await.intent_id();
    let draft = quarter_order(&node, intent, &fees).draft(&payer()).expect("a draft");
    let edit = |message: &[u8], change: &dyn Fn(&mut Vec<common::Signature>)| {
        let request = SubmitIntentRequest::decode(message).expect("a request");
        let Some(Part::SubmitSignatures(mut signatures)) = request.request else { panic!("no signatures") };
        change(&mut signatures.signatures);
        SubmitIntentRequest { request: Some(Part::SubmitSignatures(signatures)) }.encode_to_vec()
    };
    let signature = |byte: u8| common::Signature { value: vec![byte; 64] };
    for transport in TRANSPORTS {
        let start = async || {
            let mut client = Client::open(&node, transport).await;
            client.send(draft.first_message()).await;
            let parameters = client.parameters().await;
            (draft.second_message(&payer(), &parameters).expect("signatures"), client)
        };
        let check = async |change: &dyn Fn(&mut Vec<common::Signature>), want: &str| {
            let (honest, mut client) = start().await;
            client.send(edit(&honest, change)).await;
            assert_eq!(client.error().await, want, "{transport}");
        };
        check(&|all| drop(all.pop()), "SIGNATURE_ERROR: at least one signature is missing").await;
        check(&|all| all.push(signature(1)), "SIGNATURE_ERROR: too many signatures provided").await;
        check(&|all| all.swap(0, 1), "SIGNATURE_ERROR: 2 details").await;
        let (honest, mut client) = start().await;
        client.send(edit(&honest, &|all| all[2] = signature(7))).await;
        let Response::Error(error) = client.last().await else { panic!("accepted") };
        assert_eq!(error.code, 2);
        let [detail] = <[_; 1]>::try_from(error.error_details).expect("one signature");
        let Some(Type::InvalidSignature(invalid)) = detail.r#type else { panic!("{detail:?}") };
        assert_eq!((invalid.action_id, invalid.provided_signature), (2, Some(signature(7))));
        let expected = invalid.expected_transaction.expect("a transaction").value;
        assert_eq!(expected[..129], [[2].as_slice(), &[0; 128]].concat());
        // What the node expected is what an honest client signs.
        let Some(Part::SubmitSignatures(SubmitSignatures { signatures })) =
            SubmitIntentRequest::decode(honest.as_slice()).expect("a request").request
        else {
            panic!("no signatures")
        };
        let third = signatures[2].value.as_slice().try_into().expect("64 bytes");
        assert!(payer().public_key().verifies(&expected[129..], &third), "{transport}");
        let (_, mut client) = start().await;
        client.send(edit(&honest, &Vec::clear)).await;
        let text = client.next().await.expect_err("no signatures at all");
        assert!(
            text.starts_with("[invalid_argument] invalid SubmitIntentRequest_SubmitSignatures."),
            "{text}"
        );
        let (_, mut client) = start().await;
        client.send(draft.first_message()).await;
        assert_eq!(client.next().await, Err("[invalid_argument] SubmitSignatures is nil".into()));
        let mut client = Client::open(&node, transport).await;
        client.send(honest).await;
        assert_eq!(client.next().await, Err("[invalid_argument] SubmitActions is nil".into()));
    }
    assert_eq!(payment(&node, intent).await, None);
    // Every one of those gave its four nonces back, of which there are no more for this payer.
    Client::pay(&node, "gRPC", &draft, &payer()).await.expect("paid");
}

/// Lost if this fails: anybody who comes and goes stops all payments, or two payments are signed over one nonce.
#[tokio::test]
async fn a_nonce_comes_back_from_a_client_that_leaves_and_gets_a_new_value_behind_a_payment() {
    for transport in TRANSPORTS {
        let node = small_pool(1).await;
        let (one, two) = (request(&node, "order-1").await, request(&node, "order-2").await);
        let draft = |request: &SignedRequest| order(&node, request.intent_id(), &[]).draft(&payer());
        let (one_draft, two_draft) = (draft(&one).expect("a draft"), draft(&two).expect("a draft"));
        let start = async || {
            let mut client = Client::open(&node, transport).await;
            client.send(one_draft.first_message()).await;
            (client.parameters().await.server_parameters[0].nonces[0].clone(), client)
        };
        let (nonce, client) = start().await;
        let busy = "[unavailable] no nonce is free; try again in a moment";
        assert_eq!(Client::pay(&node, transport, &two_draft, &payer()).await, Err(busy.into()));
        drop(client);
        let freed = async {
            loop {
                let mut client = Client::open(&node, transport).await;
                client.send(one_draft.first_message()).await;
                match client.next().await {
                    Ok(Response::ServerParameters(parameters)) => break (parameters, client),
                    other => assert_eq!(other, Err(busy.into())),
                }
            }
        };
        let (parameters, mut client) = timeout(STUCK, freed).await.expect("the nonce comes back");
        assert_eq!(parameters.server_parameters[0].nonces[0], nonce, "it was not used");
        assert!(matches!(
            parameters.server_parameters[0].r#type,
            Some(server_parameter::Type::NoPrivacyTransfer(_))
        ));
        let signatures = one_draft.second_message(&payer(), &parameters).expect("signatures");
        client.send(signatures).await;
        // It has signed, and does not wait for the answer: gone or not, it has paid.
        if transport == "gRPC" {
            client.succeed().await;
        }
        drop(client);
        let paid = async { while payment(&node, one.intent_id()).await.is_none() {} };
        timeout(STUCK, paid).await.expect("paid");
        assert_eq!(Client::pay(&node, transport, &two_draft, &payer()).await, Err(busy.into()));
        node.settle(one.intent_id()).await;
        let next = async {
            loop {
                let mut client = Client::open(&node, transport).await;
                client.send(two_draft.first_message()).await;
                match client.next().await {
                    Ok(Response::ServerParameters(mut parameters)) => {
                        break parameters.server_parameters[0].nonces.remove(0);
                    }
                    other => assert_eq!(other, Err(busy.into())),
                }
            }
        };
        let next = timeout(STUCK, next).await.expect("the nonce comes back");
        assert_eq!(next.nonce, nonce.nonce, "one account");
        assert_ne!(next.blockhash, nonce.blockhash, "a value that was used is never offered again");
    }
}

/// Lost if this fails: one slow payer keeps everybody else from paying.
#[tokio::test]
async fn one_owner_holds_only_so_many_nonces_unsigned() {
    let node = small_pool(64).await;
    let intent = request(&node, "order-1").await.intent_id();
    let draft = order(&node, intent, &[]).draft(&payer()).expect("a draft");
    let mut waiting = Vec::new();
    for n in 0..16 {
        let intent = request(&node, &format!("held-{n}")).await.intent_id();
        let draft = order(&node, intent, &[]).draft(&payer()).expect("a draft");
        let mut client = Client::open(&node, "gRPC").await;
        client.send(draft.first_message()).await;
        client.parameters().await;
        waiting.push(client);
    }
    let busy = "[unavailable] too many submissions of this owner are under way; try again in a moment";
    assert_eq!(Client::pay(&node, "socket", &draft, &payer()).await, Err(busy.into()));
    let other = KeyPair::from_seed(&[0x78; 32]);
    node.deposit(&other, SAVINGS).await;
    let second = request(&node, "order-2").await.intent_id();
    let others = order(&node, second, &[]).draft(&other).expect("a draft");
    Client::pay(&node, "socket", &others, &other).await.expect("paid");
    waiting.clear();
    let again = async { while Client::pay(&node, "socket", &draft, &payer()).await.is_err() {} };
    timeout(STUCK, again).await.expect("the places come back");
}

/// Lost if this fails: whoever has a little money holds all nonces by beginning payments, and nobody else can pay.
#[tokio::test]
async fn the_last_nonces_are_for_those_who_pay_what_they_begin() {
    let node = small_pool(4).await;
    let owners: Vec<_> = (0..4).map(|n| KeyPair::from_seed(&[0x80 + n; 32])).collect();
    let intent = request(&node, "order-1").await.intent_id();
    let draft = |owner: &KeyPair| order(&node, intent, &[]).draft(owner).expect("a draft");
    let begin = async |owner: &KeyPair| {
        let mut client = Client::open(&node, "gRPC").await;
        client.send(draft(owner).first_message()).await;
        client.next().await.map(|_| client)
    };
    for owner in &owners {
        node.deposit(owner, SAVINGS).await;
        // The one before may still have its nonce: that its client has left is noticed in a moment.
        let begun = async { while begin(owner).await.is_err() {} };
        timeout(STUCK, begun).await.expect("nonces");
    }
    let mut held = Vec::new();
    for owner in &owners[..3] {
        let begun = async {
            loop {
                if let Ok(client) = begin(owner).await {
                    break client;
                }
            }
        };
        held.push(timeout(STUCK, begun).await.expect("nonces"));
    }
    let busy = "[unavailable] no nonce is free; try again in a moment";
    assert_eq!(begin(&owners[3]).await.err(), Some(busy.into()));
    let honest = KeyPair::from_seed(&[0x90; 32]);
    node.deposit(&honest, SAVINGS).await;
    Client::pay(&node, "gRPC", &draft(&honest), &honest).await.expect("paid");
}

/// Lost if this fails: an app whose connection broke while it paid has to wait, or pays with what nobody holds for it any more.
#[tokio::test]
async fn a_payment_that_is_begun_anew_takes_the_place_of_the_first() {
    for transport in TRANSPORTS {
        let node = small_pool(1).await;
        let intent = request(&node, "order-1").await.intent_id();
        let draft = order(&node, intent, &[]).draft(&payer()).expect("a draft");
        let mut first = Client::open(&node, transport).await;
        first.send(draft.first_message()).await;
        let parameters = first.parameters().await;
        let mut second = Client::open(&node, transport).await;
        second.send(draft.first_message()).await;
        let anew = second.parameters().await;
        first.send(draft.second_message(&payer(), &parameters).expect("signatures")).await;
        let text = "STALE_STATE: a newer submission of this payment is under way";
        assert_eq!(first.error().await, text, "{transport}");
        second.send(draft.second_message(&payer(), &anew).expect("signatures")).await;
        second.succeed().await;
    }
}

/// Lost if this fails: a payment that comes twice keeps its second nonces until the node is restarted.
#[tokio::test]
async fn a_payment_that_was_made_meanwhile_needs_no_nonce() {
    for transport in TRANSPORTS {
        let node = small_pool(1).await;
        // Longer than an intent lives, so that every payload for it ends with it and says the same.
        let quote_lifetime = Duration::from_secs(365 * 86_400);
        let policy = Policy { service_fee: None, quote_lifetime, ..Policy::standard(AccountId([7; 32])) };
        node.handle.execute(Request::SetPolicy { policy }).await.expect("a policy");
        let (one, two) = (request(&node, "order-1").await, request(&node, "order-2").await);
        let draft = |request: &SignedRequest| order(&node, request.intent_id(), &[]).draft(&payer());
        let mut client = Client::open(&node, transport).await;
        let first = draft(&one).expect("a draft");
        client.send(first.first_message()).await;
        let parameters = client.parameters().await;
        node.pay(one.rendezvous_key()).await;
        // Over before the signatures come: nothing that is still to be recorded gives the nonces back.
        node.settle(one.intent_id()).await;
        client.send(first.second_message(&payer(), &parameters).expect("signatures")).await;
        client.succeed().await;
        let second = draft(&two).expect("a draft");
        Client::pay(&node, transport, &second, &payer()).await.expect("the only nonce is free");
    }
}

/// Lost if this fails: a client that stops in the middle holds its nonces.
#[tokio::test]
async fn a_client_has_one_second_for_a_message() {
    let node = small_pool(1).await;
    let intent = request(&node, "order-1").await.intent_id();
    let draft = order(&node, intent, &[]).draft(&payer()).expect("a draft");
    for transport in TRANSPORTS {
        let mut client = Client::open(&node, transport).await;
        client.send(draft.first_message()).await;
        client.parameters().await;
        let clock = StoppedClock::new();
        clock.pass(Duration::from_millis(1100)).await;
        tokio::time::resume();
        drop(clock);
        let text = "[deadline_exceeded] no message came within 1 s";
        assert_eq!(client.next().await, Err(text.into()), "{transport}");
    }
    Client::pay(&node, "socket", &draft, &payer()).await.expect("paid");
}

/// Lost if this fails: a payer cannot log in anywhere, or one account stands for two people.
#[tokio::test]
async fn an_owner_becomes_known_to_a_domain_once() {
    let node = small_pool(1).await;
    let here = PublicKey(node.handle.node().0);
    let (authority, other) = (KeyPair::from_seed(&[0x31; 32]), KeyPair::from_seed(&[0x32; 32]));
    let intent = kin("any id").intent_id();
    let establish = async |transport: &str, node_key, owner: &KeyPair, authority: &KeyPair, domain: &str| {
        let draft = establish_relationship(intent, node_key, owner, authority, domain).expect("a draft");
        let mut client = Client::open(&node, transport).await;
        client.send(draft.first_message()).await;
        match client.last().await {
            Response::Success(_) => Ok(()),
            Response::Error(error) => match &error.error_details[0].r#type {
                Some(Type::ReasonString(reason)) => Err((error.code, reason.reason.clone())),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    };
    for transport in TRANSPORTS {
        // The second time it is so already.
        assert_eq!(establish(transport, here, &payer(), &authority, "example.com").await, Ok(()));
        let (code, text) =
            establish(transport, here, &payer(), &other, "example.com").await.expect_err("two");
        assert_eq!(code, 3, "{text}");
        let (code, text) =
            establish(transport, here, &other, &authority, "example.com").await.expect_err("two");
        assert_eq!(code, 3, "{text}");
        let (code, text) =
            establish(transport, here, &payer(), &other, "shop.example.com").await.expect_err("a subdomain");
        assert_eq!(
            (code, text.as_str()),
            (1, "relationship domain must be a base domain, got shop.example.com")
        );
        let wrong = establish(transport, PublicKey([9; 32]), &payer(), &other, "example.org").await;
        let (code, text) = wrong.expect_err("another node's account");
        assert!(code == 1 && text.starts_with("actions[0]: token must be "), "{text}");
    }
    let (owner, domain) = (AccountId(payer().public_key().0), "example.com".parse().expect("a domain"));
    let known = node.handle.query(move |state| state.relationships().of(&owner, &domain)).await;
    assert_eq!(known.expect("an answer"), Some(AccountId(authority.public_key().0)));
}
