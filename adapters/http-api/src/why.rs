use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use quittance_core::event::Record;
use quittance_core::ids::{IntentId, Position};
use quittance_core::state::{Key, State as Known};
use quittance_runtime::Handle;

use crate::input::key;
use crate::intents::unknown;
use crate::problem::Problem;
use crate::{Api, document};

pub(crate) async fn show(
    State(api): State<Api>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<Vec<document::why::Step>>, Problem> {
    let id: IntentId = key("intent", &id?)?;
    let last = {
        let look = move |known: &Known| known.intent(&id).map(|intent| intent.last_position);
        api.engine.query_about(Key::Intent(id), look).await?
    };
    let last = last.ok_or_else(|| unknown(id))?;
    // The log is read on threads for that, and not on many of them: other requests need the disk too.
    let _reading = api.reading.acquire().await.map_err(|error| Problem::unavailable(&error))?;
    let engine = api.engine.clone();
    let read = tokio::task::spawn_blocking(move || history(&engine, last)).await;
    let records = read.map_err(|error| Problem::unavailable(&error))??;
    Ok(Json(document::why::steps(&records)))
}

/// The records of an intent, walking back from its last.
fn history(engine: &Handle, last: Position) -> Result<Vec<Record>, Problem> {
    let mut records = Vec::new();
    let mut at = last;
    while at != Position::START {
        if records.len() >= document::why::MAX_RECORDS {
            return Err(Problem::too_long(document::why::MAX_RECORDS));
        }
        let record = engine.record_at(at).map_err(|error| Problem::unavailable(&error))?;
        let record = record.ok_or_else(|| Problem::unavailable(&format!("record {at} is missing")))?;
        at = record.subject.map_or(Position::START, |subject| subject.previous);
        records.push(record);
    }
    records.reverse();
    Ok(records)
}
