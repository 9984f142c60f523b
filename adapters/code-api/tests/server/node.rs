//! A node on a port of its own, and the plainest of clients.

use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use axum::middleware::map_request;
use axum::serve::ListenerExt as _;
use futures_util::{SinkExt as _, StreamExt as _};
use prost::Message as _;
use quittance_code_api::envelope::{self, Method};
use quittance_code_api::key::KeyPair;
use quittance_code_api::proto::code::messaging::v1 as messaging;
use quittance_code_api::proto::code::micropayment::v1 as micropayment;
use quittance_code_api::request::{NonceOptions, PaymentOptions, SignedRequest};
use quittance_code_api::server::{self, Destinations, Options, Origin};
use quittance_core::command::Request;
use quittance_core::event::PaymentForm;
use quittance_core::ids::{AccountId, DepositKey, IntentId, NodeId, Position, Signature};
use quittance_core::money::Quarks;
use quittance_core::policy::Policy;
use quittance_core::quote;
use quittance_outbound::{HostTable, Outbound};
use quittance_runtime::log::MemoryLog;
use quittance_runtime::table::{MemoryTable, Table};
use quittance_runtime::{Clock, Engine, Handle, SystemClock};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderName;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_util::sync::CancellationToken;

/// A wait that only ends like this when something is stuck.
pub(crate) const STUCK: Duration = Duration::from_secs(20);

pub(crate) const DESTINATION: &str = "E8otxw1CVX9bfyddKu3ZB3BVLa4VVF9J7CTPdnUwT9jR";

pub(crate) struct Node {
    pub(crate) handle: Handle,
    pub(crate) shutdown: CancellationToken,
    pub(crate) acknowledged: Arc<MemoryTable>,
    pub(crate) address: SocketAddr,
    _engine: Engine,
}

impl Node {
    pub(crate) async fn start() -> Self {
        Self::with(|options| options.destinations = Destinations::Any).await
    }

    /// One that calls webhooks: `example.com`, which has an address here without anybody being asked, and is never called.
    pub(crate) async fn with_webhooks() -> Self {
        let hosts = [("example.com".to_owned(), "93.184.215.14:443".parse().expect("an address"))];
        let resolver = Arc::new(HostTable::new(hosts.into()));
        let door = Outbound::new(quittance_outbound::Options { resolver, ..Default::default() });
        Self::with(|options| {
            options.destinations = Destinations::Any;
            options.outbound = Some(door.expect("a door"));
        })
        .await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Options)) -> Self {
        Self::on(MemoryLog::new(), change).await
    }

    /// A node on a log that may have a history.
    pub(crate) async fn on(log: MemoryLog, change: impl FnOnce(&mut Options)) -> Self {
        Self::at(Arc::new(SystemClock), log, change).await
    }

    /// A node whose time is another's to say.
    pub(crate) async fn at(clock: Arc<dyn Clock>, log: MemoryLog, change: impl FnOnce(&mut Options)) -> Self {
        let id = NodeId([7; 32]);
        let mut engine = quittance_runtime::Options::new(id);
        // Without it a payment in kin needs no rates.
        engine.policy = Policy { service_fee: None, ..Policy::standard(AccountId([7; 32])) };
        engine.verify_workers = 1;
        engine.clock = clock;
        let start = move || Engine::start(Box::new(log), engine).expect("an engine");
        let engine = tokio::task::spawn_blocking(start).await.expect("a thread");
        let (handle, shutdown) = (engine.handle(), CancellationToken::new());
        let acknowledged = Arc::new(MemoryTable::new());
        let mut options = Options::new(acknowledged.clone(), shutdown.clone());
        change(&mut options);
        let router = server::router(handle.clone(), options).layer(map_request(from_somewhere));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        // As the node does: small messages do not wait for each other.
        let listener = listener.tap_io(|stream| {
            // It fails for a client that is gone.
            let _ = stream.set_nodelay(true);
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { handle, shutdown, acknowledged, address, _engine: engine }
    }

    pub(crate) fn position(&self) -> Position {
        self.handle.durable()
    }

    pub(crate) fn acknowledged(&self) -> usize {
        self.acknowledged.scan(b"", 10_000).expect("entries").len()
    }

    /// One request, one connection. `head` is everything above the body.
    pub(crate) async fn raw(&self, head: &str, body: &[u8]) -> Answer {
        let talk = async {
            let mut stream = TcpStream::connect(self.address).await.expect("a connection");
            stream.write_all(head.as_bytes()).await.expect("the head is sent");
            // A server that has seen enough may close before everything is written.
            let _ = stream.write_all(body).await;
            let mut bytes = Vec::new();
            let _ = stream.read_to_end(&mut bytes).await;
            Answer::read(&bytes)
        };
        timeout(STUCK, talk).await.unwrap_or_else(|_| panic!("no answer to {head}"))
    }

    pub(crate) async fn http(&self, method: &str, path: &str, body: &[u8]) -> Answer {
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: node\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
        );
        self.raw(&head, body).await
    }

    /// A call in its envelope: status, and the body or the failure's text.
    pub(crate) async fn call(&self, method: Method, body: Vec<u8>) -> (u16, Result<Vec<u8>, String>) {
        let answer = self.http("POST", "/v1/api/", &envelope::encode_request(method, body)).await;
        (answer.status, answer.envelope())
    }

    pub(crate) async fn send(
        &self,
        request: messaging::SendMessageRequest,
    ) -> Result<Vec<u8>, (u16, String)> {
        let (status, answer) = self.call(Method::SendMessage, request.encode_to_vec()).await;
        assert_eq!(status == 200, answer.is_ok(), "the JavaScript client looks at the status only");
        let body = answer.map_err(|text| (status, text))?;
        let response = messaging::SendMessageResponse::decode(body.as_slice()).expect("a response");
        assert_eq!(response.result, 0);
        Ok(response.message_id.expect("an id").value)
    }

    pub(crate) async fn status(&self, intent: &KeyPair) -> (bool, bool, bool) {
        let request = quittance_code_api::call::get_status(intent.public_key());
        let (_, answer) = self.call(Method::GetStatus, request.encode_to_vec()).await;
        let body = answer.expect("a status");
        let status = micropayment::GetStatusResponse::decode(body.as_slice()).expect("a response");
        (status.exists, status.code_scanned, status.intent_submitted)
    }

    pub(crate) async fn json_status(&self, intent: &KeyPair) -> String {
        let path = format!("/v1/getStatus?intent={}", intent.public_key());
        self.http("GET", &path, b"").await.text()
    }

    pub(crate) async fn poll(&self, key: &KeyPair) -> Vec<messaging::Message> {
        let request = quittance_code_api::call::poll_messages(key);
        let (_, answer) = self.call(Method::PollMessages, request.encode_to_vec()).await;
        let response = messaging::PollMessagesResponse::decode(answer.expect("messages").as_slice());
        response.expect("a response").messages
    }

    pub(crate) async fn acknowledge(&self, key: &KeyPair, ids: impl IntoIterator<Item = Vec<u8>>) {
        let ids = ids.into_iter().map(|id| id.try_into().expect("16 bytes"));
        let request = quittance_code_api::call::ack_messages(key.public_key(), ids);
        let (status, answer) = self.call(Method::AckMessages, request.encode_to_vec()).await;
        assert_eq!((status, answer), (200, Ok(Vec::new())));
    }

    /// Pays an intent in kin, as a payer with an account here.
    /// Puts a quark into an account, so that it is one.
    pub(crate) async fn fund(&self, account: AccountId) {
        let key = DepositKey::from_text(&account.to_string());
        let deposit = Request::Deposit { key, account, quarks: Quarks::new(1) };
        self.handle.execute(deposit).await.expect("a deposit");
    }

    pub(crate) async fn pay(&self, intent: &KeyPair) {
        let payer = KeyPair::from_seed(&[0x77; 32]);
        let account = AccountId(payer.public_key().0);
        let id = IntentId(intent.public_key().0);
        let quarks = Quarks::new(1_000_000_000_000);
        let key = DepositKey::from_text("the payer's savings");
        self.handle.execute(Request::Deposit { key, account, quarks }).await.expect("a deposit");
        let now = self.handle.now();
        let quote = self.handle.query(move |state| quote::quote(state, id, account, now.max(state.time())));
        let payload = quote.await.expect("an answer").expect("a quote").to_bytes();
        let signature = Signature(payer.sign(&payload));
        let submit = Request::Submit {
            intent: id,
            payer: account,
            payload,
            form: PaymentForm::Native,
            signature,
            expected: None,
        };
        self.handle.execute(submit).await.expect("a payment");
    }

    /// A socket at `/` of a client at another address.
    pub(crate) async fn socket_from(&self, address: &str) -> Result<Socket, u16> {
        let mut request = format!("ws://{}/", self.address).into_client_request().expect("a request");
        request.headers_mut().insert(FROM, address.parse().expect("a header"));
        let stream = TcpStream::connect(self.address).await.expect("a connection");
        match tokio_tungstenite::client_async(request, stream).await {
            Ok((socket, _)) => Ok(Socket(socket)),
            Err(tungstenite::Error::Http(refused)) => Err(refused.status().as_u16()),
            Err(other) => panic!("{other}"),
        }
    }

    pub(crate) async fn socket(&self, path: &str) -> Socket {
        self.socket_with(path, []).await
    }

    /// The same, with these headers too.
    pub(crate) async fn socket_with<'a>(
        &self,
        path: &str,
        headers: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Socket {
        let mut request = format!("ws://{}{path}", self.address).into_client_request().expect("a request");
        for (name, value) in headers {
            let name: HeaderName = name.parse().expect("a header's name");
            request.headers_mut().insert(name, value.parse().expect("a header"));
        }
        let stream = TcpStream::connect(self.address).await.expect("a connection");
        let (socket, _) = tokio_tungstenite::client_async(request, stream).await.expect("a socket");
        Socket(socket)
    }
}

/// The header in which a client of a test says where it is.
pub(crate) const FROM: &str = "test-from";

/// As whatever stands in front of the routes knows it.
async fn from_somewhere(mut request: axum::extract::Request) -> axum::extract::Request {
    let from = request.headers().get(FROM).and_then(|value| value.to_str().ok());
    if let Some(from) = from.map(|from| Origin(from.parse().expect("an address"))) {
        request.extensions_mut().insert(from);
    }
    request
}

/// Time that passes when told to, and not by itself.
///
/// Tokio's stopped clock jumps to the next timer whenever a task waits for a socket, unless a blocking task runs.
pub(crate) struct StoppedClock {
    _running: mpsc::Sender<()>,
}

impl StoppedClock {
    pub(crate) fn new() -> Self {
        let (_running, ended) = mpsc::channel::<()>();
        // A test that is stuck goes on after this, and its waits end.
        tokio::task::spawn_blocking(move || ended.recv_timeout(STUCK));
        tokio::time::pause();
        Self { _running }
    }

    /// Lets everything happen that is due after this time.
    pub(crate) async fn pass(&self, time: Duration) {
        settle().await;
        tokio::time::advance(time).await;
        settle().await;
    }
}

/// Lets bytes under way arrive.
async fn settle() {
    for _ in 0..20 {
        std::thread::sleep(Duration::from_millis(1));
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    fn read(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no head in {:?}", String::from_utf8_lossy(bytes)));
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        Self { status, head, body: bytes[end + 4..].to_vec() }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("text")
    }

    pub(crate) fn envelope(&self) -> Result<Vec<u8>, String> {
        envelope::decode_response(&self.body).expect("an envelope")
    }
}

pub(crate) struct Socket(pub(crate) WebSocketStream<TcpStream>);

impl Socket {
    pub(crate) async fn send(&mut self, frame: Vec<u8>) {
        self.0.send(Message::binary(frame)).await.expect("the frame is sent");
    }

    pub(crate) async fn call(&mut self, method: Method, body: Vec<u8>) {
        self.send(envelope::encode_request(method, body)).await;
    }

    /// The next envelope, or `None` when the server has closed.
    pub(crate) async fn next(&mut self) -> Option<Result<Vec<u8>, String>> {
        loop {
            let frame = timeout(STUCK, self.0.next()).await.expect("a frame in time");
            match frame {
                Some(Ok(Message::Binary(frame))) => {
                    return Some(envelope::decode_response(&frame).expect("an envelope"));
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(other)) => panic!("unexpected frame {other:?}"),
            }
        }
    }

    pub(crate) async fn message(&mut self) -> messaging::Message {
        let body = self.next().await.expect("a frame").expect("a message");
        let response = messaging::OpenMessageStreamResponse::decode(body.as_slice()).expect("a response");
        let [message] = <[_; 1]>::try_from(response.messages).expect("one message a frame");
        message
    }

    /// One ERROR frame, then the close.
    pub(crate) async fn refusal(&mut self) -> String {
        let text = self.next().await.expect("a frame before the close").expect_err("a refusal");
        assert_eq!(self.next().await, None, "the socket closes after its refusal");
        text
    }
}

/// The request of a merchant who sells something for 2500 kin.
pub(crate) fn kin(order: &str) -> SignedRequest {
    ask(order, "kin", 250_000)
}

pub(crate) fn ask(order: &str, currency: &str, hundredths: u64) -> SignedRequest {
    let options = PaymentOptions {
        destination: Some(DESTINATION),
        hundredths: Some(hundredths),
        currency: Some(currency),
        nonce: NonceOptions::idempotency_key(order),
        ..PaymentOptions::default()
    };
    options.build().expect("a request")
}
