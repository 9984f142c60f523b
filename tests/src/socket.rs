//! As much of WebSocket (RFC 6455) as a test needs, wrong frames included.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::http;

/// A frame of a call.
pub const BINARY: u8 = 2;
/// A frame of characters, which the protocol does not have.
pub const TEXT: u8 = 1;
/// The end.
pub const CLOSE: u8 = 8;

/// An open socket.
#[derive(Debug)]
pub struct Socket {
    stream: TcpStream,
}

impl Socket {
    /// Connects and upgrades.
    ///
    /// # Errors
    /// No connection, or no upgrade.
    pub fn open(address: &str, path: &str) -> io::Result<Self> {
        Self::upgrade(address, path, "")
    }

    /// The same through a proxy that says for whom it asks.
    ///
    /// # Errors
    /// No connection, or no upgrade.
    pub fn open_from(address: &str, path: &str, from: &str) -> io::Result<Self> {
        Self::upgrade(address, path, &format!("x-forwarded-for: {from}\r\n"))
    }

    fn upgrade(address: &str, path: &str, headers: &str) -> io::Result<Self> {
        let mut stream = http::connect(address)?;
        let upgrade = format!(
            "GET {path} HTTP/1.1\r\nhost: {address}\r\n{headers}upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: cXVpdHRhbmNlIHRlc3RzIQ==\r\n\r\n"
        );
        stream.write_all(upgrade.as_bytes())?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        if !head.starts_with(b"HTTP/1.1 101 ") {
            return Err(io::Error::other(format!("no upgrade: {}", String::from_utf8_lossy(&head))));
        }
        Ok(Self { stream })
    }

    /// Sends one whole frame.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn send(&mut self, opcode: u8, payload: &[u8]) -> io::Result<()> {
        self.stream.write_all(&frame(opcode, payload))
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn send_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// The next frame that is no ping: opcode and payload. `None` when the server closed the connection.
    ///
    /// # Errors
    /// Nothing came in time.
    pub fn receive(&mut self) -> io::Result<Option<(u8, Vec<u8>)>> {
        loop {
            let mut head = [0; 2];
            match self.stream.read_exact(&mut head) {
                Ok(()) => {}
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    return Err(error);
                }
                Err(_) => return Ok(None),
            }
            let length = match head[1] & 0x7f {
                126 => {
                    let mut length = [0; 2];
                    self.stream.read_exact(&mut length)?;
                    usize::from(u16::from_be_bytes(length))
                }
                127 => return Err(io::Error::other("a frame of more than 64 KiB")),
                short => usize::from(short),
            };
            let mut payload = vec![0; length];
            self.stream.read_exact(&mut payload)?;
            let opcode = head[0] & 0x0f;
            if opcode != 9 {
                return Ok(Some((opcode, payload)));
            }
        }
    }

    /// Waits at most this long for the next frame.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn patience(&mut self, patience: Duration) -> io::Result<()> {
        self.stream.set_read_timeout(Some(patience))
    }
}

/// A frame as a client has to send it: whole and masked.
#[must_use]
pub fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [0x5a, 0x0f, 0xc3, 0x81];
    let mut bytes = vec![0x80 | opcode];
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(length @ ..=125), _) => bytes.push(0x80 | length),
        (_, Ok(length)) => {
            bytes.push(0x80 | 126);
            bytes.extend(length.to_be_bytes());
        }
        _ => {
            bytes.push(0x80 | 127);
            bytes.extend((payload.len() as u64).to_be_bytes());
        }
    }
    bytes.extend(MASK);
    bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}
