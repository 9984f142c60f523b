use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use quittance_core::event::{Event, Record};
use quittance_core::evolve::{fold_intent, fold_withdrawal};
use quittance_core::frame;
use quittance_core::ids::{NodeId, Position};
use quittance_core::state::{Deposit, Ended, Key};

use crate::archive::{Archive, ArchiveError};
use crate::log::{LogError, LogReader};

/// What was brought back last is kept, so that whoever asks about one payment time and again costs the store nothing. About a KB
/// each; what an intent can grow to is bounded by the policy.
const MAX_KEPT: usize = 256;

/// Brings back what has ended: the archive knows where its last record is, and its records are in the log.
pub(crate) struct Recall {
    node: NodeId,
    reader: Arc<dyn LogReader>,
    /// `None` for an engine that keeps everything in memory.
    archive: Option<RwLock<Arc<Archive>>>,
    generation: AtomicU64,
    kept: Mutex<Kept>,
}

/// What was brought back last, by its key and its last record. What those name never changes.
#[derive(Default)]
struct Kept {
    ended: HashMap<(Key, Position), Ended>,
    /// The oldest first.
    order: VecDeque<(Key, Position)>,
}

/// What was found of a key, as of one version of the archive.
#[derive(Clone, Debug)]
pub(crate) struct Recalled {
    generation: u64,
    pub(crate) key: Key,
    pub(crate) ended: Option<Ended>,
}

/// Why something that has ended cannot be brought back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecallError {
    /// The archive does not answer.
    #[error("{0}; start the node with --rebuild to make it anew from the log")]
    Archive(#[from] ArchiveError),
    /// The log does not.
    #[error(transparent)]
    Log(#[from] LogError),
    /// What the archive points at is something else.
    #[error("the archive names position {0}, which is about something else; start the node with --rebuild")]
    Elsewhere(Position),
}

impl Recall {
    pub(crate) fn new(node: NodeId, reader: Arc<dyn LogReader>, archive: Option<Archive>) -> Self {
        let archive = archive.map(|archive| RwLock::new(Arc::new(archive)));
        Self { node, reader, archive, generation: AtomicU64::new(0), kept: Mutex::default() }
    }

    /// Looks a key up. Reads the store when it has ended, so it may take a moment; of a key that is new it says so at once.
    pub(crate) fn look_up(&self, key: Key) -> Result<Recalled, RecallError> {
        if let Some(new) = self.at_once(key) {
            return Ok(new);
        }
        let (generation, found) = self.ask(|archive| archive.find(&key))?;
        let found = found.flatten();
        let ended = found.map(|last| self.ended(key, last)).transpose()?;
        Ok(Recalled { generation, key, ended })
    }

    fn ended(&self, key: Key, last: Position) -> Result<Ended, RecallError> {
        let kept = || self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ended) = kept().ended.get(&(key, last)) {
            return Ok(ended.clone());
        }
        // Nobody waits for somebody else's reading. What a later version of the archive has of these records is the same.
        let trail = self.ask(|archive| archive.trail(last))?.1.unwrap_or_default();
        let ended = ended(&*self.reader, self.node, &key, &trail)?;
        kept().keep((key, last), ended.clone());
        Ok(ended)
    }

    /// What the archive says, and of which version of it that is said; nothing where there is none.
    fn ask<T>(
        &self,
        question: impl Fn(&Archive) -> Result<T, ArchiveError>,
    ) -> Result<(u64, Option<T>), ArchiveError> {
        let Some(current) = &self.archive else { return Ok((0, None)) };
        loop {
            let generation = self.generation.load(Ordering::Acquire);
            let archive = Arc::clone(&current.read().unwrap_or_else(PoisonError::into_inner));
            match question(&archive) {
                Ok(answer) => return Ok((generation, Some(answer))),
                // What was merged away may be swept while somebody still reads it; the next version has it all.
                Err(_) if self.generation.load(Ordering::Acquire) != generation => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// What there is to know of a key, if that can be said without reading the store: that nothing of it has ended.
    pub(crate) fn at_once(&self, key: Key) -> Option<Recalled> {
        let generation = self.generation.load(Ordering::Acquire);
        let known = self
            .archive
            .as_ref()
            .is_some_and(|archive| archive.read().unwrap_or_else(PoisonError::into_inner).may_contain(&key));
        (!known).then_some(Recalled { generation, key, ended: None })
    }

    /// Whether nothing of it had ended and that is still the newest word.
    pub(crate) fn is_new(&self, early: &Recalled) -> bool {
        early.ended.is_none() && early.generation == self.generation.load(Ordering::Acquire)
    }

    /// The same, unless `early` still holds: something may have been put away since.
    pub(crate) fn confirm(&self, early: Recalled) -> Result<Recalled, RecallError> {
        if early.generation == self.generation.load(Ordering::Acquire) {
            return Ok(early);
        }
        self.look_up(early.key)
    }

    /// Puts a new version in place. Only after this may anything be put away that the old one did not have.
    pub(crate) fn replace(&self, archive: &Archive) {
        if let Some(current) = &self.archive {
            *current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(archive.clone());
            self.generation.fetch_add(1, Ordering::AcqRel);
        }
    }
}

impl Kept {
    fn keep(&mut self, name: (Key, Position), ended: Ended) {
        if self.ended.insert(name, ended).is_none() {
            self.order.push_back(name);
        }
        if self.order.len() > MAX_KEPT
            && let Some(oldest) = self.order.pop_front()
        {
            self.ended.remove(&oldest);
        }
    }
}

impl fmt::Debug for Recall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recall").field("generation", &self.generation).finish_non_exhaustive()
    }
}

/// What has ended under a key, from its records: those on the `trail`, the last one of all included, and those that they name.
pub(crate) fn ended(
    reader: &dyn LogReader,
    node: NodeId,
    key: &Key,
    trail: &[Position],
) -> Result<Ended, RecallError> {
    let last = trail.last().copied().unwrap_or(Position::START);
    let elsewhere = RecallError::Elsewhere(last);
    let ended = match key {
        Key::Deposit(key) => match record_at(reader, last)?.map(|record| record.event) {
            Some(Event::FundsDeposited { key: found, account, quarks }) if found == *key => {
                Ended::Deposit(Deposit { account, quarks, position: last })
            }
            _ => return Err(elsewhere),
        },
        Key::Intent(id) => {
            let (mut records, mut at) = (Vec::new(), last);
            while at != Position::START {
                let record = record_at(reader, at)?.ok_or(RecallError::Elsewhere(at))?;
                let subject = record.subject.filter(|subject| subject.intent == *id);
                let previous = subject.ok_or(RecallError::Elsewhere(at))?.previous;
                if previous >= at {
                    return Err(elsewhere);
                }
                records.push(record);
                at = previous;
            }
            let intent = fold_intent(node, records.iter().rev()).map_err(|_| elsewhere.clone())?;
            if !intent.has_ended() {
                return Err(elsewhere);
            }
            Ended::Intent(Arc::new(intent))
        }
        Key::Withdrawal(id) => {
            let about = |at: &Position| {
                let record = record_at(reader, *at)?.filter(|record| Key::of(record) == Some(*key));
                record.ok_or(RecallError::Elsewhere(*at))
            };
            let records = trail.iter().map(about).collect::<Result<Vec<_>, _>>()?;
            let known = fold_withdrawal(node, &records).map_err(|_| elsewhere.clone())?;
            if !known.has_ended() || known.withdrawal.transaction() != *id {
                return Err(elsewhere);
            }
            Ended::Withdrawal(Box::new(known))
        }
    };
    Ok(ended)
}

/// The record at a position of the log; `None` behind its end.
pub(crate) fn record_at(reader: &dyn LogReader, position: Position) -> Result<Option<Record>, LogError> {
    let Some(bytes) = reader.frames(position).next() else { return Ok(None) };
    let before = Position(position.0.saturating_sub(1));
    frame::find(&bytes?, position).map_err(|error| LogError::damaged(before, &error))
}
