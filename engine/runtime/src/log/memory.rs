use std::sync::{Arc, PoisonError, RwLock};

use quittance_core::frame::{EncodedFrame, Tip};
use quittance_core::ids::Position;

use super::{AppendError, EventLog, FrameBytes, LogError, LogReader, check_follow};

/// A log in memory: for tests, and for embedding where history may be lost with the process.
///
/// # Durability
/// None. Clones share the frames, so that a test can drop one writer and open another.
#[derive(Clone, Debug, Default)]
pub struct MemoryLog {
    frames: Arc<RwLock<Vec<Arc<EncodedFrame>>>>,
}

impl MemoryLog {
    /// An empty log.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn stored(&self) -> Vec<Arc<EncodedFrame>> {
        self.frames.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl EventLog for MemoryLog {
    fn tip(&self) -> Tip {
        let frames = self.frames.read().unwrap_or_else(PoisonError::into_inner);
        frames.last().map_or(Tip::EMPTY, |last| Tip {
            position: last.last,
            hash: last.hash,
            epoch: last.epoch,
        })
    }

    fn append(&mut self, frames: &[EncodedFrame]) -> Result<(), AppendError> {
        check_follow(&self.tip(), frames)?;
        let mut stored = self.frames.write().unwrap_or_else(PoisonError::into_inner);
        stored.extend(frames.iter().cloned().map(Arc::new));
        Ok(())
    }

    fn reader(&self) -> Arc<dyn LogReader> {
        Arc::new(self.clone())
    }

    fn close(self: Box<Self>) -> Result<(), LogError> {
        Ok(())
    }
}

impl LogReader for MemoryLog {
    fn frames(&self, from: Position) -> FrameBytes {
        let stored = self.stored();
        let first = stored.partition_point(|frame| frame.last < from);
        Box::new(stored.into_iter().skip(first).map(|frame| Ok(frame.bytes.clone())))
    }
}
