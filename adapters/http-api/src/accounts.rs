use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{Path, State};
use quittance_core::command::Request;
use quittance_core::ids::{AccountId, DepositKey};
use quittance_core::money::Quarks;
use quittance_core::state::State as Known;

use crate::problem::Problem;
use crate::{Api, document};

/// The longest deposit key a caller can choose.
const MAX_KEY_BYTES: usize = 255;

pub(crate) async fn show(
    State(api): State<Api>,
    account: Result<Path<String>, PathRejection>,
) -> Result<Json<document::Account>, Problem> {
    let account = parse(&account?)?;
    Ok(Json(api.engine.query(move |known| of(account, known)).await?))
}

pub(crate) async fn deposit(
    State(api): State<Api>,
    account: Result<Path<String>, PathRejection>,
    body: Result<Json<document::DepositRequest>, JsonRejection>,
) -> Result<Json<document::Account>, Problem> {
    if !api.options.dev {
        let got = "a node for real money, which has no way to deposit yet";
        return Err(Problem::forbidden("a node started with --dev", got));
    }
    let account = parse(&account?)?;
    let Json(document::DepositRequest { quarks, key }) = body?;
    if key.is_empty() || key.len() > MAX_KEY_BYTES {
        return Err(Problem::malformed("key", format!("1 to {MAX_KEY_BYTES} bytes"), key.len()));
    }
    let key = DepositKey::from_text(&key);
    api.engine.execute(Request::Deposit { key, account, quarks: Quarks::new(quarks) }).await?;
    Ok(Json(api.engine.query(move |known| of(account, known)).await?))
}

fn of(id: AccountId, known: &Known) -> document::Account {
    let account = known.ledger().account(&id);
    document::Account {
        account: id.to_string(),
        balance: account.balance.get(),
        reserved: account.reserved.get(),
        available: account.available().get(),
        position: known.position().0,
    }
}

fn parse(account: &str) -> Result<AccountId, Problem> {
    account
        .parse()
        .map_err(|error| Problem::malformed("account", error, account.chars().take(64).collect::<String>()))
}
