use quittance_runtime::log::EventLog;

use crate::context::Context;
use crate::error::{BenchError, open_log};
use crate::figure::Group;
use crate::figures::GROUPS;
use crate::floor::{Room, bare_sled, raw_file, timed};
use crate::frames::{Groups, framed, records_of};

/// The figures of one size of group: raw file with room made, raw file that grows, sled alone, the log's store.
const NAMES: [[&str; 4]; GROUPS.len()] = [
    ["raw.append.1", "raw.grow.1", "sled.append.1", "store.append.1"],
    ["raw.append.16", "raw.grow.16", "sled.append.16", "store.append.16"],
    ["raw.append.128", "raw.grow.128", "sled.append.128", "store.append.128"],
    ["raw.append.1024", "raw.grow.1024", "sled.append.1024", "store.append.1024"],
];

/// Frames of whole lives, appended in groups: to a raw file, to sled alone, to the log without the engine.
pub(super) fn measure(context: &mut Context<'_>) -> Result<(), BenchError> {
    context.progress("append: making records")?;
    let lives = context.sizes().lives;
    let requests = [context.creates(0..lives), context.submits(0..lives)].concat();
    let records = records_of(requests)?;
    let limit = context.sizes().sample;
    context.runs(Group::Append, |context| {
        for (size, [raw, grow, sled, store]) in GROUPS.into_iter().zip(NAMES) {
            let frames = framed(&records, size);
            let groups = Groups::of_frames(&frames);
            for (name, room) in [(raw, Room::Made), (grow, Room::Grows)] {
                let written = raw_file(context.fresh()?, &groups, room, limit)?;
                context.add(name, written.records_per_second());
            }
            context.add(sled, bare_sled(context.fresh()?, &groups, limit)?.records_per_second());
            let dir = context.fresh()?;
            let mut log = open_log(dir.path())?;
            let written = timed(&groups, limit, |number, _| Ok(log.append(&frames[number].1)?))?;
            context.add(store, written.records_per_second());
        }
        Ok(())
    })
}
