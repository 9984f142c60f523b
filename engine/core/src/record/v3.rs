//! Version 3: what version 2 has no words for. Frozen: the order of variants and fields is the format. What version 2 can say is
//! still written in it, so that a log which uses nothing new is read by the programs of that time.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use bincode::{BorrowDecode, Encode};

use super::DecodeError;
use super::v2::{
    AuthorizationV2, CONFIG, RecordOf, RejectionV2, TermsV2, payment, signature_rule, whole, write,
};
use crate::event::{Event, PaymentForm, Record};
use crate::ids::{AccountId, Position, Signature, Timestamp};
use crate::login::LoginTerms;
use crate::site::{Domain, Site};
use crate::webhook::{DeliveryOutcome, MAX_REASON_BYTES, MAX_URL_BYTES};

/// Adds the bytes of a record that this version has words for; whether it has.
pub(super) fn encode(record: &Record, out: &mut Vec<u8>) -> bool {
    let Some(event) = EventV3::of(&record.event) else { return false };
    out.extend_from_slice(&3_u16.to_le_bytes());
    write(&RecordOf::new(record, event), out);
    true
}

pub(super) fn decode(bytes: &[u8], position: Position) -> Result<Record, DecodeError> {
    whole::<RecordOf<EventV3<'_>>, _>(bytes, CONFIG)?.into_record(position, EventV3::into_event)
}

#[derive(Encode, BorrowDecode)]
enum EventV3<'a> {
    /// Of terms with a site.
    IntentCreated {
        terms: TermsV2,
        site: SiteV3<'a>,
        authorization: AuthorizationV2<'a>,
        expires_at: u64,
    },
    /// Signed in the words of another protocol.
    IntentSubmitted {
        payload: Cow<'a, [u8]>,
        form: u8,
        signed: Cow<'a, [u8]>,
        signature: [u8; 64],
        rule: u8,
    },
    /// The same.
    LateSubmissionRefused {
        payload: Cow<'a, [u8]>,
        form: u8,
        signed: Cow<'a, [u8]>,
        signature: [u8; 64],
        rule: u8,
        rejection: RejectionV2<'a>,
    },
    LoginRequested {
        login: LoginTermsV3<'a>,
        authorization: AuthorizationV2<'a>,
        expires_at: u64,
    },
    LoggedIn {
        user: [u8; 32],
        authorization: AuthorizationV2<'a>,
    },
    WebhookRegistered {
        url: Cow<'a, str>,
    },
    WebhookDelivered {
        attempt: u8,
        latency_us: u64,
    },
    WebhookAttemptFailed {
        attempt: u8,
        outcome: DeliveryOutcomeV3<'a>,
        latency_us: u64,
        next: Option<u64>,
    },
    WebhookRedeliveryOrdered,
    RelationshipEstablished {
        owner: [u8; 32],
        domain: Cow<'a, str>,
        authority: [u8; 32],
        authorization: AuthorizationV2<'a>,
        consent: AuthorizationV2<'a>,
    },
}

#[derive(Encode, BorrowDecode)]
pub(crate) struct SiteV3<'a> {
    domain: Cow<'a, str>,
    verifier: Option<[u8; 32]>,
}

#[derive(Encode, BorrowDecode)]
pub(crate) struct LoginTermsV3<'a> {
    domain: Cow<'a, str>,
    verifier: [u8; 32],
}

#[derive(Encode, BorrowDecode)]
pub(crate) enum DeliveryOutcomeV3<'a> {
    Answered { status: u16 },
    Unreachable { reason: Cow<'a, str> },
}

/// `SubmitActions`; the only form of a payment beside its own.
const CODE_SUBMIT_ACTIONS: u8 = 4;

impl<'a> EventV3<'a> {
    fn of(event: &'a Event) -> Option<Self> {
        Some(match event {
            Event::IntentCreated { terms, authorization, expires_at } => Self::IntentCreated {
                terms: (&**terms).into(),
                site: SiteV3::from(terms.site.as_deref()?),
                authorization: authorization.into(),
                expires_at: expires_at.0,
            },
            Event::IntentSubmitted { payment, form, signature, rule } => {
                let (form, signed) = form_parts(form)?;
                Self::IntentSubmitted {
                    payload: payment.to_bytes().into(),
                    form,
                    signed,
                    signature: signature.0,
                    rule: *rule as u8,
                }
            }
            Event::LateSubmissionRefused { payment, form, signature, rule, rejection } => {
                let (form, signed) = form_parts(form)?;
                Self::LateSubmissionRefused {
                    payload: payment.to_bytes().into(),
                    form,
                    signed,
                    signature: signature.0,
                    rule: *rule as u8,
                    rejection: (&**rejection).into(),
                }
            }
            Event::LoginRequested { login, authorization, expires_at } => Self::LoginRequested {
                login: (&**login).into(),
                authorization: authorization.into(),
                expires_at: expires_at.0,
            },
            Event::LoggedIn { user, authorization } => {
                Self::LoggedIn { user: user.0, authorization: (&**authorization).into() }
            }
            Event::WebhookRegistered { url } => Self::WebhookRegistered { url: url.into() },
            Event::WebhookDelivered { attempt, latency } => {
                Self::WebhookDelivered { attempt: *attempt, latency_us: micros(*latency) }
            }
            Event::WebhookAttemptFailed { attempt, outcome, latency, next } => Self::WebhookAttemptFailed {
                attempt: *attempt,
                outcome: outcome.into(),
                latency_us: micros(*latency),
                next: next.map(|at| at.0),
            },
            Event::WebhookRedeliveryOrdered => Self::WebhookRedeliveryOrdered,
            Event::RelationshipEstablished { owner, domain, authority, authorization, consent } => {
                Self::RelationshipEstablished {
                    owner: owner.0,
                    domain: domain.as_str().into(),
                    authority: authority.0,
                    authorization: (&**authorization).into(),
                    consent: (&**consent).into(),
                }
            }
            _ => return None,
        })
    }

    fn into_event(self) -> Result<Event, DecodeError> {
        Ok(match self {
            Self::IntentCreated { terms, site, authorization, expires_at } => {
                let mut terms = terms.into_terms()?;
                terms.site = Some(Box::new(site.into_site()?));
                let authorization = authorization.into_authorization()?;
                Event::IntentCreated { terms: terms.into(), authorization, expires_at: Timestamp(expires_at) }
            }
            Self::IntentSubmitted { payload, form, signed, signature, rule } => Event::IntentSubmitted {
                payment: payment(&payload)?.into(),
                form: into_form(form, signed)?,
                signature: Signature(signature),
                rule: signature_rule(rule)?,
            },
            Self::LateSubmissionRefused { payload, form, signed, signature, rule, rejection } => {
                Event::LateSubmissionRefused {
                    payment: payment(&payload)?.into(),
                    form: into_form(form, signed)?,
                    signature: Signature(signature),
                    rule: signature_rule(rule)?,
                    rejection: rejection.into_rejection()?.into(),
                }
            }
            Self::LoginRequested { login, authorization, expires_at } => Event::LoginRequested {
                login: login.into_terms()?.into(),
                authorization: authorization.into_authorization()?,
                expires_at: Timestamp(expires_at),
            },
            Self::LoggedIn { user, authorization } => Event::LoggedIn {
                user: AccountId(user),
                authorization: authorization.into_authorization()?.into(),
            },
            Self::WebhookRegistered { url } => {
                if url.is_empty() || url.len() > MAX_URL_BYTES {
                    return Err(DecodeError::OutOfRange { field: "url" });
                }
                Event::WebhookRegistered { url: url.into_owned() }
            }
            Self::WebhookDelivered { attempt, latency_us } => {
                Event::WebhookDelivered { attempt, latency: Duration::from_micros(latency_us) }
            }
            Self::WebhookAttemptFailed { attempt, outcome, latency_us, next } => {
                Event::WebhookAttemptFailed {
                    attempt,
                    outcome: outcome.into_outcome()?,
                    latency: Duration::from_micros(latency_us),
                    next: next.map(Timestamp),
                }
            }
            Self::WebhookRedeliveryOrdered => Event::WebhookRedeliveryOrdered,
            Self::RelationshipEstablished { owner, domain, authority, authorization, consent } => {
                Event::RelationshipEstablished {
                    owner: AccountId(owner),
                    domain: into_domain(&domain)?,
                    authority: AccountId(authority),
                    authorization: authorization.into_authorization()?.into(),
                    consent: consent.into_authorization()?.into(),
                }
            }
        })
    }
}

/// The form of a payment that is not in the engine's own: its number, and the bytes signed.
pub(crate) fn form_parts(form: &PaymentForm) -> Option<(u8, Cow<'_, [u8]>)> {
    match form {
        PaymentForm::Native => None,
        PaymentForm::CodeSubmitActions(signed) => Some((CODE_SUBMIT_ACTIONS, Cow::Borrowed(signed))),
    }
}

pub(crate) fn into_form(form: u8, signed: Cow<'_, [u8]>) -> Result<PaymentForm, DecodeError> {
    match form {
        CODE_SUBMIT_ACTIONS => Ok(PaymentForm::CodeSubmitActions(signed.into_owned())),
        _ => Err(DecodeError::OutOfRange { field: "form" }),
    }
}

pub(crate) fn into_domain(text: &str) -> Result<Domain, DecodeError> {
    text.parse().map_err(|_| DecodeError::OutOfRange { field: "domain" })
}

pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

impl<'a> From<&'a Site> for SiteV3<'a> {
    fn from(site: &'a Site) -> Self {
        let verifier = site.verifier.map(|verifier| verifier.0);
        Self { domain: site.domain.as_str().into(), verifier }
    }
}

impl SiteV3<'_> {
    pub(crate) fn into_site(self) -> Result<Site, DecodeError> {
        Ok(Site { domain: into_domain(&self.domain)?, verifier: self.verifier.map(AccountId) })
    }
}

impl<'a> From<&'a LoginTerms> for LoginTermsV3<'a> {
    fn from(login: &'a LoginTerms) -> Self {
        Self { domain: login.domain.as_str().into(), verifier: login.verifier.0 }
    }
}

impl LoginTermsV3<'_> {
    pub(crate) fn into_terms(self) -> Result<LoginTerms, DecodeError> {
        Ok(LoginTerms { domain: into_domain(&self.domain)?, verifier: AccountId(self.verifier) })
    }
}

impl<'a> From<&'a DeliveryOutcome> for DeliveryOutcomeV3<'a> {
    fn from(outcome: &'a DeliveryOutcome) -> Self {
        match outcome {
            DeliveryOutcome::Answered { status } => Self::Answered { status: *status },
            DeliveryOutcome::Unreachable { reason } => Self::Unreachable { reason: reason.into() },
        }
    }
}

impl DeliveryOutcomeV3<'_> {
    pub(crate) fn into_outcome(self) -> Result<DeliveryOutcome, DecodeError> {
        match self {
            Self::Answered { status } => Ok(DeliveryOutcome::Answered { status }),
            Self::Unreachable { reason } if reason.len() <= MAX_REASON_BYTES => {
                Ok(DeliveryOutcome::Unreachable { reason: reason.into_owned() })
            }
            Self::Unreachable { .. } => Err(DecodeError::OutOfRange { field: "reason" }),
        }
    }
}
