//! A small program around an SDK: one JSON call a line in, one JSON answer a line out, and events in between.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// How long an SDK may take for one call.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running program. Dropping it kills the process.
#[derive(Debug)]
pub struct Driver {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<String>,
    events: VecDeque<Value>,
}

impl Driver {
    /// Runs `script` of `tests/sdk` with node and the packages in `modules`.
    ///
    /// # Panics
    /// It cannot be started.
    #[must_use]
    pub fn node(modules: &Path, script: &str, url: &str) -> Self {
        let mut command = Command::new("node");
        // A WebSocket of its own has Node.js from 22 on; 20 has the same one behind a flag.
        let bare = Command::new("node").args(["-p", "typeof WebSocket"]).output();
        if bare.is_ok_and(|output| output.stdout.starts_with(b"undefined")) {
            command.arg("--experimental-websocket");
        }
        command.arg(Self::script(script)).arg(url).env("NODE_PATH", modules);
        Self::start(&mut command)
    }

    /// Runs `script` of `tests/sdk` with a Python that has the packages.
    ///
    /// # Panics
    /// It cannot be started.
    #[must_use]
    pub fn python(python: &Path, script: &str, url: &str) -> Self {
        // A byte code cache would end up beside the sources.
        Self::start(Command::new(python).arg("-B").arg(Self::script(script)).arg(url))
    }

    fn script(name: &str) -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("sdk").join(name)
    }

    fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let stdin = child.stdin.take().expect("its stdin is a pipe");
        let stdout = BufReader::new(child.stdout.take().expect("its stdout is a pipe"));
        let (heard, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if heard.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, stdin, lines, events: VecDeque::new() }
    }

    /// Calls the SDK: what it returned, or the text of what it threw.
    ///
    /// # Errors
    /// The SDK threw.
    ///
    /// # Panics
    /// The program ended or fell silent.
    pub fn call(&mut self, name: &str, options: &Value) -> Result<Value, String> {
        let call = json!({ "call": name, "options": options });
        writeln!(self.stdin, "{call}").and_then(|()| self.stdin.flush()).expect("the driver reads its stdin");
        let deadline = Instant::now() + PATIENCE;
        loop {
            let line = self.line(deadline).unwrap_or_else(|| panic!("no answer of the SDK to {call}"));
            if line.get("event").is_some() {
                self.events.push_back(line);
                continue;
            }
            return match line.get("error") {
                Some(error) => Err(error.as_str().unwrap_or_default().to_owned()),
                None => Ok(line["ok"].clone()),
            };
        }
    }

    /// The next event, in the order they came.
    ///
    /// # Panics
    /// None comes.
    pub fn event(&mut self) -> Value {
        if let Some(event) = self.events.pop_front() {
            return event;
        }
        let event = self.line(Instant::now() + PATIENCE).expect("an event from the SDK");
        assert!(event.get("event").is_some(), "an answer that nobody asked for: {event}");
        event
    }

    fn line(&self, deadline: Instant) -> Option<Value> {
        let line = self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok()?;
        Some(serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: the driver wrote {line}")))
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // It may have ended already; both calls only say so.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
