use crate::context::Context;
use crate::error::BenchError;
use crate::figure::Group;
use crate::floor::{Check, checks_on_all_cores, checks_per_second};

/// Signatures of requests and payments, checked from the bytes that come in, on one core and on all.
pub(super) fn measure(context: &mut Context<'_>) -> Result<(), BenchError> {
    let checks = checks(context);
    let length = context.sizes().sample;
    context.runs(Group::Verify, |context| {
        context.add("verify.one_core", checks_per_second(&checks, 1, length)?);
        context.add("verify.all_cores", checks_on_all_cores(&checks, length)?);
        Ok(())
    })
}

/// The two signatures of each of many lives.
pub(super) fn checks(context: &mut Context<'_>) -> Vec<Check> {
    let lives = context.sizes().lives;
    let requests = [context.creates(0..lives), context.submits(0..lives)].concat();
    requests.iter().filter_map(Check::of).collect()
}
