use crate::context::Context;
use crate::error::BenchError;
use crate::figure::Group;
use crate::load::{self, Arrivals};
use crate::machine::resident;
use crate::node::Node;

/// How many times its peak the engine is offered.
const TIMES: f64 = 10.0;

/// What the engine still does when ten times of what it can do comes in: the rest is refused, and must cost next to nothing.
pub(super) fn measure(context: &mut Context<'_>) -> Result<(), BenchError> {
    let most = context.sizes().arrivals;
    context.runs(Group::Overload, |context| {
        let requests = context.creates(0..most);
        let node = Node::start(context.fresh()?)?;
        let (first, rest) = requests.split_at(most / 2);
        let peak = first.len() as f64 / load::closed(&node, first.to_vec())?.as_secs_f64();
        context.add("overload.peak", peak);
        let before = resident();

        let arrivals = Arrivals { rate: TIMES * peak, length: context.sizes().sample, insists: false };
        let served = load::open(&node.handle(), rest, arrivals)?;
        context.add("overload.offered", served.offered as f64 / served.offering.as_secs_f64());
        context.add("overload.goodput", served.accepted as f64 / served.elapsed.as_secs_f64());
        match (before, served.resident) {
            (Some(before), Some(most)) => {
                context.add("overload.resident_at_peak", before as f64);
                context.add("overload.resident", most.max(before) as f64);
            }
            _ => {
                for name in ["overload.resident_at_peak", "overload.resident"] {
                    context.without(name, "this system does not say how much memory a process has in use");
                }
            }
        }
        node.stop().map(drop)
    })
}
