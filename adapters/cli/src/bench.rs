//! `quittance bench`: what this machine can do, and how much of it the engine does.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use quittance_bench::{BenchError, Machine, Plan};

use crate::args::BenchArgs;
use crate::error::CliError;
use crate::output::Output;
use crate::serve::StopSignal;

pub(crate) fn run(args: BenchArgs, output: &Output) -> Result<(), CliError> {
    let BenchArgs { data, quick, runs, only, open, settled } = args;
    let plan = Plan { dir: data, quick, runs: runs.map(usize::from), open, settled, only };
    // One thread that sleeps until a signal comes: a killed process would leave its files behind.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.map_err(CliError::failed)?;
    let stop = runtime.block_on(async { StopSignal::catch() })?;
    let stopping = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&stopping);
    runtime.spawn(async move {
        // Signals that cannot be waited for end nothing; the measurement ends by itself.
        told.store(stop.told().await.is_ok(), Ordering::Relaxed);
    });
    if plan.dir.is_dir() {
        let machine = Machine::this(&plan.dir);
        output.step(&format!("measuring on {} in {}", machine.file_system, plan.dir.display()));
        if machine.is_memory() {
            output.step("warning: that is memory, not a disk; --data DIR names another place");
        }
    }
    let mut said = String::new();
    let report = quittance_bench::run(&plan, &mut |next| {
        if said != next {
            output.step(next);
            next.clone_into(&mut said);
        }
        if stopping.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    let json = serde_json::to_value(&report).map_err(CliError::failed)?;
    output.result(&json, || report.to_string().trim_end().to_owned());
    Ok(())
}

impl From<BenchError> for CliError {
    fn from(error: BenchError) -> Self {
        let hint = match &error {
            BenchError::Plan(_) => {
                return Self::misuse(error).hint("--data with a directory on the disk to be measured");
            }
            BenchError::Log(_) | BenchError::File { .. } => {
                "--data with a directory you may write to, on a disk with a gigabyte of room"
            }
            BenchError::Stopped => "--quick, or --only with what you want to know",
            _ => return Self::failed(error),
        };
        Self::failed(error).hint(hint)
    }
}
