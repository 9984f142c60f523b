//! The signed variant: every event is a new intent, with the event's text among the merchant's own words.

use std::collections::HashMap;
use std::thread;

use quittance_peers_common::{Command, Decision, Event, History, Outcome, Plan, Stream, decide};
use quittance_runtime::Handle;
use quittance_runtime::core::command::Request;

use crate::{intents, words};

/// The metadata key of an event's text.
pub(crate) const EVENT: &str = "event";

/// The requests of a plan, signed: what merchants would have done on machines of their own.
pub(crate) fn pool(plan: &Plan) -> Result<HashMap<Stream, Request>, String> {
    if plan.slots != plan.writers {
        return Err("the signed variant has no shared intents: an intent is created once".to_owned());
    }
    let streams = intents::streams(plan, 40_000.0);
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let signed = thread::scope(|scope| {
        let part = |part: &'_ [Stream]| -> Vec<(Stream, Request)> {
            part.iter().map(|stream| (*stream, request(&first(*stream)))).collect()
        };
        let parts = streams.chunks(streams.len().div_ceil(cores));
        let workers: Vec<_> = parts.map(|chunk| scope.spawn(move || part(chunk))).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("signs")).collect()
    });
    Ok(signed)
}

/// Opens the command's intent; `ready` is its request where it was signed beforehand.
pub(crate) async fn create(
    handle: &Handle,
    command: &Command,
    ready: Option<Request>,
) -> Result<Outcome, String> {
    // What is expected is that there is no such intent; the engine sees to that.
    let event = match decide(command, &History::default()) {
        Decision::Append(event) => event,
        Decision::Conflict => return Ok(Outcome::Conflict),
        Decision::Full => return Ok(Outcome::Full),
    };
    let ready = ready.filter(|_| event == first(event.stream));
    let request = ready.unwrap_or_else(|| request(&event));
    match handle.execute(request).await {
        Ok(accepted) if accepted.repeated => Ok(Outcome::Conflict),
        Ok(_) => Ok(Outcome::Appended(event.revision)),
        Err(error) => Err(words(error)),
    }
}

fn request(event: &Event) -> Request {
    intents::create_with(event.stream, (EVENT, event.text()))
}

/// The event that a slot's writer opens a stream with: one event to an intent, so it has as many commands behind it.
fn first(stream: Stream) -> Event {
    Event { stream, revision: 0, writer: stream.slot, serial: stream.generation }
}
