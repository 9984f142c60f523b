use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};
use std::thread;

use quittance_core::command::Request;
use quittance_core::ids::Timestamp;
use quittance_runtime::{Clock, SystemClock};
use tempfile::TempDir;

use crate::error::{BenchError, file};
use crate::figure::Group;
use crate::machine::{Machine, cores};
use crate::plan::{Plan, Sizes};
use crate::report::{Report, Unavailable};
use crate::world;

/// How long a signed payment stays good: longer than any measurement.
const VALID_US: u64 = world::LIFETIME.as_secs() * 1_000_000 / 2;

/// What measurements share: where they write, what they have found, and signed requests.
pub(crate) struct Context<'a> {
    plan: &'a Plan,
    progress: &'a mut dyn FnMut(&str) -> ControlFlow<()>,
    dir: TempDir,
    samples: BTreeMap<&'static str, Vec<f64>>,
    unavailable: Vec<Unavailable>,
    creates: Vec<Request>,
    submits: Vec<Request>,
    valid_until: Timestamp,
}

impl<'a> Context<'a> {
    pub(crate) fn new(
        plan: &'a Plan,
        progress: &'a mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Result<Self, BenchError> {
        let dir = TempDir::with_prefix_in("quittance-bench-", &plan.dir).map_err(file(&plan.dir))?;
        Ok(Self {
            plan,
            progress,
            dir,
            samples: BTreeMap::new(),
            unavailable: Vec::new(),
            creates: Vec::new(),
            submits: Vec::new(),
            valid_until: Timestamp(SystemClock.now().0 + VALID_US),
        })
    }

    pub(crate) fn sizes(&self) -> Sizes {
        self.plan.sizes()
    }

    pub(crate) fn open(&self) -> u64 {
        self.plan.open()
    }

    pub(crate) fn settled(&self) -> u64 {
        self.plan.settled()
    }

    /// Does something as often as the plan says.
    pub(crate) fn runs(
        &mut self,
        group: Group,
        mut run: impl FnMut(&mut Self) -> Result<(), BenchError>,
    ) -> Result<(), BenchError> {
        let runs = self.plan.runs();
        for number in 1..=runs {
            self.progress(&format!("{group}: run {number} of {runs}"))?;
            run(self)?;
        }
        Ok(())
    }

    pub(crate) fn progress(&mut self, what: &str) -> Result<(), BenchError> {
        match (self.progress)(what) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(BenchError::Stopped),
        }
    }

    /// A sample of a figure.
    pub(crate) fn add(&mut self, name: &'static str, sample: f64) {
        self.samples.entry(name).or_default().push(sample);
    }

    /// That there is no such figure here.
    pub(crate) fn without(&mut self, name: &'static str, why: &str) {
        if self.unavailable.iter().all(|known| known.name != name) {
            self.unavailable.push(Unavailable { name, why: why.to_owned() });
        }
    }

    /// A new directory on the disk that is measured, removed when dropped.
    pub(crate) fn fresh(&self) -> Result<TempDir, BenchError> {
        TempDir::new_in(self.dir.path()).map_err(file(self.dir.path()))
    }

    /// Signed requests for payments. Signing takes as long as checking, so each is signed once, before any clock starts.
    pub(crate) fn creates(&mut self, range: Range<usize>) -> Vec<Request> {
        extend(&mut self.creates, range.end, world::create);
        self.creates[range].to_vec()
    }

    /// Signed payments of the requests with these numbers.
    pub(crate) fn submits(&mut self, range: Range<usize>) -> Vec<Request> {
        let valid_until = self.valid_until;
        extend(&mut self.submits, range.end, |number| world::submit(number, valid_until));
        self.submits[range].to_vec()
    }

    pub(crate) fn finish(self) -> Report {
        let machine = Machine::this(self.dir.path());
        Report::new(self.plan, machine, &self.samples, self.unavailable)
    }
}

fn extend(made: &mut Vec<Request>, end: usize, make: impl Fn(u64) -> Request + Sync) {
    made.extend(on_all_cores(made.len() as u64..end as u64, make));
}

/// Makes the requests with these numbers, on all cores.
pub(crate) fn on_all_cores(numbers: Range<u64>, make: impl Fn(u64) -> Request + Sync) -> Vec<Request> {
    let numbers: Vec<u64> = numbers.collect();
    let (make, mut made) = (&make, Vec::with_capacity(numbers.len()));
    thread::scope(|scope| {
        let parts = numbers.chunks(numbers.len().div_ceil(cores()).max(1));
        let workers: Vec<_> = parts
            .map(|part| scope.spawn(move || part.iter().map(|number| make(*number)).collect::<Vec<_>>()))
            .collect();
        for worker in workers {
            made.extend(worker.join().expect("signing does not panic"));
        }
    });
    made
}
