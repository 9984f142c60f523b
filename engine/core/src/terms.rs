//! What a merchant asks for, and the bytes a merchant signs when no outer protocol supplies its own.

use alloc::boxed::Box;
use alloc::string::ToString;
use alloc::vec::Vec;

use crate::currency::Currency;
use crate::ids::{AccountId, IntentId, Timestamp};
use crate::metadata::Metadata;
use crate::money::{BasisPoints, NativeAmount};
use crate::rejection::{Rejection, RejectionCode};
use crate::site::Site;

/// The most fees that one intent can carry beside the service fee.
pub const MAX_FEES: usize = 5;

/// What a merchant asks for.
///
/// Exactly one payer pays exactly this: a payment whose transfers do not add up to the price, to the quark, is not accepted,
/// and once one is accepted no other can be. There is no partial payment and no tip, so under- and overpayment cannot happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Who receives the amount, less all fees. Only if it is an ed25519 public key, and somebody holds the other half, can what
    /// it receives be given back or taken out.
    pub destination: AccountId,
    /// The currency the amount is stated in.
    pub currency: Currency,
    /// What the payer pays, fees included.
    pub amount: NativeAmount,
    /// Shares of the total for others, in the order they will be paid.
    pub fees: Vec<Fee>,
    /// The last moment at which a payer can submit; the node's policy decides when absent.
    pub expires_at: Option<Timestamp>,
    /// The merchant's own words.
    pub metadata: Metadata,
    /// The domain it asks under, if it names one. The adapter vouches that a verifier is published there.
    pub site: Option<Box<Site>>,
}

/// A share of the total for someone other than the destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fee {
    /// Who receives it.
    pub destination: AccountId,
    /// How much of the total.
    pub basis_points: BasisPoints,
}

impl Terms {
    /// Whether these terms can be offered at all, under a cap on the sum of fees.
    ///
    /// # Errors
    /// The first rule broken, in the order of [`RejectionCode`].
    pub fn check(&self, fee_cap: BasisPoints) -> Result<(), Rejection> {
        use RejectionCode::{FeeDestinationRepeated, FeeIsForDestination, FeesExceedLimit, FeesTooMany};
        if self.fees.len() > MAX_FEES {
            return Err(Rejection::new(FeesTooMany, "fees", ("at most", MAX_FEES), self.fees.len()));
        }
        for (i, fee) in self.fees.iter().enumerate() {
            let field = || alloc::format!("fees[{i}].destination");
            if fee.destination == self.destination {
                let expected = "another account than the destination";
                return Err(Rejection::new(FeeIsForDestination, field(), expected, fee.destination));
            }
        }
        for (i, fee) in self.fees.iter().enumerate() {
            let field = || alloc::format!("fees[{i}].destination");
            if self.fees.iter().take(i).any(|earlier| earlier.destination == fee.destination) {
                let expected = "each account once";
                return Err(Rejection::new(FeeDestinationRepeated, field(), expected, fee.destination));
            }
        }
        let sum: u32 = self.fees.iter().map(|fee| u32::from(fee.basis_points.get())).sum();
        if sum > u32::from(fee_cap.get()) {
            return Err(Rejection::new(FeesExceedLimit, "fees", ("at most", fee_cap), sum));
        }
        Ok(())
    }

    /// Which field of a repeated request differs from the original, in the order the protocol compares them (e.3).
    pub(crate) fn mismatch(&self, repeated: &Self) -> Option<Rejection> {
        let differs = |field: &str, original: &dyn ToString, got: &dyn ToString| {
            Some(Rejection::new(RejectionCode::TermsMismatch, field, original.to_string(), got.to_string()))
        };
        if self.destination != repeated.destination {
            return differs("destination", &self.destination, &repeated.destination);
        }
        if self.currency != repeated.currency {
            return differs("currency", &self.currency, &repeated.currency);
        }
        if self.amount != repeated.amount {
            return differs("amount", &self.amount, &repeated.amount);
        }
        if self.fees.len() != repeated.fees.len() {
            return differs("fees", &self.fees.len(), &repeated.fees.len());
        }
        for (i, (original, got)) in self.fees.iter().zip(&repeated.fees).enumerate() {
            if original.destination != got.destination {
                let field = alloc::format!("fees[{i}].destination");
                return differs(&field, &original.destination, &got.destination);
            }
            if original.basis_points != got.basis_points {
                let field = alloc::format!("fees[{i}].basis_points");
                return differs(&field, &original.basis_points, &got.basis_points);
            }
        }
        if self.expires_at != repeated.expires_at {
            let text = |at: Option<Timestamp>| at.map_or("none".to_string(), |at| at.0.to_string());
            return differs("expires_at", &text(self.expires_at), &text(repeated.expires_at));
        }
        let domain =
            |terms: &Self| terms.site.as_ref().map_or("none".to_string(), |site| site.domain.to_string());
        if domain(self) != domain(repeated) {
            return differs("site.domain", &domain(self), &domain(repeated));
        }
        let verifier = |terms: &Self| {
            let verifier = terms.site.as_ref().and_then(|site| site.verifier);
            verifier.map_or("none".to_string(), |verifier| verifier.to_string())
        };
        if verifier(self) != verifier(repeated) {
            return differs("site.verifier", &verifier(self), &verifier(repeated));
        }
        let keys = self.metadata.iter().chain(repeated.metadata.iter()).map(|(key, _)| key);
        let (first, original, got) = keys
            .map(|key| (key, self.metadata.get(key), repeated.metadata.get(key)))
            .filter(|(_, original, got)| original != got)
            .min_by_key(|(key, _, _)| *key)?;
        let text =
            |value: Option<&str>| value.map_or("none".to_string(), |value| alloc::format!("{value:?}"));
        differs(&alloc::format!("metadata.{first}"), &text(original), &text(got))
    }

    /// The bytes a merchant signs with the rendezvous key when it speaks to the engine itself and not through a protocol
    /// that has a form of its own. Domain separated, versioned, one encoding per value. They name no sequencer: a request that
    /// one has seen can be brought to another.
    ///
    /// Layout: `quittance.terms`, the version, intent id, destination, currency, amount (u64), expiry (u64, 0 for none),
    /// number of fees (u8), then per fee its destination and basis points (u16). Version 0x01 ends there and is for terms
    /// without metadata; version 0x02 is for terms with, and goes on with the number of entries (u8), then per entry the
    /// length (u16) and bytes of its key and of its value. Version 0x03 is for terms that name a site: as 0x02, with as many
    /// entries as there are, then the verifier (32 bytes, zeros for none) and the domain, which ends where the bytes end.
    /// Integers are little endian.
    #[must_use]
    pub fn signing_bytes(&self, intent: IntentId) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(128 + self.fees.len() * 34);
        bytes.extend_from_slice(b"quittance.terms");
        bytes.push(match (&self.site, self.metadata.is_empty()) {
            (None, true) => 1,
            (None, false) => 2,
            (Some(_), _) => 3,
        });
        bytes.extend_from_slice(&intent.0);
        bytes.extend_from_slice(&self.destination.0);
        bytes.extend_from_slice(&self.currency.code());
        bytes.extend_from_slice(&self.amount.hundredths().to_le_bytes());
        bytes.extend_from_slice(&self.expires_at.map_or(0, |at| at.0).to_le_bytes());
        // More than 255 fees would wrap here, but `check` refuses more than five before anything is stored.
        bytes.push(u8::try_from(self.fees.len()).unwrap_or(u8::MAX));
        for fee in &self.fees {
            bytes.extend_from_slice(&fee.destination.0);
            bytes.extend_from_slice(&fee.basis_points.get().to_le_bytes());
        }
        if !self.metadata.is_empty() || self.site.is_some() {
            // The bounds of metadata keep every one of these counts in range.
            bytes.push(u8::try_from(self.metadata.iter().len()).unwrap_or(u8::MAX));
            for text in self.metadata.iter().flat_map(|(key, value)| [key, value]) {
                bytes.extend_from_slice(&u16::try_from(text.len()).unwrap_or(u16::MAX).to_le_bytes());
                bytes.extend_from_slice(text.as_bytes());
            }
        }
        if let Some(site) = &self.site {
            bytes.extend_from_slice(&site.verifier.map_or([0; 32], |verifier| verifier.0));
            bytes.extend_from_slice(site.domain.as_str().as_bytes());
        }
        bytes
    }
}
