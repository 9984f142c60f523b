use super::{Violation, hold};
use crate::event::Record;
use crate::state::State;

/// Replaying a history gives the very state that lived it, by digest.
///
/// # Errors
/// It gives another, or a record does not follow: a restart would know something else.
pub fn replays(records: &[Record], state: &State) -> Result<(), Violation> {
    let mut replayed = State::default();
    for record in records {
        let taken = replayed.apply(record);
        taken.or_else(|illegal| hold(false, "replay", || alloc::format!("{illegal}")))?;
    }
    let (live, again) = (state.digest(), replayed.digest());
    hold(live == again, "replay", || alloc::format!("digest {live} lived, {again} replayed"))
}
