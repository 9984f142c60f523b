//! What a payer's app asks before and after it pays.

use std::collections::BTreeSet;
use std::sync::Arc;

use prost::Message as _;
use quittance_code_api::call;
use quittance_code_api::envelope::Method;
use quittance_code_api::key::{KeyPair, PublicKey};
use quittance_code_api::proto::code::transaction::v2 as transaction;
use quittance_code_api::proto::code::transaction::v2::metadata::Type;
use quittance_code_api::server::Destinations;
use quittance_code_api::solana::address::Timelock;
use quittance_core::command::Request;
use quittance_core::ids::AccountId;
use quittance_core::money::Quarks;
use quittance_core::policy::{Limits, Policy};

use crate::node::{DESTINATION, Node, kin};
use crate::submit_client::{Client, order, payer};

async fn ask<M: prost::Message + Default>(
    node: &Node,
    method: Method,
    body: Vec<u8>,
) -> Result<M, (u16, String)> {
    let (status, answer) = node.call(method, body).await;
    answer.map(|body| M::decode(body.as_slice()).expect("a response")).map_err(|text| (status, text))
}

fn signed_by(owner: &KeyPair, intent: PublicKey) -> Vec<u8> {
    let mut request = transaction::GetIntentMetadataRequest {
        intent_id: Some(intent.into()),
        owner: Some(owner.public_key().into()),
        signature: None,
    };
    request.signature = Some(owner.sign(&request.encode_to_vec()).into());
    request.encode_to_vec()
}

/// Lost if this fails: a payer cannot see what became of its payment, or a stranger can.
#[tokio::test]
async fn a_payment_is_told_to_those_whose_it_is() {
    let node = Node::start().await;
    node.deposit(&payer(), 1_000_000_000).await;
    let request = kin("order-1");
    node.send(request.signed_message().to_request()).await.expect("a request");
    let intent = request.intent_id();
    let metadata = async |body: Vec<u8>| {
        let answer =
            ask::<transaction::GetIntentMetadataResponse>(&node, Method::GetIntentMetadata, body).await;
        let answer = answer.expect("an answer");
        assert_eq!(answer.result == 0, answer.metadata.is_some());
        answer.metadata.and_then(|metadata| metadata.r#type)
    };
    let seen = call::get_intent_metadata(request.rendezvous_key()).encode_to_vec();
    assert_eq!(metadata(seen.clone()).await, None, "nobody has paid");
    let draft = order(&node, intent, &[]).draft(&payer()).expect("a draft");
    Client::pay(&node, "socket", &draft, &payer()).await.expect("paid");
    let Some(Type::SendPublicPayment(payment)) = metadata(seen.clone()).await else { panic!("no payment") };
    let destination: PublicKey = DESTINATION.parse().expect("a key");
    assert_eq!(payment.destination, Some(destination.into()));
    let vault = Timelock::of(payer().public_key(), PublicKey(node.handle.node().0)).vault.address;
    assert_eq!(payment.source, Some(vault.into()));
    let data = payment.exchange_data.clone().expect("exchange data");
    let expected = ("kin", 1.0, 2500.0, 250_000_000);
    assert_eq!((data.currency.as_str(), data.exchange_rate, data.native_amount, data.quarks), expected);
    assert_eq!(metadata(signed_by(&payer(), intent)).await, Some(Type::SendPublicPayment(payment)));
    assert_eq!(metadata(signed_by(&KeyPair::from_seed(&[1; 32]), intent)).await, None, "a stranger");
    let mut forged = seen;
    let last = forged.len() - 1;
    forged[last] ^= 1;
    let refused =
        ask::<transaction::GetIntentMetadataResponse>(&node, Method::GetIntentMetadata, forged).await;
    assert_eq!(refused.expect_err("forged").1, "[unauthenticated]");
}

/// Lost if this fails: an app lets its user try a payment that the node refuses.
#[tokio::test]
async fn the_limits_are_those_the_node_applies() {
    let node = Node::start().await;
    node.charge("0.00002").await;
    let mut policy = Policy::standard(AccountId([0x55; 32]));
    policy.service_fee = None;
    policy.max_payment = Quarks::new(500_000_000);
    policy.payer_limits = Limits { per_day: Some(Quarks::new(600_000_000)), per_five_minutes: None };
    node.handle.execute(Request::SetPolicy { policy }).await.expect("a policy");
    let limits = async |owner: &KeyPair| {
        let since = Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 0 });
        let mut request = transaction::GetLimitsRequest {
            owner: Some(owner.public_key().into()),
            signature: None,
            consumed_since: since,
        };
        request.signature = Some(owner.sign(&request.encode_to_vec()).into());
        let answer = ask::<transaction::GetLimitsResponse>(&node, Method::GetLimits, request.encode_to_vec());
        answer.await.expect("limits")
    };
    let before = limits(&payer()).await;
    let kin_limit = before.send_limits_by_currency["kin"];
    assert_eq!(
        (kin_limit.next_transaction, kin_limit.max_per_transaction, kin_limit.max_per_day),
        (5e3, 5e3, 6e3)
    );
    assert!((before.send_limits_by_currency["usd"].max_per_day - 0.12).abs() < 1e-6);
    assert_eq!(before.micro_payment_limits_by_currency.len(), 164);
    let dollar = before.micro_payment_limits_by_currency["usd"];
    assert_eq!((dollar.min_per_transaction, dollar.max_per_transaction), (0.05, 5.0));
    assert!(before.deposit_limit.is_none() && before.buy_module_limits_by_currency.is_empty());
    node.deposit(&payer(), 1_000_000_000).await;
    let request = crate::node::ask("order-1", "kin", 400_000);
    node.send(request.signed_message().to_request()).await.expect("a request");
    let amount = quittance_core::money::NativeAmount::from_hundredths(400_000).expect("an amount");
    let order = quittance_code_api::payer::Order { amount, ..order(&node, request.intent_id(), &[]) };
    Client::pay(&node, "socket", &order.draft(&payer()).expect("a draft"), &payer()).await.expect("paid");
    assert_eq!(limits(&payer()).await.send_limits_by_currency["kin"].next_transaction, 2e3);
    let denied = crate::node::ask("order-2", "kin", 400_000);
    node.send(denied.signed_message().to_request()).await.expect("a request");
    let order = quittance_code_api::payer::Order { intent: denied.intent_id(), ..order };
    let refused = Client::pay(&node, "socket", &order.draft(&payer()).expect("a draft"), &payer()).await;
    assert_eq!(refused, Err("DENIED: dollar value exceeds limit".into()));
}

/// Lost if this fails: kin goes to an address that nobody has.
#[tokio::test]
async fn an_account_is_a_destination_only_where_a_merchant_could_name_it() {
    let known = AccountId([9; 32]);
    let node = Node::with(|options| {
        options.destinations = Destinations::Known(Arc::new(BTreeSet::from([known])));
    });
    let node = node.await;
    node.deposit(&payer(), 1).await;
    for (account, valid) in
        [(PublicKey(known.0), true), (payer().public_key(), true), (PublicKey([8; 32]), false)]
    {
        let request = transaction::CanWithdrawToAccountRequest { account: Some(account.into()) };
        let answer = ask::<transaction::CanWithdrawToAccountResponse>(
            &node,
            Method::CanWithdrawToAccount,
            request.encode_to_vec(),
        );
        let answer = answer.await.expect("an answer");
        assert_eq!(
            (answer.is_valid_payment_destination, answer.account_type, answer.requires_initialization),
            (valid, i32::from(valid), false)
        );
    }
    let nothing =
        ask::<transaction::CanWithdrawToAccountResponse>(&node, Method::CanWithdrawToAccount, Vec::new());
    assert_eq!(nothing.await.expect_err("no account").0, 400);
}
