use std::collections::VecDeque;
use std::sync::Arc;

use quittance_core::frame::{decode, header};
use quittance_core::ids::Position;
use quittance_runtime::log::{FrameBytes, LogError, LogReader};

use crate::failure::Failure;
use crate::store::Store;

/// Values fetched at a time: at most 2 MiB.
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
        let frames = match self.next {
            Next::Holding(position) => match self.frame_with(position)? {
                Some(frame) => vec![frame],
                None => self.store.frames(position, 1)?,
            },
            Next::From(position) => self.store.frames(position, BATCH)?,
            Next::End => return Ok(()),
        };
        self.next = match frames.last() {
            Some((first, bytes)) => {
                // A header that is wrong is the caller's to find: it checks the hash.
                self.sound = last(*first, bytes).unwrap_or(*first);
                Next::From(first.next())
            }
            None => Next::End,
        };
        self.fetched.extend(frames.into_iter().map(|(_, bytes)| bytes));
        Ok(())
    }

    /// The frame that holds a position, or that is damaged where it might; `None` if there is no such frame.
    fn frame_with(&self, position: Position) -> Result<Option<(Position, Vec<u8>)>, Failure> {
        let found = self.store.frame_at_or_before(position)?;
        // Only a frame that is whole is passed over for what it says of itself.
        let ends_before = |(first, bytes): &(Position, Vec<u8>)| {
            last(*first, bytes).is_some_and(|last| last < position) && decode(bytes).is_ok()
        };
        Ok(found.filter(|frame| !ends_before(frame)))
    }
}

/// The position of the last record in a frame, as its header says.
fn last(first: Position, bytes: &[u8]) -> Option<Position> {
    let header = header(bytes).filter(|header| header.first == first)?;
    Some(Position(first.0.checked_add(u64::from(header.count) - 1)?))
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
