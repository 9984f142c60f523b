//! A merchant's own web server on this machine, which says whose keys speak for its domain.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use quittance_code_api::key::{KeyPair, PublicKey};
use quittance_code_api::server::{Destinations, Options};
use quittance_outbound::{HostTable, Outbound};
use tokio::net::TcpListener;

use crate::node::Node;

/// The key that signs for the recorded logins of `example.com`.
pub(crate) fn verifier() -> KeyPair {
    KeyPair::from_seed(&[9; 32])
}

pub(crate) struct Site {
    pub(crate) asked: Arc<AtomicUsize>,
    answer: Arc<Mutex<(u16, String)>>,
    pub(crate) address: SocketAddr,
}

impl Site {
    /// A site that publishes some keys.
    pub(crate) async fn publishing(keys: &[PublicKey]) -> Self {
        let asked = Arc::new(AtomicUsize::new(0));
        let answer = Arc::new(Mutex::new((200, document(keys))));
        let (counted, said) = (asked.clone(), answer.clone());
        let serve = move || async move {
            counted.fetch_add(1, Ordering::SeqCst);
            // Long enough for others to ask meanwhile.
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            let (status, text) = said.lock().expect("an answer").clone();
            (StatusCode::from_u16(status).expect("a status"), text)
        };
        let router = Router::new()
            .route("/.well-known/code-payments.json", get(serve))
            .route("/never", get(std::future::pending::<()>));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { asked, answer, address }
    }

    pub(crate) fn says(&self, status: u16, text: &str) {
        *self.answer.lock().expect("an answer") = (status, text.to_owned());
    }

    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// A node that finds `example.com` and `example.org` here.
    pub(crate) async fn node(&self) -> Node {
        self.node_with(|_| {}).await
    }

    pub(crate) async fn node_with(&self, change: impl FnOnce(&mut Options)) -> Node {
        self.node_behind(self.door(|_| {}), change).await
    }

    /// A door for which those names lead here.
    pub(crate) fn door(&self, change: impl FnOnce(&mut quittance_outbound::Options)) -> Outbound {
        let names = ["example.com", "example.org", "getcode.com"].map(|name| (name.to_owned(), self.address));
        let resolver = Arc::new(HostTable::new(names.into()));
        let mut options = quittance_outbound::Options { dev: true, resolver, ..Default::default() };
        change(&mut options);
        Outbound::new(options).expect("a door")
    }

    pub(crate) async fn node_behind(&self, door: Outbound, change: impl FnOnce(&mut Options)) -> Node {
        Node::with(|options| {
            options.destinations = Destinations::Any;
            options.outbound = Some(door);
            options.plain_domains = true;
            change(options);
        })
        .await
    }
}

pub(crate) fn document(keys: &[PublicKey]) -> String {
    let keys: Vec<_> = keys.iter().map(ToString::to_string).collect();
    serde_json::json!({ "public_keys": keys, "else": 1 }).to_string()
}
