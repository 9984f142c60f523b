//! How far something long has come, on standard error: in place on a terminal, a line now and then elsewhere.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use quittance_core::ids::Position;

/// What is over sooner shows nothing.
const PATIENCE: Duration = Duration::from_secs(1);
/// Between two figures on a terminal,
const IN_PLACE: Duration = Duration::from_millis(200);
/// and between two lines in a file.
const LINES: Duration = Duration::from_secs(10);

/// Work along a log. Dropping it leaves the terminal's line free again.
#[derive(Debug)]
pub(crate) struct Progress {
    what: &'static str,
    next: Option<Instant>,
    terminal: bool,
    shown: bool,
}

impl Progress {
    pub(crate) fn new(what: &'static str, wanted: bool) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let first = if terminal { PATIENCE } else { LINES };
        Self { what, next: wanted.then(|| Instant::now() + first), terminal, shown: false }
    }

    /// It has come to `position`; it ends at `end`, where that is known.
    pub(crate) fn at(&mut self, position: Position, end: Option<Position>) {
        let Some(next) = self.next else { return };
        let now = Instant::now();
        if now < next {
            return;
        }
        let end = end.map(|end| format!(" of {end}")).unwrap_or_default();
        let line = format!("{}: position {position}{end}", self.what);
        let mut out = std::io::stderr().lock();
        // Nobody may be looking; the work goes on.
        let _ = if self.terminal { write!(out, "\r{line}\x1b[K") } else { writeln!(out, "{line}") };
        let _ = out.flush();
        self.shown = self.terminal;
        self.next = Some(now + if self.terminal { IN_PLACE } else { LINES });
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
