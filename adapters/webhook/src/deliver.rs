use std::sync::Arc;
use std::time::Duration;

use quittance_core::event::Event;
use quittance_core::ids::{IntentId, Timestamp};
use quittance_core::state::State;
use quittance_runtime::log::LogError;
use quittance_runtime::{Handle, Subscription};
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;

use crate::backlog::Backlog;
use crate::job::{Attempted, Caller};
use crate::{DelivererError, Options};

/// Deliveries taken up at a time.
const FETCH: usize = 512;
/// Deliveries that wait here for their hosts; beyond so many, new ones wait in the state until some have ended.
const MAX_WAITING: usize = 50_000;
/// The state is asked no more often than that, however much happens: it is asked on the thread that decides.
const BREATH: Duration = Duration::from_millis(5);
/// The same when many wait, all of which are looked at.
const LONG_BREATH: Duration = Duration::from_millis(100);
const MANY: usize = 4_096;
/// The longest that nobody looks: bounds what a clock that was set anew can do.
const LONGEST: Duration = Duration::from_secs(60);
/// How long after a report that was not taken to look whether the delivery is due still: somebody may have ordered it again
/// while it was under way. No record says so.
const NOT_TAKEN: Duration = Duration::from_secs(1);
/// Records taken at a time.
const MAX_RECORDS: usize = 1_024;

pub(crate) async fn run(engine: Handle, options: Options) -> Result<(), DelivererError> {
    let Options { key, outbound, shutdown, max_calls, timeout } = options;
    let stop = shutdown.clone();
    let mut records = engine.subscribe(engine.durable().next());
    let mut worker = Worker {
        caller: Arc::new(Caller { engine, outbound, key, timeout, shutdown }),
        backlog: Backlog::new(max_calls.max(1)),
        calls: JoinSet::new(),
        looked: Instant::now(),
        look: Instant::now(),
        full: false,
    };
    let ended = loop {
        tokio::select! {
            () = stop.cancelled() => break Ok(()),
            record = records.next() => match record {
                None => break Ok(()),
                Some(first) => match first.and_then(|first| makes_due(&first.event, &mut records)) {
                    Err(error) => break Err(error.into()),
                    Ok(due) if due => worker.look_soon(),
                    Ok(_) => {}
                },
            },
            Some(ended) = worker.calls.join_next() => worker.end(ended),
            () = tokio::time::sleep_until(worker.look) => if worker.fetch().await.is_none() {
                break Ok(());
            },
        }
        worker.begin();
    };
    // Better reported now than told again.
    while let Some(ended) = worker.calls.join_next().await {
        worker.end(ended);
    }
    ended
}

/// Whether a record, or one of those already there behind it, lets a delivery become due.
fn makes_due(first: &Event, records: &mut Subscription) -> Result<bool, LogError> {
    let may = |event: &Event| {
        matches!(
            event,
            Event::IntentScheduled { .. }
                | Event::LoggedIn { .. }
                | Event::WebhookAttemptFailed { .. }
                | Event::WebhookRedeliveryOrdered
        )
    };
    let mut due = may(first);
    for _ in 0..MAX_RECORDS {
        let Some(record) = records.try_next()? else { break };
        due |= may(&record.event);
    }
    Ok(due)
}

struct Worker {
    caller: Arc<Caller>,
    backlog: Backlog,
    calls: JoinSet<Call>,
    /// When the state was looked at last, and when it is to be next.
    looked: Instant,
    look: Instant,
    /// Whether some were left in the state because too many wait here.
    full: bool,
}

/// A call that has ended: whose, at which host, and what it came to.
struct Call {
    intent: IntentId,
    host: Arc<str>,
    came: Attempted,
}

impl Worker {
    fn look_soon(&mut self) {
        self.look = self.look.min(self.looked + self.breath());
    }

    fn breath(&self) -> Duration {
        if self.backlog.len() < MANY { BREATH } else { LONG_BREATH }
    }

    /// Takes up what is due and sets the time of the next look; `None` when the engine has stopped.
    async fn fetch(&mut self) -> Option<()> {
        self.looked = Instant::now();
        let Caller { engine, outbound, .. } = &*self.caller;
        let (now, limit) = (engine.now(), (self.backlog.len() + FETCH).min(MAX_WAITING));
        let (mut due, next) = self.caller.ask(move |state| due(state, now, limit)).await?;
        let reached = due.len() == limit;
        due.retain(|id| !self.backlog.holds(id));
        let urls = self.caller.ask(move |state| urls(state, due)).await?;
        for (intent, url) in urls {
            // One that is not called any more fails in its own attempt, which is then on record.
            self.backlog.add(intent, &outbound.host(&url).unwrap_or_default());
        }
        self.full = reached && limit == MAX_WAITING;
        let wait = match next {
            Some(next) if !self.full => Duration::from_micros(next.0.saturating_sub(now.0)).min(LONGEST),
            // Until some have ended, or something happens.
            _ => LONGEST,
        };
        self.look = self.looked + wait.max(self.breath());
        Some(())
    }

    fn begin(&mut self) {
        while let Some((intent, host)) = self.backlog.begin() {
            let caller = Arc::clone(&self.caller);
            self.calls.spawn(async move {
                let came = caller.attempt(intent).await;
                Call { intent, host, came }
            });
        }
    }

    fn end(&mut self, ended: Result<Call, JoinError>) {
        match ended {
            Ok(Call { intent, host, came }) => {
                let answered = match came {
                    Attempted::Nothing => None,
                    Attempted::Called { answered, .. } => Some(answered),
                };
                self.backlog.end(&intent, host, answered);
                if matches!(came, Attempted::Called { taken: false, .. }) {
                    self.look = self.look.min(Instant::now() + NOT_TAKEN);
                }
            }
            // Its place is lost until the next start: no call panics, or this is a bug to be seen.
            Err(error) => tracing::error!(%error, "a webhook's call ended badly; this is a bug"),
        }
        if self.full && self.backlog.len() < MAX_WAITING - FETCH {
            self.full = false;
            self.look_soon();
        }
    }
}

/// The first `limit` deliveries that are due at `now`, and when the one behind them is.
fn due(state: &State, now: Timestamp, limit: usize) -> (Vec<IntentId>, Option<Timestamp>) {
    let mut due = Vec::new();
    for (at, id) in state.deliveries() {
        if at > now || due.len() == limit {
            return (due, Some(at));
        }
        due.push(id);
    }
    (due, None)
}

fn urls(state: &State, intents: Vec<IntentId>) -> Vec<(IntentId, String)> {
    let url = |id| Some((id, state.intent(&id)?.webhook.as_ref()?.url.clone()));
    intents.into_iter().filter_map(url).collect()
}
