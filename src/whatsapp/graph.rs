//! The Graph API: sending and read receipts.
//!
//! <https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/send-messages>

mod error;
mod media;

use std::{sync::Arc, time::Duration};

use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Semaphore;

pub use self::error::{GraphError, Refusal};
use self::error::{refused, unclear, unclear_because};
use super::{outbound, signature::appsecret_proof};
use crate::{
    conversation::{PhoneNumberId, Wamid},
    credentials::{Credentials, Keys, RejectedBy},
    json,
    retry::Clock,
    settings::GraphSettings,
};

/// How long Graph may take to answer a send.
const SEND_TIMEOUT: Duration = Duration::from_secs(15);
/// What stays of an invocation to note what became of the last send.
const RECORDING_TIME: Duration = Duration::from_secs(1);
/// Files that are uploaded side by side: each is in memory twice, and has up to 16 MB.
const FILES_AT_ONCE: usize = 2;
/// A read receipt is worth less than the answer that waits beside it.
const READING_TIMEOUT: Duration = Duration::from_secs(2);
/// Most bytes of an answer: Graph's have a few hundred.
const MAX_ANSWER_BYTES: usize = 256 * 1024;

/// The Cloud API.
#[derive(Debug, Clone)]
pub struct Graph {
    http: reqwest::Client,
    settings: GraphSettings,
    credentials: Arc<Credentials>,
    /// Places for files that are on their way from their host to Meta.
    files: Arc<Semaphore>,
}

impl Graph {
    /// The API, with whatever token is in force.
    #[must_use]
    pub fn new(http: reqwest::Client, settings: &GraphSettings, credentials: Arc<Credentials>) -> Self {
        let files = Arc::new(Semaphore::new(FILES_AT_ONCE));
        Self { http, settings: settings.clone(), credentials, files }
    }

    /// Sends one message, a body of [`outbound::send_body`], from the number with the id `number` and returns its id.
    ///
    /// # Errors
    /// The situation after one try, within the time that `clock` leaves.
    pub async fn send(&self, number: &PhoneNumberId, body: &Value, clock: &Clock) -> Result<Wamid, GraphError> {
        let timeout = SEND_TIMEOUT.min(clock.left().saturating_sub(RECORDING_TIME));
        let answer = self.post_messages(number, body, timeout).await?;
        answer.messages.into_iter().next().map(|message| message.id).ok_or_else(|| unclear(StatusCode::OK))
    }

    /// Marks a message as read and shows that an answer is being written.
    ///
    /// # Errors
    /// One situation after one try: nothing depends on it.
    pub async fn show_reading(&self, number: &PhoneNumberId, message_id: &Wamid) -> Result<(), GraphError> {
        self.post_messages(number, &outbound::reading_body(message_id), READING_TIMEOUT).await.map(|_| ())
    }

    /// One call, repeated once with newer credentials if these are refused.
    async fn post_messages(
        &self,
        number: &PhoneNumberId,
        body: &Value,
        timeout: Duration,
    ) -> Result<SendAnswer, GraphError> {
        let is_rejected = |answer: &Result<SendAnswer, GraphError>| {
            matches!(answer, Err(GraphError::TokenRefused(_) | GraphError::NoToken))
        };
        let attempt = |keys: Arc<Keys>| async move { self.post_with(&keys, number, body, timeout).await };
        self.credentials.with_keys(RejectedBy::Graph, is_rejected, attempt).await
    }

    async fn post_with(
        &self,
        keys: &Keys,
        number: &PhoneNumberId,
        body: &Value,
        timeout: Duration,
    ) -> Result<SendAnswer, GraphError> {
        let request = self.call(Method::POST, keys, &[number.as_str(), "messages"])?.json(body).timeout(timeout);
        let (status, bytes) = answered(request).await.map_err(|error| error.without_words_of(body))?;
        json::read(&bytes).map_err(|_| unclear(status))
    }

    /// A request with the token and its proof.
    fn call(&self, method: Method, keys: &Keys, path: &[&str]) -> Result<reqwest::RequestBuilder, GraphError> {
        let token = keys.access_token.present().ok_or(GraphError::NoToken)?;
        let mut url = self.settings.base_url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push(&self.settings.api_version).extend(path);
        }
        if let Some(secret) = keys.app_secret.present() {
            url.query_pairs_mut().append_pair("appsecret_proof", &appsecret_proof(secret, token));
        }
        Ok(self.http.request(method, url).bearer_auth(token.expose()))
    }
}

/// The answer to a request, if it is one of success.
async fn answered(request: reqwest::RequestBuilder) -> Result<(StatusCode, Vec<u8>), GraphError> {
    // Errors lose their URL: it carries the proof.
    let mut response = request.send().await.map_err(|error| match error.without_url() {
        error if error.is_connect() => GraphError::NoConnection(error),
        error if error.is_builder() => GraphError::NotSent(error),
        error => GraphError::Unanswered(error),
    })?;
    let (status, retry_after) = (response.status(), retry_after(&response));
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| GraphError::Unanswered(error.without_url()))? {
        if bytes.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Err(unclear_because(status, format!("the answer has more than {MAX_ANSWER_BYTES} bytes")));
        }
        bytes.extend_from_slice(&chunk);
    }
    if status.is_success() { Ok((status, bytes)) } else { Err(refused(status, retry_after, &bytes)) }
}

#[derive(Deserialize)]
struct SendAnswer {
    #[serde(default)]
    messages: Vec<SentMessage>,
}

#[derive(Deserialize)]
struct SentMessage {
    id: Wamid,
}

fn retry_after(response: &reqwest::Response) -> Option<Duration> {
    let seconds = response.headers().get(reqwest::header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}
