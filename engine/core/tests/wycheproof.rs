//! Project Wycheproof's ed25519 signatures: known good ones, and the ways in which libraries have been fooled.

use quittance_core::ids::Signature;
use quittance_core::verify::is_signed_by;
use wycheproof::TestResult;
use wycheproof::eddsa::{TestName, TestSet};

#[test]
fn signatures_that_fooled_other_libraries_do_not_fool_this_one_and_good_ones_pass() {
    let set = TestSet::load(TestName::Ed25519).expect("the crate brings its vectors");
    let (mut right, mut valid) = (0, 0);
    for group in &set.test_groups {
        let key: [u8; 32] = group.key.pk.to_vec().try_into().expect("32 bytes");
        for test in &group.tests {
            // A signature that does not have 64 bytes cannot even be asked about.
            let accepted = <[u8; 64]>::try_from(test.sig.to_vec())
                .is_ok_and(|signature| is_signed_by(&key, &test.msg, &Signature(signature)));
            assert_eq!(accepted, test.result == TestResult::Valid, "case {}: {}", test.tc_id, test.comment);
            right += 1;
            valid += u32::from(accepted);
        }
    }
    assert_eq!((right, set.number_of_tests), (151, 151));
    assert_eq!(valid, 88, "all good and all bad alike would prove nothing");
}
