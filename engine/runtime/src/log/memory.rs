use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use quittance_core::frame::{EncodedFrame, Tip};
use quittance_core::ids::Position;

use super::{AppendError, EventLog, FrameBytes, Full, LogError, LogReader, Room, check_follow};

type Frames = Arc<RwLock<Vec<Arc<EncodedFrame>>>>;

/// A log in memory: for tests, and for embedding where history may be lost with the process.
///
/// # Durability
/// None. A clone is the same log opened again, so that a test can drop one writer and go on with another.
#[derive(Debug, Default)]
pub struct MemoryLog {
    frames: Frames,
    full: Arc<Fullness>,
    /// An append has failed; this writer takes no more.
    failed: bool,
}

impl MemoryLog {
    /// An empty log.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets it be full, or no longer: it then refuses appends as a store on a full disk does. Clones are full with it.
    pub fn set_full(&self, full: bool) {
        self.full.0.store(full, Ordering::SeqCst);
    }
}

impl Clone for MemoryLog {
    fn clone(&self) -> Self {
        Self { frames: Arc::clone(&self.frames), full: Arc::clone(&self.full), failed: false }
    }
}

impl EventLog for MemoryLog {
    fn tip(&self) -> Tip {
        let frames = self.frames.read().unwrap_or_else(PoisonError::into_inner);
        end(&frames)
    }

    fn append(&mut self, frames: &[EncodedFrame]) -> Result<(), AppendError> {
        if self.failed {
            return Err(AppendError::Unknown("an earlier append failed".to_owned()));
        }
        self.full.check()?;
        let mut stored = self.frames.write().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = check_follow(&end(&stored), frames) {
            self.failed = !matches!(error, AppendError::NotNext { .. });
            return Err(error);
        }
        stored.extend(frames.iter().cloned().map(Arc::new));
        Ok(())
    }

    fn reader(&self) -> Arc<dyn LogReader> {
        Arc::new(MemoryReader(Arc::clone(&self.frames)))
    }

    fn room(&self) -> Arc<dyn Room> {
        Arc::clone(&self.full) as Arc<dyn Room>
    }

    fn close(self: Box<Self>) -> Result<(), LogError> {
        Ok(())
    }
}

#[derive(Debug, Default)]
struct Fullness(AtomicBool);

impl Room for Fullness {
    fn check(&self) -> Result<(), Full> {
        if self.0.load(Ordering::SeqCst) {
            Err(Full("the log in memory was told to be full".into()))
        } else {
            Ok(())
        }
    }
}

fn end(frames: &[Arc<EncodedFrame>]) -> Tip {
    frames.last().map_or(Tip::EMPTY, |last| Tip { position: last.last, hash: last.hash, epoch: last.epoch })
}

#[derive(Debug)]
struct MemoryReader(Frames);

impl LogReader for MemoryReader {
    fn frames(&self, from: Position) -> FrameBytes {
        let frames = Arc::clone(&self.0);
        let first = {
            let stored = frames.read().unwrap_or_else(PoisonError::into_inner);
            stored.partition_point(|frame| frame.last < from)
        };
        Box::new((first..).map_while(move |index| {
            let stored = frames.read().unwrap_or_else(PoisonError::into_inner);
            stored.get(index).map(|frame| Ok(frame.bytes.clone()))
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::contract::{self, Fixture};

    #[derive(Default)]
    struct Memory(MemoryLog);

    impl Fixture for Memory {
        fn open(&mut self) -> Box<dyn EventLog> {
            Box::new(self.0.clone())
        }

        fn set_full(&mut self, full: bool) -> bool {
            self.0.set_full(full);
            true
        }
    }

    #[test]
    fn the_memory_log_keeps_the_contract_that_the_engine_relies_on() {
        contract::check_all(|| Box::new(Memory::default()));
    }
}
