//! Frames over WebSocket.

use std::time::Duration;

use prost::Message as _;
use quittance_code_api::call::{get_status, open_message_stream_unsigned};
use quittance_code_api::envelope::{self, Method, encode_request};
use quittance_tests::http;
use quittance_tests::people::{MERCHANT, order};
use quittance_tests::socket::{BINARY, CLOSE, Socket, TEXT, frame};

use crate::Stage;

#[test]
fn a_bad_frame_is_answered_with_an_error_and_the_end() {
    let stage = Stage::set();
    let open = || Socket::open(stage.address(), "/").expect("a socket");
    let check = |what: &str, sent: &[u8], text: &str| {
        let mut socket = open();
        socket.send_raw(sent).expect("an open socket");
        told(what, &mut socket, text);
    };
    let status = encode_request(Method::GetStatus, get_status(stage.open.intent_id()).encode_to_vec());
    check("characters", &frame(TEXT, b"hello"), "expected a binary frame");
    check("bytes", &frame(BINARY, &[0xff; 50]), "undecodable envelope");
    check("nothing", &frame(BINARY, b""), "Invalid service name");
    check(
        "no such method",
        &frame(BINARY, b"\x12\x09Messaging\x1a\x03win"),
        "Invalid method name: Messaging.win",
    );
    check("a reserved kind of frame", &frame(3, b"x"), "undecodable frame");
    check("a continuation of nothing", &frame(0, b"x"), "undecodable frame");
    check("a frame without a mask", &[0x82, 2, 1, 2], "undecodable frame");
    check(
        "a frame that claims 2^62 bytes",
        &[0x82, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4],
        "undecodable frame",
    );
    let long = frame(BINARY, &vec![0; (1 << 16) + 1]);
    check("more than an envelope may have", &long, "expected an envelope of at most");
    check("a long control frame", &frame(CLOSE, &[3; 126]), "undecodable frame");

    let mut socket = open();
    let mut short = open_message_stream_unsigned(stage.open.intent_id());
    short.rendezvous_key.as_mut().expect("a key").value.pop();
    socket
        .send(BINARY, &encode_request(Method::OpenMessageStream, short.encode_to_vec()))
        .expect("an open socket");
    told("a stream for a short key", &mut socket, "[invalid_argument]");

    let mut socket = open();
    socket.send(BINARY, &status).expect("an open socket");
    assert!(matches!(socket.receive(), Ok(Some((BINARY, _)))), "the status of an intent");
    let forged = order(MERCHANT, 25, "usd", "never created").signed_message().envelope();
    socket.send(BINARY, &forged).expect("an open socket");
    told("another call on the same socket", &mut socket, "Unexpected service name: Messaging");

    let mut socket = open();
    let stream = encode_request(
        Method::OpenMessageStream,
        open_message_stream_unsigned(stage.open.intent_id()).encode_to_vec(),
    );
    socket.send(BINARY, &stream).expect("an open socket");
    assert!(matches!(socket.receive(), Ok(Some((BINARY, _)))), "the first message of a stream");
    socket.send(BINARY, &stream).expect("an open socket");
    told("a stream that is asked for twice", &mut socket, "[invalid_argument]");
    stage.must_be_as_before();
}

#[test]
fn a_socket_that_breaks_off_is_forgotten() {
    let stage = Stage::set();
    let stream = encode_request(
        Method::OpenMessageStream,
        open_message_stream_unsigned(stage.open.intent_id()).encode_to_vec(),
    );
    let whole = frame(BINARY, &stream);
    for length in [0, 1, 2, 5, 6, whole.len() / 2, whole.len() - 1, whole.len()] {
        let mut socket = Socket::open(stage.address(), "/").expect("a socket");
        socket.send_raw(&whole[..length]).expect("an open socket");
    }
    // Half a frame holds nobody up: the next one is answered.
    let mut slow = Socket::open(stage.address(), "/v1/api").expect("a socket");
    slow.send_raw(&whole[..whole.len() / 2]).expect("an open socket");
    let mut socket = Socket::open(stage.address(), "/v1/api/").expect("a socket");
    socket.send_raw(&whole).expect("an open socket");
    assert!(matches!(socket.receive(), Ok(Some((BINARY, _)))), "the first message of a stream");
    slow.send_raw(&whole[whole.len() / 2..]).expect("an open socket");
    slow.patience(Duration::from_secs(20)).expect("an open socket");
    assert!(
        matches!(slow.receive(), Ok(Some((BINARY, _)))),
        "the first message of a stream, for a slow client"
    );
    stage.must_be_as_before();
}

#[test]
fn an_upgrade_that_is_none_is_refused() {
    let stage = Stage::set();
    let check = |what: &str, path: &str, headers: &str, status: u16| {
        let head = format!("GET {path} HTTP/1.1\r\nhost: here\r\n{headers}\r\n\r\n");
        let answer = http::raw(stage.address(), head.as_bytes()).and_then(|bytes| http::parse(&bytes));
        let answer = answer.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(answer.status, status, "{what}: {}", answer.text());
    };
    let upgrade = "connection: upgrade, close\r\nupgrade: websocket";
    check("no version", "/", &format!("{upgrade}\r\nsec-websocket-key: cXVpdHRhbmNlIHRlc3RzIQ=="), 400);
    check(
        "an old version",
        "/",
        &format!("{upgrade}\r\nsec-websocket-version: 8\r\nsec-websocket-key: cXVpdHRhbmNlIHRlc3RzIQ=="),
        400,
    );
    check("no key", "/", &format!("{upgrade}\r\nsec-websocket-version: 13"), 400);
    check("another protocol", "/", "connection: upgrade, close\r\nupgrade: irc", 400);
    check(
        "another path",
        "/v1/nothing",
        &format!("{upgrade}\r\nsec-websocket-version: 13\r\nsec-websocket-key: cXVpdHRhbmNlIHRlc3RzIQ=="),
        404,
    );
    stage.must_be_as_before();
}

/// The next frame is an ERROR envelope with this text, and then the socket ends.
#[track_caller]
fn told(what: &str, socket: &mut Socket, text: &str) {
    let answer = socket.receive().unwrap_or_else(|error| panic!("{what}: no answer: {error}"));
    let Some((BINARY, body)) = answer else { panic!("{what}: {answer:?} instead of an ERROR frame") };
    let told =
        envelope::decode_response(&body).unwrap_or_else(|error| panic!("{what}: no envelope: {error}"));
    let told = told.err().unwrap_or_else(|| panic!("{what}: an OK envelope"));
    assert!(told.to_string().contains(text), "{what}: expected {text:?} in {told:?}");
    let end = socket.receive().unwrap_or_else(|error| panic!("{what}: the socket stays open: {error}"));
    assert!(matches!(end, None | Some((CLOSE, _))), "{what}: then came {end:?}");
}
