//! What the benchmarks share: the world that `quittance bench` measures in, and a core to decide in.

use quittance_core::command::{Command, Request};
use quittance_core::ids::{CausationId, Timestamp};
use quittance_core::machine::{Accepted, Core, Effects, Input};

pub use quittance_bench::world::{NODE, create, funds, key, policy};

/// When everything happens.
pub const NOW: Timestamp = Timestamp(1_800_000_000_000_000);

/// A signed payment of the request with this number, valid for a minute after `now`.
#[must_use]
pub fn submit(number: u64, now: Timestamp) -> Request {
    quittance_bench::world::submit(number, Timestamp(now.0 + 60_000_000))
}

/// A core with funded payers.
#[must_use]
pub fn core() -> Core {
    let mut core = Core::default();
    let mut effects = Effects::default();
    let begin = Request::Initialize { node: NODE, policy: policy() };
    for request in std::iter::once(begin).chain(funds()) {
        step(&mut core, &request.verify().expect("unsigned"), &mut effects);
    }
    core
}

/// One command through the core; it must be accepted.
pub fn step(core: &mut Core, command: &Command, effects: &mut Effects) -> Accepted {
    core.handle(NOW, CausationId(1), Input::Command(command.clone()), effects).expect("evolves");
    effects.answer.take().expect("answered").expect("accepted")
}
