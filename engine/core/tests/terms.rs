//! What a merchant asks for, and asks for again.

use quittance_core::currency::Currency;
use quittance_core::ids::AccountId;
use quittance_core::metadata::Metadata;
use quittance_core::money::NativeAmount;
use quittance_core::rejection::RejectionCode;
use quittance_core::terms::Terms;

use crate::support::{PARTNER, World, at, create, fee, intent, usd};

fn metadata(entries: &[(&str, &str)]) -> Metadata {
    Metadata::new(entries.iter().copied()).unwrap()
}

fn rich() -> Terms {
    Terms {
        fees: vec![fee(PARTNER, 250)],
        expires_at: Some(at(600)),
        metadata: metadata(&[("order", "42"), ("customer", "äöü")]),
        ..usd(500)
    }
}

#[test]
fn a_request_that_is_repeated_with_other_content_learns_which_field_differs() {
    let mut world = World::funded();
    world.must(create(1, rich()));
    assert_eq!(world.must(create(1, rich())), []);
    for (field, other) in [
        ("destination", Terms { destination: PARTNER, fees: vec![], ..rich() }),
        ("currency", Terms { currency: Currency::KIN, ..rich() }),
        ("amount", Terms { amount: NativeAmount::from_hundredths(501).unwrap(), ..rich() }),
        ("fees", Terms { fees: vec![], ..rich() }),
        ("fees[0].destination", Terms { fees: vec![fee(AccountId([9; 32]), 250)], ..rich() }),
        ("fees[0].basis_points", Terms { fees: vec![fee(PARTNER, 251)], ..rich() }),
        ("expires_at", Terms { expires_at: Some(at(601)), ..rich() }),
        ("expires_at", Terms { expires_at: None, ..rich() }),
        ("metadata.order", Terms { metadata: metadata(&[("order", "43"), ("customer", "äöü")]), ..rich() }),
        ("metadata.customer", Terms { metadata: metadata(&[("order", "42")]), ..rich() }),
        (
            "metadata.note",
            Terms { metadata: metadata(&[("order", "42"), ("customer", "äöü"), ("note", "")]), ..rich() },
        ),
        ("metadata.customer", Terms { metadata: Metadata::default(), ..rich() }),
    ] {
        let refused = world.refused(create(1, other));
        assert_eq!((refused.code, refused.field.as_str()), (RejectionCode::TermsMismatch, field));
        assert_ne!(refused.expected, refused.got, "{field}");
    }
}

#[test]
fn no_two_terms_have_the_same_signed_bytes_or_a_signature_would_stand_for_another_request() {
    let all = [
        usd(500),
        usd(501),
        rich(),
        Terms { metadata: Metadata::default(), ..rich() },
        Terms { metadata: metadata(&[("order", "42"), ("customer", "äö"), ("u", "")]), ..rich() },
        Terms { metadata: metadata(&[("order", "42customer")]), ..rich() },
        Terms { metadata: metadata(&[("order", "4"), ("r2", "")]), ..rich() },
        Terms { metadata: metadata(&[("a", "bc")]), ..usd(500) },
        Terms { metadata: metadata(&[("ab", "c")]), ..usd(500) },
    ];
    for (i, terms) in all.iter().enumerate() {
        let bytes = terms.signing_bytes(intent(1));
        assert!(bytes.len() <= quittance_core::verify::MAX_SIGNED_BYTES);
        for other in &all[i + 1..] {
            assert_ne!(bytes, other.signing_bytes(intent(1)), "{terms:?} and {other:?}");
        }
    }
    let full: Vec<_> = (0..20).map(|n| (format!("k{n:039}"), "v".repeat(60))).collect();
    let longest = Terms {
        fees: (1..=5).map(|n| fee(AccountId([n; 32]), 1)).collect(),
        metadata: Metadata::new(full).unwrap(),
        ..usd(500)
    };
    assert!(longest.signing_bytes(intent(1)).len() <= quittance_core::verify::MAX_SIGNED_BYTES);
    World::funded().must(create(1, longest));
}
