use std::time::Instant;

use quittance_core::ids::Position;
use quittance_runtime::log::{EventLog, LogReader};
use quittance_runtime::{Signatures, audit, replay};

use crate::context::Context;
use crate::error::{BenchError, open_log};
use crate::figure::Group;
use crate::floor::checks_on_all_cores;
use crate::load;
use crate::measure::verify::checks;
use crate::node::Node;

/// A log of confirmed intents, read back: its frames alone, its state, and all its signatures as `log verify` checks them.
pub(super) fn measure(context: &mut Context<'_>) -> Result<(), BenchError> {
    context.progress("replay: writing a log")?;
    let lives = context.sizes().lives;
    let checks = checks(context);
    let (creates, submits) = (context.creates(0..lives), context.submits(0..lives));
    let node = Node::with_rail(context.fresh()?)?;
    load::lifecycles(&node, creates, submits)?;
    let dir = node.stop()?;
    let log = open_log(dir.path())?;
    let (reader, events) = (log.reader(), log.tip().position.0 as f64);
    context.runs(Group::Replay, |context| {
        let start = Instant::now();
        scan(&*reader)?;
        context.add("replay.scan", events / start.elapsed().as_secs_f64());

        let start = Instant::now();
        replay::<BenchError>(&*reader, |_, _| Ok(()))?;
        context.add("replay.events", events / start.elapsed().as_secs_f64());

        let start = Instant::now();
        let audited = audit::<BenchError>(&*reader, Signatures::on_all_cores(), |_, _| Ok(()))?;
        context.add("replay.signatures", audited.signatures as f64 / start.elapsed().as_secs_f64());
        context.add("replay.verify", checks_on_all_cores(&checks, context.sizes().sample)?);
        if audited.signatures != checks.len() as u64 {
            let why = format!("the log has {} signatures, {} were written", audited.signatures, checks.len());
            return Err(BenchError::Wrong(why));
        }
        Ok(())
    })
}

/// Reads every frame's bytes and looks at none.
pub(super) fn scan(reader: &dyn LogReader) -> Result<usize, BenchError> {
    let mut bytes = 0;
    for frame in reader.frames(Position(1)) {
        bytes += frame?.len();
    }
    Ok(bytes)
}
