//! The conformance cases of the Autobahn suite for WebSockets, run by `kosoku` against the socket that the node talks over.
//!
//! The cases want to hear their own frames again, so what answers here is an echo over [`Socket`]: the same limits, the
//! same answers to broken frames, the same close.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use axum::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::routing::any;
use quittance_code_api::server::socket::{self, Broken, Ended, Socket};
use quittance_tests::process::{Here, run_within};
use quittance_tests::{here, sdk};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

const HERE: Here = here!();

/// All of them take some seconds.
const PATIENCE: Duration = Duration::from_secs(240);

/// 9 measures speed with messages far above our limit; 12 and 13 are about compression, which this server does not offer.
const LEFT_OUT: [&str; 3] = ["9.*", "12.*", "13.*"];

/// Text that is no text, in the middle of a frame: refused when the frame is whole, where the suite would rather see it refused
/// at its first wrong byte. The protocol has no text at all.
const LATE: [&str; 2] = ["6.4.3", "6.4.4"];

async fn echo(mut socket: Socket) {
    let code = loop {
        match socket.receive().await {
            Ok(message) => {
                if socket.send(message).await.is_err() {
                    return;
                }
            }
            Err(Ended::Broken(Broken { code, .. })) => break Some(code),
            Err(Ended::Gone) => break None,
        }
    };
    socket.close(code).await;
}

#[test]
fn every_case_of_the_conformance_suite_passes() {
    let python = sdk::python_grpc(&HERE);
    let runtime = Runtime::new().expect("threads");
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
    let address = listener.local_addr().expect("an address");
    let upgrade = |upgrade: WebSocketUpgrade| async move {
        socket::limited(upgrade).on_upgrade(|socket| echo(Socket::new(socket)))
    };
    let routes = Router::new().route("/", any(upgrade));
    runtime.spawn(async move { axum::serve(listener, routes).await });

    let reports = tempfile::tempdir().expect("a directory");
    let mut command = Command::new(python.with_file_name("kosoku"));
    command.args(["--parallelism", "4", "--outdir"]).arg(reports.path());
    for cases in LEFT_OUT {
        command.args(["--exclude", cases]);
    }
    let ran = run_within(command.arg(format!("ws://{address}/")), PATIENCE);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);

    let index = std::fs::read(reports.path().join("index.json")).expect("a report");
    let index: BTreeMap<String, BTreeMap<String, Value>> = serde_json::from_slice(&index).expect("a report");
    let cases: Vec<_> = index.into_values().flatten().collect();
    // Informational are those for which the standard leaves the answer open.
    let passed = |value: &Value| value == "OK" || value == "INFORMATIONAL";
    for (case, result) in &cases {
        let late = LATE.contains(&case.as_str()) && result["behavior"] == "NON-STRICT";
        let behaved = late || passed(&result["behavior"]);
        assert!(behaved && passed(&result["behaviorClose"]), "{case}: {result}");
    }
    assert!(cases.len() > 240, "only {} cases", cases.len());
}
