use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{Path, State};
use quittance_core::command::Request;
use quittance_core::ids::{AccountId, IdempotencyKey};
use quittance_core::money::Quarks;
use quittance_core::rejection::{Rejection, RejectionCode};
use quittance_core::state::{Key, State as Known};
use quittance_core::withdrawal::Withdrawal;

use crate::input::{key, signature};
use crate::problem::Problem;
use crate::{Api, document};

pub(crate) async fn create(
    State(api): State<Api>,
    account: Result<Path<String>, PathRejection>,
    body: Result<Json<document::WithdrawalRequest>, JsonRejection>,
) -> Result<Json<document::Withdrawal>, Problem> {
    let account = key("account", &account?)?;
    let Json(document::WithdrawalRequest { key: text, quarks, to, signature: signed }) = body?;
    let withdrawal = Withdrawal {
        node: api.engine.node(),
        account,
        key: key("key", &text)?,
        quarks: Quarks::new(quarks),
        to,
    };
    let (id, signature) = (withdrawal.key, signature(&signed)?);
    api.engine.execute(Request::Withdraw { withdrawal, signature }).await?;
    look(&api, account, id).await
}

pub(crate) async fn show(
    State(api): State<Api>,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Json<document::Withdrawal>, Problem> {
    let Path((account, text)) = path?;
    look(&api, key("account", &account)?, key("key", &text)?).await
}

async fn look(
    api: &Api,
    account: AccountId,
    key: IdempotencyKey,
) -> Result<Json<document::Withdrawal>, Problem> {
    // Its transaction is named by account and key alone.
    let named = Withdrawal { node: api.engine.node(), account, key, quarks: Quarks::ZERO, to: String::new() };
    let transaction = named.transaction();
    let look = move |known: &Known| known.withdrawal(&transaction).map(document::Withdrawal::from);
    let found = api.engine.query_about(Key::Withdrawal(transaction), look).await?;
    let unknown = || Rejection::new(RejectionCode::WithdrawalNotFound, "key", "the key of a withdrawal", key);
    Ok(Json(found.ok_or_else(unknown)?))
}
