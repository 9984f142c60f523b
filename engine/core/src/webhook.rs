//! Telling a merchant's server that its intent was paid: how often, when, and what came of it (protocol e.8).

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crate::ids::{Position, Timestamp};

/// The longest URL, in bytes (protocol d.9).
pub const MAX_URL_BYTES: usize = 1024;

/// The longest words about why a server was not reached that are kept, in bytes.
pub const MAX_REASON_BYTES: usize = 256;

/// What is shown to everybody of a webhook's URL: scheme, host and port. All the rest can be a merchant's secret.
#[must_use]
pub fn public_url(url: &str) -> String {
    let (scheme, rest) = url.split_once(':').unwrap_or_default();
    let rest = rest.trim_start_matches(['/', '\\']);
    let authority = rest.split(['/', '\\', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}")
}

/// The wait in front of each attempt, from the start of the one before it (protocol e.8). There are as many attempts.
pub const SCHEDULE: [Duration; 8] = [
    Duration::ZERO,
    Duration::from_secs(1),
    Duration::from_secs(1),
    Duration::from_secs(15),
    Duration::from_secs(60),
    Duration::from_secs(15 * 60),
    Duration::from_secs(60 * 60),
    Duration::from_secs(24 * 60 * 60),
];

/// Where an intent's outcome is to be told, and how that went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Where: 1 to [`MAX_URL_BYTES`] printable ASCII characters. Whether it may be called is its adapter's matter.
    pub url: String,
    /// Where its registration is in the log.
    pub registered: Position,
    /// Where in the log there came to be something to tell. Names the delivery: every attempt and every redelivery is the same one.
    pub armed: Option<Position>,
    /// Where it was armed, or last ordered again: the attempts are those since. What began before an order is not one of them.
    pub ordered: Option<Position>,
    /// How far the delivery has come.
    pub delivery: Delivery,
    /// The attempts since it was armed or last ordered again, in order.
    pub attempts: Vec<DeliveryAttempt>,
}

/// How far a delivery has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// There is nothing to tell yet.
    Waiting,
    /// The next attempt is to be made.
    Pending {
        /// Not before then.
        due: Timestamp,
    },
    /// The server took it.
    Delivered,
    /// The last attempt failed; there is none after it unless somebody orders one.
    Failed,
}

impl Delivery {
    /// The name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Pending { .. } => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }
}

/// One attempt at a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryAttempt {
    /// When it was reported.
    pub at: Timestamp,
    /// How long it had taken by then.
    pub latency: Duration,
    /// What came of it.
    pub outcome: DeliveryOutcome,
}

/// What came of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// The server answered; 200 and nothing else means that it took the delivery.
    Answered {
        /// The HTTP status.
        status: u16,
    },
    /// No answer came: it may have been delivered all the same.
    Unreachable {
        /// Why, in the deliverer's words; the first [`MAX_REASON_BYTES`] are kept.
        reason: String,
    },
}

impl DeliveryOutcome {
    /// Whether the server took it.
    #[must_use]
    pub fn is_delivered(&self) -> bool {
        matches!(self, Self::Answered { status: 200 })
    }
}

impl Webhook {
    /// When the next attempt is to be made, if there is one.
    #[must_use]
    pub fn due(&self) -> Option<Timestamp> {
        match self.delivery {
            Delivery::Pending { due } => Some(due),
            Delivery::Waiting | Delivery::Delivered | Delivery::Failed => None,
        }
    }

    /// The number of the next attempt: 1 for the first.
    #[must_use]
    pub fn next_attempt(&self) -> u8 {
        // One behind the last attempt that can have been reported, which is the length of the schedule.
        u8::try_from(self.attempts.len()).unwrap_or(u8::MAX).saturating_add(1)
    }
}

/// When the attempt after number `attempt` is to be made, if that one was reported as failed at `now` after `latency`; `None`
/// when it was the last.
#[must_use]
pub fn retry_at(attempt: u8, now: Timestamp, latency: Duration) -> Option<Timestamp> {
    let wait = SCHEDULE.get(usize::from(attempt))?;
    Some(now.saturating_sub(latency).saturating_add(*wait))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_merchants_secret_is_not_in_what_everybody_sees_of_a_webhook() {
        for (url, expected) in [
            ("https://shop.example/hook/s3cret?token=s3cret#s3cret", "https://shop.example"),
            ("https://shop.example:8443?token=s3cret", "https://shop.example:8443"),
            ("https://user:s3cret@shop.example/hook", "https://shop.example"),
            ("https://s3cret@user@shop.example/hook", "https://shop.example"),
            // As browsers and most libraries read them.
            ("https:shop.example/s3cret", "https://shop.example"),
            ("https:\\\\shop.example\\s3cret", "https://shop.example"),
            ("http://[2001:db8::1]:80/s3cret", "http://[2001:db8::1]:80"),
            ("s3cret", "://"),
            ("", "://"),
        ] {
            assert_eq!(public_url(url), expected, "{url}");
        }
    }
}
