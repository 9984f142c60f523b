use super::*;
use crate::addresses::{Addresses, Limits};

use std::net::SocketAddr;

use axum::http::Request;
use axum::routing::get;
use bytes::Bytes;
use h2::client::SendRequest;
use h2::{Reason, RecvStream};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

/// HTTP/2's greeting with empty settings, and its answer to the server's settings.
const GREETING: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\0\x04\x01\0\0\0\0";

async fn server() -> (SocketAddr, CancellationToken, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let slow = || async {
        sleep(Duration::from_secs(2)).await;
        "late"
    };
    let routes = Router::new().route("/", get(|| async { "hello" })).route("/slow", get(slow));
    let served =
        tokio::spawn(serve(Places::new(listener, Addresses::new(Limits::default())), routes, stop.clone()));
    (address, stop, served)
}

async fn http2(address: SocketAddr) -> (SendRequest<Bytes>, JoinHandle<Result<(), h2::Error>>) {
    let stream = TcpStream::connect(address).await.unwrap();
    let (send, connection) = h2::client::handshake(stream).await.unwrap();
    let connection = tokio::spawn(connection);
    (send.ready().await.unwrap(), connection)
}

async fn ask(send: &mut SendRequest<Bytes>, path: &str) -> Result<String, h2::Error> {
    let request = Request::get(format!("http://node{path}")).body(()).unwrap();
    let (answer, _) = send.send_request(request, true)?;
    let mut body: RecvStream = answer.await?.into_body();
    let mut text = String::new();
    while let Some(part) = body.data().await {
        text += std::str::from_utf8(&part?).unwrap();
    }
    Ok(text)
}

/// All that comes until the server closes.
async fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A reset is an end, too.
    let _ = stream.read_to_end(&mut bytes).await;
    bytes
}

#[tokio::test]
async fn one_port_speaks_both_and_a_stop_lets_what_is_under_way_end() {
    let (address, stop, served) = server().await;
    let mut plain = TcpStream::connect(address).await.unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
    assert!(rest(&mut plain).await.ends_with(b"hello"));
    let (mut send, connection) = http2(address).await;
    assert_eq!(ask(&mut send, "/").await.unwrap(), "hello");
    assert_eq!(send.current_max_send_streams(), 128, "the client is told how many calls it may open");
    let mut other = send.clone();
    let late = tokio::spawn(async move { ask(&mut other, "/slow").await });
    sleep(Duration::from_millis(200)).await;
    stop.cancel();
    assert_eq!(late.await.unwrap().unwrap(), "late");
    served.await.unwrap();
    assert!(ask(&mut send, "/").await.is_err(), "nothing new");
    let _ = timeout(Duration::from_secs(5), connection).await.expect("the connection ends");
    assert!(TcpStream::connect(address).await.is_err());
}

/// Lost if this fails: with a handful of bytes each, anybody can hold the node's connections for as long as he likes.
#[tokio::test(start_paused = true)]
async fn a_client_that_stops_in_the_middle_loses_its_connection() {
    let (address, _stop, _served) = server().await;
    let half = [GREETING, b"\0\0\xff\x01\x04\0\0\0\x01half a header"].concat();
    for (what, bytes, within) in [
        ("half a greeting", &GREETING[..10], 31),
        ("half a head", &b"GET / HTTP/1.1\r\nHost: somewhere\r\nX-"[..], 61),
        ("a greeting and silence", GREETING, 51),
        ("half a frame", &half, 51),
    ] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let start = Instant::now();
        stream.write_all(bytes).await.unwrap();
        rest(&mut stream).await;
        let took = start.elapsed();
        assert!((20..=within).contains(&took.as_secs()), "{what}: {took:?}");
    }
}

#[tokio::test]
async fn a_client_that_opens_calls_only_to_reset_them_is_sent_away() {
    let (address, _stop, _served) = server().await;
    let (mut send, connection) = http2(address).await;
    let mut opened = 0;
    while opened < 20_000 {
        let request = Request::get("http://node/slow").body(()).unwrap();
        let Ok((_answer, mut stream)) = send.send_request(request, false) else { break };
        stream.send_reset(Reason::CANCEL);
        opened += 1;
        tokio::task::yield_now().await;
        if connection.is_finished() {
            break;
        }
    }
    let ended = timeout(Duration::from_secs(10), connection).await.expect("an end").unwrap();
    let error = ended.expect_err("the server ends it");
    // It may be gone before its reason is read.
    assert!(error.is_io() || error.reason() == Some(Reason::ENHANCE_YOUR_CALM), "{error}");
    assert!(opened < 5000, "{opened} calls");
    let (mut send, _connection) = http2(address).await;
    assert_eq!(ask(&mut send, "/").await.unwrap(), "hello", "others go on");
}

#[tokio::test]
async fn headers_have_a_limit_in_both_versions() {
    let (address, _stop, _served) = server().await;
    let (mut send, _connection) = http2(address).await;
    let long = "x".repeat(20 * 1024);
    let request = Request::get("http://node/").header("x-long", &long).body(()).unwrap();
    let (answer, _) = send.send_request(request, true).unwrap();
    assert!(answer.await.is_ok_and(|answer| answer.status() == 431));
    assert_eq!(ask(&mut send, "/").await.unwrap(), "hello", "the connection goes on");
    let mut plain = TcpStream::connect(address).await.unwrap();
    let head = format!("GET / HTTP/1.1\r\nHost: a\r\nX-Long: {}\r\n\r\n", long.repeat(5));
    // The server may close before it has read everything.
    let _ = plain.write_all(head.as_bytes()).await;
    let answer = rest(&mut plain).await;
    assert!(!answer.ends_with(b"hello"), "{}", String::from_utf8_lossy(&answer));
}

#[tokio::test(start_paused = true)]
async fn a_connection_of_an_hour_takes_nothing_new() {
    let (address, _stop, _served) = server().await;
    let (mut send, connection) = http2(address).await;
    assert_eq!(ask(&mut send, "/").await.unwrap(), "hello");
    let start = Instant::now();
    assert!(timeout(2 * AGE, connection).await.expect("an end").unwrap().is_ok(), "it ends in good order");
    assert!(start.elapsed().abs_diff(AGE) < Duration::from_secs(60), "{:?}", start.elapsed());
}
