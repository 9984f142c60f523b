//! rail-ledger
