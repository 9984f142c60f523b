//! A node's whole directory as an earlier build left it: its log, its archive and its snapshots, in the store's own files.

use std::path::Path;
use std::process::Command;

use quittance_tests::here;
use quittance_tests::people::intent;
use quittance_tests::process::{Here, run};

const HERE: Here = here!();
/// Made by version 0.1.0 of 2026-11-26 with `QUITTANCE_SNAPSHOT_EVERY=4`: deposits and a payment.
const FROZEN: &str = "data/node-2026-11.tar.gz";
const LAST_POSITION: u64 = 13;
const CHAIN: &str = "0b003d052dd545018ddd0d245575dec4b1de2eef6300a8acd2cd0d3529a87c55";
/// Another one may stand here when the way to reckon digests was changed on purpose; never another position or chain.
const DIGEST: &str = "67b8577ed7bcf926483bf1239bd7bb738c225ae46ee2d189a3eb667355cfab28";
const PAID: &str = "ntawYA5xBFHX2Y7i9PrPFm2ij79MhcKk23qHopykAdh";

/// Lost if this fails: whoever updates a running node cannot start it any more, or finds another history in it.
#[test]
fn a_directory_of_an_earlier_build_is_read_and_gone_on_with() {
    let place = tempfile::tempdir().expect("a directory");
    let archive = Path::new(env!("CARGO_MANIFEST_DIR")).join(FROZEN);
    let unpacked = run(Command::new("tar").arg("-xzf").arg(&archive).arg("-C").arg(place.path()));
    assert_eq!(unpacked.code, 0, "{}", unpacked.stderr);
    let data = place.path().join("data");
    let verified = HERE.verify(&data);
    assert_eq!(verified["last_position"], LAST_POSITION, "{verified}");
    assert_eq!((&verified["chain"], &verified["digest"]), (&CHAIN.into(), &DIGEST.into()), "{verified}");
    let server = HERE.serve(&data);
    let known = intent(server.address(), PAID).expect("an answer").expect("the intent that was paid");
    assert_eq!(known.state, "confirmed");
    server.stop();
    // From the snapshot and the archive alone, or from every record: the same.
    assert_eq!(HERE.verify(&data)["digest"], DIGEST, "a start changed what is known");
}
