//! What a merchant asks for, as terms of the engine: the checks that the engine leaves to its adapter (protocol e.3, e.6).

use quittance_core::currency::Currency;
use quittance_core::ids::{AccountId, IntentId};
use quittance_core::metadata::Metadata;
use quittance_core::money::{BasisPoints, NativeAmount};
use quittance_core::rejection::{Rejection, RejectionCode};
use quittance_core::site::{Domain, Site};
use quittance_core::state::{Key, State};
use quittance_core::terms::{Fee, Terms};

use super::site::{Claim, Raw};
use super::{Api, Destinations, refusal};
use crate::limits::{self, MicroPaymentLimit};
use crate::number::{NumberError, hundredths_from_double, hundredths_to_double};
use crate::proto::code::common::v1::SolanaAccountId;
use crate::proto::code::messaging::v1::RequestToReceiveBill;
use crate::proto::code::messaging::v1::request_to_receive_bill::ExchangeData;
use crate::request::QUARKS_PER_HUNDREDTH_KIN;
use crate::schema::REQUEST_TO_RECEIVE_BILL;
use crate::status::Status;

/// The terms of a request that keeps the schema's rules (protocol d.9). Whether they repeat or contradict an earlier
/// request, and the rules for fees, are the engine's to say; they are looked at here as well, so that a domain is only asked about
/// a request that can be accepted. The limits do not apply to a repetition.
///
/// # Errors
/// The texts of protocol e.3, as far as they can be decided here.
pub(super) async fn terms(
    api: &Api,
    intent: IntentId,
    request: &RequestToReceiveBill,
    raw: &[u8],
) -> Result<Terms, Status> {
    let asked = Asked::read(request)?;
    let fault = asked.fault();
    let claim = Claim::of(request);
    let parties = asked.clone();
    let known = api.options.destinations.clone();
    let look = move |state: &State| {
        if let Some(original) = state.intent(&intent) {
            return Found::Original(original.terms().cloned(), original.is_submitted());
        }
        let fees = parties.fees.iter().map(|fee| Receiver::of(state, &known, fee.destination));
        let fees = fees.collect();
        let destination = Receiver::of(state, &known, parties.destination);
        let terms = parties.into_terms(None).ok();
        let broken = terms.and_then(|terms| terms.check(state.policy().fee_cap).err());
        Found::Nothing { destination, fees, broken }
    };
    let found = api.engine.query_about(Key::Intent(intent), look).await;
    let found = found.map_err(|error| refusal::failed(error, intent))?;
    if matches!(found, Found::Original(_, true)) {
        return Err(refusal::submitted());
    }
    let base = claim.base()?;
    match found {
        Found::Original(Some(original), _) => {
            let domain = base.as_ref().map(|base| &base.domain);
            asked.compare(&original, fault.as_ref(), domain, claim.is_to_be_proved())?;
        }
        Found::Original(None, _) => {
            return Err(Status::invalid_argument("original request doesn't require payment"));
        }
        Found::Nothing { destination, fees, broken } => {
            let site = base.as_ref().filter(|_| claim.is_to_be_proved()).map(|base| &base.domain);
            destination.check(site)?;
            if let Some(fault) = fault {
                return Err(Status::invalid_argument(fault.text));
            }
            // The sum is looked at last.
            let (sum, who) = match broken {
                Some(rejection) if rejection.code == RejectionCode::FeesExceedLimit => {
                    (Some(rejection), None)
                }
                other => (None, other),
            };
            let refused = |rejection: Rejection| Err(refusal::failed(rejection.into(), intent));
            who.map_or(Ok(()), refused)?;
            fees.iter().try_for_each(|receiver| receiver.check(site))?;
            sum.map_or(Ok(()), refused)?;
        }
    }
    let raw = Raw { bytes: raw, schema: &REQUEST_TO_RECEIVE_BILL, signature_field: 6 };
    let site = claim.site(api, intent, base, raw).await?;
    asked.into_terms(site)
}

enum Found {
    /// The terms of the request that came first, if it asks for a payment, and whether it is paid.
    Original(Option<Terms>, bool),
    Nothing {
        destination: Receiver,
        fees: Vec<Receiver>,
        /// The rule for fees that the request breaks.
        broken: Option<Rejection>,
    },
}

/// An account that a request names, as the node knows it.
struct Receiver {
    id: AccountId,
    known: bool,
    /// The site that knows somebody by it.
    site: Option<Domain>,
}

impl Receiver {
    fn of(state: &State, known: &Destinations, id: AccountId) -> Self {
        let site = state.relationships().get(&id).map(|relationship| relationship.domain.clone());
        let known = match known {
            Destinations::Any => true,
            Destinations::Known(accounts) => {
                accounts.contains(&id) || site.is_some() || state.ledger().contains(&id)
            }
        };
        Self { id, known, site }
    }

    /// Whether a request that `asking` is to be proved for may have it paid (protocol e.3 step 5): the account that a site knows
    /// somebody by is for that site alone.
    fn check(&self, asking: Option<&Domain>) -> Result<(), Status> {
        let id = self.id;
        match (&self.site, asking) {
            _ if !self.known => Err(Status::invalid_argument(format!("{id} is not an account of this node"))),
            (Some(_), None) => {
                let text = "domain verification is required when using a relationship account";
                Err(Status::invalid_argument(text))
            }
            (Some(site), Some(asking)) if site != asking => {
                let text = format!("relationship account {id} is not associated with {asking}");
                Err(Status::invalid_argument(text))
            }
            _ => Ok(()),
        }
    }
}

#[derive(Clone)]
struct Asked {
    destination: AccountId,
    currency: Currency,
    native: f64,
    hundredths: Result<u64, NumberError>,
    /// Rate and quarks.
    exact: Option<(f64, u64)>,
    fees: Vec<Fee>,
}

/// Why a request is refused unless it repeats an earlier one.
struct Fault {
    text: String,
    of: Measure,
}

enum Measure {
    Limit,
    Rate,
    Quarks,
}

impl Asked {
    fn read(request: &RequestToReceiveBill) -> Result<Self, Status> {
        let (currency, native, exact) = match &request.exchange_data {
            None => return Err(Status::invalid_argument("exchange data is nil")),
            Some(ExchangeData::Exact(data)) => {
                let exact = Some((data.exchange_rate, data.quarks));
                (currency(&data.currency)?, data.native_amount, exact)
            }
            Some(ExchangeData::Partial(data)) => (currency(&data.currency)?, data.native_amount, None),
        };
        let hundredths = hundredths_from_double(native);
        match exact {
            Some(_) if currency != Currency::KIN => {
                return Err(Status::invalid_argument("exact exchange data is reserved for kin only"));
            }
            Some((_, quarks)) => {
                let whole = |hundredths: u64| hundredths.is_multiple_of(100);
                let fraction = hundredths == Err(NumberError::FractionOfHundredth);
                if fraction || hundredths.is_ok_and(|amount| !whole(amount)) {
                    return Err(Status::invalid_argument("native amount can't include fractional kin"));
                }
                if !quarks.is_multiple_of(100 * QUARKS_PER_HUNDREDTH_KIN) {
                    return Err(Status::invalid_argument("quark amount can't include fractional kin"));
                }
            }
            None if currency == Currency::KIN => {
                let text = "partial exchange data is reserved for fiat currencies";
                return Err(Status::invalid_argument(text));
            }
            None => {}
        }
        let fee = |fee: &crate::proto::code::transaction::v2::AdditionalFeePayment| {
            Some(Fee {
                destination: account(fee.destination.as_ref())?,
                basis_points: BasisPoints::new(fee.fee_bps)?,
            })
        };
        let fees = request.additional_fees.iter().map(fee).collect::<Option<_>>();
        let destination = account(request.requestor_account.as_ref());
        // The schema was checked, so this is never said.
        let incomplete = || Status::invalid_argument("the request is incomplete");
        Ok(Self {
            destination: destination.ok_or_else(incomplete)?,
            currency,
            native,
            hundredths,
            exact,
            fees: fees.ok_or_else(incomplete)?,
        })
    }

    /// What is wrong with the amounts of a request that is not a repetition.
    fn fault(&self) -> Option<Fault> {
        let limit = |text| Some(Fault { text, of: Measure::Limit });
        let currency = self.currency;
        let Some(MicroPaymentLimit { min_hundredths, max_hundredths }) =
            limits::micro_payment(currency.as_str())
        else {
            return limit(format!("{currency} currency is not currently supported"));
        };
        // An amount between two hundredths still lies on one side of each bound.
        let (below, above) = match self.hundredths {
            Ok(hundredths) => (hundredths < min_hundredths, hundredths > max_hundredths),
            Err(_) => (
                self.native < hundredths_to_double(min_hundredths),
                self.native > hundredths_to_double(max_hundredths),
            ),
        };
        if above {
            return limit(format!("{currency} currency has a maximum amount of {}", decimal(max_hundredths)));
        }
        if below {
            return limit(format!("{currency} currency has a minimum amount of {}", decimal(min_hundredths)));
        }
        let Ok(hundredths) = self.hundredths else {
            return limit("native amount must be a whole number of hundredths".to_owned());
        };
        let (rate, quarks) = self.exact?;
        if rate.to_bits() != 1_f64.to_bits() {
            return Some(Fault { text: "kin exchange rate must be 1".to_owned(), of: Measure::Rate });
        }
        if hundredths.checked_mul(QUARKS_PER_HUNDREDTH_KIN) != Some(quarks) {
            let text = "payment native amount and quark value mismatch".to_owned();
            return Some(Fault { text, of: Measure::Quarks });
        }
        None
    }

    /// Compares a request with the one it claims to repeat, in the order of protocol e.3. Nobody is asked about a domain for the
    /// sake of one that differs.
    fn compare(
        &self,
        original: &Terms,
        fault: Option<&Fault>,
        domain: Option<&Domain>,
        is_to_be_proved: bool,
    ) -> Result<(), Status> {
        let hundredths = original.amount.hundredths();
        if original.destination != self.destination {
            return Err(refusal::mismatch("destination"));
        }
        if original.currency != self.currency {
            return Err(refusal::mismatch("exchange currency"));
        }
        if self.hundredths != Ok(hundredths) {
            return Err(refusal::mismatch("native amount"));
        }
        match fault.map(|fault| &fault.of) {
            Some(Measure::Rate) => return Err(refusal::mismatch("exchange rate")),
            Some(Measure::Quarks) => return Err(refusal::mismatch("quarks")),
            // The original came in another way, where these limits do not apply; a repetition is not measured again.
            Some(Measure::Limit) | None => {}
        }
        let site = original.site.as_deref();
        if site.map(|site| &site.domain) != domain {
            return Err(refusal::mismatch("domain"));
        }
        let is_verified = site.is_some_and(|site| site.verifier.is_some());
        if is_verified != is_to_be_proved {
            let is = if is_verified { "is" } else { "isn't" };
            return Err(Status::invalid_argument(format!("original request {is} verified")));
        }
        self.compare_fees(&original.fees)
    }

    fn compare_fees(&self, original: &[Fee]) -> Result<(), Status> {
        let count = original.len();
        if self.fees.len() != count {
            return Err(Status::invalid_argument(format!("original request configured {count} fee takers")));
        }
        for (index, (original, fee)) in original.iter().zip(&self.fees).enumerate() {
            if original.destination != fee.destination {
                return Err(refusal::mismatch(&format!("destination for fee at index {index}")));
            }
            if original.basis_points != fee.basis_points {
                return Err(refusal::mismatch(&format!("basis points for fee at index {index}")));
            }
        }
        Ok(())
    }

    fn into_terms(self, site: Option<Site>) -> Result<Terms, Status> {
        let amount = self.hundredths.ok().and_then(NativeAmount::from_hundredths);
        let out_of_range = || Status::invalid_argument("native amount is out of range");
        Ok(Terms {
            destination: self.destination,
            currency: self.currency,
            amount: amount.ok_or_else(out_of_range)?,
            fees: self.fees,
            expires_at: None,
            metadata: Metadata::default(),
            site: site.map(Box::new),
        })
    }
}

fn currency(code: &str) -> Result<Currency, Status> {
    code.parse().map_err(Status::invalid_argument)
}

fn account(id: Option<&SolanaAccountId>) -> Option<AccountId> {
    id?.value.as_slice().try_into().ok().map(AccountId)
}

fn decimal(hundredths: u64) -> String {
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}
