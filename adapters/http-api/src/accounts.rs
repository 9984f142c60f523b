use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{Path, State};
use quittance_core::command::Request;
use quittance_core::ids::{AccountId, DepositKey};
use quittance_core::money::Quarks;
use quittance_core::state::State as Known;

use crate::input::key;
use crate::problem::Problem;
use crate::{Api, document};

/// The longest deposit key a caller can choose.
const MAX_KEY_BYTES: usize = 255;

pub(crate) async fn show(
    State(api): State<Api>,
    account: Result<Path<String>, PathRejection>,
) -> Result<Json<document::Account>, Problem> {
    let account = key("account", &account?)?;
    Ok(Json(api.engine.query(move |known| of(account, known)).await?))
}

pub(crate) async fn deposit(
    State(api): State<Api>,
    account: Result<Path<String>, PathRejection>,
    body: Result<Json<document::DepositRequest>, JsonRejection>,
) -> Result<Json<document::Account>, Problem> {
    if !api.options.dev {
        let got = "a node for real money, which takes no deposits over the network";
        return Err(Problem::forbidden("a node started with --dev", got));
    }
    let account = key("account", &account?)?;
    let Json(document::DepositRequest { quarks, key: text }) = body?;
    if text.is_empty() || text.len() > MAX_KEY_BYTES {
        return Err(Problem::malformed("key", format!("1 to {MAX_KEY_BYTES} bytes"), text.len()));
    }
    let key = DepositKey::from_text(&text);
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
