//! The settings of `serve`: a file, then the environment, then flags; the later wins.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use quittance_core::currency::{Currency, Rate};
use quittance_core::ids::AccountId;
use serde::{Deserialize, Deserializer};

use crate::args::ServeArgs;
use crate::error::CliError;
use crate::node::NodeOptions;

/// Where `serve` listens when nobody says.
const DEFAULT_LISTEN: &str = "127.0.0.1:8080";
/// The largest file that is read as a configuration.
const MAX_CONFIG_BYTES: u64 = 1 << 20;

/// The prices of one kin that `--dev` comes with: plausible, and never updated.
const DEV_RATES: [(&str, &str); 10] = [
    ("usd", "0.00002"),
    ("eur", "0.0000184"),
    ("gbp", "0.0000158"),
    ("cad", "0.0000272"),
    ("aud", "0.0000304"),
    ("jpy", "0.003"),
    ("inr", "0.00166"),
    ("mxn", "0.00034"),
    ("ngn", "0.032"),
    ("zmw", "0.00054"),
];

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    data: Option<PathBuf>,
    listen: Option<SocketAddr>,
    #[serde(default)]
    dev: bool,
    /// Accounts that may be named as destinations before they ever held anything.
    #[serde(default)]
    accounts: Vec<Parsed<AccountId>>,
    /// The price of one kin in each currency, as text so that it stays exact.
    #[serde(default)]
    rates: BTreeMap<Parsed<Currency>, Parsed<Rate>>,
    #[serde(default)]
    policy: PolicyFile,
}

/// What a node charges and allows; the protocol's figures where absent.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PolicyFile {
    /// The service fee in hundredths of a US dollar; 0 for none.
    pub(crate) service_fee_us_cents: Option<u64>,
    /// Who receives it; the node's own account when absent.
    pub(crate) fee_account: Option<Parsed<AccountId>>,
    /// The most that an intent's fees may add up to.
    pub(crate) fee_cap_basis_points: Option<u32>,
    /// How long an intent stays open.
    pub(crate) intent_lifetime_s: Option<u64>,
    /// How long a quote may be accepted.
    pub(crate) quote_lifetime_s: Option<u64>,
    /// The most that one payment may be worth.
    pub(crate) max_payment_quarks: Option<u64>,
}

/// A value read from its text form, with that form's own error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Parsed<T>(pub(crate) T);

impl<'de, T: std::str::FromStr<Err: std::fmt::Display>> Deserialize<'de> for Parsed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(serde::de::Error::custom)
    }
}

/// Puts the settings together.
///
/// # Errors
/// The file cannot be read or says something it must not; no data directory is given.
pub(crate) fn load(args: ServeArgs) -> Result<NodeOptions, CliError> {
    let file = args.config.as_deref().map(read).transpose()?.unwrap_or_default();
    let data = args.data.or(file.data).ok_or_else(|| {
        CliError::misuse("no data directory is given")
            .hint("quittance serve --data ./data --listen 127.0.0.1:8080")
    })?;
    let listen = match args.listen.or(file.listen) {
        Some(listen) => listen,
        None => DEFAULT_LISTEN.parse().map_err(CliError::failed)?,
    };
    let dev = args.dev.unwrap_or(file.dev);
    let mut options = NodeOptions::new(data, listen, dev);
    options.rates = match (file.rates.is_empty(), dev) {
        (true, true) => dev_rates(),
        _ => file.rates.into_iter().map(|(currency, rate)| (currency.0, rate.0)).collect(),
    };
    options.accounts = file.accounts.into_iter().map(|account| account.0).collect();
    options.policy = file.policy;
    Ok(options)
}

/// The rates of a `--dev` node.
pub(crate) fn dev_rates() -> Vec<(Currency, Rate)> {
    DEV_RATES.iter().filter_map(|(code, rate)| Some((code.parse().ok()?, rate.parse().ok()?))).collect()
}

fn read(path: &Path) -> Result<File, CliError> {
    let wrong =
        |why: String| CliError::misuse(format!("cannot use the configuration {}: {why}", path.display()));
    let size = fs::metadata(path).map_err(|error| wrong(error.to_string()))?.len();
    if size > MAX_CONFIG_BYTES {
        return Err(wrong(format!("{size} bytes, at most {MAX_CONFIG_BYTES} are read")));
    }
    let text = fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    toml::from_str(&text).map_err(|error| {
        // Not the line itself: what was given by mistake may be a key.
        let line =
            error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        wrong(format!("line {line}: {}", error.message()))
    })
}

impl PolicyFile {
    /// Changes `policy` where the file says so.
    ///
    /// # Errors
    /// A figure is out of its range.
    pub(crate) fn apply(&self, policy: &mut quittance_core::policy::Policy) -> Result<(), CliError> {
        use quittance_core::money::{BasisPoints, NativeAmount, Quarks};
        let out_of_range = |field: &str, range: &str, got: u64| {
            CliError::misuse(format!("policy.{field} must be {range}, got {got}"))
        };
        if let Some(cents) = self.service_fee_us_cents {
            policy.service_fee = NativeAmount::from_hundredths(cents);
            if policy.service_fee.is_none() && cents != 0 {
                return Err(out_of_range("service_fee_us_cents", "0 to 2^56 - 1", cents));
            }
        }
        if let Some(Parsed(account)) = self.fee_account {
            policy.fee_account = account;
        }
        if let Some(cap) = self.fee_cap_basis_points {
            policy.fee_cap = BasisPoints::new(cap)
                .ok_or_else(|| out_of_range("fee_cap_basis_points", "1 to 10000", u64::from(cap)))?;
        }
        if let Some(seconds) = self.intent_lifetime_s {
            policy.intent_lifetime = Duration::from_secs(seconds);
        }
        if let Some(seconds) = self.quote_lifetime_s {
            policy.quote_lifetime = Duration::from_secs(seconds);
        }
        if let Some(quarks) = self.max_payment_quarks {
            policy.max_payment = Quarks::new(quarks);
        }
        Ok(())
    }
}
