//! What a payment has to look like: the transfers that terms, an exchange rate and the fees give.

use alloc::vec::Vec;

use crate::currency::{Currency, Rate};
use crate::ids::{AccountId, IntentId, Timestamp};
use crate::money::Quarks;
use crate::payment::{Payment, Purpose, Transfer};
use crate::policy::Policy;
use crate::rejection::{Rejection, RejectionCode};
use crate::state::{Intent, Phase, RateTable, State};
use crate::terms::Terms;

/// The payment that `payer` would have to sign to pay `intent` at `now`. Promises nothing: no funds are set aside.
///
/// # Errors
/// The intent does not exist or is not open, there is no rate for its currency, or the payer cannot be its payer.
pub fn quote(
    state: &State,
    intent: IntentId,
    payer: AccountId,
    now: Timestamp,
) -> Result<Payment, Rejection> {
    let node = state.node().ok_or_else(|| Rejection::new(RejectionCode::NodeNotInitialized, "", "", ""))?;
    let known = state
        .intent(&intent)
        .ok_or_else(|| Rejection::new(RejectionCode::IntentNotFound, "intent", "a known intent", intent))?;
    open(known, now)?;
    let policy = state.policy();
    let prices = Prices::from_table(state.rates().latest(), &known.terms, policy)?;
    let transfers = split(&known.terms, &prices, policy.fee_account)?;
    if prices.total > policy.max_payment {
        return Err(exceeds_limit(policy.max_payment, prices.total));
    }
    if transfers.iter().any(|transfer| transfer.destination == payer) {
        return Err(pays_itself(payer));
    }
    let valid_until = now.saturating_add(policy.quote_lifetime).min(known.expires_at);
    let Terms { currency, amount, .. } = known.terms;
    Ok(Payment { node, intent, payer, currency, amount, rate: prices.rate, valid_until, transfers })
}

/// What the fees and the amount cost at one moment's rates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Prices {
    pub(crate) rate: Rate,
    pub(crate) total: Quarks,
    service_fee: Quarks,
}

impl Prices {
    /// Kin is worth one kin without any table; everything else needs one.
    pub(crate) fn from_table(
        table: Option<&RateTable>,
        terms: &Terms,
        policy: &Policy,
    ) -> Result<Self, Rejection> {
        let rate = |currency: Currency| {
            let known = match currency {
                Currency::KIN => Some(Rate::ONE),
                _ => table.and_then(|table| table.rate(currency)),
            };
            known.ok_or_else(|| {
                let field = alloc::format!("rates.{currency}");
                Rejection::new(RejectionCode::RateNotKnown, field, "a published rate", "none")
            })
        };
        let out_of_range = || {
            let expected = "an amount worth 1 to 2^64 - 1 quarks";
            Rejection::new(RejectionCode::AmountOutOfRange, "amount", expected, terms.amount)
        };
        let service_fee = policy.service_fee.map(|fee| Ok((fee, rate(Currency::USD)?))).transpose()?;
        let rate = rate(terms.currency)?;
        let service_fee = match service_fee {
            None => Quarks::ZERO,
            Some((fee, dollar)) => dollar.quarks(fee).ok_or_else(out_of_range)?,
        };
        let total =
            rate.quarks(terms.amount).filter(|total| *total > Quarks::ZERO).ok_or_else(out_of_range)?;
        Ok(Self { rate, total, service_fee })
    }
}

/// Every quark of the total, exactly once: the service fee, then each fee rounded down, then the rest to the destination.
/// Transfers of nothing are left out.
pub(crate) fn split(
    terms: &Terms,
    prices: &Prices,
    fee_account: AccountId,
) -> Result<Vec<Transfer>, Rejection> {
    let service =
        Transfer { purpose: Purpose::ServiceFee, destination: fee_account, quarks: prices.service_fee };
    let fees = terms.fees.iter().map(|fee| Transfer {
        purpose: Purpose::Fee,
        destination: fee.destination,
        quarks: prices.total.share(fee.basis_points),
    });
    let mut transfers: Vec<_> =
        core::iter::once(service).chain(fees).filter(|transfer| transfer.quarks > Quarks::ZERO).collect();
    let rest = Quarks::checked_sum(transfers.iter().map(|transfer| transfer.quarks))
        .and_then(|fees| prices.total.checked_sub(fees))
        .filter(|rest| *rest > Quarks::ZERO)
        .ok_or_else(|| {
            let expected = "more than its fees";
            Rejection::new(RejectionCode::AmountBelowFees, "amount", expected, prices.total)
        })?;
    transfers.push(Transfer { purpose: Purpose::Destination, destination: terms.destination, quarks: rest });
    Ok(transfers)
}

/// Whether an intent is still open at `now`: neither paid nor ended, and its deadline not passed.
pub(crate) fn open(intent: &Intent, now: Timestamp) -> Result<(), Rejection> {
    let refuse = |code| {
        let got = intent.status().name();
        Err(Rejection::new(code, "intent", "an open intent", got))
    };
    match &intent.phase {
        Phase::Created if now <= intent.expires_at => Ok(()),
        // The tick that records it has not come yet.
        Phase::Created | Phase::Expired => {
            let expected = ("a request no later than", intent.expires_at.0);
            Err(Rejection::new(RejectionCode::IntentExpired, "intent", expected, now.0))
        }
        Phase::Submitted(_) | Phase::Verified(_) | Phase::Scheduled(_) | Phase::Confirmed(_) => {
            refuse(RejectionCode::IntentAlreadySubmitted)
        }
        Phase::Canceled(_) => refuse(RejectionCode::IntentCanceled),
        Phase::Rejected(_) => refuse(RejectionCode::IntentRejected),
        Phase::Failed(_) => refuse(RejectionCode::IntentFailed),
    }
}

pub(crate) fn exceeds_limit(limit: Quarks, total: Quarks) -> Rejection {
    Rejection::new(RejectionCode::AmountExceedsLimit, "amount", ("at most", limit), total)
}

pub(crate) fn pays_itself(payer: AccountId) -> Rejection {
    let expected = "another account than every receiver";
    Rejection::new(RejectionCode::PayerIsDestination, "payer", expected, payer)
}
