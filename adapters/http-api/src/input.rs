//! Texts of a request as values of the engine.

use std::fmt::Display;
use std::str::FromStr;

use quittance_core::ids::Signature;

use crate::problem::Problem;

/// The longest part of a bad value that is sent back.
const MAX_SHOWN: usize = 64;

/// Reads a key.
pub(crate) fn key<T: FromStr<Err: Display>>(field: &str, text: &str) -> Result<T, Problem> {
    text.parse()
        .map_err(|error| Problem::malformed(field, error, text.chars().take(MAX_SHOWN).collect::<String>()))
}

/// Reads a signature.
pub(crate) fn signature(text: &str) -> Result<Signature, Problem> {
    let got = || format!("{} characters", text.len());
    text.parse().map_err(|error| Problem::malformed("signature", error, got()))
}
