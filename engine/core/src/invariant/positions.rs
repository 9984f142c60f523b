use alloc::collections::BTreeMap;

use super::{Violation, hold};
use crate::event::{Record, Subject};
use crate::ids::{IntentId, Position, Revision, Timestamp};

/// A history begins at position 1, has no gap, never runs backwards, and every intent's own history in it is whole: revision 0
/// first, then one after the other, each naming the position of the one before.
///
/// # Errors
/// It does not.
pub fn gapless(records: &[Record]) -> Result<(), Violation> {
    let mut streams: BTreeMap<IntentId, (Revision, Position)> = BTreeMap::new();
    let mut before = None;
    for record in records {
        follows(before, record)?;
        before = Some((record.position, record.recorded_at));
        let Some(Subject { intent, revision, previous }) = record.subject else { continue };
        let last = streams.insert(intent, (revision, record.position));
        let expected = last.map_or((0, Position::START), |(last, at)| (last.0 + 1, at));
        hold((revision.0, previous) == expected, "positions", || {
            alloc::format!(
                "record {}: revision {revision} after {previous}, not {expected:?}",
                record.position
            )
        })?;
    }
    Ok(())
}

/// One record follows another in the log, of which the position and the time count; `None` is before the first.
///
/// # Errors
/// There is a gap, a repetition, or a step back in time.
pub fn follows(before: Option<(Position, Timestamp)>, record: &Record) -> Result<(), Violation> {
    let expected = before.map_or(Position::START, |(position, _)| position).next();
    hold(record.position == expected, "positions", || {
        alloc::format!("record {} stands where {expected} should", record.position)
    })?;
    hold(before.is_none_or(|(_, time)| time <= record.recorded_at), "positions", || {
        alloc::format!("record {} is before the one in front of it", record.position)
    })
}
