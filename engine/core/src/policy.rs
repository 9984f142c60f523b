//! What a node charges and allows, as data in the log: a replay uses the policy of its time.
//!
//! Policies are numbered by the log: the first record brings version 1, every change the next
//! ([`crate::state::State::policy_version`]).

use core::time::Duration;

use crate::ids::AccountId;
use crate::money::{BasisPoints, NativeAmount, Quarks};
use crate::rejection::{Rejection, RejectionCode};

/// What a node charges and allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The node's own fee for a payment, in US dollars, taken out of the requested amount (protocol a.7); none when absent.
    pub service_fee: Option<NativeAmount>,
    /// Who receives the service fee.
    pub fee_account: AccountId,
    /// The most that an intent's own fees may add up to (protocol e.3: 5 000 basis points).
    pub fee_cap: BasisPoints,
    /// How long an intent stays open when its terms do not say.
    pub intent_lifetime: Duration,
    /// The longest an intent's terms may ask for.
    pub max_intent_lifetime: Duration,
    /// How long a quote may be accepted.
    pub quote_lifetime: Duration,
    /// How far back an exchange rate may lie (protocol e.6: 30 minutes).
    pub rate_window: Duration,
    /// How far the rate that a payer signs may lie from a published one; absent, it has to be the very rate. Protocol e.6 lets
    /// clients that work rates out for themselves be off by 10 basis points; whoever signs this node's quotes never is. Kin's
    /// rate is one in any case. At most [`MAX_RATE_TOLERANCE`].
    pub rate_tolerance: Option<BasisPoints>,
    /// The most that one payment may be worth; an intent worth more is rejected for good.
    pub max_payment: Quarks,
    /// How many refused submissions of one intent are recorded; later ones are answered but leave no trace, so that nobody
    /// can fill the log by failing.
    pub max_refusals: u8,
    /// What one payer may pay.
    pub payer_limits: Limits,
    /// What one destination may be paid, fees to others not counted. Whoever can pay can also use this up: a request names its
    /// destination without asking it.
    pub merchant_limits: Limits,
    /// How many attempts a rail may make at one transaction; at least 1.
    pub max_attempts: u16,
    /// How many refunds one payment may have, failed ones counted.
    pub max_refunds: u8,
    /// The least that one withdrawal may take out.
    pub min_withdrawal: Quarks,
    /// What one account may take out. Every withdrawal stays on record, so without a limit on their number anybody can fill the
    /// log with the same few quarks.
    pub withdrawal_limits: Limits,
}

/// What one account may move in a while. Amounts are in quarks, as everything the engine decides by: a limit in
/// another currency would need a rate where there may be none.
///
/// A payment counts from its submission, a withdrawal from its order. Its amount stops counting when it fails for good; that it
/// was made still counts.
/// The windows slide in steps ([`crate::state::Usage`]): they are never shorter than named, and at most a step longer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// The most quarks in 24 hours; when absent, 2^64 - 1.
    pub per_day: Option<Quarks>,
    /// The most payments or withdrawals in five minutes; no limit when absent.
    pub per_five_minutes: Option<u32>,
}

/// The largest tolerance for rates that a policy can name, in basis points: a tenth. More would let payers choose their price.
pub const MAX_RATE_TOLERANCE: u16 = 1_000;

/// The longest time a policy can name: 100 years.
const MAX_DURATION: Duration = Duration::from_secs(100 * 366 * 24 * 60 * 60);

impl Policy {
    /// Whether the log can hold this policy exactly.
    ///
    /// # Errors
    /// A duration is over 100 years or not a whole number of microseconds, or a limit is zero, which the log has for "none": a
    /// replay would know another policy. Or no attempt could be made.
    pub fn check(&self) -> Result<(), Rejection> {
        let durations = [
            ("intent_lifetime", self.intent_lifetime),
            ("max_intent_lifetime", self.max_intent_lifetime),
            ("quote_lifetime", self.quote_lifetime),
            ("rate_window", self.rate_window),
        ];
        for (field, duration) in durations {
            if duration > MAX_DURATION || duration.subsec_nanos() % 1_000 != 0 {
                let expected = "whole microseconds, at most 100 years";
                let got = alloc::format!("{duration:?}");
                return Err(Rejection::new(RejectionCode::PolicyOutOfRange, field, expected, got));
            }
        }
        if let Some(tolerance) = self.rate_tolerance.filter(|tolerance| tolerance.get() > MAX_RATE_TOLERANCE)
        {
            let expected = ("at most", alloc::format!("{MAX_RATE_TOLERANCE} bps"));
            return Err(Rejection::new(
                RejectionCode::PolicyOutOfRange,
                "rate_tolerance",
                expected,
                tolerance,
            ));
        }
        let limits = [
            ("payer_limits", self.payer_limits),
            ("merchant_limits", self.merchant_limits),
            ("withdrawal_limits", self.withdrawal_limits),
        ];
        for (field, Limits { per_day, per_five_minutes }) in limits {
            let zero = [
                (per_day == Some(Quarks::ZERO), "per_day"),
                (per_five_minutes == Some(0), "per_five_minutes"),
            ];
            if let Some((_, what)) = zero.into_iter().find(|(zero, _)| *zero) {
                let field = alloc::format!("{field}.{what}");
                let expected = "more than zero, or no limit";
                return Err(Rejection::new(RejectionCode::PolicyOutOfRange, field, expected, 0));
            }
        }
        if self.max_attempts == 0 {
            return Err(Rejection::new(RejectionCode::PolicyOutOfRange, "max_attempts", "at least 1", 0));
        }
        Ok(())
    }

    /// The protocol's figures, with the service fee going to `fee_account`. No limits per payer and merchant: the protocol's are
    /// in dollars and per phone number, which a node does not know.
    #[must_use]
    pub fn standard(fee_account: AccountId) -> Self {
        const HOUR: Duration = Duration::from_secs(60 * 60);
        Self {
            service_fee: NativeAmount::from_hundredths(1),
            fee_account,
            fee_cap: BasisPoints::new(5_000).expect("5 000 is within 1..=10 000"),
            intent_lifetime: HOUR,
            max_intent_lifetime: HOUR * 24 * 30,
            quote_lifetime: Duration::from_secs(120),
            rate_window: Duration::from_secs(30 * 60),
            rate_tolerance: None,
            // The protocol's largest request, 250 000 kin, a thousand times over.
            max_payment: Quarks::new(250_000 * 1_000 * crate::money::QUARKS_PER_KIN),
            max_refusals: 8,
            payer_limits: Limits::default(),
            merchant_limits: Limits::default(),
            max_attempts: 32,
            max_refunds: 32,
            min_withdrawal: Quarks::new(crate::money::QUARKS_PER_KIN),
            withdrawal_limits: Limits { per_day: None, per_five_minutes: Some(5) },
        }
    }
}
