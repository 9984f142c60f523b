use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender};
use quittance_core::command::Request;
use quittance_core::state::Key;

use crate::error::{Error, Failure};
use crate::handle::Shared;
use crate::recall::{Recall, Recalled};
use crate::sequencer::{BatchReply, Job, Query, Ready, Reply, Verified, reply};
use crate::turns::Turn;

/// What a verify worker is given.
pub(crate) enum Unverified {
    Request(Request, Option<Turn>, Reply),
    Batch(Vec<Request>, BatchReply),
    /// A question about something that may have ended.
    Query(Key, Query),
    Stop,
}

/// Checks signatures, and brings back what a request is about if it has ended, until told to stop. Nothing here changes
/// anything: any number of these run side by side, and the sequencer finds ready what it needs.
pub(crate) fn run(requests: &Receiver<Unverified>, sequencer: &Sender<Job>, shared: &Arc<Shared>) {
    while let Ok(unverified) = requests.recv() {
        let job = match unverified {
            Unverified::Stop => return,
            Unverified::Query(key, query) => match look_up(&shared.recall, Some(key), shared) {
                Ok(recalled) => Job::Query(query, recalled),
                // Unanswered: the asker finds the failure where its answer should be.
                Err(_) => continue,
            },
            Unverified::Request(request, turn, to) => match ready(request, shared) {
                Ok(ready) => Job::Command(ready, turn, to),
                // No state was looked at, so there is nothing to wait for.
                Err(error) => {
                    reply(to, Err(error));
                    continue;
                }
            },
            Unverified::Batch(requests, to) => {
                Job::Batch(requests.into_iter().map(|request| ready(request, shared)).collect(), to)
            }
        };
        // Waits while the sequencer's queue is full; the queue in front of this worker then fills and refuses.
        if sequencer.send(job).is_err() {
            return;
        }
    }
}

fn ready(request: Request, shared: &Shared) -> Verified {
    let command = request.verify()?;
    let recalled = look_up(&shared.recall, command.key(), shared)?;
    Ok(Ready { command, recalled })
}

fn look_up(recall: &Recall, key: Option<Key>, shared: &Shared) -> Result<Option<Recalled>, Error> {
    let recalled = key.map(|key| recall.look_up(key)).transpose();
    // An engine that cannot tell what has ended could let it happen again: it stops.
    recalled.map_err(|error| Error::Failed(shared.fail(Failure::Recall(error))))
}
