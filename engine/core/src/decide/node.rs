//! What the operator of a node says: policy, rates, deposits.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::Decision;
use crate::currency::{Currency, Rate};
use crate::event::Event;
use crate::ids::{AccountId, DepositKey, NodeId, Timestamp};
use crate::money::Quarks;
use crate::policy::Policy;
use crate::rejection::{Rejection, RejectionCode};
use crate::state::{MAX_RATES, MAX_SOURCE_BYTES, State};

pub(super) fn initialize(state: &State, node: NodeId, policy: &Policy) -> Result<Decision, Rejection> {
    if let Some(known) = state.node() {
        let code = RejectionCode::NodeAlreadyInitialized;
        return Err(Rejection::new(code, "node", ("an empty log, not that of", known), node));
    }
    policy.check()?;
    Ok(Decision::new(None, vec![Event::NodeInitialized { node, policy: policy.clone().into() }]))
}

pub(super) fn set_policy(state: &State, policy: &Policy) -> Result<Decision, Rejection> {
    policy.check()?;
    if state.policy() == policy {
        return Ok(Decision::repeated(None, state.position()));
    }
    Ok(Decision::new(None, vec![Event::PolicySet { policy: policy.clone().into() }]))
}

pub(super) fn publish_rates(
    state: &State,
    source: &str,
    rates: &[(Currency, Rate)],
    now: Timestamp,
) -> Result<Decision, Rejection> {
    if rates.is_empty() {
        return Err(Rejection::new(RejectionCode::RatesEmpty, "rates", "at least one rate", "none"));
    }
    if let Some((_, rate)) =
        rates.iter().find(|(currency, rate)| *currency == Currency::KIN && *rate != Rate::ONE)
    {
        return Err(Rejection::new(RejectionCode::RateOfKinMustBeOne, "rates.kin", "1", rate));
    }
    if rates.len() > MAX_RATES || source.len() > MAX_SOURCE_BYTES {
        let expected =
            alloc::format!("at most {MAX_RATES} rates from a source of at most {MAX_SOURCE_BYTES} bytes");
        let got = alloc::format!("{} rates, {} bytes", rates.len(), source.len());
        return Err(Rejection::new(RejectionCode::RatesTooMany, "rates", expected, got));
    }
    let mut rates: Vec<_> = rates.to_vec();
    // Of two rates for one currency the later one counts, as in any map.
    rates.reverse();
    rates.sort_by_key(|(currency, _)| *currency);
    rates.dedup_by_key(|(currency, _)| *currency);
    // The newest table counts however old it is, so saying it again adds nothing.
    if let Some(latest) = state.rates().latest()
        && latest.source == source
        && latest.rates.iter().map(|(currency, rate)| (*currency, *rate)).eq(rates.iter().copied())
    {
        return Ok(Decision::repeated(None, state.position()));
    }
    // A quote is made at the newest table and holds for the policy's time: a table has to outlast every quote made at it.
    let live = now.saturating_sub(state.policy().quote_lifetime.min(state.policy().rate_window));
    if let Some(replaced) = state.rates().pushed_out().filter(|replaced| *replaced >= live) {
        let free = replaced.saturating_add(now.since(live)).0.saturating_add(1);
        let code = RejectionCode::RatesTooFrequent;
        return Err(Rejection::new(code, "rates", ("the next table no earlier than", free), now.0));
    }
    Ok(Decision::new(None, vec![Event::RatesPublished { source: String::from(source), rates }]))
}

pub(super) fn deposit(
    state: &State,
    key: DepositKey,
    account: AccountId,
    quarks: Quarks,
) -> Result<Decision, Rejection> {
    if quarks == Quarks::ZERO {
        let code = RejectionCode::QuarksMustNotBeZero;
        return Err(Rejection::new(code, "quarks", "more than zero", quarks));
    }
    if let Some(original) = state.deposit(&key) {
        let code = RejectionCode::DepositMismatch;
        if original.account != account {
            return Err(Rejection::new(code, "account", alloc::format!("{}", original.account), account));
        }
        if original.quarks != quarks {
            return Err(Rejection::new(code, "quarks", alloc::format!("{}", original.quarks), quarks));
        }
        return Ok(Decision::repeated(None, original.position));
    }
    let held = state.ledger().held();
    if held.checked_add(quarks).is_none() {
        let expected = alloc::format!("at most {} quarks more", u64::MAX - held.get());
        return Err(Rejection::new(RejectionCode::BalanceOutOfRange, "quarks", expected, quarks));
    }
    // After this point it succeeds.
    Ok(Decision::new(None, vec![Event::FundsDeposited { key, account, quarks }]))
}
