//! What is signed beside the actions: transactions, accounts, and what records say of it.

use super::*;
use crate::proto::code::common::v1::AccountType;
use crate::proto::code::user::v1 as user;

pub(super) fn nonces(count: u8) -> Vec<DurableNonce> {
    (0..count).map(|n| DurableNonce { account: PublicKey([n; 32]), value: [100 + n; 32] }).collect()
}

/// Both sides of the signatures' exchange.
pub(super) fn signatures(draft: &Draft, nonces: &[DurableNonce]) -> (PublicPayment, Vec<SignatureBytes>) {
    let Meaning::Payment(payment) = Submission::read(draft.actions()).expect("a submission").meaning else {
        panic!("not a payment")
    };
    let offer = Offer { subsidizer: NODE, service: PublicKey(SERVICE.0), nonces };
    let Some(Response::ServerParameters(parameters)) = offer.to_response(&payment).response else {
        panic!("no parameters")
    };
    let message = draft.second_message(&owner(), &parameters).expect("signatures");
    let request = SubmitIntentRequest::decode(message.as_slice()).expect("a request");
    let Some(Request::SubmitSignatures(signatures)) = request.request else { panic!("no signatures") };
    let bytes = |signature: &common::Signature| signature.value.as_slice().try_into().expect("64 bytes");
    (payment, signatures.signatures.iter().map(bytes).collect())
}

#[test]
fn a_wrong_signature_is_answered_with_the_transaction_it_should_have_covered() {
    let (fees, nonces) = (fees(), nonces(4));
    let draft = order(&fees).draft(&owner()).expect("a draft");
    let (payment, honest) = signatures(&draft, &nonces);
    let offer = Offer { subsidizer: NODE, service: PublicKey(SERVICE.0), nonces: &nonces };
    assert_eq!(offer.check(&payment, &honest), Ok(()));
    let error = |signatures: &[SignatureBytes]| said(offer.check(&payment, signatures).expect_err("refused"));
    assert_eq!(error(&honest[..3]), "SIGNATURE_ERROR at least one signature is missing");
    assert_eq!(error(&[]), "SIGNATURE_ERROR at least one signature is missing");
    let many: Vec<_> = honest.iter().chain(&honest[..1]).copied().collect();
    assert_eq!(error(&many), "SIGNATURE_ERROR too many signatures provided");
    let mut wrong = honest.clone();
    wrong.swap(1, 3);
    let expected = offer.transactions(&payment).expect("transactions");
    let invalid = [1_u32, 3].map(|action| {
        let expected = expected[usize::try_from(action).expect("small")].unsigned_transaction();
        assert_eq!(expected[..129], [[2].as_slice(), &[0; 128]].concat(), "signatures zeroed");
        InvalidSignature { action, expected, provided: wrong[usize::try_from(action).expect("small")] }
    });
    assert_eq!(offer.check(&payment, &wrong), Err(Refused::Signatures(invalid.to_vec())));
    // The same actions under other nonces, another node or another fee account are other transactions.
    let others = self::nonces(5);
    let other = Offer { nonces: &others[1..], ..offer };
    assert!(matches!(other.check(&payment, &honest), Err(Refused::Signatures(all)) if all.len() == 4));
    let other = Offer { service: PublicKey([6; 32]), ..offer };
    assert!(matches!(other.check(&payment, &honest), Err(Refused::Signatures(one)) if one.len() == 1));
}

#[test]
fn a_relationship_is_opened_by_both_its_keys() {
    let authority = KeyPair::from_seed(&[2; 32]);
    let draft = establish_relationship(INTENT, NODE, &owner(), &authority, "example.com").expect("a draft");
    let read = |raw: &[u8]| match Submission::read(raw).map(|read| read.meaning) {
        Ok(Meaning::Relationship(relationship)) => relationship,
        other => panic!("{other:?}"),
    };
    let relationship = read(draft.actions());
    assert_eq!(relationship.domain, "example.com");
    assert_eq!(relationship.authority, authority.public_key());
    assert_eq!(relationship.check_token(NODE), Ok(()));
    assert!(relationship.check_token(PublicKey([6; 32])).is_err());
    let honest = SubmitActions::decode(draft.actions()).expect("actions");
    let check = |change: &dyn Fn(&mut transaction::OpenAccountAction), resign: bool, want: &str| {
        let mut actions = honest.clone();
        let Some(Act::OpenAccount(open)) = &mut actions.actions[0].r#type else { panic!("no account") };
        change(open);
        if resign {
            open.authority_signature = None;
            open.authority_signature = Some(authority.sign(&open.encode_to_vec()).into());
        }
        let raw = sign(&owner(), actions).encode_to_vec();
        let got = said(Submission::read(&raw).expect_err(want));
        assert!(got.starts_with(want), "expected {want:?}, got {got:?}");
    };
    check(&|open| open.index = 1, false, "[unauthenticated]");
    check(&|open| open.authority = key(3), false, "[unauthenticated]");
    check(&|open| open.index = 1, true, "INVALID_INTENT actions[0]: index must be 0");
    check(&|open| open.owner = key(3), true, "INVALID_INTENT actions[0]: owner must be ");
    check(
        &|open| open.account_type = 1,
        true,
        "INVALID_INTENT actions[0]: account type must be RELATIONSHIP",
    );
    check(&|open| open.account_type = 0, true, "[invalid_argument] ");
    let mut two = honest.clone();
    two.actions.push(two.actions[0].clone());
    renumber(&mut two);
    let got = said(Submission::read(&sign(&owner(), two).encode_to_vec()).expect_err("two"));
    assert_eq!(got, "INVALID_INTENT expected 1 open account action and no other, got 2 actions");
    assert!(establish_relationship(INTENT, NODE, &owner(), &owner(), "example.com").is_err());
    assert!(establish_relationship(INTENT, NODE, &owner(), &authority, "not a host").is_err());
}

/// Lost if this fails: a node can write a payment into its log that nobody signed, and an auditor does not see it.
#[test]
fn a_record_that_says_something_else_than_was_signed_is_found_out() {
    let submission = Submission::read(&sign(&owner(), draft()).encode_to_vec()).expect("signed");
    let honest = outcome(&draft()).expect("a payment");
    let signed = &submission.signed;
    assert_eq!(agreement::payment(signed, &honest), Ok(()));
    let check = |change: &dyn Fn(&mut Payment), part: &str| {
        let mut payment = honest.clone();
        change(&mut payment);
        let said = format!("{part} differs from what was signed");
        assert_eq!(agreement::payment(signed, &payment), Err(said));
    };
    check(&|payment| payment.payer = AccountId([3; 32]), "owner");
    check(&|payment| payment.intent = IntentId([3; 32]), "id");
    check(&|payment| payment.node = NodeId([3; 32]), "source");
    check(&|payment| payment.currency = Currency::KIN, "currency");
    check(&|payment| payment.amount = NativeAmount::from_hundredths(26).expect("an amount"), "native_amount");
    check(&|payment| payment.rate = rate("0.00003"), "exchange_rate");
    check(&|payment| payment.transfers[3].destination = AccountId([3; 32]), "destination");
    check(&|payment| payment.transfers[1].destination = AccountId([3; 32]), "actions[1]");
    check(&|payment| payment.transfers[1].quarks = Quarks::new(1), "quarks");
    check(&|payment| payment.transfers.swap(1, 2), "actions[1]");
    check(&|payment| payment.transfers.truncate(3), "destination");
    assert!(agreement::payment(b"no actions", &honest).is_err());

    let authority = KeyPair::from_seed(&[2; 32]);
    let draft = establish_relationship(INTENT, NODE, &owner(), &authority, "example.com").expect("a draft");
    let signed = Submission::read(draft.actions()).expect("signed").signed;
    let (whose, key) = (AccountId(owner().public_key().0), AccountId(authority.public_key().0));
    assert_eq!(agreement::relationship(&signed, whose, "example.com", key), Ok(()));
    assert!(agreement::relationship(&signed, whose, "example.org", key).is_err());
    assert!(agreement::relationship(&signed, whose, "example.com", whose).is_err());
    assert!(agreement::relationship(&signed, key, "example.com", key).is_err());
    assert!(agreement::payment(&signed, &honest).is_err());

    let open = SubmitActions::decode(draft.actions()).expect("actions").actions.remove(0).r#type;
    let Some(Act::OpenAccount(mut open)) = open else { panic!("no account") };
    open.authority_signature = None;
    let consent = open.encode_to_vec();
    assert_eq!(agreement::consent(&consent, whose, key), Ok(()));
    assert_eq!(agreement::consent(&consent, key, key), Err("owner differs from what was signed".into()));
    assert_eq!(
        agreement::consent(&consent, whose, whose),
        Err("authority differs from what was signed".into())
    );
    open.account_type = AccountType::Primary.into();
    let primary = open.encode_to_vec();
    assert_eq!(
        agreement::consent(&primary, whose, key),
        Err("account_type differs from what was signed".into())
    );
    assert!(agreement::consent(&signed, whose, key).is_err());

    let intent = IntentId(INTENT.0);
    let login = user::LoginToThirdPartyAppRequest {
        intent_id: Some(common::IntentId { value: intent.0.to_vec() }),
        user_id: Some(authority.public_key().into()),
        signature: None,
    };
    let login = login.encode_to_vec();
    assert_eq!(agreement::login(&login, intent, key), Ok(()));
    assert_eq!(agreement::login(&login, intent, whose), Err("user_id differs from what was signed".into()));
    let other = IntentId([3; 32]);
    assert_eq!(agreement::login(&login, other, key), Err("intent_id differs from what was signed".into()));
    assert!(agreement::login(&consent, intent, key).is_err());
}
