use quittance_core::ids::IntentId;
use quittance_core::state::Key;

use super::{Api, refusal};
use crate::envelope::decode_body;
use crate::json_v1::IntentStatus;
use crate::proto::code::micropayment::v1 as micropayment;
use crate::status::Status;
use crate::validate::Validate;

/// `MicroPayment.GetStatus` (protocol e.7).
pub(super) async fn get_status(api: &Api, body: &[u8]) -> Result<micropayment::GetStatusResponse, Status> {
    let request: micropayment::GetStatusRequest = decode_body(body)?;
    request.validate().map_err(Status::invalid_argument)?;
    let bytes = request.intent_id.as_ref().and_then(|id| id.value.as_slice().try_into().ok());
    let intent = bytes.map(IntentId).ok_or_else(|| Status::invalid_argument("intent_id must be set"))?;
    status(api, intent).await
}

/// The same for the JSON API.
pub(super) async fn intent_status(api: &Api, intent: IntentId) -> Result<IntentStatus, Status> {
    Ok(match status(api, intent).await? {
        micropayment::GetStatusResponse { intent_submitted: true, .. } => IntentStatus::Submitted,
        micropayment::GetStatusResponse { exists: true, .. } => IntentStatus::Pending,
        _ => IntentStatus::Unknown,
    })
}

/// What the log says; nothing a client acknowledges changes it. An accepted payment counts as submitted even when its
/// settlement failed later: the reference takes back only what was revoked, and nothing here revokes.
async fn status(api: &Api, intent: IntentId) -> Result<micropayment::GetStatusResponse, Status> {
    let look = move |state: &quittance_core::state::State| {
        let known = state.intent(&intent);
        micropayment::GetStatusResponse {
            exists: known.is_some(),
            code_scanned: known.is_some_and(|known| known.scanned.is_some()),
            intent_submitted: known.is_some_and(quittance_core::state::Intent::is_submitted),
        }
    };
    api.engine.query_about(Key::Intent(intent), look).await.map_err(|error| refusal::failed(error, intent))
}
