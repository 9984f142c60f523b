//! Measures the engine and, on the same machine in the same run, what bounds it: the disk, the store and the signature
//! checks alone. What `quittance bench` prints; [`run`] is for whoever embeds the engine and wants to know.
//!
//! Rules that every figure keeps to:
//! * nothing counts before it is durable: the engine's answers are waited for, floors sync;
//! * the engine is measured as it is embedded: [`Engine::start`](quittance_runtime::Engine::start) with its default options,
//!   [`Handle::begin`](quittance_runtime::Handle::begin), the system's clock;
//! * a floor writes the same bytes in the same groups: the very frames that the engine has just committed, grouped as it
//!   committed them, or frames of real records;
//! * clients' signatures are made before the clock starts;
//! * figure and floor are taken in turns, since a machine is not the same from one second to the next. A ratio is that of
//!   the two medians.

mod context;
mod error;
mod figure;
mod figures;
mod floor;
mod frames;
mod load;
mod machine;
mod measure;
mod node;
mod plan;
mod report;
mod table;
pub mod world;

use std::ops::ControlFlow;

pub use error::BenchError;
pub use figure::{Definition, Group};
pub use figures::FIGURES;
pub use machine::Machine;
pub use plan::{MAX_OPEN, MAX_RUNS, MAX_SETTLED, Plan};
pub use report::{Against, Figure, Program, Report, SCHEMA, Settings, Unavailable};

use context::Context;

/// Measures what the plan says. `progress` is told what is measured next, every few seconds and perhaps in the same words again,
/// and can end it there.
///
/// Everything is written in a directory of its own inside the plan's, which is removed at the end.
///
/// # Errors
/// The plan is out of range, the disk or the engine fails, or `progress` has ended it.
pub fn run(plan: &Plan, progress: &mut dyn FnMut(&str) -> ControlFlow<()>) -> Result<Report, BenchError> {
    plan.check()?;
    let mut context = Context::new(plan, progress)?;
    // In this order: memory that an earlier measurement gave back would hide what this one takes.
    for group in Group::ALL.into_iter().filter(|group| plan.includes(*group)) {
        measure::group(group, &mut context)?;
    }
    Ok(context.finish())
}
