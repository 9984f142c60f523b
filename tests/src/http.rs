//! As much of HTTP/1.1 as a test needs: every byte that goes out is the test's own, and half an answer is an error.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// The longest answer that is read.
const MAX_ANSWER_BYTES: u64 = 8 << 20;

/// An answer, whole.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The header lines, as they came.
    pub head: String,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON.
    ///
    /// # Panics
    /// It is something else.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: HTTP {} with {}", self.status, self.text()))
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Whether the server did what was asked.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// A header's value; names in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let line = self.head.lines().find(|line| line.to_lowercase().starts_with(&format!("{name}:")))?;
        line.split_once(':').map(|(_, value)| value.trim())
    }
}

/// `GET path`.
///
/// # Errors
/// No answer, or half of one.
pub fn get(address: &str, path: &str) -> io::Result<Answer> {
    call(address, "GET", path, "application/json", b"")
}

/// `POST path` with JSON.
///
/// # Errors
/// No answer, or half of one.
pub fn post(address: &str, path: &str, json: &Value) -> io::Result<Answer> {
    call(address, "POST", path, "application/json", json.to_string().as_bytes())
}

/// One request on a connection of its own.
///
/// # Errors
/// No answer, or half of one.
pub fn call(address: &str, method: &str, path: &str, content_type: &str, body: &[u8]) -> io::Result<Answer> {
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\n\r\n"
    );
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(body);
    parse(&raw(address, &bytes)?)
}

/// Sends bytes as they are and reads until the server closes.
///
/// # Errors
/// The connection fails before anything came back, or the server neither answers nor closes.
pub fn raw(address: &str, bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = connect(address)?;
    // A server that has read enough answers and closes; what it did not read is its own business.
    let sent = stream.write_all(bytes);
    let mut answer = Vec::new();
    match Read::by_ref(&mut stream).take(MAX_ANSWER_BYTES).read_to_end(&mut answer) {
        Ok(_) => sent.map(|()| answer),
        Err(_) if !answer.is_empty() => Ok(answer),
        Err(error) => Err(error),
    }
}

/// Sends the beginning of something and goes away.
///
/// # Errors
/// The server cannot be reached.
pub fn abandon(address: &str, bytes: &[u8]) -> io::Result<()> {
    let mut stream = connect(address)?;
    stream.write_all(bytes)?;
    stream.shutdown(Shutdown::Both)
}

/// A connection that does not wait for ever.
///
/// # Errors
/// The server cannot be reached.
pub fn connect(address: &str) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Reads an answer that ended with its connection.
///
/// # Errors
/// It is not HTTP, or shorter than it says.
pub fn parse(bytes: &[u8]) -> io::Result<Answer> {
    let half = || io::Error::new(io::ErrorKind::UnexpectedEof, "half an answer");
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").ok_or_else(half)?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(half)?;
    let answer = Answer { status, head, body: bytes[end + 4..].to_vec() };
    match answer.header("content-length").and_then(|length| length.parse::<usize>().ok()) {
        Some(length) if length != answer.body.len() => Err(half()),
        _ => Ok(answer),
    }
}
