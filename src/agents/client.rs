//! The HTTP client for agents: one connection pool, one way to authenticate, one set of errors.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use reqwest::{
    Method, RequestBuilder, Response, StatusCode,
    header::{CONTENT_TYPE, HeaderName},
};
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use tokio::time::Instant;
use url::Url;

use super::{AgentError, Refusal};
use crate::{
    conversation::TurnId,
    credentials::{Credentials, Keys, RejectedBy, Secret, digest},
    https,
    json::{self, JsonError},
    retry,
    settings::AgentAuth,
};

/// Most bytes of an answer that is read as a whole. A conversation can hold only a third of it, and ten at once fit into the smallest
/// function, which has 128 MB: each is in memory up to four times.
pub const MAX_ANSWER_BYTES: usize = 1024 * 1024;
/// Most bytes of a streamed answer. Only its text is kept: some servers send 300 bytes for each word.
const MAX_STREAM_BYTES: usize = 16 * 1024 * 1024;
/// The signature of a request, or of a deferred answer: `sha256=<hex>`, HMAC-SHA256 of the body with the agent token.
pub const SIGNATURE: &str = "x-signature-256";

/// An agent that listens at a URL.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    url: Url,
    auth: AgentAuth,
    credentials: Arc<Credentials>,
}

/// A request to an agent, before authentication is added.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    /// Where to; usually [`Client::url`].
    pub url: Url,
    /// The body, JSON.
    pub body: Bytes,
    /// Headers besides the usual ones.
    pub headers: &'a [(&'static str, &'a str)],
    /// Whether the body is signed with the agent token.
    pub is_signed: bool,
}

/// An agent's answer while it is read.
#[derive(Debug)]
pub(crate) struct Reading {
    response: Response,
    patience: Duration,
    read: usize,
    ahead: Option<Bytes>,
}

impl Client {
    pub(crate) fn new(http: reqwest::Client, url: Url, auth: AgentAuth, credentials: Arc<Credentials>) -> Self {
        Self { http, url, auth, credentials }
    }

    /// The agent's address.
    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// Whether there is a token, which signs requests to the agent and its deferred answers.
    ///
    /// # Errors
    /// When the secret cannot be read.
    pub(crate) async fn has_token(&self) -> Result<bool, AgentError> {
        Ok(self.credentials.keys().await?.agent_token.present().is_some())
    }

    /// Posts `body` as JSON and reads the whole answer.
    ///
    /// # Errors
    /// The situation; a status other than 2xx is one.
    pub(crate) async fn post(
        &self,
        body: &impl Serialize,
        headers: &[(&'static str, &str)],
        patience: Duration,
    ) -> Result<Vec<u8>, AgentError> {
        let call = Call { url: self.url.clone(), body: to_json(body)?.into(), headers, is_signed: false };
        self.send(call, patience).await?.whole().await
    }

    /// Fetches `url`, authenticated as always.
    ///
    /// # Errors
    /// The situation; a status other than 2xx is one.
    pub(crate) async fn get(
        &self,
        url: Url,
        headers: &[(&'static str, &str)],
        patience: Duration,
    ) -> Result<Vec<u8>, AgentError> {
        let call = Call { url, body: Bytes::new(), headers, is_signed: false };
        self.request(Method::GET, call, patience).await?.whole().await
    }

    /// Posts a request, once more with a newer token if the first is refused, and returns a response with 2xx.
    ///
    /// # Errors
    /// The situation.
    pub(crate) async fn send(&self, call: Call<'_>, patience: Duration) -> Result<Reading, AgentError> {
        self.request(Method::POST, call, patience).await
    }

    /// Whether the token may be sent to `url`, which does not come from the operator.
    pub(crate) fn trusts(&self, url: &Url) -> bool {
        let is_safe = url.scheme() == self.url.scheme() || url.scheme() == "https";
        self.auth == AgentAuth::None || (is_safe && self.is_own(url))
    }

    /// Whether `url` is at the host and port that the operator configured.
    fn is_own(&self, url: &Url) -> bool {
        url.host() == self.url.host() && url.port_or_known_default() == self.url.port_or_known_default()
    }

    async fn request(&self, method: Method, call: Call<'_>, patience: Duration) -> Result<Reading, AgentError> {
        let until = retry::until(patience);
        let is_rejected = |response: &Result<Response, AgentError>| {
            response.as_ref().is_ok_and(|response| response.status() == StatusCode::UNAUTHORIZED)
        };
        let attempt = |keys: Arc<Keys>| {
            let rest = until.saturating_duration_since(Instant::now());
            let (method, call) = (&method, &call);
            async move { self.try_once(method, call, &keys, rest).await }
        };
        let response = self.credentials.with_keys(RejectedBy::Agent, is_rejected, attempt).await?;
        let status = response.status();
        let reading = Reading::of(response, patience);
        if status.is_success() {
            return Ok(reading);
        }
        // Whatever happens to the body, the status is known.
        let body = reading.whole().await.unwrap_or_default();
        Err(Refusal::read(status.as_u16(), &body).into())
    }

    async fn try_once(
        &self,
        method: &Method,
        call: &Call<'_>,
        keys: &Keys,
        patience: Duration,
    ) -> Result<Response, AgentError> {
        let http = if self.is_own(&call.url) { Ok(&self.http) } else { https::client_for(&call.url) };
        let http = http.map_err(|error| AgentError::Unreadable(format!("the address that its card names: {error}")))?;
        let mut request = http.request(method.clone(), call.url.clone()).timeout(patience);
        if method == Method::POST {
            request = request.body(call.body.clone());
            if !call.headers.iter().any(|(name, _)| CONTENT_TYPE == *name) {
                request = request.header(CONTENT_TYPE, "application/json");
            }
        }
        for (name, value) in call.headers {
            request = request.header(*name, *value);
        }
        if let Some(token) = keys.agent_token.present() {
            request = self.auth.show(request, token);
            if call.is_signed {
                request = request.header(SIGNATURE, token.sign(&call.body));
            }
        }
        request.send().await.map_err(|error| match fault(error, patience) {
            AgentError::Unreachable(source) if !self.is_own(&call.url) => {
                let host = call.url.host_str().unwrap_or_default();
                let port = call.url.port_or_known_default().unwrap_or_default();
                AgentError::UnreachableCard { host: format!("{host}:{port}"), source }
            }
            error => error,
        })
    }
}

impl Reading {
    pub(crate) fn of(response: Response, patience: Duration) -> Self {
        Self { response, patience, read: 0, ahead: None }
    }

    /// Its HTTP status, one of 2xx.
    pub(crate) fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// A header of it, if it is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }

    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// When the connection breaks, the time is over, the answer is too large, or it is compressed in a way that we do not read.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, AgentError> {
        if let Some(bytes) = self.ahead.take() {
            return Ok(Some(bytes));
        }
        // A decompressed response no longer has this header, and the limits count decompressed bytes.
        if let Some(packed) = self.header("content-encoding").filter(|packed| !packed.eq_ignore_ascii_case("identity"))
        {
            let name = packed.chars().filter(char::is_ascii_alphanumeric).take(16).collect::<String>();
            let why = format!(
                "it is compressed (Content-Encoding: {name}), which is not asked for: switch that off or use gzip"
            );
            return Err(AgentError::Unreadable(why));
        }
        let chunk = self.response.chunk().await.map_err(|error| fault(error, self.patience))?;
        self.read += chunk.as_ref().map_or(0, Bytes::len);
        if self.read > MAX_STREAM_BYTES {
            return Err(AgentError::TooLarge { max: MAX_STREAM_BYTES });
        }
        Ok(chunk)
    }

    /// The first bytes, without consuming them; empty if there are none.
    ///
    /// # Errors
    /// As [`Reading::next`].
    pub(crate) async fn peek(&mut self) -> Result<&[u8], AgentError> {
        self.ahead = self.next().await?;
        Ok(self.ahead.as_deref().unwrap_or_default())
    }

    /// Everything.
    ///
    /// # Errors
    /// As [`Reading::next`].
    pub(crate) async fn whole(mut self) -> Result<Vec<u8>, AgentError> {
        let mut bytes = Vec::new();
        while let Some(chunk) = self.next().await? {
            if bytes.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Err(AgentError::TooLarge { max: MAX_ANSWER_BYTES });
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }
}

impl AgentAuth {
    /// Adds authentication.
    fn show(&self, request: RequestBuilder, token: &Secret) -> RequestBuilder {
        match self {
            Self::Bearer => request.bearer_auth(token.expose()),
            Self::Basic => {
                let (user, password) = token.expose().split_once(':').unwrap_or((token.expose(), ""));
                request.basic_auth(user, Some(password))
            }
            Self::Header(name) => match HeaderName::from_bytes(name.as_bytes()) {
                Ok(name) => request.header(name, token.expose()),
                Err(_) => request,
            },
            Self::None => request,
        }
    }
}

/// Whether `signature`, the value of [`SIGNATURE`], belongs to the body.
#[must_use]
pub fn is_signed(token: &Secret, body: &[u8], signature: &[u8]) -> bool {
    digest(signature).is_some_and(|digest| token.has_signed(body, &digest))
}

/// The value of the header `traceparent` for a turn, the same for every try: the turn begins the trace.
/// <https://www.w3.org/TR/trace-context/#traceparent-header>
pub(crate) fn traceparent(turn: &TurnId) -> String {
    let hash = hex::encode(Sha256::digest(turn.to_string()));
    format!("00-{}-{}-01", &hash[..32], &hash[32..48])
}

/// The body of a request.
pub(crate) fn to_json(body: &impl Serialize) -> Result<Vec<u8>, AgentError> {
    serde_json::to_vec(body)
        .map_err(|error| AgentError::Unreadable(format!("the question cannot be written as JSON: {error}")))
}

/// Reads an answer that should be `what`; the error quotes none of it, because it may be a person's text.
pub(crate) fn read<T: DeserializeOwned>(what: &str, bytes: &[u8]) -> Result<T, AgentError> {
    json::read(bytes).map_err(|error| AgentError::Unreadable(format!("no {what}: {error}")))
}

/// As [`read`], for a part of an answer that was parsed before.
pub(crate) fn unreadable(what: &str, error: serde_json::Error) -> AgentError {
    AgentError::Unreadable(format!("no {what}: {}", JsonError::from(error)))
}

/// The error of a request without a response.
pub(crate) fn fault(error: reqwest::Error, patience: Duration) -> AgentError {
    // The URL may contain a token.
    match error.without_url() {
        error if error.is_timeout() => AgentError::TimedOut(patience),
        error => AgentError::Unreachable(error),
    }
}
