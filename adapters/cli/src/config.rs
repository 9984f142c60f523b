//! The settings of `serve`: a file, then the environment, then flags; the later wins.

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use quittance_code_api::server::MAX_NONCES;
use quittance_core::currency::{Currency, Rate};
use quittance_core::ids::AccountId;
use serde::{Deserialize, Deserializer};

use crate::args::ServeArgs;
use crate::error::CliError;
use crate::node::NodeOptions;
use crate::outbound::OutboundFile;
use crate::rates::{From, Source};

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
    /// Records between two snapshots.
    snapshot_every: Option<u64>,
    /// MiB of the disk to leave free.
    disk_reserve_mb: Option<u32>,
    /// Transactions that may wait for a payer's signature, or for the end of their payment.
    nonces: Option<usize>,
    /// Accounts that may be named as destinations before they ever held anything.
    #[serde(default)]
    accounts: Vec<Parsed<AccountId>>,
    /// The price of one kin in each currency, as text so that it stays exact.
    #[serde(default)]
    rates: BTreeMap<Parsed<Currency>, Parsed<Rate>>,
    /// Where they come from instead, while the node runs.
    rate_source: Option<RateSource>,
    /// What stands in front of the path of a short link to a page that is paid for.
    link_prefix: Option<String>,
    #[serde(default)]
    policy: PolicyFile,
    #[serde(default)]
    limits: LimitsFile,
    #[serde(default)]
    outbound: OutboundFile,
}

/// How much strangers may ask; 0 lifts a limit.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitsFile {
    /// Requests of one address.
    requests_per_s_per_address: Option<u32>,
    /// Connections of one address at one time.
    connections_per_address: Option<usize>,
    /// Proxies that are believed about whom they ask for, as addresses or networks.
    #[serde(default)]
    trusted_proxies: Vec<Parsed<Proxy>>,
    /// New intents of all strangers together.
    new_intents_per_s: Option<u32>,
    /// New intents for one destination.
    new_intents_per_min_per_destination: Option<u32>,
    /// Intents that are open at one time.
    max_open_intents: Option<usize>,
    /// Intents that wait for nothing but their webhook.
    max_undelivered_webhooks: Option<usize>,
}

/// A table of rates that changes: a file or a URL, one of the two.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RateSource {
    file: Option<PathBuf>,
    url: Option<String>,
    /// Seconds from one look to the next.
    every_s: Option<u64>,
}

/// How often a file is looked at, and a URL, when nobody says.
const LOOK_AT_FILE: u64 = 5;
const LOOK_AT_URL: u64 = 60;
/// The longest that anybody may want to wait for new rates.
const MAX_EVERY: u64 = 24 * 60 * 60;

/// A link has 64 characters at most, and its path up to eight (protocol d.9).
const MAX_LINK_PREFIX: usize = 56;

impl RateSource {
    fn source(self) -> Result<Source, CliError> {
        let (from, every) = match (self.file, self.url) {
            (Some(file), None) => (From::File(file), LOOK_AT_FILE),
            (None, Some(url)) => (From::Url(url), LOOK_AT_URL),
            _ => return Err(CliError::misuse("rate_source: expected either file or url")),
        };
        if let From::Url(url) = &from
            && names_a_user(url)
        {
            // The URL itself is not said: what is said ends up in logs.
            return Err(CliError::misuse(
                "rate_source.url: expected no user name or password before the host",
            )
            .hint("put a key into the path or behind the ?: of these no log says anything"));
        }
        let every = self.every_s.unwrap_or(every);
        if !(1..=MAX_EVERY).contains(&every) {
            let message = format!("rate_source.every_s: expected 1 to {MAX_EVERY}, got {every}");
            return Err(CliError::misuse(message));
        }
        Ok(Source { from, every: Duration::from_secs(every) })
    }
}

fn names_a_user(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#', '\\']).next().is_some_and(|authority| authority.contains('@'))
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
    /// The longest that an intent's terms may ask to stay open.
    pub(crate) max_intent_lifetime_s: Option<u64>,
    /// How long a quote may be accepted.
    pub(crate) quote_lifetime_s: Option<u64>,
    /// How far back an exchange rate may lie.
    pub(crate) rate_window_s: Option<u64>,
    /// How far the rate that a payer signs may lie from a published one; 0 for not at all.
    pub(crate) rate_tolerance_bps: Option<u32>,
    /// The most that one payment may be worth.
    pub(crate) max_payment_quarks: Option<u64>,
    /// How many refused submissions of one intent are recorded.
    pub(crate) max_refusals: Option<u8>,
    /// The most that one payer may pay in 24 hours; 0 for no limit.
    pub(crate) payer_quarks_per_day: Option<u64>,
    /// The most payments of one payer in five minutes; 0 for no limit.
    pub(crate) payer_payments_per_5_min: Option<u32>,
    /// The most that one destination may be paid in 24 hours; 0 for no limit.
    pub(crate) merchant_quarks_per_day: Option<u64>,
    /// The most payments to one destination in five minutes; 0 for no limit.
    pub(crate) merchant_payments_per_5_min: Option<u32>,
    /// How many attempts a rail may make at one transaction.
    pub(crate) max_attempts: Option<u16>,
    /// How many refunds one payment may have.
    pub(crate) max_refunds: Option<u8>,
    /// The least that one withdrawal may take out; 0 for any.
    pub(crate) min_withdrawal_quarks: Option<u64>,
    /// The most that one account may take out in 24 hours; 0 for no limit.
    pub(crate) withdrawal_quarks_per_day: Option<u64>,
    /// The most withdrawals of one account in five minutes; 0 for no limit.
    pub(crate) withdrawals_per_5_min: Option<u32>,
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

/// An address, or a network such as `10.0.0.0/8`.
#[derive(Clone, Copy, Debug)]
struct Proxy(IpNet);

impl std::str::FromStr for Proxy {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let network = text.parse().or_else(|_| text.parse().map(|address: IpAddr| address.into()));
        network
            .map(Self)
            .map_err(|_| format!("expected an address or a network such as 10.0.0.0/8, got {text:?}"))
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
    let has_rates = !file.rates.is_empty();
    options.rates = match (file.rates.is_empty(), dev) {
        (true, true) => dev_rates(),
        _ => file.rates.into_iter().map(|(currency, rate)| (currency.0, rate.0)).collect(),
    };
    if file.rate_source.is_some() && has_rates {
        let message = "rates and rate_source are both given; the one would replace the other at every start";
        return Err(CliError::misuse(message).hint("put the rates into the file that rate_source names"));
    }
    options.rate_source = file.rate_source.map(RateSource::source).transpose()?;
    if let Some(prefix) = &file.link_prefix
        && (prefix.len() > MAX_LINK_PREFIX || !prefix.bytes().all(|byte| byte.is_ascii_graphic()))
    {
        let message =
            format!("link_prefix: expected at most {MAX_LINK_PREFIX} characters, such as pay.example/m/");
        return Err(CliError::misuse(message));
    }
    options.link_prefix = file.link_prefix;
    options.accounts = file.accounts.into_iter().map(|account| account.0).collect();
    options.policy = file.policy;
    options.outbound = file.outbound;
    options.rebuild = args.rebuild;
    options.accept_time = args.accept_time;
    if let Some(records) = args.snapshot_every.or(file.snapshot_every) {
        if records < 2 {
            return Err(CliError::misuse(format!("snapshot_every is {records}; it has to be at least 2"))
                .hint("leave it out for a snapshot every 400000 records"));
        }
        options.checkpoints.snapshot_every = records;
        options.checkpoints.archive_every = records / 2;
    }
    file.limits.apply(&mut options);
    if let Some(nonces) = file.nonces {
        if !(1..=MAX_NONCES).contains(&nonces) {
            return Err(CliError::misuse(format!("nonces: expected 1 to {MAX_NONCES}, got {nonces}")));
        }
        options.nonces = Some(nonces);
    }
    if let Some(mib) = args.disk_reserve_mb.or(file.disk_reserve_mb) {
        options.disk_reserve = u64::from(mib) << 20;
    }
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

impl LimitsFile {
    fn apply(self, options: &mut NodeOptions) {
        let NodeOptions { limits, admission, .. } = options;
        set(&mut limits.requests_per_second, self.requests_per_s_per_address.map(NonZeroU32::new));
        set(&mut limits.connections, self.connections_per_address.map(|most| (most > 0).then_some(most)));
        limits.proxies = self.trusted_proxies.into_iter().map(|Parsed(Proxy(network))| network).collect();
        set(&mut admission.new_per_second, self.new_intents_per_s.map(NonZeroU32::new));
        let each = self.new_intents_per_min_per_destination;
        set(&mut admission.per_destination_per_minute, each.map(NonZeroU32::new));
        let lifted = |most: usize| (most > 0).then_some(most);
        set(&mut admission.max_open, self.max_open_intents.map(lifted));
        set(&mut admission.max_undelivered, self.max_undelivered_webhooks.map(lifted));
    }
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
        for (seconds, duration) in [
            (self.intent_lifetime_s, &mut policy.intent_lifetime),
            (self.max_intent_lifetime_s, &mut policy.max_intent_lifetime),
            (self.quote_lifetime_s, &mut policy.quote_lifetime),
            (self.rate_window_s, &mut policy.rate_window),
        ] {
            set(duration, seconds.map(Duration::from_secs));
        }
        if let Some(off) = self.rate_tolerance_bps {
            policy.rate_tolerance = BasisPoints::new(off);
            if policy.rate_tolerance.is_none() && off != 0 {
                return Err(out_of_range("rate_tolerance_bps", "0 to 1000", u64::from(off)));
            }
        }
        for (per_day, per_five_minutes, limits) in [
            (self.payer_quarks_per_day, self.payer_payments_per_5_min, &mut policy.payer_limits),
            (self.merchant_quarks_per_day, self.merchant_payments_per_5_min, &mut policy.merchant_limits),
            (self.withdrawal_quarks_per_day, self.withdrawals_per_5_min, &mut policy.withdrawal_limits),
        ] {
            set(&mut limits.per_day, per_day.map(|quarks| (quarks > 0).then_some(Quarks::new(quarks))));
            set(&mut limits.per_five_minutes, per_five_minutes.map(|most| (most > 0).then_some(most)));
        }
        set(&mut policy.max_payment, self.max_payment_quarks.map(Quarks::new));
        set(&mut policy.max_refusals, self.max_refusals);
        set(&mut policy.max_attempts, self.max_attempts);
        set(&mut policy.max_refunds, self.max_refunds);
        set(&mut policy.min_withdrawal, self.min_withdrawal_quarks.map(Quarks::new));
        // What the engine would refuse is the operator's mistake: said as one, before anything is opened.
        policy.check().map_err(|refused| CliError::misuse(format!("policy: {refused}")))
    }
}

/// Changes a figure where another is given.
fn set<T>(figure: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *figure = given;
    }
}

#[cfg(test)]
mod tests {
    use quittance_core::policy::Policy;

    use super::*;

    fn policy(text: &str) -> Result<Policy, CliError> {
        let file: PolicyFile = toml::from_str(text).unwrap();
        let mut policy = Policy::standard(AccountId([7; 32]));
        file.apply(&mut policy).map(|()| policy)
    }

    #[test]
    fn every_figure_of_the_policy_can_be_set_and_zero_lifts_a_limit() {
        let all = policy(
            "service_fee_us_cents = 2\nfee_cap_basis_points = 3\nintent_lifetime_s = 4\nmax_intent_lifetime_s = 5\n\
             quote_lifetime_s = 6\nrate_window_s = 7\nrate_tolerance_bps = 8\nmax_payment_quarks = 9\n\
             max_refusals = 10\npayer_quarks_per_day = 11\npayer_payments_per_5_min = 12\n\
             merchant_quarks_per_day = 13\nmerchant_payments_per_5_min = 14\nmax_attempts = 15\nmax_refunds = 16\n\
             min_withdrawal_quarks = 17\nwithdrawal_quarks_per_day = 18\nwithdrawals_per_5_min = 19",
        );
        let expected = "service_fee: Some(NativeAmount(2)), fee_account: AccountId(US517G5965aydkZ46HS38QLi7UQiSojurfbQfKCELFx), \
             fee_cap: BasisPoints(3), intent_lifetime: 4s, max_intent_lifetime: 5s, quote_lifetime: 6s, rate_window: 7s, \
             rate_tolerance: Some(BasisPoints(8)), max_payment: Quarks(9), max_refusals: 10, \
             payer_limits: Limits { per_day: Some(Quarks(11)), per_five_minutes: Some(12) }, \
             merchant_limits: Limits { per_day: Some(Quarks(13)), per_five_minutes: Some(14) }, \
             max_attempts: 15, max_refunds: 16, min_withdrawal: Quarks(17), \
             withdrawal_limits: Limits { per_day: Some(Quarks(18)), per_five_minutes: Some(19) }";
        assert_eq!(format!("{:?}", all.unwrap()), format!("Policy {{ {expected} }}"));
        let lifted = "payer_quarks_per_day = 0\npayer_payments_per_5_min = 0\nmerchant_quarks_per_day = 0\n\
             merchant_payments_per_5_min = 0\nrate_tolerance_bps = 0\nwithdrawal_quarks_per_day = 0\n\
             withdrawals_per_5_min = 0";
        let withdrawal_limits = quittance_core::policy::Limits::default();
        let expected = Policy { withdrawal_limits, ..policy("").unwrap() };
        assert_eq!(policy(lifted).unwrap(), expected);
    }

    #[test]
    fn a_password_in_a_rate_url_is_refused_before_any_log_says_it() {
        let source = |url: &str| {
            let source = toml::from_str::<RateSource>(&format!("url = {url:?}")).unwrap();
            source.source().map_err(|error| error.to_string())
        };
        for url in
            ["https://user:secret@rates.example/kin", "user:secret@rates.example", "https://u@rates.example"]
        {
            let said = source(url).unwrap_err();
            assert!(said.contains("rate_source.url") && !said.contains("secret"), "{said}");
        }
        assert!(source("https://rates.example/kin@home?key=a@b").is_ok());
    }

    #[test]
    fn a_figure_out_of_range_is_refused_by_its_name_before_the_node_starts() {
        for (text, said) in [
            ("service_fee_us_cents = 72057594037927936", "policy.service_fee_us_cents must be"),
            ("fee_cap_basis_points = 0", "policy.fee_cap_basis_points must be"),
            ("rate_tolerance_bps = 10001", "policy.rate_tolerance_bps must be"),
            ("rate_tolerance_bps = 1001", "rate_tolerance: expected at most 1000 bps"),
            ("max_attempts = 0", "max_attempts: expected at least 1"),
            ("rate_window_s = 3162240001", "rate_window: expected whole microseconds, at most 100 years"),
        ] {
            let refused = policy(text).unwrap_err();
            assert!(refused.to_string().contains(said), "{text}: {refused}");
            assert_eq!(refused.exit_code(), 2, "{text}");
        }
    }
}
