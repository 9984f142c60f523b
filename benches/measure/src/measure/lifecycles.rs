use std::fs;
use std::path::Path;
use std::time::Duration;

use quittance_core::event::Event;
use quittance_core::frame::decode;

use crate::context::Context;
use crate::error::{BenchError, file};
use crate::figure::Group;
use crate::floor::{Room, bare_sled, checks_on_all_cores, raw_file};
use crate::frames::Groups;
use crate::load;
use crate::measure::verify::checks;
use crate::node::Node;

/// Intents created and paid, each with a signature that is checked, settled by the embedded rail and confirmed.
pub(super) fn measure(context: &mut Context<'_>) -> Result<(), BenchError> {
    let lives = context.sizes().lives;
    let count = lives as f64;
    let checks = checks(context);
    context.runs(Group::Lifecycles, |context| {
        let (creates, submits) = (context.creates(0..lives), context.submits(0..lives));
        let node = Node::with_rail(context.fresh()?)?;
        let before = node.handle().durable();
        let elapsed = load::lifecycles(&node, creates, submits)?;
        let groups = node.groups(before)?;
        let confirmed = confirmed(&groups);
        if confirmed != lives {
            return Err(BenchError::Wrong(format!("{confirmed} of {lives} intents were confirmed")));
        }
        context.add("engine.lifecycles", count / elapsed.as_secs_f64());
        context.add("commit.lifecycles", groups.records() as f64 / groups.len() as f64);
        let dir = node.stop()?;
        context.add("disk.per_intent", taken(dir.path())? as f64 / count);
        context.add("disk.frames_per_intent", groups.bytes() as f64 / count);
        drop(dir);

        let checked = checks_on_all_cores(&checks, context.sizes().sample)?;
        context.add("verify.lifecycles", checked / 2.0);
        let raw = raw_file(context.fresh()?, &groups, Room::Made, Duration::MAX)?;
        context.add("raw.lifecycles", count / raw.elapsed.as_secs_f64());
        let sled = bare_sled(context.fresh()?, &groups, Duration::MAX)?;
        context.add("sled.lifecycles", count / sled.elapsed.as_secs_f64());
        Ok(())
    })
}

fn confirmed(groups: &Groups) -> usize {
    let frames = groups.iter().flat_map(|group| &group.pieces).filter_map(|piece| decode(&piece.bytes).ok());
    frames.flat_map(|frame| frame.records).filter(|record| record.event == Event::IntentConfirmed).count()
}

/// The bytes that a directory takes on its disk, holes not counted.
fn taken(dir: &Path) -> Result<u64, BenchError> {
    let mut bytes = 0;
    for entry in fs::read_dir(dir).map_err(file(dir))? {
        let path = entry.map_err(file(dir))?.path();
        let about = fs::symlink_metadata(&path).map_err(file(&path))?;
        bytes += if about.is_dir() { taken(&path)? } else { size(&about) };
    }
    Ok(bytes)
}

#[cfg(unix)]
fn size(about: &fs::Metadata) -> u64 {
    // stat(2) counts in units of 512 bytes, whatever the file system's own.
    std::os::unix::fs::MetadataExt::blocks(about) * 512
}

#[cfg(not(unix))]
fn size(about: &fs::Metadata) -> u64 {
    about.len()
}
