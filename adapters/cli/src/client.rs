//! Talking to a sequencer over HTTP.

use std::time::Duration;

use quittance_core::ids::IntentId;
use quittance_http_api::document;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{CliError, Kind};

/// How long a call may take, beside what the call itself is asked to wait.
const TIMEOUT: Duration = Duration::from_secs(20);
/// The longest answer that is read.
const MAX_ANSWER_BYTES: usize = 1 << 20;
/// The longest single wait for news; longer waits are several calls.
const LONG_POLL: Duration = Duration::from_secs(10);

/// Between two questions for news.
pub(crate) const PAUSE: Duration = Duration::from_millis(20);

/// A sequencer.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    server: String,
}

impl Client {
    pub(crate) fn new(server: &str) -> Result<Self, CliError> {
        // Installed once per process; a second installation changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // HTTP/2 is in the library for gRPC's sake, and would be agreed on with TLS.
        let http = reqwest::Client::builder()
            .http1_only()
            .connect_timeout(Duration::from_secs(5))
            .timeout(TIMEOUT)
            .build()
            .map_err(CliError::failed)?;
        if !server.starts_with("http://") && !server.starts_with("https://") {
            return Err(CliError::misuse(format!("--server must be an http or https URL, got {server}"))
                .hint("--server http://127.0.0.1:8080"));
        }
        Ok(Self { http, server: server.trim_end_matches('/').into() })
    }

    pub(crate) fn server(&self) -> &str {
        &self.server
    }

    pub(crate) async fn node(&self) -> Result<document::Node, CliError> {
        self.get("/v1/node").await
    }

    pub(crate) async fn intent(&self, id: &IntentId) -> Result<document::Intent, CliError> {
        self.get(&format!("/v1/intents/{id}")).await
    }

    /// The intent once it is past `revision`, or as it is after `wait`.
    pub(crate) async fn intent_after(
        &self,
        id: &IntentId,
        revision: u32,
        wait: Duration,
    ) -> Result<document::Intent, CliError> {
        let wait_ms = wait.min(LONG_POLL).as_millis();
        self.get(&format!("/v1/intents/{id}?after={revision}&wait_ms={wait_ms}")).await
    }

    pub(crate) async fn quote(&self, id: &IntentId, payer: String) -> Result<document::Quote, CliError> {
        self.post(&format!("/v1/intents/{id}/quote"), &document::QuoteRequest { payer }).await
    }

    pub(crate) async fn submit(
        &self,
        id: &IntentId,
        submission: &document::Submission,
    ) -> Result<document::Accepted, CliError> {
        self.post(&format!("/v1/intents/{id}/submissions"), submission).await
    }

    /// How the intent came to be where it is.
    pub(crate) async fn why(&self, id: &IntentId) -> Result<Vec<document::why::Step>, CliError> {
        self.get(&format!("/v1/intents/{id}/why")).await
    }

    pub(crate) async fn refund(
        &self,
        id: &IntentId,
        request: &document::RefundRequest,
    ) -> Result<document::Accepted, CliError> {
        self.post(&format!("/v1/intents/{id}/refunds"), request).await
    }

    pub(crate) async fn withdraw(
        &self,
        account: &str,
        request: &document::WithdrawalRequest,
    ) -> Result<document::Withdrawal, CliError> {
        self.post(&format!("/v1/accounts/{account}/withdrawals"), request).await
    }

    pub(crate) async fn withdrawal(
        &self,
        account: &str,
        key: &str,
    ) -> Result<document::Withdrawal, CliError> {
        self.get(&format!("/v1/accounts/{account}/withdrawals/{key}")).await
    }

    pub(crate) async fn account(&self, account: &str) -> Result<document::Account, CliError> {
        self.get(&format!("/v1/accounts/{account}")).await
    }

    pub(crate) async fn deposit(
        &self,
        account: &str,
        request: &document::DepositRequest,
    ) -> Result<document::Account, CliError> {
        self.post(&format!("/v1/accounts/{account}/deposits"), request).await
    }

    /// A call of the official protocol: an envelope there, an envelope back.
    pub(crate) async fn envelope(&self, body: Vec<u8>) -> Result<Vec<u8>, CliError> {
        let request = self.http.post(format!("{}/v1/api/", self.server));
        let request = request.header("content-type", "application/octet-stream").body(body);
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        let bytes = self.body(response).await?;
        let decoded = quittance_code_api::envelope::decode_response(&bytes).map_err(|error| {
            CliError::failed(format!("{} does not speak the protocol: {error}", self.server))
        })?;
        decoded.map_err(|refusal| CliError::new(Kind::Refused, refusal))
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, CliError> {
        self.answer(self.http.get(format!("{}{path}", self.server))).await
    }

    async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, CliError> {
        self.answer(self.http.post(format!("{}{path}", self.server)).json(body)).await
    }

    async fn answer<T: DeserializeOwned>(&self, request: reqwest::RequestBuilder) -> Result<T, CliError> {
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        let bytes = self.body(response).await?;
        if status.is_success() {
            return serde_json::from_slice(&bytes).map_err(|error| {
                CliError::failed(format!("{} answered something else: {error}", self.server))
            });
        }
        match serde_json::from_slice::<document::Problem>(&bytes) {
            // A rule's number, or a full disk: the node has looked at the request and done nothing.
            Ok(problem)
                if status.as_u16() == 503
                    && (problem.error.number.is_some() || problem.error.code == "store_full") =>
            {
                Err(CliError::new(Kind::Unavailable, problem.error.message).hint("ask again after a while"))
            }
            Ok(problem) if status.as_u16() == 503 => {
                Err(CliError::new(Kind::Unreachable, problem.error.message))
            }
            Ok(problem) => Err(CliError::new(Kind::Refused, problem.error.message)),
            Err(_) => {
                let message = format!("{} answered HTTP {status}; is it a quittance server?", self.server);
                Err(CliError::new(Kind::Unreachable, message))
            }
        }
    }

    async fn body(&self, mut response: reqwest::Response) -> Result<Vec<u8>, CliError> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.unreachable(&error))? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_ANSWER_BYTES {
                return Err(CliError::failed(format!(
                    "{} answered more than {MAX_ANSWER_BYTES} bytes",
                    self.server
                )));
            }
        }
        Ok(body)
    }

    fn unreachable(&self, error: &reqwest::Error) -> CliError {
        let mut why = error.to_string();
        let mut source = std::error::Error::source(error);
        while let Some(deeper) = source {
            why = format!("{why}: {deeper}");
            source = deeper.source();
        }
        CliError::new(Kind::Unreachable, format!("no answer from {}: {why}", self.server))
            .hint("check that the server runs: quittance serve --data DIR --listen ADDRESS")
    }
}

/// Runs a client command to its end.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(CliError::failed)?;
    runtime.block_on(work)
}
