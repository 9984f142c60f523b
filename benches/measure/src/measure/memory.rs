use std::time::Instant;

use quittance_runtime::Engine;
use quittance_runtime::log::EventLog;

use crate::context::Context;
use crate::error::{BenchError, open_log};
use crate::figure::Group;
use crate::load;
use crate::machine::resident;
use crate::measure::replay::scan;
use crate::node::{Node, options};
use crate::world;

/// Intents signed and created at a time: what the client itself holds stays small beside what the engine does.
const BATCH: u64 = 2_048;

/// The memory that open intents take, the log's cache included, and how long a restart with them takes.
pub(super) fn measure(context: &mut Context<'_>) -> Result<(), BenchError> {
    let open = context.open();
    let node = Node::start(context.fresh()?)?;
    // What is taken once and for all is taken before the first look.
    load::closed(&node, (open..open + BATCH).map(world::create))?;
    let before = resident();
    let mut done = 0;
    while done < open {
        let percent = done * 100 / open / 10 * 10;
        context.progress(&format!("memory: {percent} % of {open} intents open"))?;
        let end = (done + BATCH).min(open);
        let batch: Vec<_> = (done..end).map(world::create).collect();
        load::closed(&node, batch)?;
        done = end;
    }
    match (before, resident()) {
        (Some(before), Some(now)) => {
            context.add("memory.resident", now as f64);
            let each = now.saturating_sub(before) as f64 / open as f64;
            if each > 0.0 {
                context.add("memory.per_open_intent", each);
            } else {
                context
                    .without("memory.per_open_intent", "too few intents to see them in the process's memory");
            }
        }
        _ => {
            for name in ["memory.resident", "memory.per_open_intent"] {
                context.without(name, "this system does not say how much memory a process has in use");
            }
        }
    }
    let dir = node.stop()?;
    context.runs(Group::Memory, |context| {
        let start = Instant::now();
        let log = open_log(dir.path())?;
        scan(&*log.reader())?;
        context.add("restart.scan", start.elapsed().as_secs_f64());
        drop(log);

        let start = Instant::now();
        let log = open_log(dir.path())?;
        let options = options(&log);
        let engine = Engine::start(Box::new(log), options)?;
        context.add("restart.ready", start.elapsed().as_secs_f64());
        engine.shutdown()?;
        Ok(())
    })
}
