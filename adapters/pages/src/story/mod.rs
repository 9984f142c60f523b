//! An intent's story: merchant, sequencer, payer and rail, and between them one arrow for every record of the log.

mod arrow;

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use quittance_core::event::Record;
use quittance_core::ids::{IntentId, Position};
use quittance_core::state::{Key, State as Known};
use quittance_runtime::Handle;
use serde::Serialize;
use tokio::time::timeout;

use crate::Pages;
use crate::headers::{Purpose, secure};
use crate::language::Language;
use crate::page::page;
use crate::problem::Problem;
use arrow::{Arrow, arrows as arrows_of};

/// The most records that one story tells. The rules keep nearly all intents far below it.
const MAX_RECORDS: usize = 1_000;
/// The longest wait for a turn at the log. Whoever has none by then is asked to come back, so that those who wait are never
/// many: a story is read in milliseconds.
const TURN: Duration = Duration::from_secs(3);
/// When to come back, in seconds.
const RETRY_AFTER: u16 = 5;

#[derive(Debug, Template)]
#[template(path = "story.html")]
struct Page {
    story: Story,
}

/// What happened, in order.
#[derive(Debug, Serialize)]
struct Story {
    intent: String,
    /// The revision of the last record told of.
    revision: u32,
    /// Where the intent is now.
    state: &'static str,
    /// Whether its first records are left out, because there are more than one story tells.
    cut: bool,
    arrows: Vec<Arrow>,
}

pub(crate) async fn show(
    State(pages): State<Pages>,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Response {
    match tell(&pages, id, Language::choose(None, &headers)).await {
        Ok(story) => page(StatusCode::OK, Purpose::Page, &Page { story }),
        Err(problem) => problem.into_page(),
    }
}

pub(crate) async fn arrows(
    State(pages): State<Pages>,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Response {
    match tell(&pages, id, Language::choose(None, &headers)).await {
        Ok(story) => {
            let mut answer = Json(story).into_response();
            secure(answer.headers_mut(), Purpose::Page);
            answer
        }
        Err(problem) => problem.into_page(),
    }
}

async fn tell(
    pages: &Pages,
    id: Result<Path<String>, PathRejection>,
    language: Language,
) -> Result<Story, Problem> {
    let id = id.ok().and_then(|Path(id)| id.parse::<IntentId>().ok());
    let id = id.ok_or_else(|| Problem::not_found(language))?;
    let look = move |known: &Known| {
        known.intent(&id).map(|intent| (intent.last_position, intent.revision, intent.status()))
    };
    let found = pages.engine.query_about(Key::Intent(id), look).await;
    let found = found.map_err(|error| Problem::unavailable(language, &error))?;
    let (last, revision, status) = found.ok_or_else(|| Problem::not_found(language))?;
    // The log is read on threads for that, and not on many of them: payments need the disk too.
    let reading = timeout(TURN, Arc::clone(&pages.reading).acquire_owned()).await;
    let reading = reading.map_err(|_| Problem::busy(language, RETRY_AFTER))?;
    let reading = reading.map_err(|error| Problem::unavailable(language, &error))?;
    let engine = pages.engine.clone();
    // The turn ends with the reading, not with whoever asked and has gone.
    let read = tokio::task::spawn_blocking(move || (history(&engine, last), reading).0).await;
    let records = read.map_err(|error| Problem::unavailable(language, &error))?;
    let records = records.map_err(|error| Problem::unavailable(language, &error))?;
    Ok(Story {
        intent: id.to_string(),
        revision: revision.0,
        state: status.name(),
        cut: records.first().and_then(|first| first.subject).is_some_and(|subject| subject.revision.0 > 0),
        arrows: arrows_of(&records, pages.options.protocol.amount),
    })
}

/// The last records of an intent, in order.
fn history(engine: &Handle, last: Position) -> Result<Vec<Record>, String> {
    let mut records = Vec::new();
    let mut at = last;
    while at != Position::START && records.len() < MAX_RECORDS {
        let record = engine.record_at(at).map_err(|error| error.to_string())?;
        let record = record.ok_or_else(|| format!("record {at} is missing"))?;
        at = record.subject.map_or(Position::START, |subject| subject.previous);
        records.push(record);
    }
    records.reverse();
    Ok(records)
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signer, SigningKey};
    use quittance_core::command::{Request, Unproven};
    use quittance_core::ids::{AccountId, NodeId, Signature};
    use quittance_core::login::LoginTerms;
    use quittance_runtime::Engine;
    use quittance_runtime::log::MemoryLog;
    use tokio::sync::Semaphore;

    use super::*;
    use crate::{Options, Protocol};

    #[tokio::test(flavor = "multi_thread")]
    async fn whoever_finds_too_many_before_them_is_asked_to_come_back_and_not_kept_waiting() {
        let mut setup = quittance_runtime::Options::new(NodeId([7; 32]));
        setup.verify_workers = 1;
        let start = move || Engine::start(Box::new(MemoryLog::new()), setup).unwrap();
        let engine = tokio::task::spawn_blocking(start).await.unwrap();
        let key = SigningKey::from_bytes(&[1; 32]);
        let intent = IntentId(key.verifying_key().to_bytes());
        let login = LoginTerms { domain: "shop.example".parse().unwrap(), verifier: AccountId([4; 32]) };
        let signed = Unproven::native(Signature(key.sign(&login.signing_bytes(intent)).to_bytes()));
        engine.handle().execute(Request::RequestLogin { intent, login, signed }).await.unwrap();
        let protocol = Protocol {
            ring_code: |_, _, _, _| None,
            app_link: |_, _, _, _, _| None,
            qr_code: |_, _| None,
            amount: |_, _| String::new(),
        };
        let options = Options { dev: false, protocol, shop: None };
        let pages = Pages { engine: engine.handle(), options, reading: Arc::new(Semaphore::new(1)) };
        let ask = || arrows(State(pages.clone()), Ok(Path(intent.to_string())), HeaderMap::new());
        let turn = Arc::clone(&pages.reading).acquire_owned().await.unwrap();
        let answer = ask().await;
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.headers()["retry-after"], "5");
        drop(turn);
        assert_eq!(ask().await.status(), StatusCode::OK);
        assert_eq!(pages.reading.available_permits(), 1, "a turn was kept");
    }
}
