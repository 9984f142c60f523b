//! One measurement a file.

mod append;
mod latency;
mod lifecycles;
mod memory;
mod overload;
mod replay;
mod round_trips;
mod settled;
mod unsigned;
mod verify;

use crate::context::Context;
use crate::error::BenchError;
use crate::figure::Group;

/// Takes every figure of a group.
pub(crate) fn group(group: Group, context: &mut Context<'_>) -> Result<(), BenchError> {
    match group {
        Group::Memory => memory::measure(context),
        Group::Settled => settled::measure(context),
        Group::Append => append::measure(context),
        Group::Verify => verify::measure(context),
        Group::Unsigned => unsigned::measure(context),
        Group::Lifecycles => lifecycles::measure(context),
        Group::RoundTrips => round_trips::measure(context),
        Group::Replay => replay::measure(context),
        Group::Latency => latency::measure(context),
        Group::Overload => overload::measure(context),
    }
}
