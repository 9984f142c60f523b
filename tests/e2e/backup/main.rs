//! Backups of a node that runs, and the log as one file: what an operator has left when everything else is gone.

#[cfg(unix)]
mod channel;
mod files;
mod kill;
mod links;
mod load;

use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use quittance_tests::here;
use quittance_tests::process::{Here, Ran};
use quittance_tests::till::Till;
use serde_json::Value;

const HERE: Here = here!();

/// Runs `quittance WHAT PATH --data DATA`.
fn quittance(what: &str, path: &Path, data: &Path, more: &[&OsStr]) -> Ran {
    let line = [what.as_ref(), path.as_os_str(), "--data".as_ref(), data.as_os_str(), "--json".as_ref()];
    HERE.run(line.iter().chain(more))
}

/// A command that must have done what it was asked.
fn done(ran: &Ran) {
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
}

/// What two logs that are the same agree in.
fn sums(said: &Value) -> (Value, Value, Value) {
    assert_eq!(said["ok"], true, "{said}");
    (said["last_position"].clone(), said["chain"].clone(), said["digest"].clone())
}

/// A command that must end with this exit code and this in its complaint.
fn refused(ran: &Ran, code: i32, said: &str) {
    assert_eq!(ran.code, code, "expected {said:?}: {}{}", ran.stdout, ran.stderr);
    assert!(ran.stderr.contains(said), "expected {said:?} in {}", ran.stderr);
}

/// A till that buys until it is told to stop, or nobody answers.
struct Busy {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Till>,
}

impl Busy {
    fn till(number: u64, address: &str) -> Self {
        let (stop, address) = (Arc::new(AtomicBool::new(false)), address.to_owned());
        let told = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let mut till = Till::new(number);
            while !told.load(Ordering::Relaxed) && till.step(&address).is_ok() {}
            till
        });
        Self { stop, thread }
    }

    fn stop(self) -> Till {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("a till finds nothing wrong")
    }
}
