use prost::Message as _;

use super::{Api, account, codify, currency, login, messaging, micro_payment, refusal, transaction};
use crate::envelope::{Call, Method};
use crate::status::Status;

/// Answers a call that has one answer: the serialized response message.
pub(super) async fn answer(api: &Api, call: &Call) -> Result<Vec<u8>, Status> {
    let Call { method, body } = call;
    Ok(match method {
        Method::SendMessage => messaging::send(api, body).await?.encode_to_vec(),
        Method::PollMessages => messaging::poll(api, body).await?,
        Method::AckMessages => messaging::acknowledge(api, body).await?.encode_to_vec(),
        Method::RegisterWebhook => micro_payment::register_webhook(api, body).await?.encode_to_vec(),
        Method::GetStatus => micro_payment::get_status(api, body).await?.encode_to_vec(),
        Method::GetIntentMetadata => transaction::get_intent_metadata(api, body).await?.encode_to_vec(),
        Method::GetLimits => transaction::get_limits(api, body).await?.encode_to_vec(),
        Method::CanWithdrawToAccount => {
            transaction::can_withdraw_to_account(api, body).await?.encode_to_vec()
        }
        Method::GetAllRates => currency::get_all_rates(api, body).await?.encode_to_vec(),
        Method::Codify => codify::codify(api, body).await?.encode_to_vec(),
        Method::GetPathMetadata => codify::path_metadata(api, body).await?.encode_to_vec(),
        Method::LoginToThirdPartyApp => login::login(api, body).await?.encode_to_vec(),
        Method::GetLoginForThirdPartyApp => login::get_login(api, body).await?.encode_to_vec(),
        Method::GetTokenAccountInfos => account::token_account_infos(api, body).await?.encode_to_vec(),
        // Answered as a stream, by whoever owns the connection.
        Method::OpenMessageStream | Method::OpenMessageStreamWithKeepAlive | Method::SubmitIntent => {
            return Err(refusal::not_available(*method));
        }
    })
}
