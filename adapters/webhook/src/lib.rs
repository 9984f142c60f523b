//! Webhooks (protocol e.8): tells the server that a merchant named that its intent was paid, or that somebody logged in.
//!
//! What is told is a [token](Claims) that anybody verifies with the node's public key. Whom to tell, when, and what came of
//! it is in the log: [`Deliverer`] follows the log, calls who is due, and reports each attempt. It keeps nothing, so that a node
//! that was killed goes on where its log ends. An attempt whose report is not in the log is made again: a receiver may hear the
//! same twice, and knows it by the header [`ID_HEADER`].
//!
//! Only status 200 means that the server took it. A redirect is not followed, and no body is read. One host gets few calls at a
//! time, the fewer the worse it answers, so that nobody waits for another's dead server. Where more wait than may, the oldest of
//! whoever has most of them waiting are given up, on record and without a call.

mod backlog;
mod deliver;
mod job;
mod surplus;
mod taken;
mod token;

use std::time::Duration;

use ed25519_dalek::SigningKey;
use quittance_outbound::Outbound;
use quittance_runtime::Handle;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use job::ID_HEADER;
pub use token::{CONTENT_TYPE, Claims, Paid, key_set};

/// How webhooks are delivered.
#[derive(Clone, Debug)]
pub struct Options {
    /// The key that tokens are signed with: the node's own.
    pub key: SigningKey,
    /// The door that every call goes through.
    pub outbound: Outbound,
    /// Begins no more calls. Those under way end by themselves, within [`Options::timeout`].
    pub shutdown: CancellationToken,
    /// The most calls at a time.
    pub max_calls: usize,
    /// How long a server may take to answer.
    pub timeout: Duration,
    /// The most deliveries that may wait for nothing but a server; `None` for any number. What the engine's
    /// [`Admission`](quittance_runtime::Admission) has under the same name.
    pub max_undelivered: Option<usize>,
}

impl Options {
    /// 250 calls at a time, of 3 seconds each (protocol e.8), and any number that waits.
    #[must_use]
    pub fn new(key: SigningKey, outbound: Outbound, shutdown: CancellationToken) -> Self {
        Self {
            key,
            outbound,
            shutdown,
            max_calls: 250,
            timeout: Duration::from_secs(3),
            max_undelivered: None,
        }
    }
}

/// Delivers webhooks until it is told to stop or the engine has stopped.
#[derive(Debug)]
pub struct Deliverer {
    task: JoinHandle<Result<(), DelivererError>>,
}

/// Why the deliverer ended early. What is due stays due until it runs again.
#[derive(Debug, thiserror::Error)]
pub enum DelivererError {
    /// The log cannot be read.
    #[error("webhooks are no longer delivered: {0}")]
    Log(#[from] quittance_runtime::log::LogError),
    /// The task panicked: a bug.
    #[error("webhooks are no longer delivered; this is a bug: {0}")]
    Panicked(#[from] tokio::task::JoinError),
}

impl Deliverer {
    /// Delivers what is due and everything that will be, on the current tokio runtime.
    #[must_use]
    pub fn start(engine: Handle, options: Options) -> Self {
        Self { task: tokio::spawn(deliver::run(engine, options)) }
    }

    /// Whether it has ended, early or not.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.task.is_finished()
    }

    /// Ends it at once, calls under way included, which are then made again by the next one.
    pub fn abort(&self) {
        self.task.abort();
    }

    /// Waits until it has ended: until every call under way has, after the shutdown or the engine's end.
    ///
    /// # Errors
    /// It ended early.
    ///
    /// # Panics
    /// It has been waited for already.
    pub async fn join(&mut self) -> Result<(), DelivererError> {
        (&mut self.task).await?
    }
}
