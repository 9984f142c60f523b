//! Somebody between a client and its node, who alters what the node answers and remembers what the client asked.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use serde_json::Value;

use crate::http;

/// Changes an answer; its first argument is `METHOD path`.
pub type Alter = fn(&str, &mut Value);

/// A running proxy. Dropping it ends it.
#[derive(Debug)]
pub struct Proxy {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Stands before the node at `server`.
    ///
    /// # Panics
    /// There is no free port.
    #[must_use]
    pub fn before(server: &str, alter: Alter) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("the port").to_string();
        let (asked, ended) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let thread = thread::spawn({
            let (server, asked, ended) = (server.to_owned(), Arc::clone(&asked), Arc::clone(&ended));
            move || {
                for client in listener.incoming().map_while(Result::ok) {
                    if ended.load(Ordering::SeqCst) {
                        return;
                    }
                    // A client that goes away in the middle has its reasons; the test looks at what was asked.
                    let _ = pass(client, &server, alter, &asked);
                }
            }
        });
        Self { address, asked, ended, thread: Some(thread) }
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What was asked so far, as `METHOD path`.
    ///
    /// # Panics
    /// The proxy has panicked.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("the proxy does not panic").clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // Wakes it up; if that fails it has ended already.
        let _ = TcpStream::connect(&self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn pass(
    mut client: TcpStream,
    server: &str,
    alter: Alter,
    asked: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let (head, body) = request(&mut client)?;
    let mut words = head.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let what = format!("{method} {path}");
    asked.lock().expect("no other thread panics").push(what.clone());
    let header = |name: &str| {
        let line = head.lines().find(|line| line.to_lowercase().starts_with(name));
        line.and_then(|line| line.split_once(':')).map_or("", |(_, value)| value.trim())
    };
    let answer = http::call(server, method, path, header("content-type:"), &body)?;
    let kind = answer.header("content-type").unwrap_or_default().to_owned();
    let body = match serde_json::from_slice::<Value>(&answer.body) {
        Ok(mut json) => {
            alter(&what, &mut json);
            json.to_string().into_bytes()
        }
        Err(_) => answer.body,
    };
    let (status, length) = (answer.status, body.len());
    let head = format!(
        "HTTP/1.1 {status} Altered\r\nconnection: close\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n"
    );
    client.write_all(head.as_bytes())?;
    client.write_all(&body)
}

fn request(client: &mut TcpStream) -> std::io::Result<(String, Vec<u8>)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let length = head
        .lines()
        .find_map(|line| line.to_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    client.read_exact(&mut body)?;
    Ok((head, body))
}
