use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use quittance_outbound::pki_types::{CertificateDer, PrivateKeyDer};
use quittance_outbound::{Addresses, HostTable, Lookup, Options, Outbound, Resolve};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// The name that every server of these tests has.
pub(crate) const NAME: &str = "shop.example";

/// A server that says what it is told to, byte by byte, and keeps what it was asked.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

/// What to say to a request with this head. After it the connection stays open if the last part is `HANG`.
pub(crate) type Script = fn(&str) -> Vec<Vec<u8>>;
pub(crate) const HANG: &[u8] = b"hang";

impl Server {
    pub(crate) async fn plain(script: Script) -> Self {
        Self::start(None, script).await
    }

    pub(crate) async fn secured(identity: &Identity, script: Script) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions that ring has")
            .with_no_client_auth()
            .with_single_cert(vec![identity.certificate.clone()], identity.key.clone_key())
            .expect("a key that belongs to the certificate");
        Self::start(Some(TlsAcceptor::from(Arc::new(config))), script).await
    }

    async fn start(tls: Option<TlsAcceptor>, script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let (asked, connections) = (Arc::default(), Arc::new(AtomicUsize::new(0)));
        let mut tasks = JoinSet::new();
        let (heads, count) = (Arc::clone(&asked), Arc::clone(&connections));
        tasks.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let (heads, tls) = (Arc::clone(&heads), tls.clone());
                open.spawn(async move {
                    match tls {
                        None => answer(stream, &heads, script).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                answer(stream, &heads, script).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, asked, connections, _tasks: tasks }
    }

    /// The heads of all requests so far.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no other holder panicked").clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, heads: &Mutex<Vec<String>>, script: Script) {
    let mut request = Vec::new();
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        let mut part = [0; 1024];
        match stream.read(&mut part).await {
            Ok(0) | Err(_) => return,
            Ok(n) => request.extend_from_slice(&part[..n]),
        }
    }
    let head = String::from_utf8_lossy(&request).into_owned();
    heads.lock().expect("no other holder panicked").push(head.clone());
    for part in script(&head) {
        if part == HANG {
            std::future::pending::<()>().await;
        }
        if stream.write_all(&part).await.is_err() {
            return;
        }
    }
    let _ = stream.shutdown().await;
}

/// An authority of its own and a certificate by it.
pub(crate) struct Identity {
    pub(crate) authority: CertificateDer<'static>,
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    pub(crate) fn of(name: &str) -> Self {
        let mut params = rcgen::CertificateParams::new([]).expect("no names");
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().expect("a key");
        let authority = rcgen::CertifiedIssuer::self_signed(params, key).expect("an authority");
        let key = rcgen::KeyPair::generate().expect("a key");
        let params = rcgen::CertificateParams::new([name.to_owned()]).expect("a name");
        let certificate = params.signed_by(&key, &authority).expect("a certificate");
        Self {
            authority: authority.der().clone(),
            certificate: certificate.der().clone(),
            key: PrivateKeyDer::try_from(key.serialize_der()).expect("a key in PKCS #8"),
        }
    }
}

/// A client of a dev node for which [`NAME`] leads to `server`.
pub(crate) fn client(server: &Server) -> Outbound {
    Outbound::new(dev(server.address)).expect("a client")
}

pub(crate) fn dev(address: SocketAddr) -> Options {
    let hosts = BTreeMap::from([(NAME.to_owned(), address)]);
    Options {
        dev: true,
        get_timeout: Duration::from_secs(5),
        resolver: Arc::new(HostTable::new(hosts)),
        ..Options::default()
    }
}

/// Gives each of its answers once, in order, then the last one for ever.
#[derive(Debug)]
pub(crate) struct Rebinding {
    answers: Mutex<VecDeque<Vec<SocketAddr>>>,
    asked: AtomicUsize,
}

impl Rebinding {
    pub(crate) fn new(answers: &[&[SocketAddr]]) -> Arc<Self> {
        let resolver = Self { answers: Mutex::default(), asked: AtomicUsize::new(0) };
        resolver.answer_with(answers);
        Arc::new(resolver)
    }

    /// Begins anew with other answers.
    pub(crate) fn answer_with(&self, answers: &[&[SocketAddr]]) {
        *self.answers.lock().expect("no other holder panicked") =
            answers.iter().map(|answer| answer.to_vec()).collect();
    }

    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Resolve for Rebinding {
    fn resolve<'a>(&'a self, _: &'a str, _: u16, _: Lookup) -> Addresses<'a> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut answers = self.answers.lock().expect("no other holder panicked");
        let answer = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
        Box::pin(async { Ok(answer.unwrap_or_default()) })
    }
}
