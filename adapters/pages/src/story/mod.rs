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
