//! What a node charges and allows, as data in the log: a replay uses the policy of its time.

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
    /// The most that one payment may be worth; an intent worth more is rejected for good.
    pub max_payment: Quarks,
    /// How many refused submissions of one intent are recorded; later ones are answered but leave no trace, so that nobody
    /// can fill the log by failing.
    pub max_refusals: u8,
}

/// The longest time a policy can name: 100 years.
const MAX_DURATION: Duration = Duration::from_secs(100 * 366 * 24 * 60 * 60);

impl Policy {
    /// Whether the log can hold this policy exactly.
    ///
    /// # Errors
    /// A duration is over 100 years or not a whole number of microseconds: a replay would know another policy.
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
        Ok(())
    }

    /// The protocol's figures, with the service fee going to `fee_account`.
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
            // The protocol's largest request, 250 000 kin, a thousand times over.
            max_payment: Quarks::new(250_000 * 1_000 * crate::money::QUARKS_PER_KIN),
            max_refusals: 8,
        }
    }
}
