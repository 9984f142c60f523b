//! The part of Solana that the protocol's signatures cover: addresses, instructions, transactions (protocol d.8).
//!
//! Nothing here reaches a chain. A payer signs the transactions that would move its kin there, so both sides have to build
//! the same bytes.

pub mod address;
pub mod instruction;
pub mod message;
pub mod transaction;
