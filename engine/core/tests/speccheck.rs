//! The twelve signatures on which ed25519 libraries disagree ("Taming the many EdDSAs", Chalkias, Garillot, Nikolaenko 2020).

use std::thread;

use quittance_core::ids::Signature;
use quittance_core::verify::is_signed_by;

const CASES: &str = include_str!("../../../tests/data/ed25519-speccheck-cases.json");
/// The only one that this engine takes: mixed-order key and R, everything canonical, and the equation holds without the
/// cofactor.
const TAKEN: usize = 3;

struct Case {
    message: Vec<u8>,
    key: [u8; 32],
    signature: Signature,
}

fn cases() -> Vec<Case> {
    let list: Vec<serde_json::Value> = serde_json::from_str(CASES).expect("the vectors are JSON");
    let bytes = |case: &serde_json::Value, field: &str| -> Vec<u8> {
        let text = case[field].as_str().expect("every field is there").as_bytes();
        let digit =
            |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok()).expect("hex");
        text.chunks_exact(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
    };
    let case = |case: &serde_json::Value| Case {
        message: bytes(case, "message"),
        key: bytes(case, "pub_key").try_into().expect("32 bytes"),
        signature: Signature(bytes(case, "signature").try_into().expect("64 bytes")),
    };
    list.iter().map(case).collect()
}

fn verdict(case: &Case) -> bool {
    is_signed_by(&case.key, &case.message, &case.signature)
}

#[test]
fn what_is_signed_is_the_same_everywhere_or_two_nodes_fork_over_one_payment() {
    let cases = cases();
    assert_eq!(cases.len(), 12);
    for (index, case) in cases.iter().enumerate() {
        assert_eq!(verdict(case), index == TAKEN, "case {index}");
    }
}

#[test]
fn a_verdict_does_not_depend_on_its_neighbours_or_its_thread() {
    let cases = cases();
    let expected: Vec<_> = (0..cases.len()).map(|index| index == TAKEN).collect();
    for start in 0..cases.len() {
        for step in [1, 5, 7, 11] {
            for turn in 0..cases.len() {
                let index = (start + turn * step) % cases.len();
                assert_eq!(verdict(&cases[index]), expected[index], "case {index} after {start} by {step}");
            }
        }
    }
    thread::scope(|scope| {
        let threads: Vec<_> =
            (0..4).map(|_| scope.spawn(|| cases.iter().map(verdict).collect::<Vec<_>>())).collect();
        for thread in threads {
            assert_eq!(thread.join().expect("no panic"), expected);
        }
    });
}
