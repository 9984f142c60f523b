//! `SubmitIntent`: actions, nonces, signatures (protocol d.8).

use std::time::Duration;

use axum::body::Bytes;
use prost::Message as _;
use quittance_core::command::{Request, Unproven};
use quittance_core::currency::Rate;
use quittance_core::decide::{Verdict, decide};
use quittance_core::event::{PaymentForm, SignedForm};
use quittance_core::ids::{AccountId, IntentId, Signature, Timestamp};
use quittance_core::money::NativeAmount;
use quittance_core::payment::Payment;
use quittance_core::rejection::Rejection;
use quittance_core::state::{Key, State, Status as IntentStatus};
use quittance_core::terms::Terms;
use quittance_runtime::Error;
use tokio::time::{Instant, timeout_at};

use super::duplex::Duplex;
use super::nonces::Bound;
use super::{Api, refusal};
use crate::base_domain::base_domain;
use crate::envelope::decode_body;
use crate::key::{PublicKey, SignatureBytes};
use crate::proto::code::transaction::v2 as transaction;
use crate::proto::code::transaction::v2::submit_intent_request::Request as Part;
use crate::proto::code::transaction::v2::submit_intent_response::{Response, Success, success};
use crate::status::{Code, Status};
use crate::submission::payment::Asked;
use crate::submission::signing::Offer;
use crate::submission::{Meaning, PublicPayment, Refused, Relationship, Submission};
use crate::validate::Validate as _;
use crate::wire;

/// How long a client may take for everything (protocol d.8). A payment that is with the engine is waited for all the same.
const TOTAL_WAIT: Duration = Duration::from_secs(5);

/// How long a client may take for one message.
const MESSAGE_WAIT: Duration = Duration::from_secs(1);

/// Serves one submission to its end. An error that the protocol has a message for ends the call well.
pub(super) async fn run(api: &Api, line: &mut impl Duplex) -> Result<(), Status> {
    let last = match converse(api, line).await {
        Ok(()) => {
            let response = Some(Response::Success(Success { code: success::Code::Ok.into() }));
            transaction::SubmitIntentResponse { response }.encode_to_vec()
        }
        Err(refused) => refused.into_response()?,
    };
    line.send(last).await
}

async fn converse(api: &Api, line: &mut impl Duplex) -> Result<(), Refused> {
    let end = Instant::now() + TOTAL_WAIT;
    let first = receive(line, end, "SubmitActions is nil").await?;
    let submission = Submission::read(actions(&first)?)?;
    match &submission.meaning {
        Meaning::Payment(payment) => pay(api, line, end, &submission, payment).await,
        Meaning::Relationship(relationship) => establish(api, &submission, relationship).await,
    }
}

async fn pay(
    api: &Api,
    line: &mut impl Duplex,
    end: Instant,
    submission: &Submission,
    payment: &PublicPayment,
) -> Result<(), Refused> {
    let intent = IntentId(submission.intent.0);
    let known = Known::look(api, intent).await?;
    let agreed = payment.against(&known.asked(api, intent))?;
    let request = Request::Submit {
        intent,
        payer: agreed.payer,
        payload: agreed.to_bytes(),
        form: PaymentForm::CodeSubmitActions(submission.signed.clone()),
        signature: Signature(submission.signature),
        expected: None,
    };
    rehearse(api, intent, &request, &agreed, &known).await?;
    let reservation = api.nonces.reserve(submission.owner, intent, payment.moves.len())?;
    let node = PublicKey(api.engine.node().0);
    let offer =
        Offer { subsidizer: node, service: PublicKey(known.fee_account.0), nonces: reservation.nonces() };
    line.send(offer.to_response(payment).encode_to_vec()).await?;
    let second = receive(line, end, "SubmitSignatures is nil").await?;
    offer.check(payment, &signatures(&second)?)?;
    let begun_anew = || Refused::stale("a newer submission of this payment is under way");
    let bound = reservation.bind().ok_or_else(begun_anew)?;
    execute(api, intent, request, bound).await.map_err(|error| known.refused(error, intent, &agreed))
}

/// Asks the engine. From here on the client cannot take it back, nor the nonces: whether it stays to hear the answer or not.
async fn execute(api: &Api, intent: IntentId, request: Request, bound: Bound) -> Result<(), Error> {
    let engine = api.engine.clone();
    let asked = tokio::spawn(async move {
        let answer = engine.execute(request).await;
        match &answer {
            // It was paid before, with other nonces or none, and may have ended before these were bound.
            Ok(accepted) if accepted.repeated => bound.unused(),
            Err(Error::Rejected(_) | Error::Full(_)) => bound.unused(),
            // Any other error leaves open what became of it.
            Ok(_) | Err(_) => {}
        }
        answer
    });
    match asked.await {
        Ok(answer) => answer.map(|_| ()),
        Err(error) => {
            tracing::error!(%error, %intent, "a submission's task did not end");
            Err(Error::Stopped)
        }
    }
}

/// What would be decided now, before any nonce is handed out. Nothing is recorded: a payment without its transactions'
/// signatures is none.
async fn rehearse(
    api: &Api,
    intent: IntentId,
    request: &Request,
    payment: &Payment,
    known: &Known,
) -> Result<(), Refused> {
    let refused = |rejection: Rejection| known.refused(Error::Rejected(rejection), intent, payment);
    let command = request.clone().verify().map_err(refused)?;
    let now = api.engine.now();
    let look = move |state: &State| match decide(state, &command, now.max(state.time())) {
        Ok(decision) => match decision.verdict {
            Verdict::Done | Verdict::Repeated(_) => Ok(()),
            Verdict::Refused(rejection) => Err(rejection),
        },
        Err(rejection) => Err(rejection),
    };
    let outcome = api.engine.query_about(Key::Intent(intent), look).await;
    outcome.map_err(|error| refusal::submission(error, intent))?.map_err(refused)
}

/// Opens the account that a domain will know the owner by. No transaction of it is signed by a client, so no nonce is handed
/// out.
async fn establish(api: &Api, submission: &Submission, relationship: &Relationship) -> Result<(), Refused> {
    relationship.check_token(PublicKey(api.engine.node().0))?;
    let base = base_domain(&relationship.domain);
    let base = base.map_err(|error| Refused::invalid(format!("relationship domain is invalid: {error}")))?;
    let domain = base.domain;
    // The account is found by the site that asks, and that is always a base domain.
    if domain.as_str() != relationship.domain {
        let got = &relationship.domain;
        return Err(Refused::invalid(format!("relationship domain must be a base domain, got {got}")));
    }
    let signed = Unproven {
        form: SignedForm::CodeSubmitActions,
        candidates: vec![submission.signed.clone()],
        signature: Signature(submission.signature),
    };
    let consent = Unproven {
        form: SignedForm::CodeOpenAccount,
        candidates: vec![relationship.signed.clone()],
        signature: Signature(relationship.signature),
    };
    let (owner, authority) = (AccountId(relationship.owner.0), AccountId(relationship.authority.0));
    let request = Request::EstablishRelationship { owner, domain, authority, signed, consent };
    let answer = api.engine.execute(request).await;
    answer.map(|_| ()).map_err(|error| refusal::submission(error, IntentId(submission.intent.0)))
}

/// What a node knows of the request that is to be paid.
struct Known {
    terms: Terms,
    /// The service's fee in hundredths of a dollar.
    service_fee: Option<u64>,
    fee_account: AccountId,
    rates: Vec<Rate>,
    valid_until: Timestamp,
}

impl Known {
    async fn look(api: &Api, intent: IntentId) -> Result<Self, Refused> {
        let now = api.engine.now();
        let look = move |state: &State| {
            let now = now.max(state.time());
            let known = state.intent(&intent);
            let known = known
                .ok_or_else(|| Refused::invalid(format!("no payment request has intent id {intent}")))?;
            if known.status() != IntentStatus::Created {
                return Err(refusal::closed(known.status()));
            }
            let terms =
                known.terms().ok_or_else(|| Refused::invalid("original request doesn't require payment"))?;
            let policy = state.policy();
            let tables = state.rates().in_window(now, policy.rate_window);
            Ok(Self {
                terms: terms.clone(),
                service_fee: policy.service_fee.map(NativeAmount::hundredths),
                fee_account: policy.fee_account,
                rates: tables.filter_map(|table| table.rate(terms.currency)).collect(),
                valid_until: now.saturating_add(policy.quote_lifetime).min(known.expires_at),
            })
        };
        let known = api.engine.query_about(Key::Intent(intent), look).await;
        known.map_err(|error| refusal::submission(error, intent))?
    }

    fn asked(&self, api: &Api, intent: IntentId) -> Asked<'_> {
        let Terms { destination, currency, amount, .. } = self.terms;
        Asked {
            node: api.engine.node(),
            intent,
            destination,
            currency,
            amount,
            fees: &self.terms.fees,
            service_fee: self.service_fee.map(|_| self.fee_account),
            rates: &self.rates,
            valid_until: self.valid_until,
        }
    }

    /// The engine's refusal, where it is about the service's fee in the protocol's words for that: all else about the transfers
    /// was compared before.
    fn refused(&self, error: Error, intent: IntentId, payment: &Payment) -> Refused {
        use quittance_core::payment::Purpose;
        use quittance_core::rejection::RejectionCode;
        let is_fee = |index: usize| {
            payment.transfers.get(index).is_some_and(|transfer| transfer.purpose == Purpose::ServiceFee)
        };
        match (&error, self.service_fee) {
            (Error::Rejected(rejection), Some(cents))
                if rejection.code == RejectionCode::TransfersMismatch
                    && refusal::index(&rejection.field).is_some_and(is_fee) =>
            {
                let (whole, rest) = (cents / 100, cents % 100);
                Refused::invalid(format!("code fee payment amount must be ${whole}.{rest:02} USD"))
            }
            _ => refusal::submission(error, intent),
        }
    }
}

/// The client's next message, if it comes in time.
async fn receive(line: &mut impl Duplex, end: Instant, none: &str) -> Result<Bytes, Status> {
    let soon = end.min(Instant::now() + MESSAGE_WAIT);
    match timeout_at(soon, line.receive()).await {
        Ok(message) => message?.ok_or_else(|| Status::invalid_argument(none)),
        Err(_) => {
            let text =
                if soon == end { "the call took longer than 5 s" } else { "no message came within 1 s" };
            Err(Status::new(Code::DeadlineExceeded, text))
        }
    }
}

/// The serialized `SubmitActions`, as they came: a signature covers these bytes.
fn actions(message: &[u8]) -> Result<&[u8], Status> {
    match part(message)? {
        Part::SubmitActions(_) => wire::sub_message(message, 1).map_err(super::messaging::malformed),
        Part::SubmitSignatures(_) => Err(Status::invalid_argument("SubmitActions is nil")),
    }
}

fn signatures(message: &[u8]) -> Result<Vec<SignatureBytes>, Status> {
    let Part::SubmitSignatures(signatures) = part(message)? else {
        return Err(Status::invalid_argument("SubmitSignatures is nil"));
    };
    signatures.validate().map_err(Status::invalid_argument)?;
    let read = signatures.signatures.iter().map(|signature| signature.value.as_slice().try_into());
    read.collect::<Result<_, _>>().map_err(|_| Status::invalid_argument("signature must be 64 bytes"))
}

/// The one member of the message's oneof. Of two, which one counts would depend on who decodes them.
fn part(message: &[u8]) -> Result<Part, Status> {
    let fields = wire::fields(message).map_err(super::messaging::malformed)?;
    if fields.iter().filter(|field| matches!(field.number, 1 | 2)).count() > 1 {
        return Err(Status::invalid_argument("SubmitIntentRequest: expected one kind, once"));
    }
    let request: transaction::SubmitIntentRequest = decode_body(message)?;
    let text = "invalid SubmitIntentRequest.Request: value is required";
    request.request.ok_or_else(|| Status::invalid_argument(text))
}
