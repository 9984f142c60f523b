use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use quittance_core::event::{Event, Record};
use quittance_core::ids::{IntentId, Timestamp};
use quittance_core::state::State;
use quittance_outbound::Outbound;
use quittance_runtime::log::LogError;
use quittance_runtime::{Handle, Subscription};
use tokio::sync::Notify;
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;

use crate::backlog::{Backlog, Begun};
use crate::job::{Attempted, Caller};
use crate::surplus;
use crate::taken::Taken;
use crate::{DelivererError, Options};

/// Deliveries of which the log or a call has just said something, that are looked at at a time; and that wait for that. Beyond,
/// all are looked through for them.
const FETCH: usize = 512;
const MAX_FRESH: usize = 16_384;
/// The same for those that are due within [`LONGEST`].
const MAX_SOON: usize = 65_536;
/// Deliveries of the state that are looked at at a time when all are looked through.
const PART: usize = 1_024;
/// The state is asked no more often than that, however much happens: it is asked on the thread that decides.
const BREATH: Duration = Duration::from_millis(5);
/// The same for the next part, where the last one had hardly any for whom there was room.
const LONG_BREATH: Duration = Duration::from_millis(50);
/// The longest that nobody looks through all: bounds what a clock that was set anew can do.
const LONGEST: Duration = Duration::from_secs(60);
/// How long after a report that was not taken, or a call that was not made, to look whether the delivery is due still.
const NOT_TAKEN: Duration = Duration::from_secs(1);
/// Records taken at a time.
const MAX_RECORDS: usize = 1_024;

pub(crate) async fn run(engine: Handle, options: Options) -> Result<(), DelivererError> {
    let Options { key, outbound, shutdown, max_calls, timeout, max_undelivered } = options;
    let stop = shutdown.clone();
    let mut records = engine.subscribe(engine.durable().next());
    let caller = Arc::new(Caller { engine, outbound, key, timeout, shutdown, taken: Taken::default() });
    let (surplus, mut keeper) = (Arc::new(Notify::new()), JoinSet::new());
    if let Some(most) = max_undelivered {
        keeper.spawn(surplus::keep(Arc::clone(&caller), most, Arc::clone(&surplus)));
        // What a node that was killed left behind.
        surplus.notify_one();
    }
    let mut worker = Worker {
        caller,
        max_undelivered,
        surplus,
        backlog: Backlog::new(max_calls.max(1)),
        calls: JoinSet::new(),
        fresh: VecDeque::new(),
        soon: BTreeSet::new(),
        looked: Instant::now(),
        part: None,
        part_at: Instant::now(),
        again: false,
    };
    let ended = loop {
        let next_look = worker.next_look();
        tokio::select! {
            () = stop.cancelled() => break Ok(()),
            record = records.next() => match record {
                None => break Ok(()),
                Some(first) => match first.and_then(|first| due_now(&first, &mut records)) {
                    Err(error) => break Err(error.into()),
                    Ok(intents) => intents.into_iter().for_each(|intent| worker.freshen(intent)),
                },
            },
            Some(ended) = worker.calls.join_next() => worker.end(ended),
            Some(Err(error)) = keeper.join_next() => break Err(error.into()),
            () = tokio::time::sleep_until(next_look) => if worker.look().await.is_none() {
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

/// Whose deliveries are due by a record, and by those already there behind it. One that is to be made again is due by and by,
/// which whoever reported it knows.
fn due_now(first: &Record, records: &mut Subscription) -> Result<Vec<IntentId>, LogError> {
    let due = |record: &Record| match record.event {
        Event::IntentScheduled { .. } | Event::LoggedIn { .. } | Event::WebhookRedeliveryOrdered => {
            record.subject.map(|subject| subject.intent)
        }
        _ => None,
    };
    let mut intents: Vec<_> = due(first).into_iter().collect();
    for _ in 0..MAX_RECORDS {
        let Some(record) = records.try_next()? else { break };
        intents.extend(due(&record));
    }
    Ok(intents)
}

/// Takes up what is due. What has just become due is known by its intent, and found however many others are. Those of longer ago
/// are looked through part by part: at the start, once a minute or when the next one is due, and whenever there is room again for
/// those that were left where they are.
struct Worker {
    caller: Arc<Caller>,
    max_undelivered: Option<usize>,
    /// To be told when more wait than that.
    surplus: Arc<Notify>,
    backlog: Backlog,
    calls: JoinSet<Call>,
    fresh: VecDeque<IntentId>,
    soon: BTreeSet<(Timestamp, IntentId)>,
    looked: Instant,
    /// The last one of the parts that were looked through; `None` before the first.
    part: Option<(Timestamp, IntentId)>,
    part_at: Instant,
    /// Whether to begin with the first part again after the last.
    again: bool,
}

/// A call that has ended, and what it came to.
struct Call {
    begun: Begun,
    came: Attempted,
}

/// A delivery, when it is due, and where to.
struct Waiting {
    intent: IntentId,
    due: Timestamp,
    url: String,
}

/// What the state has for a worker.
struct Seen {
    now: Timestamp,
    undelivered: usize,
    fresh: Vec<Waiting>,
    part: Vec<Waiting>,
    /// When the first one is due that is not; `None` where the part was not the last.
    end: Option<Option<Timestamp>>,
}

impl Worker {
    fn freshen(&mut self, intent: IntentId) {
        if self.fresh.len() < MAX_FRESH {
            self.fresh.push_back(intent);
        } else {
            self.look_through();
        }
    }

    fn look_through(&mut self) {
        if self.part.is_some() {
            self.again = true;
        } else {
            self.part_at = self.part_at.min(Instant::now());
        }
    }

    fn now(&self) -> Timestamp {
        self.caller.engine.now()
    }

    fn next_look(&self) -> Instant {
        let soon = self.soon.first().map(|(due, _)| Instant::now() + between(self.now(), *due));
        let fresh = (!self.fresh.is_empty()).then_some(self.looked);
        let next = [soon, fresh].into_iter().flatten().fold(self.part_at, Instant::min);
        next.max(self.looked + BREATH)
    }

    /// `None` when the engine has stopped.
    async fn look(&mut self) -> Option<()> {
        self.looked = Instant::now();
        let now = self.now();
        while let Some(first) = self.soon.first().copied().filter(|(due, _)| *due <= now) {
            self.soon.remove(&first);
            self.fresh.push_back(first.1);
        }
        let fresh: Vec<_> = self.fresh.drain(..self.fresh.len().min(FETCH)).collect();
        // What is under way is looked at when it has ended.
        let fresh: Vec<_> = fresh.into_iter().filter(|intent| !self.backlog.holds(intent)).collect();
        let part = (self.part_at <= self.looked).then_some(self.part);
        if fresh.is_empty() && part.is_none() {
            return Some(());
        }
        let seen = self.caller.ask(move |state| see(state, now, &fresh, part)).await?;
        if self.max_undelivered.is_some_and(|most| seen.undelivered > most) {
            self.surplus.notify_one();
        }
        for waiting in seen.fresh {
            if waiting.due <= seen.now {
                self.take(&waiting);
            } else {
                self.wait(&waiting, seen.now);
            }
        }
        if part.is_some() {
            self.parted(&seen.part, seen.end, seen.now);
        }
        Some(())
    }

    /// Whether there was room for a delivery that is due.
    fn take(&mut self, Waiting { intent, url, .. }: &Waiting) -> bool {
        // One that is not called any more fails in its own attempt, which is then on record.
        let host = self.caller.outbound.host(url).unwrap_or_default();
        self.backlog.add(*intent, &host, Outbound::site(&host))
    }

    fn wait(&mut self, waiting: &Waiting, now: Timestamp) {
        let wait = between(now, waiting.due);
        if wait < LONGEST && self.soon.len() < MAX_SOON {
            self.soon.insert((waiting.due, waiting.intent));
        } else {
            self.part_at = self.part_at.min(self.looked + wait);
        }
    }

    fn parted(&mut self, part: &[Waiting], end: Option<Option<Timestamp>>, now: Timestamp) {
        let left: Vec<_> = part.iter().filter(|waiting| !self.backlog.holds(&waiting.intent)).collect();
        let taken = left.into_iter().filter(|waiting| self.take(waiting)).count();
        let Some(next) = end else {
            self.part = part.last().map(|last| (last.due, last.intent));
            self.part_at = self.looked + if taken >= PART / 8 { BREATH } else { LONG_BREATH };
            return;
        };
        self.part = None;
        let wait = next.map_or(LONGEST, |next| between(now, next).min(LONGEST));
        self.part_at = self.looked + if std::mem::take(&mut self.again) { LONG_BREATH } else { wait };
    }

    fn begin(&mut self) {
        while let Some(begun) = self.backlog.begin() {
            let caller = Arc::clone(&self.caller);
            self.calls.spawn(async move {
                let came = caller.attempt(begun.intent).await;
                Call { begun, came }
            });
        }
        if self.backlog.take_room() {
            self.look_through();
        }
    }

    fn end(&mut self, ended: Result<Call, JoinError>) {
        match ended {
            Ok(Call { begun, came }) => {
                let answered = match came {
                    Attempted::Nothing | Attempted::NotMade => None,
                    Attempted::Called { answered, .. } => Some(answered),
                };
                self.backlog.end(&begun, answered);
                match came {
                    // It may be due again by now, or still, and what came meanwhile was passed over.
                    Attempted::Nothing | Attempted::Called { taken: true, .. } => self.freshen(begun.intent),
                    Attempted::NotMade | Attempted::Called { taken: false, .. } => {
                        self.again |= self.part.is_some();
                        self.part_at = self.part_at.min(Instant::now() + NOT_TAKEN);
                    }
                }
            }
            // Its place is lost until the next start: no call panics, or this is a bug to be seen.
            Err(error) => tracing::error!(%error, "a webhook's call ended badly; this is a bug"),
        }
    }
}

/// What is due of some deliveries, or will be, and the next part of all that are due.
fn see(
    state: &State,
    now: Timestamp,
    fresh: &[IntentId],
    part: Option<Option<(Timestamp, IntentId)>>,
) -> Seen {
    let now = now.max(state.time());
    let waiting = |intent: IntentId| {
        let webhook = state.intent(&intent)?.webhook.as_ref()?;
        Some(Waiting { intent, due: webhook.due()?, url: webhook.url.clone() })
    };
    let fresh = fresh.iter().filter_map(|intent| waiting(*intent)).collect();
    let mut seen = Seen { now, undelivered: state.undelivered(), fresh, part: Vec::new(), end: None };
    if let Some(last) = part {
        let mut all = state.deliveries_after(last);
        seen.end = loop {
            match all.next() {
                None => break Some(None),
                Some((due, _)) if due > now => break Some(Some(due)),
                Some(_) if seen.part.len() == PART => break None,
                Some((_, intent)) => seen.part.extend(waiting(intent)),
            }
        };
    }
    seen
}

fn between(now: Timestamp, then: Timestamp) -> Duration {
    Duration::from_micros(then.0.saturating_sub(now.0))
}
