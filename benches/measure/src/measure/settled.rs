use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use quittance_core::ids::Timestamp;
use quittance_runtime::Engine;

use crate::context::{Context, on_all_cores};
use crate::error::{BenchError, open_log};
use crate::figure::Group;
use crate::floor::checks_per_second;
use crate::load;
use crate::machine::{cores, resident};
use crate::measure::verify::checks;
use crate::node::{Node, options};
use crate::world;

/// Intents signed and created at a time.
const BATCH: u64 = 4_096;
/// How long an intent that is to end stays open: still ahead when it is created, also on a busy machine.
const LIFE: Duration = Duration::from_secs(3);
/// Before the first look at least this many have ended, and what is taken once and for all is taken.
const FEW: u64 = 100_000;
/// The numbers of intents that are measured do not meet those that only end.
const MEASURED: u64 = 1 << 40;

/// What has ended: whether it slows anything down, what memory it takes, and how long a restart takes with it.
pub(super) fn measure(context: &mut Context<'_>) -> Result<(), BenchError> {
    let settled = context.settled();
    let node = Node::with_rail(context.fresh()?)?;
    let few = FEW.min(settled / 10);
    end(context, &node, 0..few)?;
    lifecycles(context, &node, 0, ["settled.few", "verify.few"])?;
    let before = resident();
    end(context, &node, few..settled)?;
    let after = resident();
    lifecycles(context, &node, 1, ["settled.many", "verify.many"])?;
    match (before, after) {
        (Some(before), Some(after)) => context.add("settled.memory", after.saturating_sub(before) as f64),
        _ => {
            context
                .without("settled.memory", "this system does not say how much memory a process has in use");
        }
    }
    let digest = node.handle().query_blocking(quittance_core::state::State::digest)?;
    let dir = node.stop()?;
    context.runs(Group::Settled, |context| {
        let start = Instant::now();
        let log = open_log(dir.path())?;
        let opened = start.elapsed();
        let options = options(&log);
        let engine = Engine::start(Box::new(log), options)?;
        context.add("settled.open", opened.as_secs_f64());
        context.add("settled.restart", start.elapsed().as_secs_f64());
        if engine.handle().query_blocking(quittance_core::state::State::digest)? != digest {
            return Err(BenchError::Wrong("a restart led to another state".to_owned()));
        }
        engine.shutdown()?;
        Ok(())
    })
}

/// Creates intents that nobody pays, and waits until they have expired.
fn end(context: &mut Context<'_>, node: &Node, numbers: std::ops::Range<u64>) -> Result<(), BenchError> {
    let of = context.settled();
    let mut next = numbers.start;
    while next < numbers.end {
        context.progress(&format!("settled: {} % of {of} intents have ended", next * 100 / of / 10 * 10))?;
        let last = (next + BATCH).min(numbers.end);
        let ends = Timestamp(now().0 + u64::try_from(LIFE.as_micros()).unwrap_or(u64::MAX));
        load::closed(node, on_all_cores(next..last, |number| world::create_until(number, ends)))?;
        next = last;
    }
    let start = Instant::now();
    while node.handle().query_blocking(|state| state.next_deadline().is_some())? {
        if start.elapsed() > Duration::from_secs(60) {
            return Err(BenchError::Wrong("intents do not expire".to_owned()));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

fn lifecycles(
    context: &mut Context<'_>,
    node: &Node,
    round: u64,
    [rate, ceiling]: [&'static str; 2],
) -> Result<(), BenchError> {
    let lives = context.sizes().lives as u64;
    let checks = checks(context);
    let mut first = MEASURED * (round + 1);
    context.runs(Group::Settled, |context| {
        let numbers = first..first + lives;
        first += lives;
        let valid_until =
            Timestamp(now().0 + u64::try_from(world::LIFETIME.as_micros()).unwrap_or(u64::MAX) / 2);
        let creates = numbers.clone().map(world::create).collect();
        let submits = numbers.map(|number| world::submit(number, valid_until)).collect();
        let elapsed = load::lifecycles(node, creates, submits)?;
        context.add(rate, lives as f64 / elapsed.as_secs_f64());
        let checked = checks_per_second(&checks, cores(), context.sizes().sample)?;
        context.add(ceiling, checked / 2.0);
        Ok(())
    })
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
}
