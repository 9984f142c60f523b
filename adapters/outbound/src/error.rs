use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::MAX_URL_BYTES;

/// Why a URL is not called. The words are those that the official clients know (protocol b.1, e.8), with the reason behind them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Longer than any client sends (protocol d.9).
    #[error("url must be at most {MAX_URL_BYTES} bytes, got {0}")]
    TooLong(usize),
    /// Not a URL, or one that two readers could take for two different ones.
    #[error("url is not valid: {0}")]
    Invalid(String),
    /// Another scheme than HTTP's.
    #[error("url scheme must be http or https")]
    Scheme,
    /// HTTP without TLS, which only an [`Options::dev`](crate::Options::dev) node speaks.
    #[error("url scheme must be https")]
    Http,
    /// Nothing between `//` and the path.
    #[error("host component missing")]
    HostMissing,
    /// Not a DNS name, or a port that is not called.
    #[error("host is not a valid domain name: {0}")]
    Host(String),
    /// The name has no address.
    #[error("error resolving hostname: {host}: {why}")]
    Resolve {
        /// The name.
        host: String,
        /// What the resolver said.
        why: String,
    },
    /// The name has an address that strangers may not make this node call. Which one is for the node's own log: whoever names
    /// a URL must not learn what the names on the inside stand for.
    #[error("error resolving hostname: {host}: expected global addresses only, got another")]
    NotGlobal {
        /// The name.
        host: String,
        /// The address.
        address: IpAddr,
        /// The range it is in.
        range: &'static str,
    },
}

/// Why a call brought no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Nobody was called, nor asked for the address: this node has too many calls or look-ups under way. It says nothing of the
    /// URL, and a moment later it may be otherwise.
    #[error("{host} was not called: too many calls are under way; try again")]
    Busy {
        /// The name.
        host: String,
    },
    /// The URL is not called.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// No connection; the last address that was tried.
    #[error("cannot connect to {host} ({address}): {why}")]
    Connect {
        /// The name.
        host: String,
        /// The address.
        address: SocketAddr,
        /// What the system said.
        why: String,
    },
    /// The other side is not who it should be, or speaks no TLS that this node speaks.
    #[error("no TLS with {host}: {why}")]
    Tls {
        /// The name.
        host: String,
        /// What TLS said.
        why: String,
    },
    /// Not in time.
    #[error("{host} did not answer within {} ms", after.as_millis())]
    TimedOut {
        /// The name.
        host: String,
        /// The time it had.
        after: Duration,
    },
    /// What came back is not HTTP, or ended early, or has too large a head.
    #[error("{host} did not answer in HTTP: {why}")]
    Http {
        /// The name.
        host: String,
        /// What is wrong.
        why: String,
    },
    /// A body larger than it may be.
    #[error("the body from {host} must be at most {limit} bytes")]
    BodyTooLarge {
        /// The name.
        host: String,
        /// How large it may be.
        limit: usize,
    },
    /// A redirect that is not followed.
    #[error("a redirect from {host} is not followed: {why}")]
    Redirect {
        /// The name.
        host: String,
        /// Why not.
        why: String,
    },
}
