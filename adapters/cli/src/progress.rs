//! How far something long has come, on standard error: a bar on a terminal, a line now and then elsewhere.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use quittance_core::ids::Position;

/// What is over sooner shows nothing.
const PATIENCE: Duration = Duration::from_secs(1);
/// Between two lines in a file.
const LINES: Duration = Duration::from_secs(10);

/// Work along a log. Dropping it leaves the terminal's line free again.
#[derive(Debug)]
pub(crate) struct Progress {
    what: &'static str,
    next: Option<Instant>,
    terminal: bool,
    bar: Option<ProgressBar>,
}

impl Progress {
    pub(crate) fn new(what: &'static str, wanted: bool) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let first = if terminal { PATIENCE } else { LINES };
        Self { what, next: wanted.then(|| Instant::now() + first), terminal, bar: None }
    }

    /// It has come to `position`; it ends at `end`, where that is known.
    pub(crate) fn at(&mut self, position: Position, end: Option<Position>) {
        if let Some(bar) = &self.bar {
            bar.set_position(position.0);
            return;
        }
        let now = Instant::now();
        if self.next.is_none_or(|next| now < next) {
            return;
        }
        if self.terminal {
            self.bar = Some(bar(self.what, position, end));
            return;
        }
        let end = end.map(|end| format!(" of {end}")).unwrap_or_default();
        // Nobody may be looking; the work goes on.
        let _ = writeln!(std::io::stderr().lock(), "{}: position {position}{end}", self.what);
        self.next = Some(now + LINES);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar(what: &'static str, position: Position, end: Option<Position>) -> ProgressBar {
    let form = match end {
        Some(_) => "{msg} {bar:32} {human_pos} of {human_len} records, {eta} left",
        None => "{msg} {spinner} {human_pos} records",
    };
    let target = ProgressDrawTarget::stderr();
    let bar = ProgressBar::with_draw_target(end.map(|end| end.0), target).with_position(position.0);
    bar.set_message(what);
    // A form that does not parse would be a bug here; the bar's own is as good.
    bar.set_style(ProgressStyle::with_template(form).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}
