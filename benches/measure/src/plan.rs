use std::path::PathBuf;
use std::time::Duration;

use crate::error::BenchError;
use crate::figure::Group;

/// The most runs of each measurement.
pub const MAX_RUNS: usize = 100;

/// The most intents kept open to measure memory.
pub const MAX_OPEN: u64 = 10_000_000;

/// The most intents that have ended.
pub const MAX_SETTLED: u64 = 100_000_000;

/// What to measure, where, and how long.
#[derive(Clone, Debug)]
pub struct Plan {
    /// On the disk to be measured; has to exist.
    pub dir: PathBuf,
    /// A few seconds in all instead of a few minutes. For seeing that it works: the figures are rough.
    pub quick: bool,
    /// How often each measurement is repeated, 1 to [`MAX_RUNS`]; 5 when absent, 2 when quick.
    pub runs: Option<usize>,
    /// How many intents are open when memory is measured, 1 to [`MAX_OPEN`]; 20 000 when absent, 1 000 when quick.
    pub open: Option<u64>,
    /// How many intents have ended when that is measured, 10 to [`MAX_SETTLED`]; 40 000 when absent, 1 000 when quick.
    pub settled: Option<u64>,
    /// Only these; everything when empty.
    pub only: Vec<Group>,
}

impl Plan {
    /// Everything, on the disk that holds `dir`.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), quick: false, runs: None, open: None, settled: None, only: Vec::new() }
    }

    /// How often each measurement is repeated.
    #[must_use]
    pub fn runs(&self) -> usize {
        self.runs.unwrap_or(if self.quick { 2 } else { 5 })
    }

    /// How many intents are open when memory is measured.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.open.unwrap_or(if self.quick { 1_000 } else { 20_000 })
    }

    /// How many intents have ended when that is measured.
    #[must_use]
    pub fn settled(&self) -> u64 {
        self.settled.unwrap_or(if self.quick { 1_000 } else { 40_000 })
    }

    pub(crate) fn includes(&self, group: Group) -> bool {
        self.only.is_empty() || self.only.contains(&group)
    }

    pub(crate) fn check(&self) -> Result<(), BenchError> {
        if !(1..=MAX_RUNS).contains(&self.runs()) {
            return Err(BenchError::Plan(format!("1 to {MAX_RUNS} runs can be made, not {}", self.runs())));
        }
        if !(1..=MAX_OPEN).contains(&self.open()) {
            return Err(BenchError::Plan(format!(
                "1 to {MAX_OPEN} intents can be kept open, not {}",
                self.open()
            )));
        }
        if !(10..=MAX_SETTLED).contains(&self.settled()) {
            return Err(BenchError::Plan(format!(
                "10 to {MAX_SETTLED} intents can have ended, not {}",
                self.settled()
            )));
        }
        if !self.dir.is_dir() {
            return Err(BenchError::Plan(format!("{} is not a directory", self.dir.display())));
        }
        Ok(())
    }

    pub(crate) fn sizes(&self) -> Sizes {
        if self.quick { Sizes::QUICK } else { Sizes::FULL }
    }
}

/// How much one run of each measurement does: on two cores and an ordinary disk about a second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    /// How long a measurement that goes by time takes.
    pub(crate) sample: Duration,
    pub(crate) deposits: u64,
    /// Intents that are reported on, and intents that live from beginning to end.
    pub(crate) lives: usize,
    /// The most requests that one run of an open loop is given.
    pub(crate) arrivals: usize,
}

impl Sizes {
    const FULL: Self =
        Self { sample: Duration::from_millis(800), deposits: 100_000, lives: 8_192, arrivals: 65_536 };
    const QUICK: Self =
        Self { sample: Duration::from_millis(60), deposits: 2_000, lives: 192, arrivals: 1_024 };
}
