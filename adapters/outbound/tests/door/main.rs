//! The door out, from outside: whom it calls, whom it never calls, and what comes back. If it lets one call through to the
//! inside, whoever asks this node for a payment reads what only the node's own machine may read.

mod calls;
mod hostile;
mod redirects;
mod support;
