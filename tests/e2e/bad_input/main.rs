//! Whatever comes over the network: each thing is refused in its protocol's own form, the node stays up, and the log says
//! nothing of it.

mod connections;
mod envelopes;
mod flips;
mod json_v1;
mod native;
mod sockets;

use quittance_code_api::envelope;
use quittance_code_api::request::SignedRequest;
use quittance_tests::here;
use quittance_tests::http::Answer;
use quittance_tests::people::{MERCHANT, Payer, create, order, status};
use quittance_tests::process::{Here, Server};

const HERE: Here = here!();

/// A node with one open intent and one payer.
struct Stage {
    directory: tempfile::TempDir,
    server: Server,
    open: SignedRequest,
    payer: Payer,
    records: u64,
}

impl Stage {
    fn set() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let server = HERE.serve(&directory.path().join("data"));
        let open = order(MERCHANT, 25, "usd", "an open order");
        create(server.address(), &open).expect("a node").expect("an intent");
        let payer = Payer::numbered(1);
        let paid_in = payer.deposit(server.address(), "first", 10_000_000_000).expect("a node");
        assert!(paid_in.is_success(), "{}", paid_in.text());
        let records = paid_in.json()["position"].as_u64().expect("a position");
        Self { directory, server, open, payer, records }
    }

    fn address(&self) -> &str {
        self.server.address()
    }

    /// The node is up and answers, and its log is what it was.
    fn must_be_as_before(self) {
        self.must_be_as_before_and_then(|_| {});
    }

    /// The same, and what was refused was refused for what was wrong with it: without that, the node takes it.
    fn must_be_as_before_and_then(mut self, honest: impl FnOnce(&str)) {
        assert!(self.server.is_up(), "the node ended; it logged:\n{}", self.server.log());
        let known = status(self.address(), self.open.intent_id()).expect("a node that is up answers");
        assert!(known.exists && !known.intent_submitted, "{known:?}");
        assert!(!self.server.log().contains("panicked"), "the node panicked:\n{}", self.server.log());
        self.server.stop();
        let data = self.directory.path().join("data");
        assert_eq!(HERE.verify(&data)["last_position"], self.records, "something was recorded");
        let server = HERE.serve(&data);
        honest(server.address());
        server.stop();
    }
}

/// An ERROR envelope of this status whose text contains `text`.
#[track_caller]
fn refused_in_an_envelope(what: &str, answer: &Answer, status: u16, text: &str) {
    let told = envelope::decode_response(&answer.body).unwrap_or_else(|error| {
        panic!("{what}: HTTP {} is no envelope: {error}: {}", answer.status, answer.text())
    });
    let told = told.err().unwrap_or_else(|| panic!("{what}: HTTP {} with an OK envelope", answer.status));
    assert!(told.to_string().contains(text), "{what}: expected {text:?} in {told:?}");
    assert_eq!(answer.status, status, "{what}: {told}");
}

/// `{"error": ..., "success": false}` of this status whose text contains `text`.
#[track_caller]
fn refused_in_json_v1(what: &str, answer: &Answer, status: u16, text: &str) {
    let told = answer.json();
    assert_eq!(told["success"], false, "{what}: {told}");
    let error = told["error"].as_str().unwrap_or_else(|| panic!("{what}: no error text: {told}"));
    assert!(error.contains(text), "{what}: expected {text:?} in {error:?}");
    assert_eq!(answer.status, status, "{what}: {told}");
}

/// A problem of the native API with this status and code, at this field.
#[track_caller]
fn refused_as_a_problem(what: &str, answer: &Answer, status: u16, code: &str, field: &str) {
    let told = answer.json();
    let error = &told["error"];
    assert_eq!(
        (error["code"].as_str(), error["field"].as_str()),
        (Some(code), Some(field)),
        "{what}: {told}"
    );
    assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{what}: {told}");
    assert_eq!(answer.status, status, "{what}: {told}");
}
