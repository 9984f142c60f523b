use super::{Violation, hold};
use crate::ids::IntentId;
use crate::state::{State, Status};

/// An intent that has ended stays as it ended.
///
/// # Errors
/// It does not.
pub fn monotone(id: &IntentId, before: Option<Status>, after: Status) -> Result<(), Violation> {
    let kept = before.is_none_or(|before| !before.is_terminal() || before == after);
    hold(kept, "terminal states", || {
        alloc::format!("{id} was {} and is {}", before.map_or("nothing", Status::name), after.name())
    })
}

/// An intent knows where it ended if it has, and only then.
///
/// # Errors
/// One does not.
pub fn ended(state: &State) -> Result<(), Violation> {
    state.intents().try_for_each(|(id, intent)| {
        let right = intent.ended.is_some() == intent.status().is_terminal()
            && intent.ended.is_none_or(|ended| intent.created < ended && ended <= intent.last_position);
        hold(right, "terminal states", || {
            alloc::format!("{id} is {} and ended at {:?}", intent.status().name(), intent.ended)
        })
    })
}
