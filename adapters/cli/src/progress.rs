//! How far something long has come, on the terminal.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use quittance_runtime::Progress;
use quittance_runtime::core::ids::Position;

/// What is over before this shows no bar.
const PATIENCE: Duration = Duration::from_millis(700);

/// The replay of a log at a start. Draws on standard error, and only on a terminal.
#[derive(Clone, Debug, Default)]
pub(crate) struct Replaying(Arc<OnceLock<ProgressBar>>);

impl Replaying {
    /// What the engine is to tell.
    pub(crate) fn progress(&self) -> Progress {
        let (bar, began) = (self.0.clone(), Instant::now());
        Progress(Arc::new(move |Position(done), Position(of)| {
            if began.elapsed() > PATIENCE {
                bar.get_or_init(|| records(of)).set_position(done);
            }
        }))
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        if let Some(bar) = self.0.get() {
            bar.finish_and_clear();
        }
    }
}

fn records(of: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(of), ProgressDrawTarget::stderr());
    let style =
        ProgressStyle::with_template("replaying {bar:32} {human_pos} of {human_len} records, {eta} left");
    // A template that does not parse would be a bug here; the bar's own style is as good.
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}
