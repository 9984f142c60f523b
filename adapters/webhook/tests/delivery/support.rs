use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};
use ed25519_dalek::{Signer as _, SigningKey};
use quittance_core::command::{Request, Unproven};
use quittance_core::currency::Currency;
use quittance_core::event::PaymentForm;
use quittance_core::ids::{AccountId, DepositKey, IntentId, NodeId, Signature};
use quittance_core::login::LoginTerms;
use quittance_core::metadata::Metadata;
use quittance_core::money::{NativeAmount, Quarks};
use quittance_core::policy::Policy;
use quittance_core::quote::quote;
use quittance_core::site::Domain;
use quittance_core::state::Key;
use quittance_core::terms::Terms;
use quittance_core::verify::{login_signing_bytes, relationship_signing_bytes};
use quittance_core::webhook::Webhook;
use quittance_outbound::{HostTable, Outbound};
use quittance_runtime::log::MemoryLog;
use quittance_runtime::{Engine, Handle, ManualClock};
use quittance_webhook::{Deliverer, Options};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub(crate) const STUCK: Duration = Duration::from_secs(30);
pub(crate) const MERCHANT: AccountId = AccountId([2; 32]);

/// An engine on a log in memory, and merchants and a payer who use it.
pub(crate) struct Node {
    pub(crate) engine: Engine,
    pub(crate) handle: Handle,
    pub(crate) clock: ManualClock,
}

fn key(seed: [u8; 32]) -> SigningKey {
    SigningKey::from_bytes(&seed)
}

pub(crate) fn node_key() -> SigningKey {
    key([7; 32])
}

fn rendezvous(n: u16) -> SigningKey {
    let mut seed = [1; 32];
    seed[..2].copy_from_slice(&n.to_be_bytes());
    key(seed)
}

pub(crate) fn intent(n: u16) -> IntentId {
    IntentId(rendezvous(n).verifying_key().to_bytes())
}

impl Node {
    pub(crate) async fn on(log: &MemoryLog, clock: &ManualClock) -> Self {
        let node = NodeId(node_key().verifying_key().to_bytes());
        let policy = Policy {
            service_fee: None,
            payer_limits: Default::default(),
            merchant_limits: Default::default(),
            ..Policy::standard(AccountId(node.0))
        };
        let options = quittance_runtime::Options {
            policy,
            verify_workers: 1,
            clock: Arc::new(clock.clone()),
            ..quittance_runtime::Options::new(node)
        };
        let log = log.clone();
        let start = move || Engine::start(Box::new(log), options).unwrap();
        let engine = tokio::task::spawn_blocking(start).await.unwrap();
        let handle = engine.handle();
        let payer = AccountId(key([3; 32]).verifying_key().to_bytes());
        let deposit = Request::Deposit {
            key: DepositKey::from_text("savings"),
            account: payer,
            quarks: Quarks::new(1 << 50),
        };
        handle.execute(deposit).await.unwrap();
        Self { engine, handle, clock: clock.clone() }
    }

    pub(crate) async fn new() -> Self {
        Self::on(&MemoryLog::new(), &ManualClock::new(quittance_core::ids::Timestamp(1_000_000))).await
    }

    /// Asks for payment number `n`, to be told of at `url`.
    pub(crate) async fn ask(&self, n: u16, url: &str) {
        let (key, intent) = (rendezvous(n), intent(n));
        let terms = Terms {
            destination: MERCHANT,
            currency: Currency::KIN,
            amount: NativeAmount::from_hundredths(500).unwrap(),
            fees: Vec::new(),
            expires_at: None,
            metadata: Metadata::default(),
            site: None,
        };
        let signature = Signature(key.sign(&terms.signing_bytes(intent)).to_bytes());
        let create = Request::Create { intent, terms, signed: Unproven::native(signature) };
        self.handle.execute(create).await.unwrap();
        self.handle.execute(Request::RegisterWebhook { intent, url: url.into() }).await.unwrap();
    }

    /// A site asks who somebody is, to be told of at `url`, and somebody logs in. The account the site knows them by.
    pub(crate) async fn log_in(&self, n: u16, url: &str) -> AccountId {
        let (rendezvous, intent) = (rendezvous(n), intent(n));
        let (owner_key, user_key) = (key([4; 32]), key([5; 32]));
        let account = |key: &SigningKey| AccountId(key.verifying_key().to_bytes());
        let (owner, user) = (account(&owner_key), account(&user_key));
        let sign = |key: &SigningKey, bytes: &[u8]| Unproven::native(Signature(key.sign(bytes).to_bytes()));
        let domain: Domain = "site.example".parse().unwrap();
        let login = LoginTerms { domain: domain.clone(), verifier: MERCHANT };
        let signed = sign(&rendezvous, &login.signing_bytes(intent));
        self.handle.execute(Request::RequestLogin { intent, login, signed }).await.unwrap();
        self.handle.execute(Request::RegisterWebhook { intent, url: url.into() }).await.unwrap();
        let funds = Request::Deposit { key: DepositKey([4; 32]), account: owner, quarks: Quarks::new(1) };
        self.handle.execute(funds).await.unwrap();
        let bytes = relationship_signing_bytes(owner, &domain, user);
        let [signed, consent] = [&owner_key, &user_key].map(|key| sign(key, &bytes));
        let establish = Request::EstablishRelationship { owner, domain, authority: user, signed, consent };
        self.handle.execute(establish).await.unwrap();
        let signed = sign(&user_key, &login_signing_bytes(intent, user));
        self.handle.execute(Request::Login { intent, user, signed }).await.unwrap();
        user
    }

    pub(crate) async fn pay(&self, n: u16) {
        let (intent, key, now) = (intent(n), key([3; 32]), self.handle.now());
        let payer = AccountId(key.verifying_key().to_bytes());
        let look =
            move |state: &_| quote(state, intent, payer, now.max(quittance_core::state::State::time(state)));
        let payload = self.handle.query(look).await.unwrap().unwrap().to_bytes();
        let signature = Signature(key.sign(&payload).to_bytes());
        let form = PaymentForm::Native;
        let submit = Request::Submit { intent, payer, payload, form, signature, expected: None };
        self.handle.execute(submit).await.unwrap();
    }

    pub(crate) async fn webhook(&self, n: u16) -> Webhook {
        let look = move |state: &quittance_core::state::State| {
            state.intent(&intent(n)).unwrap().webhook.as_deref().unwrap().clone()
        };
        self.handle.query_about(Key::Intent(intent(n)), look).await.unwrap()
    }

    /// The webhook once so many attempts are on record.
    pub(crate) async fn webhook_after(&self, n: u16, attempts: usize) -> Webhook {
        let begun = Instant::now();
        loop {
            let webhook = self.webhook(n).await;
            if webhook.attempts.len() >= attempts {
                return webhook;
            }
            assert!(begun.elapsed() < STUCK, "no attempt {attempts} is on record: {webhook:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(crate) fn deliverer(&self, outbound: Outbound, timeout: Duration) -> (Deliverer, CancellationToken) {
        self.deliverer_with(outbound, |options| options.timeout = timeout)
    }

    pub(crate) fn deliverer_with(
        &self,
        outbound: Outbound,
        change: impl FnOnce(&mut Options),
    ) -> (Deliverer, CancellationToken) {
        let shutdown = CancellationToken::new();
        let mut options = Options::new(node_key(), outbound, shutdown.clone());
        change(&mut options);
        (Deliverer::start(self.handle.clone(), options), shutdown)
    }
}

/// What a server of a merchant was told.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) at: Instant,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

/// A merchant's server. What it answers is in the path: `/200`, `/hang`, and so on.
#[derive(Clone, Debug)]
pub(crate) struct Merchant {
    pub(crate) address: SocketAddr,
    heard: Arc<Mutex<Vec<Heard>>>,
}

impl Merchant {
    pub(crate) async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let merchant = Self { address: listener.local_addr().unwrap(), heard: Arc::default() };
        let router = Router::new().fallback(hear).with_state(merchant.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        merchant
    }

    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }

    pub(crate) async fn heard_at_least(&self, calls: usize) -> Vec<Heard> {
        let begun = Instant::now();
        loop {
            let heard = self.heard();
            if heard.len() >= calls {
                return heard;
            }
            assert!(begun.elapsed() < STUCK, "only {} of {calls} calls came", heard.len());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

async fn hear(State(merchant): State<Merchant>, uri: Uri, headers: HeaderMap, body: String) -> Response {
    let (at, path) = (Instant::now(), uri.path().to_owned());
    let nth = {
        let mut heard = merchant.heard.lock().unwrap();
        heard.push(Heard { at, path: path.clone(), headers, body });
        heard.iter().filter(|heard| heard.path == path).count()
    };
    let endless = |first: &'static str, pause: Duration| {
        let parts = async_parts(first, pause);
        Response::new(Body::from_stream(parts))
    };
    let status = match path.rsplit('/').next().unwrap_or_default() {
        "hang" => std::future::pending().await,
        "slow" => return endless("x", Duration::from_secs(1)),
        "huge" => return endless("a lot of nothing, again and again and again", Duration::ZERO),
        "second-in-time" if nth == 1 => std::future::pending().await,
        "second-in-time" => 200,
        "third" if nth < 3 => 503,
        "third" => 200,
        "second-late" if nth == 1 => 503,
        "second-late" if nth == 2 => {
            tokio::time::sleep(Duration::from_millis(300)).await;
            503
        }
        "302" => return (axum::http::StatusCode::FOUND, [("location", "/200")]).into_response(),
        status => status.parse().unwrap_or(200),
    };
    axum::http::StatusCode::from_u16(status).unwrap().into_response()
}

fn async_parts(
    part: &'static str,
    pause: Duration,
) -> impl futures_util::Stream<Item = Result<&'static str, std::convert::Infallible>> {
    futures_util::stream::unfold((), move |()| async move {
        tokio::time::sleep(pause).await;
        Some((Ok(part), ()))
    })
}

/// The door of a dev node for which each name leads to a server.
pub(crate) fn door<'a>(hosts: impl IntoIterator<Item = (&'a str, SocketAddr)>) -> Outbound {
    door_with(hosts, quittance_outbound::Options::default())
}

/// The same, with one call to a host at a time.
pub(crate) fn narrow_door<'a>(hosts: impl IntoIterator<Item = (&'a str, SocketAddr)>) -> Outbound {
    door_with(hosts, quittance_outbound::Options { max_calls_per_host: 1, ..Default::default() })
}

fn door_with<'a>(
    hosts: impl IntoIterator<Item = (&'a str, SocketAddr)>,
    options: quittance_outbound::Options,
) -> Outbound {
    let hosts: BTreeMap<_, _> = hosts.into_iter().map(|(name, address)| (name.to_owned(), address)).collect();
    let resolver = Arc::new(HostTable::new(hosts));
    Outbound::new(quittance_outbound::Options { dev: true, resolver, ..options }).unwrap()
}
