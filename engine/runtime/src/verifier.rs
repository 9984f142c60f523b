use crossbeam_channel::{Receiver, Sender};
use quittance_core::command::Request;

use crate::sequencer::{Job, Reply, reply};

/// What a verify worker is given.
pub(crate) enum Unverified {
    Request(Request, Reply),
    Stop,
}

/// Checks signatures until told to stop. Pure work: any number of these run side by side.
pub(crate) fn run(requests: &Receiver<Unverified>, sequencer: &Sender<Job>) {
    while let Ok(Unverified::Request(request, to)) = requests.recv() {
        match request.verify() {
            // Waits while the sequencer's queue is full; the queue in front of this worker then fills and refuses.
            Ok(command) => {
                if sequencer.send(Job::Command(command, to)).is_err() {
                    return;
                }
            }
            // No state was looked at, so there is nothing to wait for.
            Err(rejection) => reply(to, Err(rejection.into())),
        }
    }
}
