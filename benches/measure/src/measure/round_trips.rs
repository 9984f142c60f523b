use std::time::{Duration, Instant};

use crate::context::Context;
use crate::error::BenchError;
use crate::figure::Group;
use crate::floor::{Room, bare_sled, raw_file};
use crate::node::Node;
use crate::world;

/// One client that asks again when it has its answer, so that every request has a sync of its own.
pub(super) fn measure(context: &mut Context<'_>) -> Result<(), BenchError> {
    let length = context.sizes().sample;
    context.runs(Group::RoundTrips, |context| {
        let node = Node::start(context.fresh()?)?;
        let (handle, before) = (node.handle(), node.handle().durable());
        let (mut number, start) = (0, Instant::now());
        while start.elapsed() < length {
            handle.execute_blocking(world::deposit(number))?;
            number += 1;
        }
        let elapsed = start.elapsed();
        let groups = node.groups(before)?;
        node.stop()?;
        if groups.len() as u64 != number {
            let why = format!("{number} requests, one at a time, became {} commits", groups.len());
            return Err(BenchError::Wrong(why));
        }
        context.add("engine.round_trips", number as f64 / elapsed.as_secs_f64());
        let sled = bare_sled(context.fresh()?, &groups, Duration::MAX)?;
        context.add("sled.round_trips", sled.groups_per_second());
        let raw = raw_file(context.fresh()?, &groups, Room::Made, Duration::MAX)?;
        context.add("raw.round_trips", raw.groups_per_second());
        Ok(())
    })
}
