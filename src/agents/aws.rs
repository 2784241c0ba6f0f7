//! Agents on AWS: one signed POST asks each of them, so no client of the SDK is needed.
//!
//! The request is signed with the role of this function; the agent token of the secret is not sent.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html>

mod agentcore;
mod lambda;
mod lex;

use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, error::CredentialsError};
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningError, SigningSettings, sign},
    sign::v4,
};
use aws_smithy_runtime_api::client::identity::Identity;
use jiff::Timestamp;
use reqwest::Response;

use super::{
    AgentError, Answer, Question,
    client::{Reading, fault},
};
use crate::{retry::Retry, settings::AgentOnAws};

/// An agent on AWS, and what is needed to ask it.
#[derive(Debug)]
pub(crate) struct Aws {
    agent: AgentOnAws,
    http: reqwest::Client,
    credentials: Option<SharedCredentialsProvider>,
    region: Option<String>,
    /// Used instead of the services' own addresses.
    endpoint: Option<String>,
}

/// The services that agents are asked through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Service {
    Lambda,
    AgentCore,
    Lex,
}

/// A request, before it is signed.
struct Post<'a> {
    service: Service,
    /// The region of the service; `None`: the region of this function.
    region: Option<&'a str>,
    /// Path and query, encoded.
    path: String,
    /// Headers besides the type of the body.
    headers: &'a [(&'static str, &'a str)],
    /// JSON.
    body: Vec<u8>,
}

/// Why an agent on AWS gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum AwsError {
    /// The role lacks a permission.
    #[error("AWS denies the call: the function's role needs {permission} on what AGENT_URL names")]
    Denied {
        /// The permission.
        permission: &'static str,
    },
    /// There is nothing at the address.
    #[error("AWS finds no {what} there: check AGENT_URL, and that it is in region {region}")]
    NotFound {
        /// What should be there.
        what: &'static str,
        /// The region that was asked.
        region: String,
    },
    /// Too many calls.
    #[error("AWS throttles the calls to the agent: raise the quota of {service}, or the concurrency of what it runs")]
    Throttled {
        /// The service whose quota is used up.
        service: &'static str,
    },
    /// The agent was started and failed.
    #[error("the agent failed by itself ({0}): its own log says why")]
    Failed(String),
    /// The question is larger than the service accepts.
    #[error("the question is larger than what {service} takes")]
    TooLarge {
        /// The service.
        service: &'static str,
    },
    /// Another refusal.
    #[error("{service} answered HTTP {status} ({code}): check AGENT_URL")]
    Refused {
        /// The service.
        service: &'static str,
        /// The HTTP status.
        status: u16,
        /// AWS's error code.
        code: String,
    },
    /// No region is configured.
    #[error("no region is known: set AWS_REGION")]
    NoRegion,
    /// There are no credentials to sign with.
    #[error("the credentials of the function's role cannot be read")]
    NoCredentials(#[source] Option<CredentialsError>),
    /// The signature cannot be made.
    #[error("the request cannot be signed")]
    NotSigned(#[source] SigningError),
}

impl AwsError {
    /// Whether asking again can help.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::TooLarge { .. } | Self::NotSigned(_) => Retry::Never,
            Self::Denied { .. }
            | Self::NotFound { .. }
            | Self::Throttled { .. }
            | Self::Failed(_)
            | Self::Refused { .. }
            | Self::NoRegion
            | Self::NoCredentials(_) => Retry::SOON,
        }
    }

    /// Whether a pause of the circuit breaker can help.
    #[must_use]
    pub fn is_down(&self) -> bool {
        match self {
            Self::Throttled { .. } | Self::Failed(_) => true,
            Self::Refused { status, .. } => *status >= 500,
            Self::Denied { .. }
            | Self::NotFound { .. }
            | Self::TooLarge { .. }
            | Self::NoRegion
            | Self::NoCredentials(_)
            | Self::NotSigned(_) => false,
        }
    }
}

impl Service {
    /// The first part of its host names.
    fn host(self) -> &'static str {
        match self {
            Self::Lambda => "lambda",
            Self::AgentCore => "bedrock-agentcore",
            Self::Lex => "runtime-v2-lex",
        }
    }

    /// Its name in a signature.
    fn name(self) -> &'static str {
        match self {
            Self::Lambda => "lambda",
            Self::AgentCore => "bedrock-agentcore",
            Self::Lex => "lex",
        }
    }

    /// The permission that the role needs.
    fn permission(self) -> &'static str {
        match self {
            Self::Lambda => "lambda:InvokeFunction",
            Self::AgentCore => "bedrock-agentcore:InvokeAgentRuntime",
            Self::Lex => "lex:RecognizeText",
        }
    }

    /// What the address names.
    fn what(self) -> &'static str {
        match self {
            Self::Lambda => "function",
            Self::AgentCore => "runtime",
            Self::Lex => "bot, alias or locale",
        }
    }
}

/// Asks the agent.
pub(crate) async fn ask(aws: &Aws, question: &Question<'_>, patience: Duration) -> Result<Answer, AgentError> {
    match &aws.agent {
        AgentOnAws::Function { name, region } => lambda::ask(aws, (name, region.as_deref()), question, patience).await,
        AgentOnAws::Runtime { arn, region, qualifier } => {
            agentcore::ask(aws, (arn, region, qualifier.as_deref()), question, patience).await
        }
        AgentOnAws::Bot { id, alias } => lex::ask(aws, (id, alias), question, patience).await,
    }
}

impl Aws {
    pub(crate) fn new(agent: AgentOnAws, http: reqwest::Client, aws: &SdkConfig) -> Self {
        Self {
            agent,
            http,
            credentials: aws.credentials_provider(),
            region: aws.region().map(ToString::to_string),
            endpoint: aws.endpoint_url().map(|url| url.trim_end_matches('/').to_owned()),
        }
    }

    /// Sends a request, and returns a response with 2xx.
    async fn post(&self, post: Post<'_>, now: Timestamp, patience: Duration) -> Result<Reading, AgentError> {
        let service = post.service;
        let region = post.region.or(self.region.as_deref()).ok_or(AwsError::NoRegion)?.to_owned();
        let url = self.url(service, &region, &post.path);
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(post.headers);
        let signature = self.signature(service, &region, &url, &headers, &post.body, now).await?;
        let mut request = self.http.post(url).timeout(patience).body(post.body);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        for (name, value) in signature {
            request = request.header(name, value);
        }
        let response = request.send().await.map_err(|error| fault(error, patience))?;
        match response.status().is_success() {
            true => Ok(Reading::of(response, patience)),
            false => Err(refusal(service, region, &response).into()),
        }
    }

    fn url(&self, service: Service, region: &str, path: &str) -> String {
        let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        match &self.endpoint {
            Some(endpoint) => format!("{endpoint}{path}"),
            None => format!("https://{}.{region}.{domain}{path}", service.host()),
        }
    }

    /// The signature headers.
    async fn signature(
        &self,
        service: Service,
        region: &str,
        url: &str,
        headers: &[(&'static str, &str)],
        body: &[u8],
        now: Timestamp,
    ) -> Result<Vec<(String, String)>, AwsError> {
        let provider = self.credentials.as_ref().ok_or(AwsError::NoCredentials(None))?;
        // Read again for each question, because a role's credentials change.
        let credentials = provider.provide_credentials().await.map_err(|error| AwsError::NoCredentials(Some(error)))?;
        let identity = Identity::from(credentials);
        let params = v4::SigningParams::builder().identity(&identity).region(region).name(service.name());
        let params = params.time(SystemTime::from(now)).settings(SigningSettings::default()).build();
        let params = params.unwrap_or_else(|_| unreachable!("everything is given")).into();
        let signed = SignableRequest::new("POST", url, headers.iter().copied(), SignableBody::Bytes(body))
            .and_then(|request| sign(request, &params));
        let (instructions, _) = signed.map_err(AwsError::NotSigned)?.into_parts();
        Ok(instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}

/// A status other than 2xx. A header says what it means; the body may repeat what the person said and is not read.
fn refusal(service: Service, region: String, response: &Response) -> AwsError {
    let status = response.status().as_u16();
    let header = response.headers().get("x-amzn-errortype").and_then(|value| value.to_str().ok()).unwrap_or_default();
    // `<namespace>#Name:<url>`, both ends optional.
    let code = header.split(':').next().and_then(|name| name.rsplit('#').next()).unwrap_or_default();
    let code = name(code);
    match (code.as_str(), status) {
        ("AccessDeniedException", _) | ("", 403) => AwsError::Denied { permission: service.permission() },
        (_, 404) => AwsError::NotFound { what: service.what(), region },
        ("ThrottlingException" | "ThrottledException" | "TooManyRequestsException", _) | (_, 429) => {
            AwsError::Throttled { service: service.name() }
        }
        ("RequestTooLargeException", _) | (_, 413) => AwsError::TooLarge { service: service.name() },
        // The container of a runtime, the functions behind a bot.
        ("RuntimeClientError" | "DependencyFailedException" | "BadGatewayException", _) | (_, 424) => {
            AwsError::Failed(code)
        }
        _ => AwsError::Refused { service: service.name(), status, code },
    }
}

/// An AWS error code, without any other characters.
fn name(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).take(64).collect()
}

/// Percent-encodes a path segment as the services do before they check the signature.
fn encoded(part: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    let encode = |byte| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    part.bytes().map(encode).collect()
}

#[cfg(test)]
mod tests;
