use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded};
use quittance_core::event::Record;
use quittance_core::ids::Position;
use quittance_core::invariant::{self, Reservations, Violation};
use quittance_core::state::State;
use quittance_core::verify::{Signed, signed};

use crate::log::LogReader;
use crate::replay::{Replay, ReplayError, replay};

/// Signatures handed to a worker at a time: a channel operation costs a few hundredths of a check.
const BATCH: usize = 32;
/// Batches that may wait for each worker; with the one it works at this bounds what is held in memory.
const WAITING: usize = 4;

/// Whether an audit checks the signatures again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signatures {
    /// It does not.
    Skip,
    /// It does, on this many threads beside the one that replays. The outcome is the same whatever their number.
    Check {
        /// How many.
        threads: NonZeroUsize,
    },
}

impl Signatures {
    /// Checked on as many threads as the machine has cores.
    #[must_use]
    pub fn on_all_cores() -> Self {
        Self::Check { threads: thread::available_parallelism().unwrap_or(NonZeroUsize::MIN) }
    }
}

/// What a log that holds amounts to.
#[derive(Clone, Debug)]
pub struct Audit {
    /// What it folds to.
    pub replay: Replay,
    /// How many records it has.
    pub records: u64,
    /// How many signatures were checked.
    pub signatures: u64,
}

/// What does not hold of a log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuditError {
    /// It does not replay.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// It replays to a history or a state that must not be.
    #[error(transparent)]
    Broken(#[from] Violation),
    /// A record's signature is not over what the record says, or not by the key it names.
    #[error("record {position}: the signature does not verify")]
    Signature {
        /// The record's position.
        position: Position,
    },
}

/// Checks a whole log: every frame, link and record, every signature if asked, and what must hold of the history and the state
/// it folds to. `seen` is called with each record, in order, and the state before it, and can end the audit with an error of its
/// own.
///
/// # Errors
/// The first thing in the log that does not hold; of one record the signature counts before `seen`, and `seen` before what
/// the replay finds.
///
/// # Determinism
/// The same log gives the same outcome on any machine and any number of threads.
pub fn audit<E: From<AuditError>>(
    reader: &dyn LogReader,
    signatures: Signatures,
    seen: impl FnMut(&State, &Record) -> Result<(), E>,
) -> Result<Audit, E> {
    let audit = match signatures {
        Signatures::Skip => follow(reader, |_| Ok(()), seen)?,
        Signatures::Check { threads } => follow_and_check(reader, threads, seen)?,
    };
    invariant::check_all(&audit.replay.state).map_err(AuditError::from)?;
    Ok(audit)
}

/// The audit's own error inside a replay, which demands to be convertible.
struct Found<E>(E);

impl<E: From<AuditError>> From<ReplayError> for Found<E> {
    fn from(error: ReplayError) -> Self {
        Self(AuditError::from(error).into())
    }
}

fn follow<E: From<AuditError>>(
    reader: &dyn LogReader,
    mut check: impl FnMut(&Record) -> Result<(), E>,
    mut seen: impl FnMut(&State, &Record) -> Result<(), E>,
) -> Result<Audit, E> {
    let (mut records, mut before, mut reservations) = (0, None, Reservations::default());
    let replay = replay(reader, |state, record| {
        records += 1;
        let broken = |violation| Found(AuditError::Broken(violation).into());
        invariant::follows(before, record).map_err(broken)?;
        before = Some((record.position, record.recorded_at));
        check(record).and_then(|()| seen(state, record)).map_err(Found)?;
        reservations.follow(record).map_err(broken)
    });
    let replay = replay.map_err(|Found(error)| error)?;
    Ok(Audit { replay, records, signatures: 0 })
}

fn follow_and_check<E: From<AuditError>>(
    reader: &dyn LogReader,
    threads: NonZeroUsize,
    seen: impl FnMut(&State, &Record) -> Result<(), E>,
) -> Result<Audit, E> {
    let bad = FirstBad(AtomicU64::new(u64::MAX));
    let (batches, waiting) = bounded(threads.get().saturating_mul(WAITING));
    let (followed, signatures) = thread::scope(|scope| {
        for _ in 0..threads.get() {
            let waiting = waiting.clone();
            let bad = &bad;
            scope.spawn(move || bad.look(&waiting));
        }
        // Only workers hold it from here on: should all of them panic, sending fails instead of waiting for ever.
        drop(waiting);
        let mut pending = Pending { batches, batch: Vec::with_capacity(BATCH), count: 0 };
        let followed = follow(
            reader,
            |record| {
                // Whatever comes now is behind it.
                if let Some(bad) = bad.error() {
                    return Err(bad.into());
                }
                if let Some(signed) = signed(record) {
                    pending.push(record.position, signed);
                }
                Ok(())
            },
            seen,
        );
        (followed, pending.finish())
    });
    // Everything handed out was in front of whatever else was found.
    match bad.error() {
        Some(bad) => Err(bad.into()),
        None => followed.map(|audit| Audit { signatures, ..audit }),
    }
}

type Batch = Vec<(Position, Signed)>;

/// Signatures on their way to the workers.
struct Pending {
    batches: Sender<Batch>,
    batch: Batch,
    count: u64,
}

impl Pending {
    fn push(&mut self, position: Position, signed: Signed) {
        self.batch.push((position, signed));
        self.count += 1;
        if self.batch.len() == BATCH {
            self.send();
        }
    }

    fn send(&mut self) {
        let batch = std::mem::replace(&mut self.batch, Vec::with_capacity(BATCH));
        // Fails only when every worker has panicked, and that panic goes on when the scope ends.
        let _ = self.batches.send(batch);
    }

    fn finish(mut self) -> u64 {
        self.send();
        self.count
    }
}

/// The position of the first bad signature found so far.
struct FirstBad(AtomicU64);

impl FirstBad {
    fn look(&self, waiting: &Receiver<Batch>) {
        for (position, signed) in waiting.iter().flatten() {
            // Behind one that is bad it does not matter any more; in front of it, it does.
            if position.0 < self.0.load(Ordering::Relaxed) && !signed.is_valid() {
                self.0.fetch_min(position.0, Ordering::Relaxed);
            }
        }
    }

    fn error(&self) -> Option<AuditError> {
        let position = self.0.load(Ordering::Relaxed);
        (position != u64::MAX).then_some(AuditError::Signature { position: Position(position) })
    }
}
