use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender};
use quittance_core::command::{Command, Request};
use quittance_core::state::Key;
use tokio::sync::OwnedSemaphorePermit;

use crate::error::{Error, Failure};
use crate::handle::Shared;
use crate::recall::{Recall, Recalled};
use crate::sequencer::{BatchReply, Job, Query, Ready, Reply, Verified, reply};
use crate::turns::Turn;

/// What a verify worker is given.
pub(crate) enum Unverified {
    Request(Request, Option<Turn>, Reply),
    Batch(Vec<Request>, OwnedSemaphorePermit, BatchReply),
    /// Nothing to verify, but something to bring back.
    Command(Command, Option<Turn>, Reply),
    /// A question about something that may have ended.
    Query(Key, Query),
    Stop,
}

/// What a busy worker hands on at a time: enough that waking the sequencer is a small part of the work, and no more than some 0.3
/// ms of checks, which is about what a commit takes.
const HAND_ON: usize = 8;

/// Checks signatures, and brings back what a request is about if it has ended, until told to stop. Nothing here changes
/// anything: any number of these run side by side, and the sequencer finds ready what it needs.
pub(crate) fn run(requests: &Receiver<Unverified>, sequencer: &Sender<Job>, shared: &Arc<Shared>) {
    let mut stopped = false;
    while !stopped && let Ok(first) = requests.recv() {
        let mut jobs = Vec::new();
        let mut next = Some(first);
        // Alone, a request is handed on at once; in a crowd a few go together.
        while let Some(unverified) = next.take() {
            match job(unverified, shared) {
                Some(Job::Stop) => stopped = true,
                Some(job) => jobs.push(job),
                None => {}
            }
            if !stopped && jobs.len() < HAND_ON {
                next = requests.try_recv().ok();
            }
        }
        let job = match jobs.len() {
            0 => continue,
            1 => jobs.pop(),
            _ => Some(Job::Several(jobs)),
        };
        // Waits while the sequencer's queue is full; the queue in front of this worker then fills and refuses.
        if job.is_some_and(|job| sequencer.send(job).is_err()) {
            return;
        }
    }
}

/// What the sequencer gets of it; `None` when it is answered already.
fn job(unverified: Unverified, shared: &Shared) -> Option<Job> {
    match unverified {
        Unverified::Stop => Some(Job::Stop),
        Unverified::Query(key, query) => match shared.recall.look_up(key) {
            Ok(recalled) => Some(Job::Query(query, Some(recalled))),
            Err(error) => {
                query(Err(Error::Unreadable(error)))(Ok(()));
                None
            }
        },
        Unverified::Request(request, turn, to) => decidable(ready(request, shared), turn, to),
        Unverified::Command(command, turn, to) => decidable(recalled(command, shared), turn, to),
        Unverified::Batch(requests, places, to) => {
            let verified = requests.into_iter().map(|request| ready(request, shared)).collect();
            Some(Job::Batch(verified, places, to))
        }
    }
}

fn decidable(verified: Verified, turn: Option<Turn>, to: Reply) -> Option<Job> {
    match verified {
        Ok(ready) => Some(Job::Command(ready, turn, to)),
        // No state was looked at, so there is nothing to wait for.
        Err(error) => {
            reply(to, Err(error));
            None
        }
    }
}

fn ready(request: Request, shared: &Shared) -> Verified {
    recalled(request.verify()?, shared)
}

fn recalled(command: Command, shared: &Shared) -> Verified {
    let recalled = look_up(&shared.recall, command.key(), shared)?;
    Ok(Ready { command, recalled })
}

fn look_up(recall: &Recall, key: Option<Key>, shared: &Shared) -> Result<Option<Recalled>, Error> {
    let recalled = key.map(|key| recall.look_up(key)).transpose();
    // An engine that cannot tell what has ended could let it happen again: it stops.
    recalled.map_err(|error| Error::Failed(shared.fail(Failure::Recall(error))))
}
