//! What a command prints: text for people, one JSON object for programs.

use std::io::{IsTerminal, Write};

use serde_json::Value;

use crate::error::CliError;
use crate::progress::Progress;

/// Where a command's results go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether a program reads it.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// A result: one line of JSON, or the text.
    pub(crate) fn result(&self, json: &Value, text: impl FnOnce() -> String) {
        let line = if self.json { json.to_string() } else { text() };
        Self::line(&line);
    }

    /// Something on the way, for people only.
    pub(crate) fn note(&self, text: &str) {
        if !self.json {
            Self::line(text);
        }
    }

    /// How far something has come, for people only.
    pub(crate) fn progress(&self, what: &'static str) -> Progress {
        Progress::new(what, !self.json)
    }

    /// How far long work has come. Not where a program reads: its only object there is an error.
    pub(crate) fn step(&self, text: &str) {
        let mut err = std::io::stderr();
        if !self.json || err.is_terminal() {
            let _ = writeln!(err, "{}", plain(text));
        }
    }

    pub(crate) fn error(&self, error: &CliError) {
        let text = if self.json { error.to_json().to_string() } else { error.to_string() };
        // Nothing is left to be done when even stderr is closed.
        let _ = writeln!(std::io::stderr(), "{}", plain(&text));
    }

    fn line(text: &str) {
        let mut out = std::io::stdout().lock();
        // The reader may have gone away (`| head`); what was done stays done.
        let _ = writeln!(out, "{}", plain(text)).and_then(|()| out.flush());
    }
}

/// Text without control characters: some of it comes from a server, which must not steer the terminal.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}
