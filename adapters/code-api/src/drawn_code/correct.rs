//! Finding out which bytes of a drawing were misread, and what they were.
//!
//! The usual way: syndromes, the error locator by Berlekamp and Massey, its roots by trial, the values by Forney. With the
//! twelve roots 2^0 to 2^11 that is good for six wrong bytes (protocol a.6). The thirteenth root, 1 for the second time, says
//! nothing about where an error is; it is checked afterwards, so that a drawing beyond repair is less likely to be taken for
//! another payment.

use super::field::{evaluate, inverse, multiply, power};
use super::{CODE_LEN, DrawnCodeError, PARITY_LEN, decode};
use crate::scan_code::PAYLOAD_LEN;

/// The most wrong bytes of a code that are always put right.
pub const MAX_CORRECTED: usize = SYNDROMES / 2;

const SYNDROMES: usize = PARITY_LEN - 1;

/// What was read off a drawing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Read {
    /// The 20 bytes that it was drawn from.
    pub payload: [u8; PAYLOAD_LEN],
    /// How many of the 35 bytes were wrong: 0 to [`MAX_CORRECTED`].
    pub corrected: usize,
}

/// Takes the payload out of the 35 bytes of a drawing of which up to [`MAX_CORRECTED`] were misread.
///
/// # Errors
///
/// When the length is another, when more bytes are wrong than can be put right, or when what is right is no code. A code with
/// more wrong bytes can look like another one with fewer: no parity of this length excludes that.
pub fn correct(bytes: &[u8]) -> Result<Read, DrawnCodeError> {
    let mut code: [u8; CODE_LEN] = bytes.try_into().map_err(|_| DrawnCodeError::Length(bytes.len()))?;
    let syndromes = syndromes(&code);
    let mut corrected = 0;
    if syndromes.iter().any(|syndrome| *syndrome != 0) {
        let locator = locator(&syndromes);
        let wrong = locator.iter().rposition(|coefficient| *coefficient != 0).unwrap_or_default();
        let evaluator = product(&syndromes, &locator);
        for (place, byte) in code.iter_mut().enumerate() {
            let x = power(exponent(place));
            if evaluate(&locator, inverse(x)) == 0 {
                *byte ^= value(x, &locator, &evaluator);
                corrected += 1;
            }
        }
        // A locator without that many roots among the 35 places locates nothing.
        if wrong > MAX_CORRECTED || corrected != wrong {
            return Err(DrawnCodeError::TooManyWrong);
        }
    }
    match decode(&code) {
        Ok(payload) => Ok(Read { payload, corrected }),
        Err(DrawnCodeError::Parity) => Err(DrawnCodeError::TooManyWrong),
        Err(other) => Err(other),
    }
}

/// Which power of x the byte at a place is the coefficient of: the data come behind their parity but count as higher.
fn exponent(place: usize) -> usize {
    if place < PARITY_LEN { PARITY_LEN - 1 - place } else { CODE_LEN - 1 + PARITY_LEN - place }
}

/// The code as a polynomial, at each of the twelve roots. All zero for a code without a fault.
fn syndromes(code: &[u8; CODE_LEN]) -> [u8; SYNDROMES] {
    core::array::from_fn(|root| {
        code.iter()
            .enumerate()
            .fold(0, |sum, (place, &byte)| sum ^ multiply(byte, power(root * exponent(place))))
    })
}

/// The shortest polynomial by which each syndrome follows from those before it (Berlekamp and Massey). Its roots are the
/// inverses of the wrong places.
fn locator(syndromes: &[u8; SYNDROMES]) -> [u8; SYNDROMES + 1] {
    let mut locator = [0; SYNDROMES + 1];
    locator[0] = 1;
    let mut before = locator;
    let (mut length, mut since, mut last) = (0, 1, 1);
    for n in 0..SYNDROMES {
        let discrepancy = (0..=length).fold(0, |sum, i| sum ^ multiply(locator[i], syndromes[n - i]));
        if discrepancy == 0 {
            since += 1;
            continue;
        }
        let kept = locator;
        let factor = multiply(discrepancy, inverse(last));
        for i in since..=SYNDROMES {
            locator[i] ^= multiply(factor, before[i - since]);
        }
        if 2 * length <= n {
            (length, before, last, since) = (n + 1 - length, kept, discrepancy, 1);
        } else {
            since += 1;
        }
    }
    locator
}

/// Syndromes times locator, modulo x^12.
fn product(syndromes: &[u8; SYNDROMES], locator: &[u8]) -> [u8; SYNDROMES] {
    core::array::from_fn(|n| (0..=n).fold(0, |sum, i| sum ^ multiply(locator[i], syndromes[n - i])))
}

/// By how much the byte is wrong whose place has the power `x` (Forney, for roots that begin at 2^0).
fn value(x: u8, locator: &[u8], evaluator: &[u8]) -> u8 {
    // In this field a derivative keeps the odd powers alone, each one lower.
    let derivative: Vec<u8> =
        locator.iter().enumerate().skip(1).map(|(n, c)| if n % 2 == 1 { *c } else { 0 }).collect();
    let at = inverse(x);
    multiply(x, multiply(evaluate(evaluator, at), inverse(evaluate(&derivative, at))))
}

#[cfg(test)]
mod tests {
    use proptest::collection::btree_map;
    use proptest::prelude::*;

    use super::*;
    use crate::drawn_code::encode;

    fn misread(payload: &[u8; PAYLOAD_LEN], wrong: &std::collections::BTreeMap<usize, u8>) -> [u8; CODE_LEN] {
        let mut code = encode(payload);
        for (place, flip) in wrong {
            code[*place] ^= flip;
        }
        code
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        #[test]
        fn a_scratched_drawing_is_still_paid(
            payload in any::<[u8; PAYLOAD_LEN]>(),
            wrong in btree_map(0..CODE_LEN, 1_u8.., 0..=MAX_CORRECTED),
        ) {
            let read = correct(&misread(&payload, &wrong));
            prop_assert_eq!(read, Ok(Read { payload, corrected: wrong.len() }));
        }

        #[test]
        fn a_ruined_drawing_is_an_answer_and_mostly_a_refusal(
            payload in any::<[u8; PAYLOAD_LEN]>(),
            wrong in btree_map(0..CODE_LEN, 1_u8.., MAX_CORRECTED + 1..=CODE_LEN),
        ) {
            // What cannot be excluded is another code; what can is this one, or one found by changing more than six bytes.
            if let Ok(read) = correct(&misread(&payload, &wrong)) {
                prop_assert_ne!(read.payload, payload);
                prop_assert!(read.corrected <= MAX_CORRECTED);
            }
        }

        #[test]
        fn any_bytes_are_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let expected = bytes.len() == CODE_LEN;
            prop_assert_eq!(correct(&bytes) != Err(DrawnCodeError::Length(bytes.len())), expected);
        }
    }

    #[test]
    fn seven_wrong_bytes_are_refused_far_more_often_than_taken_for_another_payment() {
        let taken = (0..=u8::MAX)
            .filter(|seed| {
                let payload =
                    core::array::from_fn(|i| seed.wrapping_mul(31).wrapping_add(u8::try_from(i).unwrap()));
                let wrong = (0..7).map(|i| (usize::from(seed.wrapping_add(i * 5) % 35), seed | 1)).collect();
                correct(&misread(&payload, &wrong)).is_ok_and(|read| read.payload != payload)
            })
            .count();
        assert_eq!(taken, 0, "of 256");
    }
}
