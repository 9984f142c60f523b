//! The official Code protocol: as bytes, and as a server in front of the engine.
//!
//! [`server`] speaks it. Everything else here is a pure function of its arguments: no clock, no randomness, no network.
//! Bytes from outside may be anything; every decoder answers with an error that names what it expected, and none of them
//! panics.
//!
//! * a merchant's request, from price to signed bytes: [`request`]; the other calls: [`call`]
//! * what a phone reads: [`scan_code`], drawn as [`drawn_code`]; what a page is opened with: [`element_options`]
//! * what travels: [`proto`], [`envelope`], [`json_v1`], with failures in [`status`]
//! * what a signature covers: [`wire`] and [`schema`]; what a message must contain: [`validate`]
//! * whom a request names: [`base_domain`] for the server, [`login_domain`] for a merchant
//! * money at the edge, where the wire has floating point and the engine has integers: [`number`], [`limits`]

pub mod base_domain;
pub mod call;
pub mod currency_index;
pub mod drawn_code;
pub mod element_options;
pub mod envelope;
pub mod json_v1;
pub mod key;
pub mod limits;
pub mod login_domain;
pub mod nonce;
pub mod number;
pub mod payer;
pub mod proto;
pub mod request;
pub mod scan_code;
pub mod schema;
pub mod server;
pub mod solana;
pub mod status;
pub mod submission;
pub mod validate;
pub mod wire;
