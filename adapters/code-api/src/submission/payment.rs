//! A payment of a request out of the payer's primary account.

use quittance_core::currency::{Currency, Rate};
use quittance_core::ids::{AccountId, IntentId, NodeId, Timestamp};
use quittance_core::money::{NativeAmount, Quarks};
use quittance_core::payment::{Payment, Purpose, Transfer};
use quittance_core::quote::quark_tolerance;
use quittance_core::terms::Fee;

use super::{Refused, account, action_name};
use crate::key::PublicKey;
use crate::number::{Decimal, hundredths_to_double};
use crate::proto::code::transaction::v2 as transaction;
use crate::proto::code::transaction::v2::action::Type as Act;
use crate::proto::code::transaction::v2::fee_payment_action::FeeType;
use crate::solana::instruction::Locked;

/// How far a native amount may be from the requested one (protocol e.6).
const NATIVE_TOLERANCE: f64 = 0.0001;

/// What a payer signed, as it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct PublicPayment {
    /// Who pays.
    pub owner: PublicKey,
    /// The account the quarks come from.
    pub source: PublicKey,
    /// Whom the payment is for.
    pub destination: PublicKey,
    /// Three small letters.
    pub currency: String,
    /// Units of the currency for one kin.
    pub exchange_rate: f64,
    /// Units of the currency.
    pub native_amount: f64,
    /// The total.
    pub quarks: u64,
    /// One for each action, in order.
    pub moves: Vec<Move>,
}

/// One action: quarks out of the owner's account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move {
    /// Why.
    pub kind: MoveKind,
    /// Whose account they come out of.
    pub authority: PublicKey,
    /// That account.
    pub source: PublicKey,
    /// Where they go. The service's own fee names none.
    pub destination: Option<PublicKey>,
    /// How many.
    pub quarks: u64,
}

/// Why quarks move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MoveKind {
    /// `FeePayment` of type CODE.
    ServiceFee,
    /// `FeePayment` of type THIRD_PARTY.
    Fee,
    /// `NoPrivacyTransfer`.
    Transfer,
}

/// What a node asks of a payment.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The sequencer: its key is the time authority of every account.
    pub node: NodeId,
    /// The request that is paid.
    pub intent: IntentId,
    /// Who is paid.
    pub destination: AccountId,
    /// The currency of the amount.
    pub currency: Currency,
    /// What the payer pays, fees included.
    pub amount: NativeAmount,
    /// Shares for others, in order.
    pub fees: &'a [Fee],
    /// Who receives the service's fee, if the node charges one.
    pub service_fee: Option<AccountId>,
    /// The prices of one kin in the request's currency that count now, newest first.
    pub rates: &'a [Rate],
    /// The last moment at which the payment may be accepted.
    pub valid_until: Timestamp,
}

impl PublicPayment {
    /// Reads metadata and actions that keep the schema's rules.
    ///
    /// # Errors
    ///
    /// INVALID_INTENT for an action that a public payment does not have.
    pub(super) fn read(
        owner: PublicKey,
        metadata: &transaction::SendPublicPaymentMetadata,
        actions: &[transaction::Action],
    ) -> Result<Self, Refused> {
        let data = metadata.exchange_data.as_ref();
        let data = data.ok_or_else(|| Refused::invalid("exchange data is nil"))?;
        let moves = actions.iter().enumerate().map(|(index, action)| Move::read(index, action));
        Ok(Self {
            owner,
            source: account("source", metadata.source.as_ref())?,
            destination: account("destination", metadata.destination.as_ref())?,
            currency: data.currency.clone(),
            exchange_rate: data.exchange_rate,
            native_amount: data.native_amount,
            quarks: data.quarks,
            moves: moves.collect::<Result<_, _>>()?,
        })
    }

    /// The same as a payment of the engine, which decides whether it is accepted. What is checked here is what the engine does
    /// not see: the words around the transfers (protocol e.6).
    ///
    /// # Errors
    ///
    /// INVALID_INTENT with the rule, or STALE_STATE for a rate that is no number.
    pub fn against(&self, asked: &Asked<'_>) -> Result<Payment, Refused> {
        let primary = Locked::of(self.owner, PublicKey(asked.node.0)).vault();
        if self.source != primary {
            return Err(Refused::invalid(format!("source must be the owner's primary account {primary}")));
        }
        let Asked { destination, currency, amount, .. } = *asked;
        if self.destination.0 != destination.0 {
            return Err(Refused::invalid(format!("payment has a request to destination {destination}")));
        }
        if self.currency != currency.as_str() {
            return Err(Refused::invalid(format!("payment has a request for {currency} currency")));
        }
        if !is_near(self.native_amount, amount) {
            let requested = hundredths_to_double(amount.hundredths());
            return Err(Refused::invalid(format!("payment has a request for {requested:.2} native amount")));
        }
        let rate = self.rate(currency, amount, asked.rates)?;
        let transfers = self.transfers(asked, primary)?;
        let priced = rate.quarks(amount);
        if priced.is_none_or(|priced| priced.get().abs_diff(self.quarks) > quark_tolerance(priced)) {
            return Err(Refused::invalid("payment native amount and quark value mismatch"));
        }
        Ok(Payment {
            node: asked.node,
            intent: asked.intent,
            payer: AccountId(self.owner.0),
            currency,
            amount,
            rate,
            valid_until: asked.valid_until,
            transfers,
        })
    }

    /// The rate that the payer's double stands for: a published one where it is that one's nearest double, as a client reads it
    /// from `GetAllRates`; what its digits say otherwise.
    fn rate(&self, currency: Currency, amount: NativeAmount, published: &[Rate]) -> Result<Rate, Refused> {
        #[expect(clippy::float_cmp, reason = "one is one, as the protocol demands of kin")]
        if currency == Currency::KIN && self.exchange_rate != 1.0 {
            return Err(Refused::invalid("kin exchange rate must be 1"));
        }
        let bits = self.exchange_rate.to_bits();
        let is_meant = |rate: &&Rate| rate_to_double(**rate).to_bits() == bits;
        // Two rates with more digits than a double keeps can share one; then the quarks tell which was meant.
        let fits = |rate: &&Rate| rate.quarks(amount) == Some(Quarks::new(self.quarks));
        let mut meant = published.iter().filter(is_meant);
        let rate = meant.clone().find(fits).or_else(|| meant.next()).copied();
        let digits = || {
            let Decimal { mantissa, scale } = Decimal::from_double(self.exchange_rate).ok()?;
            Rate::new(mantissa, scale)
        };
        rate.or_else(digits).ok_or_else(|| Refused::stale("fiat exchange rate is stale"))
    }

    /// The transfers, after checking that they are the fees of the terms in order and then the rest.
    fn transfers(&self, asked: &Asked<'_>, primary: PublicKey) -> Result<Vec<Transfer>, Refused> {
        let at = |index: usize, what: String| Refused::invalid(format!("actions[{index}]: {what}"));
        for (index, action) in self.moves.iter().enumerate() {
            if action.authority != self.owner {
                return Err(at(index, format!("authority must be the owner {}", self.owner)));
            }
            if action.source != primary {
                return Err(at(index, format!("source must be the owner's primary account {primary}")));
            }
        }
        let expected = self.expected(asked);
        let fees = expected.len();
        match self.moves.iter().filter(|action| action.kind != MoveKind::Transfer).count() {
            0 if fees > 0 => return Err(Refused::invalid("intent requires a fee payment")),
            some if some > 0 && fees == 0 => {
                return Err(Refused::invalid("intent doesn't require a fee payment"));
            }
            some if some != fees => {
                return Err(Refused::invalid(format!("expected {fees} fee payment action")));
            }
            _ => {}
        }
        let transfers = self.moves.len() - fees;
        if transfers != 1 {
            return Err(Refused::invalid(format!("expected 1 no privacy transfer action, got {transfers}")));
        }
        let mut rest = Some(self.quarks);
        let mut out = Vec::with_capacity(self.moves.len());
        for (index, (action, expected)) in self.moves.iter().zip(&expected).enumerate() {
            out.push(expected.check(action).map_err(|what| at(index, what))?);
            rest = rest.and_then(|rest| rest.checked_sub(action.quarks));
        }
        let rest = rest.filter(|rest| *rest > 0);
        let rest = rest.ok_or_else(|| Refused::invalid("payment amount doesn't exceed its fees"))?;
        let last = Expected {
            kind: MoveKind::Transfer,
            purpose: Purpose::Destination,
            to: asked.destination,
            quarks: Some(rest),
        };
        // There is exactly one action more than there are fees.
        if let Some(action) = self.moves.last() {
            out.push(last.check(action).map_err(|what| at(fees, what))?);
        }
        Ok(out)
    }

    /// The fee actions that the payment has to have. A fee that comes to nothing has none.
    fn expected(&self, asked: &Asked<'_>) -> Vec<Expected> {
        let service = asked.service_fee.map(|to| Expected {
            kind: MoveKind::ServiceFee,
            purpose: Purpose::ServiceFee,
            to,
            quarks: None,
        });
        let total = Quarks::new(self.quarks);
        let fees = asked.fees.iter().map(|fee| Expected {
            kind: MoveKind::Fee,
            purpose: Purpose::Fee,
            to: fee.destination,
            quarks: Some(total.share(fee.basis_points).get()),
        });
        service.into_iter().chain(fees.filter(|fee| fee.quarks != Some(0))).collect()
    }
}

/// An action as it has to be.
struct Expected {
    kind: MoveKind,
    purpose: Purpose,
    to: AccountId,
    /// `None` where only the engine knows.
    quarks: Option<u64>,
}

impl Expected {
    fn check(&self, action: &Move) -> Result<Transfer, String> {
        if action.kind != self.kind {
            return Err(format!("expected {}, got {}", self.kind.name(), action.kind.name()));
        }
        match (self.kind, action.destination) {
            (MoveKind::ServiceFee, Some(_)) => {
                return Err("a code fee payment has no destination".into());
            }
            (MoveKind::Fee | MoveKind::Transfer, to) if to.map(|to| to.0) != Some(self.to.0) => {
                return Err(format!("destination must be {}", self.to));
            }
            _ => {}
        }
        match self.quarks {
            Some(quarks) if quarks != action.quarks => Err(format!("amount must be {quarks} quarks")),
            _ => Ok(Transfer {
                purpose: self.purpose,
                destination: self.to,
                quarks: Quarks::new(action.quarks),
            }),
        }
    }
}

impl Move {
    fn read(index: usize, action: &transaction::Action) -> Result<Self, Refused> {
        match &action.r#type {
            Some(Act::FeePayment(fee)) => Ok(Self {
                kind: if fee.r#type == i32::from(FeeType::Code) {
                    MoveKind::ServiceFee
                } else {
                    MoveKind::Fee
                },
                authority: account("authority", fee.authority.as_ref())?,
                source: account("source", fee.source.as_ref())?,
                destination: match &fee.destination {
                    None => None,
                    some => Some(account("destination", some.as_ref())?),
                },
                quarks: fee.amount,
            }),
            Some(Act::NoPrivacyTransfer(transfer)) => Ok(Self {
                kind: MoveKind::Transfer,
                authority: account("authority", transfer.authority.as_ref())?,
                source: account("source", transfer.source.as_ref())?,
                destination: Some(account("destination", transfer.destination.as_ref())?),
                quarks: transfer.amount,
            }),
            _ => {
                let what =
                    format!("actions[{index}]: {} is no part of a public payment", action_name(action));
                Err(Refused::invalid(what))
            }
        }
    }
}

impl MoveKind {
    /// In the schema's words.
    fn name(self) -> &'static str {
        match self {
            Self::ServiceFee => "a fee payment of type CODE",
            Self::Fee => "a fee payment of type THIRD_PARTY",
            Self::Transfer => "a no privacy transfer",
        }
    }
}

/// Whether a native amount is the requested one, as nearly as the protocol wants it.
pub(super) fn is_near(native: f64, requested: NativeAmount) -> bool {
    (native - hundredths_to_double(requested.hundredths())).abs() <= NATIVE_TOLERANCE
}

/// The double nearest to a rate, which is what clients are told.
pub fn rate_to_double(rate: Rate) -> f64 {
    Decimal { mantissa: rate.mantissa(), scale: rate.scale() }.to_double()
}
