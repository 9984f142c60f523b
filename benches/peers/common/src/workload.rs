use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::args::{Args, Shape};
use crate::drive::BoxFuture;
use crate::event::{Event, Stream, mixed};
use crate::store::{Command, Outcome, Plan, Store};

/// Intents that the writers of [`Shape::Hot`] share.
const HOT_INTENTS: u32 = 10;

/// What all writers did together.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Every acknowledged event.
    pub(crate) acknowledged: Vec<Event>,
    /// Writer and serial of commands that ended in an error: their events may be there or not.
    pub(crate) unknown: Vec<(u32, u32)>,
    /// How often another writer was first.
    pub(crate) conflicts: u64,
    /// From a command's first try to its acknowledgement, one for each event.
    pub(crate) micros: Vec<u32>,
    /// The first error of a writer.
    pub(crate) error: Option<String>,
    /// From the start to the last acknowledgement.
    pub(crate) elapsed: Duration,
}

struct Shared<S> {
    store: Arc<S>,
    shape: Shape,
    stream_length: u32,
    start: Instant,
    deadline: Instant,
    /// Events still to be written, where there is a limit.
    room: AtomicU64,
    /// The current generation of each hot intent.
    generations: [AtomicU32; HOT_INTENTS as usize],
    tally: Mutex<Tally>,
}

/// Gets the store ready and lets all writers loose until the time is over, or until as many events are written as a replay
/// is to read.
pub(crate) fn run<S: Store>(store: &Arc<S>, args: &Args) -> Result<Tally, String> {
    let stream_length = args.stream_length.min(store.longest_stream());
    let slots = if args.shape == Shape::Hot { HOT_INTENTS } else { args.writers };
    let events = if args.shape == Shape::Replay { args.fill } else { u64::MAX };
    store.prepare(&Plan { slots, writers: args.writers, seconds: args.seconds, events, stream_length })?;
    let start = Instant::now();
    let shared = Arc::new(Shared {
        store: store.clone(),
        shape: args.shape,
        stream_length,
        start,
        deadline: start + Duration::from_secs_f64(args.seconds),
        room: AtomicU64::new(events),
        generations: [const { AtomicU32::new(0) }; HOT_INTENTS as usize],
        tally: Mutex::default(),
    });
    let writer = |number| -> BoxFuture { Box::pin(write(shared.clone(), number)) };
    store.drive((0..args.writers).map(writer).collect());
    let mut tally = shared.tally.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(std::mem::take(&mut *tally))
}

async fn write<S: Store>(shared: Arc<Shared<S>>, writer: u32) {
    let mut mine = Tally::default();
    let mut seed = u64::from(writer);
    let mut serial = 0;
    let (mut generation, mut revision) = (0, 0);
    while mine.error.is_none() && shared.more() {
        let begun = Instant::now();
        let hot = (mixed(&mut seed) % u64::from(HOT_INTENTS)) as u32;
        while Instant::now() < shared.deadline {
            let (stream, expected) = match shared.shape {
                Shape::Own | Shape::Replay => (Stream { slot: writer, generation }, Some(revision)),
                Shape::Hot => {
                    let generation = shared.generations[hot as usize].load(Ordering::Acquire);
                    (Stream { slot: hot, generation }, None)
                }
            };
            let stream_length = shared.stream_length;
            let command = Command { stream, expected, writer, serial, stream_length };
            let outcome = shared.store.execute(command).await;
            serial += 1;
            match outcome {
                Ok(Outcome::Appended(at)) => {
                    let took = begun.elapsed().as_micros();
                    mine.micros.push(u32::try_from(took).unwrap_or(u32::MAX));
                    let (writer, serial) = (command.writer, command.serial);
                    mine.acknowledged.push(Event { stream, revision: at, writer, serial });
                    revision += 1;
                    if revision == stream_length {
                        (generation, revision) = (generation + 1, 0);
                    }
                    break;
                }
                Ok(Outcome::Conflict) => mine.conflicts += 1,
                Ok(Outcome::Full) => {
                    let next = &shared.generations[hot as usize];
                    // Whoever comes second finds it done.
                    let _ = next.compare_exchange(
                        stream.generation,
                        stream.generation + 1,
                        Ordering::AcqRel,
                        Ordering::Acquire,
                    );
                }
                Err(error) => {
                    mine.unknown.push((command.writer, command.serial));
                    mine.error = Some(error);
                    break;
                }
            }
        }
    }
    shared.add(mine);
}

impl<S> Shared<S> {
    fn more(&self) -> bool {
        let take = |room: u64| if room == u64::MAX { Some(room) } else { room.checked_sub(1) };
        Instant::now() < self.deadline
            && self.room.fetch_update(Ordering::AcqRel, Ordering::Acquire, take).is_ok()
    }

    fn add(&self, mine: Tally) {
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        tally.acknowledged.extend(mine.acknowledged);
        tally.unknown.extend(mine.unknown);
        tally.conflicts += mine.conflicts;
        tally.micros.extend(mine.micros);
        tally.error = tally.error.take().or(mine.error);
        // The last writer to stop ends the time: whatever it waited for belongs to the measurement.
        tally.elapsed = tally.elapsed.max(self.start.elapsed());
    }
}
