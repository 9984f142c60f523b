use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::log::{Full, Room};

/// How long deadlines wait at most before the store is asked again whether it has room.
const ASK_AGAIN: Duration = Duration::from_millis(250);

/// Stands in front of everything that would write: closed while the store has no room. Decisions are made only behind it, so
/// that a full store costs nothing but time.
#[derive(Debug)]
pub(crate) struct Gate {
    room: Arc<dyn Room>,
    closed: AtomicBool,
}

impl Gate {
    pub(crate) fn new(room: Arc<dyn Room>) -> Self {
        Self { room, closed: AtomicBool::new(false) }
    }

    /// Whether something may be decided that has to be written.
    pub(crate) fn pass(&self) -> Result<(), Full> {
        let answer = self.room.check();
        if self.closed.swap(answer.is_err(), Ordering::Relaxed) != answer.is_err() {
            match &answer {
                Err(full) => tracing::error!("no more writes for now: {full}; reads go on"),
                Ok(()) => tracing::info!("there is room again: writes go on"),
            }
        }
        answer
    }

    /// How long to sleep until something is due: a deadline that has passed must not be waited for without a pause while
    /// nothing may be written about it.
    pub(crate) fn pause(&self, until_due: Duration) -> Duration {
        if until_due < ASK_AGAIN && self.pass().is_err() { ASK_AGAIN } else { until_due }
    }
}
