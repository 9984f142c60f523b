//! Strangers ask for nothing in return. What one of them may ask, and what all of them may have recorded, has an end, and each is
//! told so in the words of the protocol it speaks, with when to ask again.

use std::fs;

use prost::Message as _;
use quittance_code_api::call::get_status;
use quittance_code_api::envelope::{self, Method, encode_request};
use quittance_tests::here;
use quittance_tests::http::{self, Answer};
use quittance_tests::people::{MERCHANT, create, order};
use quittance_tests::process::{Here, Server, text};
use quittance_tests::socket::{BINARY, Socket};

const HERE: Here = here!();
/// A household behind one address, which a proxy on this machine names.
const STRANGER: &str = "203.0.113.7";

fn serve(limits: &str) -> (tempfile::TempDir, Server) {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("node.toml");
    fs::write(&file, format!("[limits]\n{limits}\n")).expect("a file");
    let config = file.to_str().expect("a path in UTF-8");
    let server = HERE.serve_with(&directory.path().join("data"), &["--config", config]);
    (directory, server)
}

/// One request as a proxy passes it on.
fn ask(address: &str, from: &str, line: &str, headers: &str, body: &[u8]) -> Answer {
    let length = body.len();
    let head = format!(
        "{line} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\nx-forwarded-for: {from}\r\n{headers}content-length: {length}\r\n\r\n"
    );
    let answer = http::raw(address, &[head.as_bytes(), body].concat()).expect("an answer");
    http::parse(&answer).expect("HTTP")
}

#[test]
fn an_address_that_asks_too_much_is_told_when_to_ask_again_in_the_words_it_speaks() {
    let (_directory, server) = serve("requests_per_s_per_address = 1");
    let address = server.address();
    let envelope = encode_request(
        Method::GetStatus,
        get_status(quittance_code_api::key::PublicKey([7; 32])).encode_to_vec(),
    );
    let octets = "content-type: application/octet-stream\r\n";
    let status = "GET /v1/getStatus?intent=US517G5965aydkZ46HS38QLi7UQiSojurfbQfKCELFx";
    // Four seconds' worth at once.
    let first: Vec<_> = (0..5).map(|_| ask(address, STRANGER, status, "", b"").status).collect();
    assert_eq!(first[..4], [200; 4], "{first:?}");
    let upgrade = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
    let grpc = "content-type: application/grpc-web+proto\r\n";
    for (what, line, headers, body) in [
        ("the JSON API", status, "", &b""[..]),
        ("an envelope", "POST /v1/api/", octets, &envelope[..]),
        ("an envelope at an endpoint of another prefix", "POST /shop/api", octets, &envelope[..]),
        ("a WebSocket", "GET /v1/api/", upgrade, b""),
        ("gRPC-Web", "POST /code.micropayment.v1.MicroPayment/GetStatus", grpc, b""),
        ("the native API", "GET /v1/node", "", b""),
    ] {
        let answer = ask(address, STRANGER, line, headers, body);
        let after: Option<u64> = answer.header("retry-after").and_then(|seconds| seconds.parse().ok());
        assert!(after.is_some_and(|seconds| (1..=5).contains(&seconds)), "{what}: {after:?}");
        let said = match what {
            "gRPC-Web" => {
                assert_eq!((answer.status, answer.header("grpc-status")), (200, Some("8")), "{what}");
                answer.header("grpc-message").unwrap_or_default().replace("%20", " ")
            }
            "the JSON API" => {
                assert_eq!((answer.status, answer.json()["success"].as_bool()), (429, Some(false)));
                text(&answer.json()["error"])
            }
            "the native API" => {
                assert_eq!(
                    (answer.status, text(&answer.json()["error"]["code"])),
                    (429, "requests_too_frequent".into())
                );
                text(&answer.json()["error"]["message"]).replace("requests too frequent", "too many requests")
            }
            _ => {
                assert_eq!(answer.status, 429, "{what}");
                envelope::decode_response(&answer.body).expect("an envelope").unwrap_err().to_string()
            }
        };
        assert!(said.contains("too many requests"), "{what}: {said}");
    }
    assert_eq!(ask(address, "203.0.113.8", status, "", b"").status, 200, "somebody else");
    // A socket is one request, and each call over it another.
    let mut socket = Socket::open_from(address, "/v1/api/", "203.0.113.9").expect("a socket");
    let said = |socket: &mut Socket| {
        socket.send(BINARY, &envelope).expect("a frame");
        let (_, answer) = socket.receive().expect("an answer").expect("a frame");
        envelope::decode_response(&answer).expect("an envelope")
    };
    let answered = (0..9).map_while(|_| said(&mut socket).ok()).count();
    assert!((3..9).contains(&answered), "{answered} calls over one socket, at a limit of 4 at once");
    assert_eq!(http::get(address, "/v1/node").unwrap().status, 200, "this machine itself");
    server.stop();
}

#[test]
fn strangers_fill_the_log_no_faster_than_the_operator_says_and_sdks_see_it_as_a_failure() {
    let (directory, server) = serve("new_intents_per_s = 3\nmax_open_intents = 8");
    let asked = std::time::Instant::now();
    let mut created = 0;
    for number in 0..60 {
        let request = order(MERCHANT, 25, "usd", &format!("flood {number}"));
        match create(server.address(), &request).unwrap() {
            Ok(()) => created += 1,
            Err(refused) => assert!(refused.contains("resource_exhausted"), "{refused}"),
        }
    }
    let most = 3 + 3 * usize::try_from(asked.elapsed().as_secs() + 1).unwrap();
    assert!((3..=most.min(8)).contains(&created), "{created} of 60, at most {most}");
    server.stop();
    let data = directory.path().join("data");
    let recorded =
        HERE.dump(&data).iter().filter(|record| record["type"] == "payment_intent.created").count();
    assert_eq!(recorded, created, "what was refused left something in the log");
}
