use std::collections::BTreeMap;

use quittance_core::currency::{Currency, ParseCurrencyError};
use quittance_core::ids::{AccountId, ParseKeyError, Timestamp};
use quittance_core::metadata::{Metadata, MetadataError};
use quittance_core::money::BasisPoints;
use quittance_core::{site, terms};
use serde::{Deserialize, Serialize};

use super::{AmountError, amount, read_amount, time};

/// What a merchant asks for. A reader refuses fields it does not know: what they say would go unread.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// Who receives it, less the fees.
    pub destination: String,
    /// Three lower-case letters.
    pub currency: String,
    /// In the currency's major unit, with the decimals that the currency has: `0.25` dollars, `500` yen, `0.250` dinars. The
    /// engine counts hundredths in every currency, so an amount can have two where the currency has none: `7.25` yen.
    pub amount: String,
    /// Shares of the total for others.
    #[serde(default)]
    pub fees: Vec<Fee>,
    /// The last moment at which a payer can submit; the node decides when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// The merchant's own words.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
    /// The domain it asks under, if it names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<Site>,
}

/// A domain, and the key that proved it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// The domain, in lower case.
    pub domain: String,
    /// The key that signed for it and is published on it; absent when nobody proved anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verifier: Option<String>,
}

impl From<&site::Site> for Site {
    fn from(site: &site::Site) -> Self {
        let verifier = site.verifier.map(|verifier| verifier.to_string());
        Self { domain: site.domain.to_string(), verifier }
    }
}

/// A share of the total.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fee {
    /// Who receives it.
    pub destination: String,
    /// How much, in hundredths of a percent.
    pub basis_points: u16,
}

/// Why terms cannot be read: the field, what it should be, and what came.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: expected {expected}, got {got}")]
pub struct TermsError {
    /// The field at fault, such as `terms.fees[1].destination`.
    pub field: String,
    /// What it should be.
    pub expected: String,
    /// What came, at most the first 64 characters.
    pub got: String,
}

impl TermsError {
    fn new(field: impl Into<String>, expected: impl ToString, got: &str) -> Self {
        Self { field: field.into(), expected: expected.to_string(), got: got.chars().take(64).collect() }
    }
}

impl From<&terms::Terms> for Terms {
    fn from(terms: &terms::Terms) -> Self {
        let fee = |fee: &terms::Fee| Fee {
            destination: fee.destination.to_string(),
            basis_points: fee.basis_points.get(),
        };
        Self {
            destination: terms.destination.to_string(),
            currency: terms.currency.to_string(),
            amount: amount(terms.currency, terms.amount),
            fees: terms.fees.iter().map(fee).collect(),
            expires_at: terms.expires_at.map(time),
            metadata: terms.metadata.iter().map(|(key, value)| (key.into(), value.into())).collect(),
            site: terms.site.as_deref().map(Site::from),
        }
    }
}

impl TryFrom<&Terms> for terms::Terms {
    type Error = TermsError;

    fn try_from(asked: &Terms) -> Result<Self, TermsError> {
        let account = |field: &str, text: &str| {
            text.parse::<AccountId>().map_err(|error: ParseKeyError| TermsError::new(field, error, text))
        };
        let destination = account("terms.destination", &asked.destination)?;
        let currency = asked
            .currency
            .parse::<Currency>()
            .map_err(|error: ParseCurrencyError| TermsError::new("terms.currency", error, &asked.currency))?;
        let amount = read_amount(&asked.amount)
            .map_err(|error: AmountError| TermsError::new("terms.amount", error, &asked.amount))?;
        if asked.fees.len() > terms::MAX_FEES {
            let expected = format!("at most {} fees", terms::MAX_FEES);
            return Err(TermsError::new("terms.fees", expected, &asked.fees.len().to_string()));
        }
        let fee = |(i, fee): (usize, &Fee)| {
            let points = BasisPoints::new(u32::from(fee.basis_points)).ok_or_else(|| {
                let field = format!("terms.fees[{i}].basis_points");
                TermsError::new(field, "1 to 10000", &fee.basis_points.to_string())
            })?;
            let field = format!("terms.fees[{i}].destination");
            Ok(terms::Fee { destination: account(&field, &fee.destination)?, basis_points: points })
        };
        let metadata = Metadata::new(
            asked.metadata.iter().map(|(key, value)| (key.as_str(), value.as_str())),
        )
        .map_err(|error: MetadataError| {
            let text = error.to_string();
            let said = text.trim_start_matches("metadata: expected ");
            let (expected, got) = said.rsplit_once(", got ").unwrap_or((said, ""));
            TermsError::new("terms.metadata", expected, got)
        })?;
        let site = |asked: &Site| {
            let domain = asked.domain.parse().map_err(|error: site::ParseDomainError| {
                TermsError::new("terms.site.domain", error, &asked.domain)
            })?;
            let verifier = asked.verifier.as_deref();
            let verifier = verifier.map(|key| account("terms.site.verifier", key)).transpose()?;
            Ok::<_, TermsError>(Box::new(site::Site { domain, verifier }))
        };
        Ok(Self {
            destination,
            currency,
            amount,
            fees: asked.fees.iter().enumerate().map(fee).collect::<Result<_, _>>()?,
            expires_at: asked.expires_at.as_deref().map(moment).transpose()?,
            metadata,
            site: asked.site.as_ref().map(site).transpose()?,
        })
    }
}

/// Reads a moment that the engine can keep exactly.
fn moment(text: &str) -> Result<Timestamp, TermsError> {
    let wrong = || {
        let expected = "a time after 1970 in RFC 3339, such as 2026-11-22T12:00:00Z, in whole microseconds";
        TermsError::new("terms.expires_at", expected, text)
    };
    if text.len() > 64 {
        return Err(wrong());
    }
    let at: jiff::Timestamp = text.parse().map_err(|_| wrong())?;
    let micros = u64::try_from(at.as_microsecond()).map_err(|_| wrong())?;
    // Zero is "none" where terms are signed.
    let exact = at.as_nanosecond() == i128::from(micros) * 1_000 && micros > 0;
    if exact { Ok(Timestamp(micros)) } else { Err(wrong()) }
}
