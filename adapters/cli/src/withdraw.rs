//! `quittance account withdraw`: an owner takes quarks out.

use std::time::{Duration, Instant};

use ed25519_dalek::{Signer, SigningKey};
use quittance_core::ids::{AccountId, IdempotencyKey, NodeId};
use quittance_core::money::Quarks;
use quittance_core::withdrawal::Withdrawal;
use quittance_http_api::document;

use crate::args::WithdrawArgs;
use crate::client::{Client, PAUSE, block_on};
use crate::error::{CliError, Kind};
use crate::keys;
use crate::output::Output;
use crate::show::attempts;

pub(crate) fn run(args: &WithdrawArgs, output: &Output) -> Result<(), CliError> {
    let key = keys::read(&args.key)?;
    let client = Client::new(&args.server)?;
    let words = keys::words(args.withdrawal_key.as_deref())?;
    let withdrawal = block_on(withdraw(&client, args, &key, &words))?;
    let json = serde_json::json!({ "withdrawal": withdrawal, "withdrawal_key": words });
    output.result(&json, || {
        let document::Withdrawal { account, quarks, to, state, transaction, position, .. } = &withdrawal;
        let mut lines = vec![
            format!("{account}  {quarks} quarks to {to}: {state} at position {position}"),
            format!("  transaction {transaction}"),
        ];
        lines.extend(attempts(&withdrawal.attempts, withdrawal.contradictions));
        lines.join("\n")
    });
    Ok(())
}

async fn withdraw(
    client: &Client,
    args: &WithdrawArgs,
    key: &SigningKey,
    words: &str,
) -> Result<document::Withdrawal, CliError> {
    let again = format!("the same command with --withdrawal-key {words:?}: it cannot take out twice");
    let node: NodeId = client.node().await?.node.parse().map_err(CliError::failed)?;
    let withdrawal = Withdrawal {
        node,
        account: AccountId(key.verifying_key().to_bytes()),
        key: IdempotencyKey::from_text(words),
        quarks: Quarks::new(args.quarks),
        to: args.to.clone(),
    };
    let request = document::WithdrawalRequest {
        key: withdrawal.key.to_string(),
        quarks: args.quarks,
        to: args.to.clone(),
        signature: bs58::encode(key.sign(&withdrawal.signing_bytes()).to_bytes()).into_string(),
    };
    let (account, once) = (withdrawal.account.to_string(), request.key.clone());
    let ordered = client.withdraw(&account, &request).await;
    let mut known = ordered.map_err(|error| error.outcome_unknown("withdrawal", again.as_str()))?;
    let deadline = Instant::now() + Duration::from_secs(args.wait);
    while known.state == "ordered" && Instant::now() < deadline {
        tokio::time::sleep(PAUSE).await;
        known = client.withdrawal(&account, &once).await.map_err(|error| {
            let message = format!("the withdrawal was accepted, but not how it ended: {}", error.message());
            CliError::new(Kind::Unreachable, message).hint(again.as_str())
        })?;
    }
    Ok(known)
}
