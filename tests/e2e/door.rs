//! Whom a node connects to, as the system saw it: nobody on the inside, whatever URL somebody names. Needs strace and the
//! permission to trace; without them it says that it was skipped.

use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::thread;
use std::time::{Duration, Instant};

use quittance_tests::asked;
use quittance_tests::faults::Tracer;
use quittance_tests::hook::Hook;
use quittance_tests::people::{MERCHANT, Payer, order, submit};
use quittance_tests::process::{Here, Server};
use quittance_tests::{here, http};

const HERE: Here = here!();
const PATIENCE: Duration = Duration::from_secs(30);

/// Where nobody may be led, as names that a table gives these addresses.
const INSIDE: [&str; 8] = [
    "10.0.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "[fd00::1]",
    "[fe80::1]",
    "[::ffff:10.0.0.1]",
];
/// The same as addresses, in spellings that some reader or other takes for them.
const SPELLINGS: [&str; 14] = [
    "http://10.0.0.1/",
    "http://0x0a000001/",
    "http://167772161/",
    "http://012.0.0.1/",
    "http://10.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://[::ffff:10.0.0.1]/",
    "http://[fd00::1]/",
    "http://shop.example@10.0.0.1/",
    "http://10.0.0.1#@shop.example/",
    "http://%31%30.0.0.1/",
    "http://10.0.0.1./",
    "http://[64:ff9b::10.0.0.1]/",
    "http://0.0.0.0/",
];

fn main() -> ExitCode {
    if !asked::for_test("door") {
        return ExitCode::SUCCESS;
    }
    if let Some(missing) = Tracer::is_missing() {
        return missing.skips("door");
    }
    let called = a_node_connects_to_nobody_inside();
    println!("door: {} connections, all of them to this machine, which --dev lets it call", called.len());
    ExitCode::SUCCESS
}

/// Even with `--dev`, which opens the door to the machine itself, and although the names are led inside by its own table.
fn a_node_connects_to_nobody_inside() -> Vec<IpAddr> {
    let place = tempfile::tempdir().expect("a directory");
    let (data, notes) = (place.path().join("data"), place.path().join("strace"));
    let hook = Hook::open(|_, _| Some(200));
    let config = place.path().join("node.toml");
    let entries: String = (0..)
        .zip(INSIDE)
        .map(|(n, address)| format!("\"inside-{n}.example\" = \"{address}:80\"\n"))
        .collect();
    let shop = format!("\"shop.example\" = \"{}\"\n", hook.address());
    fs::write(&config, format!("[outbound.hosts]\n{entries}{shop}")).expect("a configuration");
    let mut command = Command::new("strace");
    command.args(["-D", "-f", "-q", "-yy", "-s", "0", "-e", "trace=connect", "-o"]).arg(&notes);
    command.arg(HERE.binary).env("QUITTANCE_CONFIG", &config);
    let server = Server::launch(&mut command, &data).unwrap_or_else(|ended| panic!("{}", ended.stderr));
    let names = (0..INSIDE.len()).map(|n| format!("http://inside-{n}.example/"));
    for (n, url) in names.chain(SPELLINGS.map(str::to_owned)).enumerate() {
        let body = order(MERCHANT, 25, "usd", &format!("hostile {n}")).create_intent_json(Some(&url));
        let answer = create(server.address(), &body);
        assert_eq!(answer.status, 400, "{url}: {}", answer.text());
    }
    // So that the trace is known to see connections.
    let request = order(MERCHANT, 25, "usd", "honest");
    let answer = create(server.address(), &request.create_intent_json(Some("http://shop.example/hook")));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let (payer, id) = (Payer::numbered(1), request.intent_id().to_string());
    assert!(payer.deposit(server.address(), "purse", 1 << 40).expect("an answer").is_success());
    let quote = payer.quote(server.address(), &id).expect("an answer").expect("a quote");
    submit(server.address(), &id, &payer.sign(&quote)).expect("an answer").expect("a payment");
    assert_eq!(hook.told_at_least(1)[0].path, "/hook");
    server.stop();
    let called = connections(&notes);
    assert!(!called.is_empty(), "the trace saw no connection, not even the one that was made");
    for address in &called {
        assert!(address.is_loopback(), "the node connected to {address}: {called:?}");
    }
    called
}

fn create(address: &str, body: &str) -> http::Answer {
    http::call(address, "POST", "/v1/createIntent", "application/json", body.as_bytes()).expect("an answer")
}

/// Whom TCP connections were made to. (The system's resolver talks UDP to whom it is configured to.)
fn connections(notes: &Path) -> Vec<IpAddr> {
    let deadline = Instant::now() + PATIENCE;
    let notes = loop {
        let notes = fs::read_to_string(notes).unwrap_or_default();
        if notes.ends_with('\n') && notes.lines().last().is_some_and(|line| line.contains("+++ exited")) {
            break notes;
        }
        assert!(Instant::now() < deadline, "strace did not write down the program's end:\n{notes}");
        thread::sleep(Duration::from_millis(5));
    };
    let inner = |line: &str, before: &str| Some(line.split_once(before)?.1.split_once('"')?.0.to_owned());
    let tcp = notes.lines().filter(|line| line.contains("connect(") && line.contains("<TCP"));
    tcp.map(|line| {
        let address = inner(line, "inet_addr(\"").or_else(|| inner(line, "inet_pton(AF_INET6, \""));
        address.and_then(|address| address.parse().ok()).unwrap_or_else(|| panic!("no address in {line}"))
    })
    .collect()
}
