use std::time::Duration;

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use data_encoding::BASE64;
use quittance_core::command::{Request, Unproven};
use quittance_core::event::PaymentForm;
use quittance_core::ids::{AccountId, IntentId, Revision};
use quittance_core::machine::Accepted;
use quittance_core::money::Quarks;
use quittance_core::quote;
use quittance_core::refund::Refund;
use quittance_core::rejection::{Rejection, RejectionCode};
use quittance_core::state::{Key, State as Known, Status};
use quittance_core::terms::Terms;
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};

use crate::input::{key, signature};
use crate::problem::Problem;
use crate::{Api, Destinations, document};

/// The longest that a request for news waits.
const MAX_WAIT: Duration = Duration::from_secs(30);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct News {
    after: Option<u32>,
    wait_ms: Option<u64>,
}

pub(crate) async fn show(
    State(api): State<Api>,
    id: Result<Path<String>, PathRejection>,
    news: Result<Query<News>, QueryRejection>,
) -> Result<Json<document::Intent>, Problem> {
    let id = key("intent", &id?)?;
    let Query(News { after, wait_ms }) = news?;
    let deadline = Instant::now() + Duration::from_millis(wait_ms.unwrap_or(0)).min(MAX_WAIT);
    // With too many waiting already, nobody waits: the asker gets what there is and asks again.
    let mut news = after.and_then(|after| Some((after, api.news.about(id)?)));
    let mut intent = look(&api, id).await?;
    while let Some((after, news)) = &mut news
        && intent.revision <= *after
    {
        let told = api.options.shutdown.run_until_cancelled(timeout_at(deadline, news.next())).await;
        if !told.is_some_and(|told| told.unwrap_or(false)) {
            break;
        }
        intent = look(&api, id).await?;
    }
    Ok(Json(intent))
}

pub(crate) async fn quote(
    State(api): State<Api>,
    id: Result<Path<String>, PathRejection>,
    body: Result<Json<document::QuoteRequest>, JsonRejection>,
) -> Result<Json<document::Quote>, Problem> {
    let id = key("intent", &id?)?;
    let payer = key("payer", &body?.payer)?;
    let now = api.engine.now();
    let look = move |known: &Known| quote::quote(known, id, payer, now.max(known.time()));
    let payment = api.engine.query_about(Key::Intent(id), look).await??;
    Ok(Json(document::Quote::of(&payment)))
}

pub(crate) async fn submit(
    State(api): State<Api>,
    id: Result<Path<String>, PathRejection>,
    body: Result<Json<document::Submission>, JsonRejection>,
) -> Result<Json<document::Accepted>, Problem> {
    let intent = key("intent", &id?)?;
    let Json(document::Submission { payer, payload, signature, expected_revision }) = body?;
    let payer = key("payer", &payer)?;
    let payload = BASE64
        .decode(payload.as_bytes())
        .map_err(|error| Problem::malformed("payload", "base64 of the quote's payload", error))?;
    let signature = self::signature(&signature)?;
    let expected = expected_revision.map(Revision);
    let form = PaymentForm::Native;
    let submit = Request::Submit { intent, payer, payload, form, signature, expected };
    Ok(Json(told(intent, api.engine.execute(submit).await?)))
}

pub(crate) async fn create(
    State(api): State<Api>,
    body: Result<Json<document::CreateRequest>, JsonRejection>,
) -> Result<Json<document::Accepted>, Problem> {
    let Json(document::CreateRequest { id, terms, signature }) = body?;
    let intent = key("id", &id)?;
    let terms = Terms::try_from(&terms).map_err(|error| {
        let document::TermsError { field, expected, got } = error;
        Problem::malformed(&field, expected, got)
    })?;
    if terms.site.is_some() {
        let expected = "none: a domain is proved in the official protocol alone";
        return Err(Problem::malformed("terms.site", expected, "a site"));
    }
    let signature = self::signature(&signature)?;
    receivers(&api, intent, &terms).await?;
    let create = Request::Create { intent, terms, signed: Unproven::native(signature) };
    Ok(Json(told(intent, api.engine.execute(create).await?)))
}

/// Checks who would be paid: accounts that are known here, and none that a site knows somebody by. Those are for their sites
/// alone (protocol e.3), and no site can be proved here.
async fn receivers(api: &Api, intent: IntentId, terms: &Terms) -> Result<(), Problem> {
    let (destinations, terms) = (api.options.destinations.clone(), terms.clone());
    let check = move |state: &Known| {
        // What was taken once is answered again; the engine says whether this is the same.
        if state.intent(&intent).is_some() {
            return Ok(());
        }
        let is_known = |account: &AccountId| match &destinations {
            Destinations::Any => true,
            Destinations::Known(known) => known.contains(account) || state.ledger().contains(account),
        };
        let is_of_a_site = |account: &AccountId| state.relationships().get(account).is_some();
        if let Some((field, account)) = first_that_is_not(&terms, |account| !is_of_a_site(account)) {
            let expected = "an account by which no site knows somebody: such a one is asked for by its site, over the \
                            official protocol";
            return Err(Problem::malformed(&field, expected, account));
        }
        match first_that_is_not(&terms, is_known) {
            Some((field, account)) => Err(Problem::unknown_destination(&field, account)),
            None => Ok(()),
        }
    };
    api.engine.query_about(Key::Intent(intent), check).await?
}

/// The first account that would be paid and is not one of these, and where it is named.
fn first_that_is_not(terms: &Terms, is_one: impl Fn(&AccountId) -> bool) -> Option<(String, AccountId)> {
    let fees = terms.fees.iter().enumerate();
    let fees = fees.map(|(i, fee)| (format!("terms.fees[{i}].destination"), fee.destination));
    let parties = [("terms.destination".into(), terms.destination)].into_iter().chain(fees);
    parties.into_iter().find(|(_, account)| !is_one(account))
}

pub(crate) async fn refund(
    State(api): State<Api>,
    id: Result<Path<String>, PathRejection>,
    body: Result<Json<document::RefundRequest>, JsonRejection>,
) -> Result<Json<document::Accepted>, Problem> {
    let intent = key("intent", &id?)?;
    let Json(document::RefundRequest { merchant, key: text, quarks, signature, expected_revision }) = body?;
    let refund = Refund {
        node: api.engine.node(),
        intent,
        merchant: key("merchant", &merchant)?,
        key: key("key", &text)?,
        quarks: Quarks::new(quarks),
    };
    let (signature, expected) = (self::signature(&signature)?, expected_revision.map(Revision));
    Ok(Json(told(intent, api.engine.execute(Request::Refund { refund, signature, expected }).await?)))
}

fn told(intent: IntentId, accepted: Accepted) -> document::Accepted {
    document::Accepted {
        id: intent.to_string(),
        state: accepted.status.map(Status::name).unwrap_or_default().into(),
        position: accepted.position.0,
        repeated: accepted.repeated,
    }
}

async fn look(api: &Api, id: IntentId) -> Result<document::Intent, Problem> {
    let look = move |known: &Known| known.intent(&id).map(|intent| document::Intent::of(id, intent));
    Ok(api.engine.query_about(Key::Intent(id), look).await?.ok_or_else(|| unknown(id))?)
}

pub(crate) fn unknown(id: IntentId) -> Rejection {
    Rejection::new(RejectionCode::IntentNotFound, "intent", "a known intent", id)
}
