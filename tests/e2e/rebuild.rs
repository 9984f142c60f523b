//! What a node keeps beside its log makes it fast, and is never what it knows.

use std::path::{Path, PathBuf};

use quittance_tests::here;
use quittance_tests::process::{Here, Ran, Server};
use quittance_tests::till::Till;
use serde_json::Value;

const HERE: Here = here!();
const PAYMENTS: usize = 30;
const FUNDS: u64 = 500_000;

fn pay(server: &Server, till: &mut Till, payments: usize) {
    let until = till.payments() + payments;
    while till.payments() < until {
        till.step(server.address()).expect("a node that is up answers");
    }
}

/// Whoever has taken something out of the node's accounts, and what was answered.
struct Owner {
    key: PathBuf,
    account: String,
    answer: Value,
}

impl Owner {
    fn of(directory: &Path, server: &Server) -> Self {
        let (key, account) = HERE.funded_key(directory, server, FUNDS);
        let answer = withdraw(server, &key, "200000").json();
        assert_eq!(answer["withdrawal"]["state"], "settled", "{answer}");
        Self { key, account, answer }
    }

    /// Asking again is answered the same, and asking for more under the same key is refused: it was paid once.
    fn check(&self, server: &Server, what: &str) {
        assert_eq!(withdraw(server, &self.key, "200000").json(), self.answer, "{what}");
        let more = withdraw(server, &self.key, "200001");
        assert!(more.code != 0 && more.stderr.contains("withdrawal_mismatch"), "{what}: {}", more.stderr);
        let arguments = ["account", "show", &self.account, "--json", "--server", server.url()];
        let account = HERE.run(arguments).json();
        let holds = (&account["balance"], &account["reserved"]);
        assert_eq!(holds, (&(FUNDS - 200_000).into(), &0.into()), "{what}: {account}");
    }
}

fn withdraw(server: &Server, key: &Path, quarks: &str) -> Ran {
    let what = ["account", "withdraw", quarks, "--to", "a bank", "--withdrawal-key", "once", "--json"];
    HERE.run(what.into_iter().chain(["--server", server.url(), "--key", path(key)]))
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// Every payment ever made is there, whoever asks.
fn check(server: &Server, till: &Till, owner: &Owner, what: &str) {
    till.check(server.address(), 0).unwrap_or_else(|error| panic!("{what}: {error}"));
    owner.check(server, what);
}

#[test]
fn old_payments_and_withdrawals_are_answered_for_from_a_snapshot_and_from_a_rebuild_alike() {
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().join("data");
    let mut till = Till::new(1);
    let server = HERE.serve(&data);
    let owner = Owner::of(directory.path(), &server);
    pay(&server, &mut till, PAYMENTS);
    check(&server, &till, &owner, "while it runs");
    server.stop();
    let before = HERE.verify(&data);

    let server = HERE.serve(&data);
    check(&server, &till, &owner, "from the snapshot");
    server.kill();
    assert_eq!(HERE.verify(&data), before, "a restart from a snapshot wrote something");

    rebuild(&data, &till, &owner);
    assert_eq!(HERE.verify(&data), before, "a rebuild led to another state");

    let server = HERE.serve(&data);
    pay(&server, &mut till, PAYMENTS);
    check(&server, &till, &owner, "after the rebuild");
    server.kill();
    let server = HERE.serve(&data);
    check(&server, &till, &owner, "after a kill");
    server.stop();
    HERE.verify(&data);
}

fn rebuild(data: &Path, till: &Till, owner: &Owner) {
    let server = HERE.serve_with(data, &["--rebuild"]);
    check(&server, till, owner, "rebuilt");
    server.stop();
}
