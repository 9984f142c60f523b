//! What is given up where more wait than may.

mod tally;

use std::sync::Arc;
use std::time::Duration;

use quittance_core::command::Request;
use quittance_core::ids::{IntentId, Position};
use quittance_core::state::State;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::job::Caller;
use tally::{Share, Tally};

/// Deliveries of the state that are looked at at a time, on the thread that decides, and how long it is left alone after that.
const PART: usize = 1_024;
const BREATH: Duration = Duration::from_millis(10);
/// The part of what may wait that is given up beyond what is too much: everything is looked through less often.
const SLACK: usize = 16;
/// So many are given up at a time.
const AT_ONCE: usize = 256;
/// How long until the next look, where calls were under way that could not be given up.
const AGAIN: Duration = Duration::from_secs(1);

/// Gives deliveries up whenever it is woken and more than `most` wait. Ends with the engine or at the shutdown.
pub(crate) async fn keep(caller: Arc<Caller>, most: usize, woken: Arc<Notify>) {
    loop {
        tokio::select! {
            () = caller.shutdown.cancelled() => return,
            () = woken.notified() => {}
        }
        if shrink(&caller, most).await.is_none() {
            return;
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// `None` when the engine has stopped.
async fn shrink(caller: &Arc<Caller>, most: usize) -> Option<()> {
    let waiting = caller.ask(State::undelivered).await?;
    if waiting <= most {
        return Some(());
    }
    for share in look_through(caller).await?.shares(most - most / SLACK) {
        let Share { site, waiting: of_site, oldest } = share;
        let reason = format!(
            "given up without a call: {waiting} webhooks wait, at most {most} may, and {of_site} of them are for {site}"
        );
        let given_up = give_up(caller, &oldest, &reason).await;
        tracing::warn!(
            site,
            given_up,
            waiting,
            most,
            "too many webhooks wait: the oldest of a site are given up"
        );
    }
    Some(())
}

/// Every delivery that alone keeps its intent.
async fn look_through(caller: &Caller) -> Option<Tally> {
    let (mut tally, mut last) = (Tally::default(), None);
    loop {
        let part = caller.ask(move |state| {
            let part: Vec<_> = state.deliveries_after(last).take(PART).collect();
            let waiting = part.iter().filter_map(|(_, id)| {
                let webhook = state.intent(id).filter(|known| known.is_undelivered())?.webhook.as_deref()?;
                Some((*id, webhook.ordered?, webhook.url.clone()))
            });
            (waiting.collect::<Vec<_>>(), part.last().copied())
        });
        let (part, end) = part.await?;
        for (intent, ordered, url) in part {
            tally.add(&caller.outbound.host(&url).unwrap_or_default(), ordered, intent);
        }
        if end.is_none() {
            return Some(tally);
        }
        last = end;
        tokio::time::sleep(BREATH).await;
    }
}

/// How many of them were.
async fn give_up(caller: &Arc<Caller>, deliveries: &[(Position, IntentId)], reason: &str) -> usize {
    let mut given_up = 0;
    for part in deliveries.chunks(AT_ONCE) {
        let mut orders = JoinSet::new();
        for (ordered, intent) in part.iter().copied() {
            let (caller, reason) = (Arc::clone(caller), reason.to_owned());
            let order = Request::GiveUpDelivery { intent, ordered: Some(ordered), reason };
            orders.spawn(async move { caller.give_up(intent, order).await });
        }
        while let Some(done) = orders.join_next().await {
            given_up += usize::from(done.is_ok_and(|done| done));
        }
    }
    given_up
}
