//! A merchant's server that is told of payments.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long a call may take to come whole, and how long a test waits for one.
const PATIENCE: Duration = Duration::from_secs(30);

/// What it was told.
#[derive(Clone, Debug)]
pub struct Told {
    /// The path it was told at.
    pub path: String,
    /// The head, in lower case.
    pub head: String,
    /// The token.
    pub token: String,
    /// What it answered; `None` when it closed the connection instead.
    pub answered: Option<u16>,
}

impl Told {
    /// A header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let line = self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.map(str::trim)
    }
}

/// Decides what a call is answered: its path and which call at that path it is, from 0.
pub type Answers = fn(&str, usize) -> Option<u16>;

/// The server. Dropping it ends it.
#[derive(Debug)]
pub struct Hook {
    address: String,
    told: Arc<Mutex<Vec<Told>>>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Hook {
    /// Opens it on a free port of this machine.
    ///
    /// # Panics
    /// There is no free port.
    #[must_use]
    pub fn open(answers: Answers) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("the port").to_string();
        let (told, ended) = (Arc::<Mutex<Vec<Told>>>::default(), Arc::new(AtomicBool::new(false)));
        let thread = thread::spawn({
            let (told, ended) = (Arc::clone(&told), Arc::clone(&ended));
            move || {
                for client in listener.incoming().map_while(Result::ok) {
                    if ended.load(Ordering::SeqCst) {
                        return;
                    }
                    let told = Arc::clone(&told);
                    // A caller that was killed leaves half a call behind, which says nothing.
                    thread::spawn(move || hear(client, &told, answers));
                }
            }
        });
        Self { address, told, ended, thread: Some(thread) }
    }

    /// `http://127.0.0.1:PORT/path`.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// `127.0.0.1:PORT`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// What it was told so far.
    ///
    /// # Panics
    /// The server has panicked.
    #[must_use]
    pub fn told(&self) -> Vec<Told> {
        self.told.lock().expect("the server does not panic").clone()
    }

    /// The same, once there is so much.
    ///
    /// # Panics
    /// It does not come.
    #[must_use]
    pub fn told_at_least(&self, calls: usize) -> Vec<Told> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let told = self.told();
            if told.len() >= calls {
                return told;
            }
            assert!(Instant::now() < deadline, "only {} of {calls} calls came: {told:?}", told.len());
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Hook {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // Wakes it up; if that fails it has ended already.
        let _ = TcpStream::connect(&self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn hear(mut client: TcpStream, told: &Mutex<Vec<Told>>, answers: Answers) -> std::io::Result<()> {
    client.set_read_timeout(Some(PATIENCE))?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let head = head.to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    client.read_exact(&mut body)?;
    let token = String::from_utf8_lossy(&body).into_owned();
    let answered = {
        let mut told = told.lock().expect("no other thread panics");
        let answered = answers(&path, told.iter().filter(|told| told.path == path).count());
        told.push(Told { path, head, token, answered });
        answered
    };
    match answered {
        Some(status) => write!(client, "HTTP/1.1 {status} So\r\ncontent-length: 0\r\n\r\n"),
        None => Ok(()),
    }
}
