use std::collections::VecDeque;
use std::sync::Arc;

use quittance_core::frame::decode;
use quittance_core::ids::Position;
use quittance_runtime::log::{FrameBytes, LogError, LogReader};

use crate::store::{Failure, Store};

/// Frames fetched at a time: at most 2 MiB.
const BATCH: usize = 32;

#[derive(Debug)]
pub(crate) struct SledReader(pub(crate) Arc<Store>);

impl LogReader for SledReader {
    fn frames(&self, from: Position) -> FrameBytes {
        Box::new(Frames {
            store: Arc::clone(&self.0),
            next: Next::Holding(from),
            sound: Position::START,
            fetched: VecDeque::new(),
        })
    }
}

/// Holds neither a lock nor anything of sled's between two frames, so that it stands in nobody's way.
struct Frames {
    store: Arc<Store>,
    next: Next,
    /// The last position before what is fetched next, as far as it is known.
    sound: Position,
    fetched: VecDeque<Vec<u8>>,
}

enum Next {
    /// The frame that holds this position.
    Holding(Position),
    /// The frame that begins at this position, or the first after it.
    From(Position),
    End,
}

impl Frames {
    fn fetch(&mut self) -> Result<(), Failure> {
        // Whoever wants one record takes one frame and goes; whoever stays reads on in batches.
        let (from, limit) = match self.next {
            Next::Holding(position) => (self.first_of_the_frame_with(position)?, 1),
            Next::From(position) => (position, BATCH),
            Next::End => return Ok(()),
        };
        let frames = self.store.frames(from, limit)?;
        self.next = match frames.last() {
            Some((first, bytes)) => {
                // Frames that do not decode are the caller's to find: it checks the chain.
                let end = decode(bytes).ok().and_then(|frame| frame.records.last().map(|last| last.position));
                self.sound = end.unwrap_or(*first);
                Next::From(first.next())
            }
            None => Next::End,
        };
        self.fetched.extend(frames.into_iter().map(|(_, bytes)| bytes));
        Ok(())
    }

    fn first_of_the_frame_with(&self, position: Position) -> Result<Position, Failure> {
        let Some((first, bytes)) = self.store.frame_at_or_before(position)? else { return Ok(position) };
        if first == position {
            return Ok(first);
        }
        let ends_before = decode(&bytes)
            .is_ok_and(|frame| frame.records.last().is_some_and(|last| last.position < position));
        Ok(if ends_before { position } else { first })
    }
}

impl Iterator for Frames {
    type Item = Result<Vec<u8>, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.fetched.is_empty()
            && let Err(failure) = self.fetch()
        {
            self.next = Next::End;
            return Some(Err(self.store.failure(self.sound, failure)));
        }
        self.fetched.pop_front().map(Ok)
    }
}
