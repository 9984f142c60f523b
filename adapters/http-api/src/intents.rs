use std::time::Duration;

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use data_encoding::BASE64;
use quittance_core::command::Request;
use quittance_core::ids::{AccountId, IntentId, Position};
use quittance_core::quote;
use quittance_core::rejection::{Rejection, RejectionCode};
use quittance_core::state::Status;
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};

use crate::problem::Problem;
use crate::{Api, document};

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
    let id = parse(&id?)?;
    let Query(News { after, wait_ms }) = news?;
    let deadline = Instant::now() + Duration::from_millis(wait_ms.unwrap_or(0)).min(MAX_WAIT);
    let (mut intent, seen) = look(&api, id).await?;
    let Some(after) = after else { return Ok(Json(intent)) };
    // With too many waiting already, nobody waits: the asker gets what there is and asks again.
    let Ok(_waiting) = api.waiting.try_acquire() else { return Ok(Json(intent)) };
    let mut records = api.engine.subscribe(seen.next());
    while intent.revision <= after {
        // Records about other intents pass by; the first about this one is the news.
        let about = async {
            while let Some(Ok(record)) = records.next().await {
                if record.subject.is_some_and(|subject| subject.intent == id) {
                    return true;
                }
            }
            false
        };
        let told = api.options.shutdown.run_until_cancelled(timeout_at(deadline, about)).await;
        if !told.is_some_and(|told| told.unwrap_or(false)) {
            break;
        }
        intent = look(&api, id).await?.0;
    }
    Ok(Json(intent))
}

pub(crate) async fn quote(
    State(api): State<Api>,
    id: Result<Path<String>, PathRejection>,
    body: Result<Json<document::QuoteRequest>, JsonRejection>,
) -> Result<Json<document::Quote>, Problem> {
    let id = parse(&id?)?;
    let payer = payer(&body?.payer)?;
    let now = api.engine.now();
    let payment =
        api.engine.query(move |known| quote::quote(known, id, payer, now.max(known.time()))).await??;
    Ok(Json(document::Quote::of(&payment)))
}

pub(crate) async fn submit(
    State(api): State<Api>,
    id: Result<Path<String>, PathRejection>,
    body: Result<Json<document::Submission>, JsonRejection>,
) -> Result<Json<document::Accepted>, Problem> {
    let intent = parse(&id?)?;
    let Json(document::Submission { payer: text, payload, signature }) = body?;
    let payer = payer(&text)?;
    let payload = BASE64
        .decode(payload.as_bytes())
        .map_err(|error| Problem::malformed("payload", "base64 of the quote's payload", error))?;
    let signature = signature
        .parse()
        .map_err(|error| Problem::malformed("signature", error, format!("{} characters", signature.len())))?;
    let accepted = api.engine.execute(Request::Submit { intent, payer, payload, signature }).await?;
    Ok(Json(document::Accepted {
        id: intent.to_string(),
        state: accepted.status.map(Status::name).unwrap_or_default().into(),
        position: accepted.position.0,
        repeated: accepted.repeated,
    }))
}

async fn look(api: &Api, id: IntentId) -> Result<(document::Intent, Position), Problem> {
    let look = move |known: &quittance_core::state::State| {
        let intent = known.intent(&id).map(|intent| document::Intent::of(id, intent));
        (intent, known.position())
    };
    let (intent, seen) = api.engine.query(look).await?;
    let unknown = || Rejection::new(RejectionCode::IntentNotFound, "intent", "a known intent", id);
    Ok((intent.ok_or_else(unknown)?, seen))
}

fn parse(id: &str) -> Result<IntentId, Problem> {
    id.parse().map_err(|error| Problem::malformed("intent", error, id.chars().take(64).collect::<String>()))
}

fn payer(text: &str) -> Result<AccountId, Problem> {
    text.parse()
        .map_err(|error| Problem::malformed("payer", error, text.chars().take(64).collect::<String>()))
}
