use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender};
use quittance_core::command::Request;
use quittance_core::state::Key;

use crate::error::{Error, Failure};
use crate::handle::Shared;
use crate::recall::{Recall, Recalled};
use crate::sequencer::{Job, Query, Reply, reply};

/// What a verify worker is given.
pub(crate) enum Unverified {
    Request(Request, Reply),
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
            Unverified::Request(request, to) => match request.verify() {
                Ok(command) => match look_up(&shared.recall, command.key(), shared) {
                    Ok(recalled) => Job::Command(command, recalled, to),
                    Err(error) => {
                        reply(to, Err(error));
                        continue;
                    }
                },
                // No state was looked at, so there is nothing to wait for.
                Err(rejection) => {
                    reply(to, Err(rejection.into()));
                    continue;
                }
            },
        };
        // Waits while the sequencer's queue is full; the queue in front of this worker then fills and refuses.
        if sequencer.send(job).is_err() {
            return;
        }
    }
}

fn look_up(recall: &Recall, key: Option<Key>, shared: &Shared) -> Result<Option<Recalled>, Error> {
    let recalled = key.map(|key| recall.look_up(key)).transpose();
    // An engine that cannot tell what has ended could let it happen again: it stops.
    recalled.map_err(|error| Error::Failed(shared.fail(Failure::Recall(error))))
}
