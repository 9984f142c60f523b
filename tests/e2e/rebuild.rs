//! What a node keeps beside its log makes it fast, and is never what it knows.

use std::path::Path;

use quittance_tests::here;
use quittance_tests::process::{Here, Server};
use quittance_tests::till::Till;

const HERE: Here = here!();
const PAYMENTS: usize = 30;

fn pay(server: &Server, till: &mut Till, payments: usize) {
    let until = till.payments() + payments;
    while till.payments() < until {
        till.step(server.address()).expect("a node that is up answers");
    }
}

/// Every payment ever made is there, whoever asks.
fn check(server: &Server, till: &Till, what: &str) {
    till.check(server.address(), 0).unwrap_or_else(|error| panic!("{what}: {error}"));
}

#[test]
fn old_payments_are_answered_for_from_a_snapshot_and_from_a_rebuild_alike() {
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().join("data");
    let mut till = Till::new(1);
    let server = HERE.serve(&data);
    pay(&server, &mut till, PAYMENTS);
    check(&server, &till, "while it runs");
    server.stop();
    let before = HERE.verify(&data);

    let server = HERE.serve(&data);
    check(&server, &till, "from the snapshot");
    server.kill();
    assert_eq!(HERE.verify(&data), before, "a restart from a snapshot wrote something");

    rebuild(&data, &till);
    assert_eq!(HERE.verify(&data), before, "a rebuild led to another state");

    let server = HERE.serve(&data);
    pay(&server, &mut till, PAYMENTS);
    check(&server, &till, "after the rebuild");
    server.kill();
    let server = HERE.serve(&data);
    check(&server, &till, "after a kill");
    server.stop();
    HERE.verify(&data);
}

fn rebuild(data: &Path, till: &Till) {
    let server = HERE.serve_with(data, &["--rebuild"]);
    check(&server, till, "rebuilt");
    server.stop();
}
