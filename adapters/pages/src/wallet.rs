//! The payer's app as a page, on nodes for trying things out.

/// Where it is.
pub(crate) const PATH: &str = "/wallet";
