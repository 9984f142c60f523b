//! Connections that carry no request at all, or only a part of one.

use std::io::Write;

use quittance_tests::http;
use quittance_tests::people::{MERCHANT, order, status};

use crate::Stage;

#[test]
fn bytes_that_are_no_request_are_refused() {
    let stage = Stage::set();
    let check = |what: &str, bytes: &[u8], statuses: &[u16]| {
        let answer = http::raw(stage.address(), bytes).unwrap_or_else(|error| panic!("{what}: {error}"));
        let answer = http::parse(&answer).unwrap_or_else(|error| panic!("{what}: {error}: {answer:?}"));
        assert!(statuses.contains(&answer.status), "{what}: HTTP {}: {}", answer.status, answer.text());
    };
    let post = |headers: &str, body: &str| {
        format!("POST /v1/api/ HTTP/1.1\r\nhost: here\r\nconnection: close\r\n{headers}\r\n\r\n{body}")
            .into_bytes()
    };
    check("bytes", b"\x00\xff\x13\x37\r\n\r\n", &[400]);
    check("the beginning of TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", &[400]);
    check("another protocol", b"EHLO sequencer\r\n\r\n", &[400]);
    check("no version", b"GET /v1/node\r\n\r\n", &[400]);
    check("a length below zero", &post("content-length: -1", ""), &[400]);
    check("a length in words", &post("content-length: many", ""), &[400]);
    check("two lengths", &post("content-length: 1\r\ncontent-length: 2", "xx"), &[400]);
    check("a chunk that is none", &post("transfer-encoding: chunked", "many\r\n"), &[400]);
    check("a length beyond all limits", &post("content-length: 99999999999", ""), &[413]);
    check(
        "a header that never ends",
        format!("GET /v1/node HTTP/1.1\r\nx: {}\r\n\r\n", "x".repeat(1 << 20)).as_bytes(),
        &[431],
    );
    let many: String = (0..1000).map(|n| format!("x-{n}: y\r\n")).collect();
    check("a thousand headers", format!("GET /v1/node HTTP/1.1\r\n{many}\r\n").as_bytes(), &[431]);
    check(
        "a path that never ends",
        format!("GET /{} HTTP/1.1\r\nconnection: close\r\n\r\n", "x".repeat(60_000)).as_bytes(),
        &[404, 414],
    );
    stage.must_be_as_before();
}

#[test]
fn a_request_that_breaks_off_leaves_nothing_behind() {
    let stage = Stage::set();
    let body = order(MERCHANT, 25, "usd", "never created").signed_message().envelope();
    let head = format!("POST /v1/api/ HTTP/1.1\r\nhost: here\r\ncontent-length: {}\r\n\r\n", body.len());
    let whole = [head.as_bytes(), &body].concat();
    for length in (0..whole.len()).step_by(11).chain([whole.len() - 1]) {
        http::abandon(stage.address(), &whole[..length]).expect("a node that listens");
    }
    stage.must_be_as_before();
}

#[test]
fn slow_clients_keep_nobody_waiting() {
    let stage = Stage::set();
    let mut slow: Vec<_> =
        (0..200).map(|_| http::connect(stage.address()).expect("a node that listens")).collect();
    for (number, connection) in slow.iter_mut().enumerate() {
        let part: &[u8] = match number % 3 {
            0 => b"",
            1 => b"POST /v1/api/ HTTP/1.1\r\nhost:",
            _ => b"POST /v1/api/ HTTP/1.1\r\nhost: here\r\ncontent-length: 100\r\n\r\nabc",
        };
        connection.write_all(part).expect("a node that listens");
    }
    let known = status(stage.address(), stage.open.intent_id()).expect("an answer beside 200 slow clients");
    assert!(known.exists);
    drop(slow);
    stage.must_be_as_before();
}
