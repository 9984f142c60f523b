use std::time::{Duration, Instant};

use ed25519_dalek::SigningKey;
use quittance_core::command::Request;
use quittance_core::ids::{IntentId, Position, Timestamp};
use quittance_core::rejection::RejectionCode;
use quittance_core::state::{Intent, State};
use quittance_core::webhook::DeliveryOutcome;
use quittance_outbound::{Error, Outbound, Post};
use quittance_runtime::{Error as EngineError, Handle};
use tokio_util::sync::CancellationToken;

use crate::taken::Taken;
use crate::token::{CONTENT_TYPE, Claims, Paid};

/// Names a delivery: the same for every attempt at it and every time it is ordered again, so that a receiver can tell what it
/// has heard before.
pub const ID_HEADER: &str = "webhook-id";

/// How long to wait before asking again an engine that was busy: at first, and at most, after doubling each time.
const RETRY: Duration = Duration::from_millis(50);
const LONGEST_RETRY: Duration = Duration::from_secs(2);

/// What an attempt came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attempted {
    /// There was nothing to tell any more, or not yet, or nobody to ask.
    Nothing,
    /// This node had too many calls under way: nobody was called, and no attempt was made.
    NotMade,
    /// The host was called: whether it answered, and whether the engine took the report.
    Called { answered: bool, taken: bool },
}

/// What every call needs.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) engine: Handle,
    pub(crate) outbound: Outbound,
    pub(crate) key: SigningKey,
    pub(crate) timeout: Duration,
    pub(crate) shutdown: CancellationToken,
    pub(crate) taken: Taken,
}

/// One attempt at one delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Job {
    url: String,
    attempt: u8,
    /// The order it is an attempt at.
    ordered: Position,
    id: String,
    claims: Claims,
}

impl Job {
    /// What is to be told of an intent at `now`, if anything is.
    fn due(state: &State, id: IntentId, now: Timestamp) -> Option<Self> {
        let (intent, now) = (state.intent(&id)?, now.max(state.time()));
        let webhook =
            intent.webhook.as_ref().filter(|webhook| webhook.due().is_some_and(|due| due <= now))?;
        Some(Self {
            url: webhook.url.clone(),
            attempt: webhook.next_attempt(),
            ordered: webhook.ordered?,
            id: delivery_id(id, webhook.armed?),
            claims: claims(state, id, intent),
        })
    }
}

/// What the log says of an intent, in a token's words.
fn claims(state: &State, id: IntentId, intent: &Intent) -> Claims {
    let paid = intent.terms().zip(intent.submission());
    let payment = paid.map(|(terms, submission)| Paid {
        destination: terms.destination,
        payment: submission.payment.clone(),
    });
    Claims { intent: id, payment, user: state.user(intent) }
}

fn delivery_id(intent: IntentId, armed: Position) -> String {
    format!("{intent}-{armed}")
}

impl Caller {
    /// Looks at the state, however busy the engine is. `None` when it has stopped, or the shutdown has come.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        look: impl FnOnce(&State) -> T + Clone + Send + 'static,
    ) -> Option<T> {
        self.patiently(|| self.engine.query(look.clone())).await
    }

    /// Calls, and reports what came of it.
    pub(crate) async fn attempt(&self, intent: IntentId) -> Attempted {
        self.call(intent).await.unwrap_or(Attempted::Nothing)
    }

    /// Orders, by `order`, that a delivery is not made any more, unless it is being made; whether it was.
    pub(crate) async fn give_up(&self, intent: IntentId, order: Request) -> bool {
        let Some(_hold) = self.taken.take(intent) else { return false };
        self.patiently(|| self.engine.execute(order.clone())).await.is_some()
    }

    async fn call(&self, intent: IntentId) -> Option<Attempted> {
        let _hold = self.taken.take(intent)?;
        let now = self.engine.now();
        let job = self.ask(move |state| Job::due(state, intent, now)).await??;
        let token = job.claims.sign(&self.key);
        let begun = Instant::now();
        let post = Post {
            url: &job.url,
            content_type: CONTENT_TYPE,
            headers: &[(ID_HEADER, &job.id)],
            body: token.into_bytes(),
            timeout: self.timeout,
        };
        let outcome = match self.outbound.post(post).await {
            Ok(status) => DeliveryOutcome::Answered { status },
            Err(Error::Busy { host }) => {
                tracing::debug!(%intent, host, "a webhook has to wait: too many calls are under way");
                return Some(Attempted::NotMade);
            }
            Err(error) => DeliveryOutcome::Unreachable { reason: error.to_string() },
        };
        let latency = begun.elapsed();
        let (attempt, ordered) = (job.attempt, job.ordered);
        tracing::debug!(%intent, attempt, ?outcome, ?latency, "a webhook was called");
        let answered = matches!(outcome, DeliveryOutcome::Answered { .. });
        let report = || {
            let outcome = outcome.clone();
            self.engine.execute(Request::ReportDelivery { intent, ordered, attempt, outcome, latency })
        };
        let taken = self.patiently(report).await.is_some();
        Some(Attempted::Called { answered, taken })
    }

    /// Asks again for as long as the engine is busy or its store full, until the shutdown. `None` when there is no answer: what
    /// was to be said stays to be said.
    async fn patiently<T, F>(&self, mut ask: impl FnMut() -> F) -> Option<T>
    where
        F: Future<Output = Result<T, EngineError>>,
    {
        let mut wait = RETRY;
        loop {
            match ask().await {
                Ok(answer) => return Some(answer),
                Err(error) if heals(&error) => {}
                Err(EngineError::Stopped | EngineError::Failed(_)) => return None,
                // An operator may have ordered a delivery again while it was under way.
                Err(error) => {
                    tracing::warn!(%error, "what was said of a webhook was not taken");
                    return None;
                }
            }
            tokio::select! {
                () = self.shutdown.cancelled() => return None,
                () = tokio::time::sleep(wait) => wait = (wait * 2).min(LONGEST_RETRY),
            }
        }
    }
}

fn heals(error: &EngineError) -> bool {
    match error {
        EngineError::Rejected(rejection) => rejection.code == RejectionCode::NodeOverloaded,
        EngineError::Full(_) => true,
        EngineError::Unreadable(_) | EngineError::Failed(_) | EngineError::Stopped => false,
    }
}
