//! The 35 bytes that are drawn as rings around a logo, and their parity (protocol a.6).
//!
//! The parity is a Reed-Solomon remainder over GF(256) with the polynomial x^8 + x^4 + x^3 + x^2 + 1. The generator has the
//! root 1 twice, so no stock encoder fits; it is written out below.
//!
//! * bytes that were copied by a machine: [`decode`]; bytes that were read off a drawing: [`correct`]
//! * where each bit lies: [`rings`]; as a picture: [`svg`]

mod correct;
mod field;
pub mod rings;
pub mod svg;

use thiserror::Error;

use crate::scan_code::PAYLOAD_LEN;
pub use correct::{MAX_CORRECTED, Read, correct};
use field::multiply;

/// Bytes in a code.
pub const CODE_LEN: usize = PARITY_LEN + HEADER.len() + PAYLOAD_LEN;

/// Bytes on the drawing: a start mark and the code.
pub const DRAWN_LEN: usize = START_MARK.len() + CODE_LEN;

const PARITY_LEN: usize = 13;
const HEADER: [u8; 2] = [2, 0];
const START_MARK: [u8; 4] = [0xb2, 0xcb, 0x25, 0xc6];

/// The generator's coefficients below x^13, from x^12 down; the one of x^13 is 1.
const GENERATOR: [u8; PARITY_LEN] = [69, 51, 52, 53, 170, 195, 24, 83, 8, 35, 170, 180, 97];

/// Why 35 bytes are not a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DrawnCodeError {
    /// Not 35 bytes.
    #[error("invalid code: expected {CODE_LEN} bytes, got {0}")]
    Length(usize),
    /// At least one byte was misread.
    #[error("invalid code: the parity does not match the data")]
    Parity,
    /// More bytes were misread than the parity can find.
    #[error("invalid code: more than {MAX_CORRECTED} bytes are wrong")]
    TooManyWrong,
    /// The parity is right but the data is of another version.
    #[error("invalid code: expected the data to start with 02 00, got {0:02x} {1:02x}")]
    Header(u8, u8),
}

/// Puts header and parity before a payload.
pub fn encode(payload: &[u8; PAYLOAD_LEN]) -> [u8; CODE_LEN] {
    let mut code = [0; CODE_LEN];
    code[PARITY_LEN..PARITY_LEN + HEADER.len()].copy_from_slice(&HEADER);
    code[PARITY_LEN + HEADER.len()..].copy_from_slice(payload);
    let parity = remainder(&code[PARITY_LEN..]);
    code[..PARITY_LEN].copy_from_slice(&parity);
    code
}

/// The bytes a drawing shows, least significant bit first: the start mark, then the code.
pub fn drawn_bytes(code: &[u8; CODE_LEN]) -> [u8; DRAWN_LEN] {
    let mut drawn = [0; DRAWN_LEN];
    drawn[..START_MARK.len()].copy_from_slice(&START_MARK);
    drawn[START_MARK.len()..].copy_from_slice(code);
    drawn
}

/// Takes the payload out of a code that was copied without a fault. Always 20 bytes: the JavaScript reader strips zeros from
/// the end, this one does not.
///
/// # Errors
///
/// When the length or the header is another or the parity does not match.
pub fn decode(bytes: &[u8]) -> Result<[u8; PAYLOAD_LEN], DrawnCodeError> {
    let code: &[u8; CODE_LEN] = bytes.try_into().map_err(|_| DrawnCodeError::Length(bytes.len()))?;
    let (parity, data) = code.split_at(PARITY_LEN);
    if remainder(data) != parity {
        return Err(DrawnCodeError::Parity);
    }
    if data[..HEADER.len()] != HEADER {
        return Err(DrawnCodeError::Header(data[0], data[1]));
    }
    let mut payload = [0; PAYLOAD_LEN];
    payload.copy_from_slice(&data[HEADER.len()..]);
    Ok(payload)
}

/// data·x^13 modulo the generator; the first byte is the highest coefficient.
fn remainder(data: &[u8]) -> [u8; PARITY_LEN] {
    let mut register = [0; PARITY_LEN];
    for &byte in data {
        let lead = byte ^ register[0];
        register.rotate_left(1);
        register[PARITY_LEN - 1] = 0;
        for (cell, &coefficient) in register.iter_mut().zip(&GENERATOR) {
            *cell ^= multiply(lead, coefficient);
        }
    }
    register
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_misread_code_never_becomes_another_payment(
            payload in any::<[u8; PAYLOAD_LEN]>(), place in 0..CODE_LEN, flip in 1_u8..
        ) {
            let mut code = encode(&payload);
            prop_assert_eq!(decode(&code), Ok(payload));
            code[place] ^= flip;
            prop_assert_eq!(decode(&code), Err(DrawnCodeError::Parity));
        }

        #[test]
        fn any_bytes_are_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let expected = bytes.len() == CODE_LEN;
            prop_assert_eq!(decode(&bytes) != Err(DrawnCodeError::Length(bytes.len())), expected);
        }
    }

    #[test]
    fn a_code_of_another_version_is_named() {
        let mut code = encode(&[0; PAYLOAD_LEN]);
        code[PARITY_LEN] = 3;
        let parity = remainder(&code[PARITY_LEN..]);
        code[..PARITY_LEN].copy_from_slice(&parity);
        assert_eq!(decode(&code), Err(DrawnCodeError::Header(3, 0)));
    }
}
