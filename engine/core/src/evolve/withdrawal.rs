use alloc::vec::Vec;

use super::{IllegalTransition, settlement};
use crate::event::{Event, Record};
use crate::ids::{NodeId, Position};
use crate::money::Quarks;
use crate::state::{Key, Progress, ScheduledWithdrawal, Side, State};
use crate::withdrawal::MAX_TO_BYTES;

/// Takes an event about a withdrawal, which belongs to no intent, into the state.
pub(super) fn withdraw(state: &mut State, record: &Record) -> Result<(), &'static str> {
    if let Event::WithdrawalScheduled { .. } = &record.event {
        return schedule(state, record);
    }
    let (id, _) = settlement::about(&record.event).ok_or("it names no transaction")?;
    let known = state.withdrawals.get_mut(&id).ok_or("no withdrawal has this transaction")?;
    step(known, record)?;
    let (account, quarks, at) = (known.withdrawal.account, known.withdrawal.quarks, known.at);
    // Also when it has ended before: what is said of it later makes another version of it.
    if known.has_ended() {
        state.open_withdrawals.remove(&id);
        state.archive.add_withdrawal(&id, known);
    }
    match &record.event {
        Event::WithdrawalConfirmed { .. } => {
            state.ledger.withdraw(account, quarks).ok_or("the account has less set aside")
        }
        Event::WithdrawalFailed { .. } => {
            state.usage.uncount(Side::Owner, account, quarks, at);
            state.ledger.release(account, quarks).ok_or("the account has less set aside")
        }
        _ => Ok(()),
    }
}

fn schedule(state: &mut State, record: &Record) -> Result<(), &'static str> {
    let scheduled = scheduled(state.node, record)?;
    let id = scheduled.withdrawal.transaction();
    let (account, quarks) = (scheduled.withdrawal.account, scheduled.withdrawal.quarks);
    state.ledger.reserve(account, quarks).ok_or("the account does not have that much")?;
    if state.withdrawals.insert(id, scheduled).is_some() {
        return Err("a withdrawal with this key was made before");
    }
    state.open_withdrawals.insert(id);
    state.usage.count(Side::Owner, account, quarks, record.recorded_at);
    Ok(())
}

/// One withdrawal, from its own records alone: those in a log that its [`Key`] is of, the first one first.
///
/// What they moved in the accounts is left out, and whether it could be moved is not asked again: the log has answered that.
///
/// # Errors
/// A record does not follow from those before it, or there is none.
///
/// # Determinism
/// The same as what [`State::apply`] made of the same records among all the others.
pub fn fold_withdrawal<'a>(
    node: NodeId,
    records: impl IntoIterator<Item = &'a Record>,
) -> Result<ScheduledWithdrawal, IllegalTransition> {
    let mut records = records.into_iter();
    let (position, from, event, why) = (Position::START, "log", "nothing", "the withdrawal has no records");
    let first = records.next().ok_or(IllegalTransition { position, from, event, why })?;
    let illegal = |record, why| IllegalTransition::new(record, "withdrawal", why);
    let mut known = scheduled(Some(node), first).map_err(|why| illegal(first, why))?;
    let key = Key::Withdrawal(known.withdrawal.transaction());
    for record in records {
        if Key::of(record) != Some(key) || record.position <= known.last_position() {
            return Err(illegal(record, "it is about something else, or older than the one before"));
        }
        step(&mut known, record).map_err(|why| illegal(record, why))?;
    }
    Ok(known)
}

/// The withdrawal that an order makes.
fn scheduled(node: Option<NodeId>, record: &Record) -> Result<ScheduledWithdrawal, &'static str> {
    let (Event::WithdrawalScheduled { withdrawal, .. }, None) = (&record.event, record.subject) else {
        return Err("it orders no withdrawal");
    };
    if node != Some(withdrawal.node) {
        return Err("the withdrawal was signed for another node");
    }
    if withdrawal.quarks == Quarks::ZERO || !(1..=MAX_TO_BYTES).contains(&withdrawal.to.len()) {
        return Err("nothing goes out, or nowhere");
    }
    Ok(ScheduledWithdrawal {
        withdrawal: (**withdrawal).clone(),
        scheduled: record.position,
        followed: Vec::new(),
        at: record.recorded_at,
        progress: Progress::default(),
    })
}

/// What a later record changes in the withdrawal itself.
fn step(known: &mut ScheduledWithdrawal, record: &Record) -> Result<(), &'static str> {
    settlement::progress(&mut known.progress, &record.event)?;
    known.followed.push(record.position);
    match &record.event {
        Event::WithdrawalFailed { released, .. } if *released != known.withdrawal.quarks => {
            Err("what is released is not what was set aside")
        }
        _ => Ok(()),
    }
}
