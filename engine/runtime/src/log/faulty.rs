use std::sync::Arc;

use quittance_core::frame::{EncodedFrame, Tip};

use super::{AppendError, EventLog, LogError, LogReader, Room};

/// What a [`FaultyLog`] has written by the time it fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    Nothing,
    /// All of it: only the answer is lost.
    Everything,
    /// This many of the append's frames, from the first on.
    Prefix(usize),
}

/// Wraps a log and fails once, for testing what stands on it. After the fault every append fails, as the contract asks,
/// until the log within is opened again.
#[derive(Debug)]
pub struct FaultyLog<L> {
    inner: L,
    left: u32,
    fault: Fault,
    failed: bool,
}

impl<L: EventLog> FaultyLog<L> {
    /// `inner`, with `after` appends that succeed and then one that does not.
    pub fn new(inner: L, after: u32, fault: Fault) -> Self {
        Self { inner, left: after, fault, failed: false }
    }
}

impl<L: EventLog> EventLog for FaultyLog<L> {
    fn tip(&self) -> Tip {
        self.inner.tip()
    }

    fn append(&mut self, frames: &[EncodedFrame]) -> Result<(), AppendError> {
        if self.failed {
            return Err(AppendError::Unknown("an earlier append failed".to_owned()));
        }
        if let Some(left) = self.left.checked_sub(1) {
            self.left = left;
            return self.inner.append(frames);
        }
        self.failed = true;
        let written = match self.fault {
            Fault::Nothing => 0,
            Fault::Everything => frames.len(),
            Fault::Prefix(count) => count.min(frames.len()),
        };
        self.inner.append(frames.get(..written).unwrap_or_default())?;
        Err(AppendError::Unknown("a fault was injected".to_owned()))
    }

    fn reader(&self) -> Arc<dyn LogReader> {
        self.inner.reader()
    }

    fn room(&self) -> Arc<dyn Room> {
        self.inner.room()
    }

    fn close(self: Box<Self>) -> Result<(), LogError> {
        Box::new(self.inner).close()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::MemoryLog;
    use crate::log::contract::{read_all, sample_frames};

    #[test]
    fn a_fault_leaves_what_it_says_and_the_log_takes_nothing_after_it() {
        for (fault, kept) in [
            (Fault::Nothing, 130),
            (Fault::Everything, 530),
            (Fault::Prefix(0), 130),
            (Fault::Prefix(2), 130 + 256),
            (Fault::Prefix(99), 530),
        ] {
            let store = MemoryLog::new();
            let mut log = FaultyLog::new(store.clone(), 1, fault);
            let (frames, tip) = sample_frames(log.tip(), 1, 130);
            assert_eq!(log.append(&frames), Ok(()), "{fault:?}");
            let (frames, _) = sample_frames(tip, 1, 400);
            assert!(matches!(log.append(&frames), Err(AppendError::Unknown(_))), "{fault:?}");
            let (next, _) = sample_frames(log.tip(), 1, 1);
            assert!(matches!(log.append(&next), Err(AppendError::Unknown(_))), "{fault:?}: still latched");
            let (_, end) = read_all(store.reader().as_ref());
            assert_eq!(end.position.0, kept, "{fault:?}");
        }
    }
}
