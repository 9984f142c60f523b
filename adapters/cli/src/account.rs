//! `quittance account`.

use quittance_core::ids::AccountId;
use quittance_http_api::document;

use crate::client::{Client, block_on};
use crate::error::CliError;
use crate::keys;
use crate::output::Output;

pub(crate) fn show(account: &str, server: &str, output: &Output) -> Result<(), CliError> {
    let account = parse(account)?;
    let client = Client::new(server)?;
    print(&block_on(client.account(&account.to_string()))?, output);
    Ok(())
}

pub(crate) fn deposit(
    account: &str,
    quarks: u64,
    key: Option<String>,
    server: &str,
    output: &Output,
) -> Result<(), CliError> {
    let account = parse(account)?;
    let client = Client::new(server)?;
    let key = keys::words(key.as_deref())?;
    let request = document::DepositRequest { quarks, key };
    print(&block_on(client.deposit(&account.to_string(), &request))?, output);
    Ok(())
}

fn parse(account: &str) -> Result<AccountId, CliError> {
    account.parse().map_err(CliError::misuse)
}

fn print(account: &document::Account, output: &Output) {
    output.result(&serde_json::json!(account), || {
        let document::Account { account, balance, reserved, available, position } = account;
        format!(
            "{account}\n  balance   {balance} quarks\n  reserved  {reserved} quarks\n  available {available} quarks\n  as of position {position}"
        )
    });
}
