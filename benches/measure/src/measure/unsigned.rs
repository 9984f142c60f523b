use std::time::Duration;

use quittance_core::command::Request;
use quittance_core::frame::decode;
use quittance_core::ids::Position;

use crate::context::Context;
use crate::error::BenchError;
use crate::figure::Group;
use crate::floor::{Room, bare_sled, raw_file};
use crate::frames::{Groups, settled};
use crate::load;
use crate::node::Node;
use crate::world;

/// Commands that need no signature, through the whole engine, and the frames they became, in the groups they became.
pub(super) fn measure(context: &mut Context<'_>) -> Result<(), BenchError> {
    context.runs(Group::Unsigned, |context| {
        let deposits: Vec<_> = (0..context.sizes().deposits).map(world::deposit).collect();
        let node = Node::start(context.fresh()?)?;
        engine(context, node, deposits, ["engine.deposits", "commit.deposits"])?
            .floors(context, ["raw.deposits", "sled.deposits"])?;

        let lives = context.sizes().lives;
        let (creates, submits) = (context.creates(0..lives), context.submits(0..lives));
        let node = Node::start(context.fresh()?)?;
        let before = node.handle().durable();
        load::closed(&node, creates)?;
        load::closed(&node, submits)?;
        let reports = reports(&node.groups(before)?)?;
        engine(context, node, reports, ["engine.reports", "commit.reports"])?
            .floors(context, ["raw.reports", "sled.reports"])
    })
}

/// Has all of these carried out, in batches: records a second, and records a commit.
fn engine(
    context: &mut Context<'_>,
    node: Node,
    requests: Vec<Request>,
    [rate, commit]: [&'static str; 2],
) -> Result<Groups, BenchError> {
    let before = node.handle().durable();
    let elapsed = load::batches(&node, requests)?;
    let groups = node.groups(before)?;
    context.add(rate, groups.records() as f64 / elapsed.as_secs_f64());
    context.add(commit, groups.records() as f64 / groups.len() as f64);
    node.stop()?;
    Ok(groups)
}

impl Groups {
    fn floors(&self, context: &mut Context<'_>, [raw, sled]: [&'static str; 2]) -> Result<(), BenchError> {
        context.add(raw, raw_file(context.fresh()?, self, Room::Made, Duration::MAX)?.records_per_second());
        context.add(sled, bare_sled(context.fresh()?, self, Duration::MAX)?.records_per_second());
        Ok(())
    }
}

/// What the rail has to say after these frames.
fn reports(groups: &Groups) -> Result<Vec<Request>, BenchError> {
    let mut reports = Vec::new();
    for piece in groups.iter().flat_map(|group| &group.pieces) {
        let after = Position(u64::from_be_bytes(piece.key));
        let frame = decode(&piece.bytes)
            .map_err(|error| BenchError::Wrong(format!("the frame at position {after}: {error}")))?;
        reports.extend(frame.records.iter().flat_map(settled));
    }
    Ok(reports)
}
