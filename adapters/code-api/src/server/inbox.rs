use quittance_core::event::Event;
use quittance_core::ids::{IntentId, Position};
use quittance_core::state::Key;
use quittance_runtime::Handle;

use super::letter::{Letter, metadata};
use super::refusal;
use crate::status::{Code, Status};

/// Every message an intent has had so far.
#[derive(Debug)]
pub(super) struct Inbox {
    /// What comes behind this position is not in here yet, and everything up to it is.
    pub(super) seen: Position,
    /// In order of position. Few: an intent is created, scanned, canceled or submitted at most once each.
    pub(super) letters: Vec<Letter>,
}

impl Inbox {
    /// Reads the messages of an intent, known or not.
    pub(super) async fn read(engine: &Handle, intent: IntentId) -> Result<Self, Status> {
        let look = move |state: &quittance_core::state::State| {
            let known = state.intent(&intent);
            let ends = known.map(|known| (known.created, known.last_position, Letter::first(intent, known)));
            (state.position(), ends)
        };
        let (seen, ends) = engine
            .query_about(Key::Intent(intent), look)
            .await
            .map_err(|error| refusal::failed(error, intent))?;
        let Some((created, last, first)) = ends else { return Ok(Self { seen, letters: Vec::new() }) };
        let mut letters = Vec::new();
        if last > created {
            let engine = engine.clone();
            letters = blocking(move || walk(&engine, created, last)).await?;
        }
        letters.extend(first);
        letters.reverse();
        Ok(Self { seen, letters })
    }
}

/// Runs what may read a store, off the threads that serve sockets.
pub(super) async fn blocking<T: Send + 'static>(
    run: impl FnOnce() -> Result<T, Status> + Send + 'static,
) -> Result<T, Status> {
    match tokio::task::spawn_blocking(run).await {
        Ok(done) => done,
        Err(error) => {
            tracing::error!(%error, "a task that reads the store did not end");
            Err(store_failed())
        }
    }
}

/// What a stranger is told when a store fails; the operator reads the rest in the log of the process.
pub(super) fn store_failed() -> Status {
    Status::new(Code::Internal, "the node cannot read its store")
}

/// The messages between an intent's creation, exclusive, and its last record, the last first. The policy's bound on
/// recorded refusals bounds the walk.
fn walk(engine: &Handle, created: Position, last: Position) -> Result<Vec<Letter>, Status> {
    let mut letters: Vec<Letter> = Vec::new();
    let mut position = last;
    // The message that the payment was accepted, until the record of its submission has come.
    let mut accepted = None;
    while position > created {
        let record = engine.record_at(position).map_err(|error| {
            tracing::error!(%error, position = position.0, "cannot read a record");
            store_failed()
        })?;
        let record = record.ok_or_else(store_failed)?;
        match record.event {
            Event::IntentScheduled { .. } => accepted = Some(letters.len()),
            Event::IntentSubmitted { .. } => {
                if let Some(letter) = accepted.take().and_then(|index| letters.get_mut(index))
                    && let Some(subject) = record.subject
                {
                    *letter = Letter::submitted(subject.intent, letter.position, metadata(&record));
                }
            }
            _ => {}
        }
        letters.extend(Letter::of(&record).map(|(_, letter)| letter));
        position = record.subject.ok_or_else(store_failed)?.previous;
    }
    Ok(letters)
}
