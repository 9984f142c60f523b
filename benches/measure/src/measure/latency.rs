use quittance_core::command::Request;

use crate::context::Context;
use crate::error::BenchError;
use crate::figure::Group;
use crate::floor::sync_us;
use crate::load::{self, Arrivals};
use crate::node::Node;
use crate::world;

/// What the engine's own peak is measured with; half as many come at half of it, in about the same time.
struct Names {
    peak: &'static str,
    sync: &'static str,
    quantiles: [(f64, &'static str); 3],
}

const DEPOSITS: Names = Names {
    peak: "latency.deposits.peak",
    sync: "latency.deposits.sync",
    quantiles: [
        (0.5, "latency.deposits.p50"),
        (0.99, "latency.deposits.p99"),
        (0.999, "latency.deposits.p999"),
    ],
};

const CREATES: Names = Names {
    peak: "latency.creates.peak",
    sync: "latency.creates.sync",
    quantiles: [(0.5, "latency.creates.p50"), (0.99, "latency.creates.p99"), (0.999, "latency.creates.p999")],
};

/// How long an answer takes when requests come at their own times, at half of the rate at which the engine is busy.
pub(super) fn measure(context: &mut Context<'_>) -> Result<(), BenchError> {
    let most = context.sizes().arrivals;
    context.runs(Group::Latency, |context| {
        let deposits: Vec<_> = (0..2 * most as u64).map(world::deposit).collect();
        half_load(context, &deposits, &DEPOSITS)?;
        let creates = context.creates(0..most);
        half_load(context, &creates, &CREATES)
    })
}

fn half_load(context: &mut Context<'_>, requests: &[Request], names: &Names) -> Result<(), BenchError> {
    let node = Node::start(context.fresh()?)?;
    let (first, rest) = requests.split_at(requests.len() / 2);
    let peak = first.len() as f64 / load::closed(&node, first.to_vec())?.as_secs_f64();
    context.add(names.peak, peak);

    let (before, sample) = (node.handle().durable(), context.sizes().sample);
    let arrivals = Arrivals { rate: peak / 2.0, length: sample, insists: true };
    let served = load::open(&node.handle(), rest, arrivals)?;
    if served.accepted != served.offered {
        let lost = served.offered - served.accepted;
        return Err(BenchError::Wrong(format!("{lost} requests were refused at half load")));
    }
    for (share, name) in names.quantiles {
        context.add(name, served.quantile_us(share)?);
    }
    let groups = node.groups(before)?;
    node.stop()?;
    context.add(names.sync, sync_us(context.fresh()?, &groups, sample)?);
    Ok(())
}
