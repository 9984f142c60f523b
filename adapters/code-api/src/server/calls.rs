use super::{Api, messaging, micro_payment, refusal};
use crate::envelope::{Call, Method, ok_response, ok_response_bytes};
use crate::status::Status;

/// Answers a call that has one answer: the OK envelope.
pub(super) async fn answer(api: &Api, call: &Call) -> Result<Vec<u8>, Status> {
    let Call { method, body } = call;
    Ok(match method {
        Method::SendMessage => ok_response(&messaging::send(api, body).await?),
        Method::PollMessages => ok_response_bytes(messaging::poll(api, body).await?),
        Method::AckMessages => ok_response(&messaging::acknowledge(api, body).await?),
        Method::RegisterWebhook => ok_response(&micro_payment::register_webhook(api, body).await?),
        Method::GetStatus => ok_response(&micro_payment::get_status(api, body).await?),
        // Answered as a stream, by whoever owns the connection.
        Method::OpenMessageStream
        | Method::OpenMessageStreamWithKeepAlive
        | Method::Codify
        | Method::GetPathMetadata
        | Method::LoginToThirdPartyApp
        | Method::GetLoginForThirdPartyApp
        | Method::GetAllRates
        | Method::GetTokenAccountInfos
        | Method::SubmitIntent
        | Method::GetIntentMetadata
        | Method::GetLimits
        | Method::CanWithdrawToAccount => return Err(refusal::not_available(*method)),
    })
}
