//! `quittance webhook`: what merchants' servers were told, for whoever operates the node.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use quittance_core::event::Event;
use quittance_core::frame;
use quittance_core::ids::{IntentId, Position};
use quittance_http_api::document;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::error::{CliError, Kind};
use crate::operator::{MAX_WEBHOOKS, Question, ask_about_webhooks};
use crate::output::Output;
use crate::show;
use crate::source::Source;

#[derive(Debug, Subcommand)]
pub(crate) enum WebhookCommand {
    /// List the webhooks that are still to be called.
    #[command(
        after_help = "Example:\n  quittance webhook list --data ./data\n  quittance webhook list --failed --data ./data --json"
    )]
    List {
        /// Those that were given up instead. Reads the whole log, of a node that runs or does not.
        #[arg(long)]
        failed: bool,
        /// The node's directory.
        #[arg(long, env = "QUITTANCE_DATA")]
        data: PathBuf,
    },
    /// Show an intent's webhook and what came of calling it.
    #[command(
        after_help = "Example:\n  quittance webhook show ntawYA5xBFHX2Y7i9PrPFm2ij79MhcKk23qHopykAdh --data ./data"
    )]
    Show {
        /// The intent id, base58.
        id: String,
        /// The directory of the node, which has to run.
        #[arg(long, env = "QUITTANCE_DATA")]
        data: PathBuf,
    },
    /// Give an intent's webhook up: no more attempts, until `redeliver` orders them.
    #[command(
        after_help = "Example:\n  quittance webhook give-up ntawYA5xBFHX2Y7i9PrPFm2ij79MhcKk23qHopykAdh --data ./data"
    )]
    GiveUp {
        /// The intent id, base58.
        id: String,
        /// The directory of the node, which has to run.
        #[arg(long, env = "QUITTANCE_DATA")]
        data: PathBuf,
    },
    /// Call an intent's webhook again, now and with every attempt.
    #[command(
        after_help = "Example:\n  quittance webhook redeliver ntawYA5xBFHX2Y7i9PrPFm2ij79MhcKk23qHopykAdh --data ./data"
    )]
    Redeliver {
        /// The intent id, base58.
        id: String,
        /// The directory of the node, which has to run.
        #[arg(long, env = "QUITTANCE_DATA")]
        data: PathBuf,
    },
}

pub(crate) fn run(command: &WebhookCommand, output: &Output) -> Result<(), CliError> {
    match command {
        WebhookCommand::List { failed: false, data } => pending(data, output),
        WebhookCommand::List { failed: true, data } => failed(data, output),
        WebhookCommand::Show { id, data } => one(data, Question::Webhook, id, output),
        WebhookCommand::GiveUp { id, data } => one(data, Question::GiveUp, id, output),
        WebhookCommand::Redeliver { id, data } => one(data, Question::Redeliver, id, output),
    }
}

/// What the node says of one webhook.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Entry {
    Refused { refused: String },
    Known { intent: String, webhook: document::Webhook },
}

fn pending(data: &Path, output: &Output) -> Result<(), CliError> {
    let entries = ask_about_webhooks(data, Question::PendingWebhooks)?;
    let all = entries.len() < MAX_WEBHOOKS;
    let mut lines = Vec::new();
    for entry in entries.iter().cloned() {
        let (intent, webhook) = read(entry)?;
        let due = webhook.next_attempt_at.unwrap_or_default();
        let last = webhook.attempts.last().map_or_else(|| "not called yet".to_owned(), show::came);
        lines.push(format!(
            "{intent}  due {due}  attempts {}, {last}  {:?}",
            webhook.attempts.len(),
            webhook.url
        ));
    }
    output.result(&json!({ "webhooks": entries, "all": all }), || match (lines.is_empty(), all) {
        (true, _) => "no webhook is still to be called".to_owned(),
        (false, true) => lines.join("\n"),
        (false, false) => format!("{}\nand more; these are due first", lines.join("\n")),
    });
    Ok(())
}

fn one(data: &Path, of: fn(IntentId) -> Question, id: &str, output: &Output) -> Result<(), CliError> {
    let id: IntentId = id.parse().map_err(CliError::misuse)?;
    let entry = ask_about_webhooks(data, of(id))?.pop();
    let entry = entry.ok_or_else(|| CliError::failed("the node said nothing of the webhook"))?;
    let (intent, webhook) = read(entry.clone())?;
    output.result(&entry, || {
        let mut lines = vec![format!("{intent}"), format!("  url       {:?}", webhook.url)];
        lines.push(format!("  state     {}", webhook.state));
        for (number, attempt) in (1..).zip(&webhook.attempts) {
            lines.push(format!("  attempt   {number}, at {}, {}", attempt.at, show::came(attempt)));
        }
        lines.extend(webhook.next_attempt_at.map(|next| format!("  next      at {next}")));
        lines.join("\n")
    });
    Ok(())
}

fn read(entry: serde_json::Value) -> Result<(String, document::Webhook), CliError> {
    match serde_json::from_value(entry) {
        Ok(Entry::Known { intent, webhook }) => Ok((intent, webhook)),
        Ok(Entry::Refused { refused }) => Err(CliError::new(Kind::Refused, refused)),
        Err(error) => Err(CliError::failed(format!("the node's answer cannot be read: {error}"))),
    }
}

/// A delivery that was given up.
#[derive(Clone, Debug, Serialize)]
struct Failed {
    intent: String,
    url: String,
    attempts: u8,
    /// Where in the log the last one is.
    position: u64,
    /// When it was.
    at: String,
}

/// What the log says was given up and not ordered again.
fn failed(data: &Path, output: &Output) -> Result<(), CliError> {
    let source = Source::open(data, Position(1))?;
    let end = source.end();
    let mut progress = output.progress("reading");
    let (mut given_up, mut urls) = (BTreeMap::new(), BTreeMap::new());
    let mut sound = Position::START;
    for bytes in source.frames() {
        let frame = frame::decode(&bytes?)
            .map_err(|error| quittance_runtime::log::LogError::damaged(sound, &error))?;
        for record in frame.records {
            sound = record.position;
            let Some(intent) = record.subject.map(|subject| subject.intent) else { continue };
            match record.event {
                Event::WebhookRegistered { url } => {
                    urls.insert(intent, url);
                }
                Event::WebhookAttemptFailed { attempt, next: None, .. } => {
                    let at = document::time(record.recorded_at);
                    given_up.insert(intent, (attempt, record.position, at));
                }
                Event::WebhookRedeliveryOrdered | Event::WebhookDelivered { .. } => {
                    given_up.remove(&intent);
                }
                _ => {}
            }
        }
        progress.at(sound, Some(end));
    }
    drop(progress);
    let failed: Vec<_> = given_up
        .into_iter()
        .map(|(intent, (attempts, position, at))| {
            let url = urls.remove(&intent).unwrap_or_default();
            Failed { intent: intent.to_string(), url, attempts, position: position.0, at }
        })
        .collect();
    output.result(&json!({ "webhooks": failed }), || match failed.is_empty() {
        true => "no webhook was given up".to_owned(),
        false => failed
            .iter()
            .map(|Failed { intent, url, attempts, position, at }| {
                format!("{intent}  given up at {at} after {attempts} attempts, position {position}  {url:?}")
            })
            .collect::<Vec<_>>()
            .join("\n"),
    });
    Ok(())
}
