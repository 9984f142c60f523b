//! Clients: one that keeps the engine busy, and one that asks at its own pace whatever the engine does.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use quittance_core::command::Request;
use quittance_core::rejection::RejectionCode;
use quittance_runtime::{Error, Handle, Ticket};

use crate::error::BenchError;
use crate::machine::resident;
use crate::node::Node;

/// Answers waited for at a time: more than the engine's queues hold.
const WAITING: usize = 64 * 1024;
/// Answers between two looks at the memory in use.
const LOOK_EVERY: usize = 512;
/// How long a client that will not be refused waits before it asks again.
const AGAIN: Duration = Duration::from_micros(50);
/// How long the rail may take for what is left at the end.
const PATIENCE: Duration = Duration::from_secs(120);

/// Has all of these carried out, as many under way as are never refused. How long it took until all were durable.
pub(crate) fn closed(
    node: &Node,
    requests: impl IntoIterator<Item = Request>,
) -> Result<Duration, BenchError> {
    let handle = node.handle();
    let mut under_way: VecDeque<Ticket> = VecDeque::with_capacity(node.in_flight);
    let start = Instant::now();
    for request in requests {
        if under_way.len() >= node.in_flight {
            oldest(&mut under_way)?;
        }
        under_way.push_back(handle.begin(request)?);
    }
    while !under_way.is_empty() {
        oldest(&mut under_way)?;
    }
    Ok(start.elapsed())
}

/// The most requests in one batch: a commit's worth.
const BATCH: usize = 512;

/// Has all of these carried out in batches, as many under way as are never refused. How long it took until all were durable.
pub(crate) fn batches(node: &Node, requests: Vec<Request>) -> Result<Duration, BenchError> {
    let handle = node.handle();
    let mut under_way = VecDeque::new();
    let mut requests = requests.into_iter();
    let start = Instant::now();
    loop {
        let batch: Vec<_> = requests.by_ref().take(BATCH).collect();
        let last = batch.is_empty();
        while !under_way.is_empty() && (last || under_way.len() >= node.in_flight / BATCH) {
            let ticket: Option<Ticket<Vec<_>>> = under_way.pop_front();
            for answer in ticket.map(Ticket::wait_blocking).transpose()?.into_iter().flatten() {
                answer?;
            }
        }
        if last {
            return Ok(start.elapsed());
        }
        under_way.push_back(handle.begin_batch(batch)?);
    }
}

/// Creates these intents, submits each as soon as it is there, and waits until all are confirmed. How long that took.
pub(crate) fn lifecycles(
    node: &Node,
    creates: Vec<Request>,
    submits: Vec<Request>,
) -> Result<Duration, BenchError> {
    let handle = node.handle();
    let most = (node.in_flight / 2).max(1);
    let mut created: VecDeque<(Ticket, Request)> = VecDeque::with_capacity(most);
    let mut submitted: VecDeque<Ticket> = VecDeque::with_capacity(most);
    let mut submit_oldest = |created: &mut VecDeque<(Ticket, Request)>| -> Result<(), BenchError> {
        let Some((ticket, submit)) = created.pop_front() else { return Ok(()) };
        ticket.wait_blocking()?;
        if submitted.len() >= most {
            oldest(&mut submitted)?;
        }
        submitted.push_back(handle.begin(submit)?);
        Ok(())
    };
    let start = Instant::now();
    for (create, submit) in creates.into_iter().zip(submits) {
        if created.len() >= most {
            submit_oldest(&mut created)?;
        }
        created.push_back((handle.begin(create)?, submit));
    }
    while !created.is_empty() {
        submit_oldest(&mut created)?;
    }
    while !submitted.is_empty() {
        oldest(&mut submitted)?;
    }
    while handle.query_blocking(|state| state.unsettled().next().is_some())? {
        if start.elapsed() > PATIENCE {
            return Err(BenchError::Wrong("the rail does not settle what is scheduled".to_owned()));
        }
        thread::sleep(Duration::from_millis(1));
    }
    Ok(start.elapsed())
}

fn oldest(under_way: &mut VecDeque<Ticket>) -> Result<(), BenchError> {
    if let Some(ticket) = under_way.pop_front() {
        ticket.wait_blocking()?;
    }
    Ok(())
}

/// Requests that come at their own times.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrivals {
    /// A second.
    pub(crate) rate: f64,
    /// From the first to the last.
    pub(crate) length: Duration,
    /// What a client does that is refused because the queue is full: asks again until it is not, or goes away.
    pub(crate) insists: bool,
}

/// What became of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Served {
    /// Those that came, accepted or refused.
    pub(crate) offered: u64,
    /// Durable.
    pub(crate) accepted: u64,
    /// While they were offered.
    pub(crate) offering: Duration,
    /// Until the last one was durable.
    pub(crate) elapsed: Duration,
    /// Of each that was accepted, from the moment at which it was to come, shortest first. Whatever delays the client delays
    /// the answer: leaving that out would be leaving out the requests that waited longest.
    pub(crate) latencies: Vec<Duration>,
    /// The most memory in use meanwhile, in bytes.
    pub(crate) resident: Option<u64>,
}

/// Offers requests at their times, each until one is accepted, until the time is up or none is left.
pub(crate) fn open(handle: &Handle, requests: &[Request], arrivals: Arrivals) -> Result<Served, BenchError> {
    let (sender, receiver) = sync_channel(WAITING);
    let start = Instant::now();
    thread::scope(|scope| {
        let collector = scope.spawn(move || collect(&receiver, start));
        let offered = offer(requests, arrivals, start, |request, intended| match handle.begin(request) {
            Ok(ticket) => Ok(sender.send((intended, ticket)).is_ok()),
            Err(Error::Rejected(refused)) if refused.code == RejectionCode::NodeOverloaded => Ok(false),
            Err(error) => Err(error.into()),
        });
        drop(sender);
        let collected = collector.join().expect("collecting does not panic")?;
        let Served { offered, offering, .. } = offered?;
        Ok(Served { offered, offering, ..collected })
    })
}

/// The clock's side: what is due is offered, and what is not yet due is slept for. A sleep ends late by some tens of
/// microseconds; what came due meanwhile is offered at once, and its wait counts from when it was due.
fn offer(
    requests: &[Request],
    arrivals: Arrivals,
    start: Instant,
    mut accept: impl FnMut(Request, Duration) -> Result<bool, BenchError>,
) -> Result<Served, BenchError> {
    let Arrivals { rate, length, insists } = arrivals;
    let (mut served, mut next) = (Served::default(), 0);
    while let Some(request) = requests.get(next) {
        let intended = Duration::from_secs_f64((served.offered as f64) / rate);
        let now = start.elapsed();
        if intended >= length || (!insists && now >= length) {
            break;
        }
        if intended > now {
            thread::sleep(intended - now);
            continue;
        }
        if accept(request.clone(), intended)? {
            served.offered += 1;
            next += 1;
            continue;
        }
        if insists {
            thread::sleep(AGAIN);
        } else {
            served.offered += 1;
        }
    }
    served.offering = start.elapsed();
    Ok(served)
}

fn collect(tickets: &Receiver<(Duration, Ticket)>, start: Instant) -> Result<Served, BenchError> {
    let mut served = Served::default();
    for (intended, ticket) in tickets {
        match ticket.wait_blocking() {
            Ok(_) => {
                served.elapsed = start.elapsed();
                served.latencies.push(served.elapsed.saturating_sub(intended));
            }
            // A stage further inside may be what is full.
            Err(Error::Rejected(refused)) if refused.code == RejectionCode::NodeOverloaded => {}
            Err(error) => return Err(error.into()),
        }
        if served.latencies.len() % LOOK_EVERY == 1 {
            served.resident = served.resident.max(resident());
        }
    }
    served.resident = served.resident.max(resident());
    served.accepted = served.latencies.len() as u64;
    served.latencies.sort_unstable();
    Ok(served)
}

impl Served {
    /// The latency that this share of requests, 0 to 1, did not exceed; in microseconds.
    pub(crate) fn quantile_us(&self, share: f64) -> Result<f64, BenchError> {
        let none = || BenchError::Wrong("no request was accepted, so none has a latency".to_owned());
        let last = self.latencies.len().checked_sub(1).ok_or_else(none)?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index, rounded up")]
        let index = (self.latencies.len() as f64 * share).ceil() as usize;
        Ok(self.latencies[index.saturating_sub(1).min(last)].as_secs_f64() * 1e6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_that_one_in_a_thousand_has_is_not_rounded_away() {
        let latencies = (1..=1000).map(Duration::from_micros).collect();
        let served = Served { latencies, ..Served::default() };
        for (share, expected) in [(0.5, 500.0), (0.99, 990.0), (0.999, 999.0), (1.0, 1000.0), (0.0, 1.0)] {
            let found = served.quantile_us(share).expect("there are some");
            assert!((found - expected).abs() < 0.001, "{share}: {found}");
        }
        assert!(Served::default().quantile_us(0.5).is_err(), "no figure out of nothing");
    }

    #[test]
    fn a_request_that_could_not_be_offered_in_time_waited_all_the_same() {
        let requests = vec![crate::world::deposit(0); 5];
        let arrivals = Arrivals { rate: 1_000.0, length: Duration::from_secs(1), insists: true };
        let mut waits = Vec::new();
        let start = Instant::now();
        let served = offer(&requests, arrivals, start, |_, intended| {
            if waits.is_empty() {
                // The engine takes nothing for a while: whoever came meanwhile waits too.
                thread::sleep(Duration::from_millis(20));
            }
            waits.push(start.elapsed() - intended);
            Ok(true)
        });
        assert_eq!(served.expect("nothing fails").offered, 5);
        for (number, wait) in (0..).zip(waits) {
            assert!(wait >= Duration::from_millis(20 - number), "request {number} counts a wait of {wait:?}");
        }
    }
}
