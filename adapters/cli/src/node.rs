//! A whole sequencer in one value: log, engine, rail, HTTP server. The one place where the adapters meet.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::middleware::from_fn_with_state;
use ed25519_dalek::SigningKey;
use quittance_code_api::server::{self as code_api, Admit, Destinations};
use quittance_core::command::Request;
use quittance_core::currency::{Currency, Rate};
use quittance_core::frame::Tip;
use quittance_core::ids::{AccountId, NodeId};
use quittance_core::state::State;
use quittance_log_sled::{Reserve, SledLog};
use quittance_rail_ledger::LedgerRail;
use quittance_runtime::log::{EventLog, LogReader, Room as _};
use quittance_runtime::table::Table;
use quittance_runtime::{Admission, Checkpoints, Engine, Handle, Options, StartError};
use quittance_webhook::Deliverer;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::addresses::{self, Addresses, Limits};
use crate::config::PolicyFile;
use crate::connections;
use crate::error::{CliError, Kind};
use crate::keys;
use crate::listener::Places;
#[cfg(unix)]
use crate::operator::{self, Operator};
use crate::outbound::OutboundFile;
use crate::pages;
use crate::progress::Progress;
use crate::rates;
use crate::shop::ShopOptions;

/// The key file in a node's directory.
pub(crate) const KEY_FILE: &str = "node.key";
/// The table in the node's store for messages that were acknowledged, and for links.
pub(crate) const TABLE: &str = "acknowledged";
/// Where the rates of a --dev node come from, as its log says.
const DEV_SOURCE: &str = "dev";
/// What strangers may have recorded when nobody says, without `--dev`. A million open intents are under 1 GiB of memory, and 200
/// new ones a second some 10 GB of log a day.
const DEFAULT_ADMISSION: Admission = Admission {
    new_per_second: NonZeroU32::new(200),
    per_destination_per_minute: NonZeroU32::new(6_000),
    max_open: Some(1_000_000),
    max_undelivered: Some(250_000),
};
/// How long requests under way may take after the node was asked to stop.
const GRACE: Duration = Duration::from_secs(10);

/// How a node is set up.
#[derive(Clone, Debug)]
pub(crate) struct NodeOptions {
    data: PathBuf,
    listen: SocketAddr,
    dev: bool,
    pub(crate) rates: Vec<(Currency, Rate)>,
    /// Where rates come from while the node runs.
    pub(crate) rate_source: Option<rates::Source>,
    /// What stands in front of the path of a short link.
    pub(crate) link_prefix: Option<String>,
    pub(crate) accounts: Vec<AccountId>,
    pub(crate) policy: PolicyFile,
    /// Whom it calls.
    pub(crate) outbound: OutboundFile,
    /// Makes the archive and the snapshot anew from the log.
    pub(crate) rebuild: bool,
    /// Goes on from the log's time, however far ahead that is.
    pub(crate) accept_time: bool,
    /// How often what has ended leaves memory, and a snapshot is kept.
    pub(crate) checkpoints: Checkpoints,
    /// Bytes of the disk to leave free.
    pub(crate) disk_reserve: u64,
    /// What one address may ask.
    pub(crate) limits: Limits,
    /// What strangers may have recorded.
    pub(crate) admission: Admission,
    /// Transactions that may wait for a payer's signature, or for the end of their payment; the protocol's default when absent.
    pub(crate) nonces: Option<usize>,
    /// The demo's shop.
    pub(crate) shop: Option<ShopOptions>,
}

impl NodeOptions {
    /// A node in `data`, listening on `listen`, without exchange rates.
    #[must_use]
    pub(crate) fn new(data: PathBuf, listen: SocketAddr, dev: bool) -> Self {
        let (policy, outbound) = (PolicyFile::default(), OutboundFile::default());
        let (rebuild, accept_time, disk_reserve) = (false, false, Reserve::DEFAULT_BYTES);
        let (rates, rate_source) = (Vec::new(), None);
        let (accounts, checkpoints) = (Vec::new(), Checkpoints::default());
        // With made-up money there is nothing to guard, and whoever tries the node out wants to see how fast it is.
        let admission = if dev { Admission::default() } else { DEFAULT_ADMISSION };
        let limits = Limits::default();
        let (nonces, shop) = (None, None);
        Self {
            data,
            listen,
            dev,
            rates,
            rate_source,
            link_prefix: None,
            accounts,
            policy,
            outbound,
            rebuild,
            accept_time,
            checkpoints,
            disk_reserve,
            limits,
            admission,
            nonces,
            shop,
        }
    }

    /// The same with the exchange rates of `--dev`.
    #[must_use]
    pub(crate) fn with_dev_rates(mut self) -> Self {
        self.rates = crate::config::dev_rates();
        self
    }

    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    pub(crate) fn is_dev(&self) -> bool {
        self.dev
    }
}

/// A running sequencer.
#[derive(Debug)]
pub(crate) struct Node {
    engine: Engine,
    rail: LedgerRail,
    webhooks: Deliverer,
    server: JoinHandle<()>,
    address: SocketAddr,
    shutdown: CancellationToken,
    sockets: TaskTracker,
    #[cfg(unix)]
    operator: Option<Operator>,
}

impl Node {
    /// Opens the log, replays it, and serves.
    ///
    /// # Errors
    /// The directory is in use, the log does not verify, the address is taken.
    pub(crate) async fn start(options: NodeOptions) -> Result<Self, CliError> {
        let shutdown = CancellationToken::new();
        // First, so that a start that cannot succeed leaves no trace in the log.
        let listener = TcpListener::bind(options.listen).await.map_err(|error| {
            CliError::misuse(format!("cannot listen on {}: {error}", options.listen))
                .hint("--listen 127.0.0.1:0 takes a free port")
        })?;
        let address = listener.local_addr().map_err(CliError::failed)?;
        let outbound = options.outbound.open(options.dev)?;
        let mut pages = pages::options(options.dev);
        pages.shop = options.shop.as_ref().map(|shop| shop.open(&format!("http://{address}"))).transpose()?;
        if let Some(rates::Source { from: rates::From::Url(url), .. }) = &options.rate_source {
            outbound.host(url).map_err(|error| CliError::misuse(format!("rate_source.url: {error}")))?;
        }
        let blocking = options.clone();
        let opened = tokio::task::spawn_blocking(move || open(&blocking)).await.map_err(CliError::failed)?;
        let Opened { engine, key, rail, table, reader } = opened?;
        let mut protocol = code_api::Options::new(Arc::clone(&table), shutdown.clone());
        protocol.nonces = options.nonces.unwrap_or(protocol.nonces);
        let mut native = quittance_http_api::Options { dev: options.dev, ..Default::default() };
        (protocol.destinations, native.destinations) = match options.dev {
            true => (Destinations::Any, quittance_http_api::Destinations::Any),
            false => {
                let known = Arc::new(options.accounts.iter().copied().collect());
                let (one, other) = (Arc::clone(&known), known);
                (Destinations::Known(one), quittance_http_api::Destinations::Known(other))
            }
        };
        protocol.outbound = Some(outbound.clone());
        protocol.plain_domains = options.dev;
        if let Some(prefix) = options.link_prefix.clone() {
            protocol.link_prefix = prefix;
        }
        let addresses = Addresses::new(options.limits.clone());
        let counted = Arc::clone(&addresses);
        protocol.admit = Some(Admit::new(move |address| counted.count(address)));
        let sockets = protocol.tasks.clone();
        native.shutdown = shutdown.clone();
        let routes = code_api::router(engine.handle(), protocol)
            .merge(quittance_http_api::router(engine.handle(), native))
            .merge(quittance_pages::router(engine.handle(), pages))
            .merge(keys::published(&key.verifying_key()))
            .fallback(quittance_http_api::not_found);
        let routes = routes.layer(from_fn_with_state(Arc::clone(&addresses), addresses::admit));
        if let Some(source) = options.rate_source.clone() {
            let mut feed = rates::Feed::new(source, engine.handle(), outbound.clone());
            feed.name = options.dev.then(|| DEV_SOURCE.into());
            sockets.spawn(feed.run(shutdown.clone()));
        }
        let webhooks = quittance_webhook::Options {
            max_undelivered: options.admission.max_undelivered,
            ..quittance_webhook::Options::new(key, outbound, shutdown.clone())
        };
        let webhooks = Deliverer::start(engine.handle(), webhooks);
        let server =
            tokio::spawn(connections::serve(Places::new(listener, addresses), routes, shutdown.clone()));
        #[cfg(unix)]
        let store = operator::Store { reader, beside: table, prefix: code_api::LINKS };
        #[cfg(unix)]
        let operator = open_operator(&options.data, engine.handle(), store, shutdown.clone());
        Ok(Self {
            engine,
            rail,
            webhooks,
            server,
            address,
            shutdown,
            sockets,
            #[cfg(unix)]
            operator,
        })
    }

    /// Where it listens, as a URL.
    #[must_use]
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A way to ask its engine.
    #[must_use]
    pub(crate) fn engine(&self) -> Handle {
        self.engine.handle()
    }

    /// What has ended that must not end while the node runs.
    pub(crate) fn fault(&self) -> Option<String> {
        if let Some(failure) = self.engine.handle().failure() {
            return Some(failure.to_string());
        }
        if self.rail.is_finished() {
            return Some("the ledger rail has ended; scheduled payments would stay scheduled".into());
        }
        if self.webhooks.is_finished() {
            return Some("the deliverer of webhooks has ended; merchants would not hear of payments".into());
        }
        self.server.is_finished().then(|| "the HTTP server has ended".into())
    }

    /// Ends the open streams, finishes the requests under way, and leaves the log in order. Where the log ends.
    ///
    /// # Errors
    /// The engine had failed, or the log cannot be closed. Nothing acknowledged is lost.
    pub(crate) async fn stop(mut self) -> Result<Tip, CliError> {
        self.shutdown.cancel();
        // A client that never finishes its request must not keep the node from stopping.
        self.sockets.close();
        let ended = async {
            let _ = (&mut self.server).await;
            self.sockets.wait().await;
        };
        let ended = async { tokio::join!(ended, self.webhooks.join()) };
        match tokio::time::timeout(GRACE, ended).await {
            Ok(((), Ok(()))) => {}
            Ok(((), Err(error))) => {
                tracing::error!(%error, "webhooks that are due are called at the next start");
            }
            Err(_) => {
                tracing::warn!("connections are still open after {GRACE:?}; going on without them");
                self.server.abort();
                self.webhooks.abort();
            }
        }
        #[cfg(unix)]
        if let Some(operator) = self.operator.take() {
            operator.close().await;
        }
        let (engine, rail) = (self.engine, self.rail);
        let stopped = tokio::task::spawn_blocking(move || {
            let tip = engine.shutdown();
            (tip, rail.join())
        });
        let (tip, rail) = stopped.await.map_err(CliError::failed)?;
        if let Err(error) = rail {
            tracing::error!(%error, "scheduled payments are settled at the next start");
        }
        tip.map_err(|error| {
            CliError::failed(error)
                .hint("nothing acknowledged is lost; see to the disk, then start the node again")
        })
    }
}

struct Opened {
    engine: Engine,
    key: SigningKey,
    rail: LedgerRail,
    table: Arc<dyn Table>,
    #[cfg_attr(not(unix), expect(dead_code, reason = "only the operator's channel reads behind the engine"))]
    reader: Arc<dyn LogReader>,
}

/// The operator's channel. A node that cannot open it serves all the same: payments do not wait for backups.
#[cfg(unix)]
fn open_operator(
    data: &Path,
    engine: Handle,
    store: operator::Store,
    shutdown: CancellationToken,
) -> Option<Operator> {
    let opened = Operator::open(data, engine, store, shutdown);
    let warn = |error| {
        let path = operator::path(data);
        tracing::warn!("{}: {error}; this node cannot be backed up while it runs", path.display());
    };
    opened.map_err(warn).ok()
}

fn open(options: &NodeOptions) -> Result<Opened, CliError> {
    let NodeOptions { data, .. } = options;
    quittance_log_sled::create_dir(data)
        .map_err(|error| CliError::misuse(format!("cannot make the data directory {error}")))?;
    let key = node_key(data)?;
    let node = NodeId(key.verifying_key().to_bytes());
    let log = SledLog::open(data, Some(node))?;
    let reserve = log.reserve();
    reserve.set(options.disk_reserve);
    // A start writes: its tables, the policy, the rates. Better not begun than half done.
    reserve.check().map_err(|full| start_refused(quittance_runtime::Error::Full(full)))?;
    let table: Arc<dyn Table> = Arc::new(log.table(TABLE));
    let bar = Mutex::new(Progress::new("replaying", true));
    let replaying = quittance_runtime::Progress(Arc::new(move |position, end| {
        bar.lock().unwrap_or_else(PoisonError::into_inner).at(position, Some(end));
    }));
    let mut setup = Options {
        table: Some(Arc::new(log.table("state"))),
        checkpoints: options.checkpoints,
        rebuild: options.rebuild,
        accept_time: options.accept_time,
        admission: options.admission,
        progress: Some(replaying),
        ..Options::new(node)
    };
    options.policy.apply(&mut setup.policy)?;
    let reader = log.reader();
    let engine = Engine::start(Box::new(log), setup).map_err(start_error)?;
    let handle = engine.handle();
    let ask = |request| handle.execute_blocking(request).map_err(start_refused);
    let (mut policy, made) =
        handle.query_blocking(|state| (state.policy().clone(), Made::of(state))).map_err(CliError::failed)?;
    made.suits(options)?;
    // A log keeps its policy until the operator states another; what the configuration leaves open stays as it is.
    options.policy.apply(&mut policy)?;
    ask(Request::SetPolicy { policy })?;
    // The rates of --dev mark its log, so there are some before the source's own come.
    let replaced = options.rate_source.is_some() && made != Made::New;
    if !options.rates.is_empty() && !replaced {
        let source = if options.dev { DEV_SOURCE } else { "configuration" };
        ask(Request::PublishRates { source: source.into(), rates: options.rates.clone() })?;
    }
    let rail = LedgerRail::start(handle).map_err(CliError::failed)?;
    Ok(Opened { engine, key, rail, table, reader })
}

/// With or without `--dev`, as far as a log tells. The two do not mix: one deposit by a stranger, and nothing in the log is
/// worth anything any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Made {
    /// Nothing has happened yet.
    New,
    WithDev,
    WithoutDev,
}

impl Made {
    fn of(state: &State) -> Self {
        if state.rates().tables().any(|table| table.source == DEV_SOURCE) {
            return Self::WithDev;
        }
        let used = state.rates().latest().is_some()
            || state.intents().next().is_some()
            || state.archive().count() > 0
            || state.ledger().accounts().next().is_some();
        if used { Self::WithoutDev } else { Self::New }
    }

    fn suits(self, options: &NodeOptions) -> Result<(), CliError> {
        let data = options.data.display();
        let (message, hint) = match (self, options.dev) {
            (Self::New, _) | (Self::WithDev, true) | (Self::WithoutDev, false) => return Ok(()),
            (Self::WithDev, false) => (
                format!("{data} was made with --dev: what its accounts hold is made up"),
                "another --data directory for real money, or --dev again",
            ),
            (Self::WithoutDev, true) => (
                format!("{data} was made without --dev, which would let anybody deposit there"),
                "another --data directory for trying things out, or no --dev",
            ),
        };
        Err(CliError::misuse(message).hint(hint))
    }
}

/// The node's key: made at the first start, kept for ever.
fn node_key(data: &Path) -> Result<SigningKey, CliError> {
    let path = data.join(KEY_FILE);
    if path.exists() {
        return keys::read(&path).map_err(|error| error.hint("put the node's key back from a backup"));
    }
    if data.join("log").exists() {
        return Err(CliError::misuse(format!("{} has a log but no {KEY_FILE}", data.display()))
            .hint("put the node's key back; a new one would make it another node"));
    }
    let key = keys::generate()?;
    keys::write(&key, &path)?;
    Ok(key)
}

/// Why a start's own records were not written.
fn start_refused(error: quittance_runtime::Error) -> CliError {
    let full = matches!(error, quittance_runtime::Error::Full(_));
    let failed = CliError::failed(error);
    if full {
        failed
            .hint("make room on that disk, or leave less of it free with --disk-reserve-mb; then start again")
    } else {
        failed
    }
}

fn start_error(error: StartError) -> CliError {
    use quittance_runtime::ReplayError;
    match error {
        StartError::Replay(ReplayError::Log(error)) => error.into(),
        StartError::Replay(ReplayError::Illegal(_) | ReplayError::Broken { .. })
        | StartError::TipMismatch { .. }
        | StartError::Invariant(_) => {
            CliError::new(Kind::Damaged, error).hint("quittance log verify --data DIR")
        }
        StartError::ClockBehind { .. } => CliError::misuse(error).hint(
            "set the clock, then start again; if the clock is right, --accept-time goes on from the log's time, an eighth \
             slower until the two agree",
        ),
        StartError::OtherNode { .. } | StartError::Initialize(quittance_runtime::Error::Rejected(_)) => {
            CliError::misuse(error)
        }
        StartError::Initialize(refused) => start_refused(refused),
        StartError::Replay(ReplayError::Recall(_)) | StartError::Thread(_) | StartError::Table(_) => {
            CliError::failed(error)
        }
    }
}

#[cfg(test)]
mod tests {
    use quittance_core::policy::Policy;
    use quittance_runtime::{Clock as _, ManualClock, SystemClock};

    use super::*;

    fn options(data: &Path, dev: bool) -> NodeOptions {
        NodeOptions::new(data.into(), "127.0.0.1:0".parse().unwrap(), dev).with_dev_rates()
    }

    /// Lost if this fails: a real log where strangers could deposit, or made-up quarks that pass for real ones.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_log_made_with_dev_and_one_made_without_do_not_mix() {
        for dev in [true, false] {
            let directory = tempfile::tempdir().unwrap();
            let data = directory.path().join("data");
            let tip = Node::start(options(&data, dev)).await.unwrap().stop().await.unwrap();
            let refused = Node::start(options(&data, !dev)).await.unwrap_err();
            assert_eq!(refused.exit_code(), 2, "{refused}");
            let again = Node::start(options(&data, dev)).await.unwrap().stop().await.unwrap();
            assert_eq!(again.position, tip.position, "the refused start left a trace in the log");
        }
    }

    /// Lost if this fails: a node on a machine that has lost its clock goes on with times nobody can take back, or one whose log is
    /// ahead can never be started again.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_log_that_is_ahead_of_the_clock_is_served_only_when_the_operator_accepts_its_time() {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("data");
        Node::start(options(&data, true)).await.unwrap().stop().await.unwrap();
        let node = NodeId(node_key(&data).unwrap().verifying_key().to_bytes());
        let ahead = SystemClock.now().saturating_add(Duration::from_secs(2 * 24 * 3_600));
        let at = data.clone();
        let run_ahead = move || {
            let log = SledLog::open(&at, Some(node)).unwrap();
            let clock = Arc::new(ManualClock::new(ahead));
            let engine = Engine::start(Box::new(log), Options { clock, ..Options::new(node) }).unwrap();
            let policy =
                Policy { intent_lifetime: Duration::from_secs(60), ..Policy::standard(AccountId([1; 32])) };
            engine.handle().execute_blocking(Request::SetPolicy { policy }).unwrap();
            engine.shutdown().unwrap()
        };
        let tip = tokio::task::spawn_blocking(run_ahead).await.unwrap();

        let refused = Node::start(options(&data, true)).await.unwrap_err();
        assert_eq!(refused.exit_code(), 2, "{refused}");
        let said = refused.to_string();
        assert!(said.contains("s ahead of this machine's clock") && said.contains("--accept-time"), "{said}");
        let accepting = NodeOptions { accept_time: true, ..options(&data, true) };
        let served = Node::start(accepting).await.unwrap();
        assert_eq!(served.engine().durable(), tip.position, "the refused start left a trace in the log");
        let (first, began) = (served.engine().now(), std::time::Instant::now());
        assert!(first >= ahead);
        tokio::time::sleep(Duration::from_millis(300)).await;
        let moved = served.engine().now().since(first);
        assert!(moved >= Duration::from_millis(250) && moved <= began.elapsed(), "{moved:?}");
        served.stop().await.unwrap();
    }
}
