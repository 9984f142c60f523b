//! The engine's time: what all of it goes by.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use quittance_core::ids::Timestamp;

use crate::clock::Clock;
use crate::error::StartError;

/// The furthest step ahead that is followed at once. A clock that is set is mostly set by less, and whoever waits for a deadline
/// or a price is not hurt by a minute.
const MAX_STEP: Duration = Duration::from_secs(60);
/// How long the clock has to stay where it jumped to, counted by the steady one, before it is believed: it may have been right to,
/// as after a virtual machine was paused, but what is recorded by a wrong time stays recorded.
const BELIEVED_AFTER: Duration = Duration::from_secs(60);
/// The same for a step of more than [`FAR`]: time enough to be seen to.
const FAR_BELIEVED_AFTER: Duration = Duration::from_secs(60 * 60);
const FAR: Duration = Duration::from_secs(24 * 60 * 60);
/// How far from its place of a reading ago a clock is that stays.
const STAYS_WITHIN: Duration = Duration::from_secs(1);
/// Where the clock was set back, time goes on slower by one part in so many until the two agree again.
const SLOWER: u32 = 8;
/// Warnings are at least that far apart, whatever the clock does.
const WARN_EVERY: Duration = Duration::from_secs(60);

/// Gives the time to everything in an engine. It always moves on, and never back.
///
/// It follows the clock, and counts by the steady one what the clock leaves out: after the clock was set back, and while
/// it is further ahead than can be believed.
#[derive(Debug)]
pub(crate) struct Timekeeper {
    clock: Arc<dyn Clock>,
    kept: Mutex<Kept>,
}

#[derive(Debug)]
struct Kept {
    /// The last reading, since 1970. Finer than what is given out, so that no part of time is lost however often it is asked for.
    time: Duration,
    /// What the steady clock showed then.
    steady: Duration,
    standing: Standing,
    /// When something was last said about it, and whether it still is as that says.
    warned: Option<Duration>,
    unresolved: bool,
}

/// How the clock stands to the time counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// Within [`MAX_STEP`], or believed.
    Agrees,
    /// Ahead by more than can be believed, and since when by the steady clock.
    Ahead { by: Duration, since: Duration },
    /// Behind by more than [`MAX_STEP`].
    Behind,
}

impl Timekeeper {
    /// Goes on from the time of the log's last record, or from now when that is later.
    ///
    /// # Errors
    /// The last record is of more than a day from now: one of the two times is wrong. Not with `accept`.
    pub(crate) fn start(clock: Arc<dyn Clock>, last: Timestamp, accept: bool) -> Result<Self, StartError> {
        let (now, steady) = (clock.now(), clock.steady());
        if last.since(now) > FAR && !accept {
            return Err(StartError::ClockBehind { last, now });
        }
        let time = since_1970(last.max(now));
        let mut kept = Kept { time, steady, standing: Standing::Agrees, warned: None, unresolved: false };
        kept.read(since_1970(now), steady);
        Ok(Self { clock, kept: Mutex::new(kept) })
    }

    pub(crate) fn now(&self) -> Timestamp {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        // In this order, whatever happens between the two looks like a clock that is behind, which does no harm.
        let now = since_1970(self.clock.now());
        let time = kept.read(now, self.clock.steady());
        Timestamp(u64::try_from(time.as_micros()).unwrap_or(u64::MAX))
    }
}

impl Kept {
    fn read(&mut self, now: Duration, steady: Duration) -> Duration {
        let passed = steady.saturating_sub(self.steady);
        self.steady = self.steady.max(steady);
        let counted = self.time.saturating_add(passed);
        let (ahead, behind) = (now.saturating_sub(counted), counted.saturating_sub(now));
        let standing = self.standing.next(ahead, behind, self.steady);
        self.say(standing, ahead, behind);
        self.standing = standing;
        self.time = match standing {
            Standing::Ahead { .. } => counted,
            Standing::Agrees if behind.is_zero() => now,
            Standing::Agrees | Standing::Behind => counted.saturating_sub(behind.min(passed / SLOWER)),
        };
        self.time
    }

    /// Says what is new about the clock.
    fn say(&mut self, standing: Standing, ahead: Duration, behind: Duration) {
        let (ahead_s, behind_s) = (ahead.as_secs(), behind.as_secs());
        match (self.standing, standing) {
            (Standing::Ahead { .. }, Standing::Agrees) if ahead > MAX_STEP => {
                self.unresolved = false;
                tracing::warn!("the clock has stayed {ahead_s} s ahead: it is believed from now on");
            }
            (Standing::Agrees | Standing::Behind, Standing::Ahead { .. }) if self.may_warn() => {
                let needed = believed_after(ahead).as_secs();
                tracing::warn!(
                    "the clock is {ahead_s} s ahead of the time counted here: it is not followed before it has stayed there \
                     for {needed} s, or at the next start. If it is wrong, set it until then"
                );
            }
            (Standing::Agrees | Standing::Ahead { .. }, Standing::Behind) if self.may_warn() => {
                tracing::warn!(
                    "the clock is {behind_s} s behind the time of the log, which goes on from there, slower until they agree"
                );
            }
            (Standing::Ahead { .. } | Standing::Behind, Standing::Agrees) if self.unresolved => {
                self.unresolved = false;
                tracing::info!("the clock agrees with the time counted here again");
            }
            _ => {}
        }
    }

    fn may_warn(&mut self) -> bool {
        let may = self.warned.is_none_or(|at| self.steady.saturating_sub(at) >= WARN_EVERY);
        if may {
            (self.warned, self.unresolved) = (Some(self.steady), true);
        }
        may
    }
}

impl Standing {
    /// How it stands at the next reading.
    fn next(self, ahead: Duration, behind: Duration, steady: Duration) -> Self {
        if ahead <= MAX_STEP {
            return if behind > MAX_STEP { Self::Behind } else { Self::Agrees };
        }
        let since = match self {
            Self::Ahead { by, since } if by.abs_diff(ahead) <= STAYS_WITHIN => since,
            _ => steady,
        };
        if steady.saturating_sub(since) >= believed_after(ahead) {
            Self::Agrees
        } else {
            Self::Ahead { by: ahead, since }
        }
    }
}

fn believed_after(ahead: Duration) -> Duration {
    if ahead > FAR { FAR_BELIEVED_AFTER } else { BELIEVED_AFTER }
}

fn since_1970(at: Timestamp) -> Duration {
    Duration::from_micros(at.0)
}

#[cfg(test)]
mod tests;
