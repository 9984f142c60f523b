//! Exchange rates that change while a node runs: what the operator writes is what payers are asked to pay, exactly, and what
//! cannot be read changes nothing.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use prost::Message as _;
use quittance_code_api::envelope::{self, Method};
use quittance_code_api::proto::code::currency::v1::{GetAllRatesRequest, GetAllRatesResponse};
use quittance_tests::here;
use quittance_tests::people;
use quittance_tests::process::{Here, Server};

const HERE: Here = here!();
/// What `--dev` brings.
const DEV_USD: f64 = 0.000_02;

fn rates(server: &Server) -> GetAllRatesResponse {
    let call = envelope::encode_request(Method::GetAllRates, GetAllRatesRequest::default().encode_to_vec());
    let (status, answer) = people::call(server.address(), &call).expect("an answer");
    assert_eq!(status, 200);
    GetAllRatesResponse::decode(answer.expect("rates").as_slice()).expect("rates")
}

/// Waits for something, and fails with the node's log if it does not come.
fn until(server: &Server, what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what} does not come; the node logged:\n{}", server.log());
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn until_usd(server: &Server, price: f64) {
    until(server, &format!("usd {price}"), || rates(server).rates.get("usd") == Some(&price));
}

fn serve(directory: &Path, config: &str) -> Server {
    let path = directory.join("node.toml");
    fs::write(&path, config).expect("a file");
    HERE.serve_with(&directory.join("data"), &["--config", path.to_str().expect("a path in UTF-8")])
}

#[test]
fn a_new_file_is_a_new_price_and_a_broken_one_keeps_the_old() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("rates.toml");
    let config = format!("[rate_source]\nfile = {file:?}\nevery_s = 1\n");
    let server = serve(directory.path(), &config);
    assert_eq!(rates(&server).rates.get("usd"), Some(&DEV_USD), "without a file the rates of --dev go on");
    until(&server, "the missing file's name", || server.log().contains("rates.toml"));

    let write = |text: &str| fs::write(&file, text).expect("the file");
    write("usd = \"0.00003\"\njpy = \"0.0031415926535897932\"\n");
    until_usd(&server, 0.000_03);
    assert_eq!(rates(&server).rates.len(), 3, "the two and kin itself");
    assert_eq!(rates(&server).rates.get("jpy"), Some(&0.003_141_592_653_589_793_2));

    write("usd = 0.00004\n");
    until(&server, "the complaint", || server.log().contains("usd: invalid type: floating point"));
    assert_eq!(rates(&server).rates.get("usd"), Some(&0.000_03), "a broken file changes nothing");
    fs::remove_file(&file).expect("the file goes");
    write(r#"{ "usd": 5e-05 }"#);
    until_usd(&server, 0.000_05);
    until(&server, "the all-clear", || server.log().contains("can be read again"));
    server.stop();

    // Started again, the node goes on with the rates of its log, and reads the file it finds.
    let server = serve(directory.path(), &config);
    assert_eq!(rates(&server).rates.get("usd"), Some(&0.000_05));
    server.stop();
    let published = HERE.dump(&directory.path().join("data"));
    let tables = published.iter().filter(|record| record.to_string().contains("rates.published")).count();
    assert_eq!(tables, 3, "every change is a record, and nothing else is: {published:#?}");
}

#[test]
fn a_url_is_asked_again_and_again_and_an_answer_that_is_none_changes_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let answer = Arc::new(Mutex::new((200, r#"{"usd": 0.00006}"#.to_owned())));
    let said = answer.clone();
    // Ends with the test's process.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut head = [0; 4096];
            let _ = stream.read(&mut head);
            let (status, body) = said.lock().expect("the answer").clone();
            let length = body.len();
            let _ = write!(
                stream,
                "HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            );
        }
    });
    let directory = tempfile::tempdir().expect("a directory");
    let server = serve(
        directory.path(),
        &format!("[rate_source]\nurl = \"http://{address}/rates?key=secret\"\nevery_s = 1\n"),
    );
    until_usd(&server, 0.000_06);
    *answer.lock().expect("the answer") = (503, r#"{"usd": 0.00007}"#.to_owned());
    until(&server, "the complaint", || server.log().contains("expected HTTP 200, got 503"));
    *answer.lock().expect("the answer") = (200, "x".repeat(70_000));
    until(&server, "the complaint", || server.log().contains("65536"));
    assert_eq!(rates(&server).rates.get("usd"), Some(&0.000_06));
    *answer.lock().expect("the answer") = (200, r#"{"usd": "0.00007"}"#.to_owned());
    until_usd(&server, 0.000_07);
    assert!(!server.log().contains("secret"), "{}", server.log());
    server.stop();
}

#[test]
fn an_operator_who_asks_for_the_impossible_is_told_before_the_node_starts() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("node.toml");
    for (config, said) in [
        ("[rate_source]\n", "expected either file or url"),
        ("[rate_source]\nfile = \"a\"\nurl = \"https://b.example\"\n", "expected either file or url"),
        ("[rate_source]\nfile = \"a\"\nevery_s = 0\n", "rate_source.every_s: expected 1 to 86400, got 0"),
        ("[rate_source]\nfile = \"a\"\n[rates]\nusd = \"1\"\n", "rates and rate_source are both given"),
        ("[rate_source]\nfil = \"a\"\n", "unknown field"),
        ("[rate_source]\nurl = \"http://rates.example/kin\"\n", "rate_source.url: url scheme must be https"),
        ("[rate_source]\nurl = \"https://10.0.0.1/kin\"\n", "rate_source.url: "),
    ] {
        fs::write(&path, config).expect("a file");
        let path = path.to_str().expect("a path in UTF-8");
        let data = directory.path().join("data");
        let ran = HERE.run([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--config",
            path,
            "--data",
            data.to_str().expect("a path"),
        ]);
        assert_eq!(ran.code, 2, "{config}: {}", ran.stderr);
        assert!(ran.stderr.contains(said), "{config}: expected {said:?}, got {}", ran.stderr);
    }
}
