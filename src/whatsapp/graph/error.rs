//! What Graph says when it does not do what we asked: errors as situations.

use std::time::Duration;

use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    credentials::CredentialsError,
    json::{self, lenient, lenient_text},
    retry::Retry,
    telemetry::redact,
    whatsapp::errors,
};

/// Why Graph did not do what we asked.
#[derive(Debug, thiserror::Error)]
pub enum GraphError {
    /// The secret cannot be read.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The secret holds no token.
    #[error("access_token is empty in the secret: fill it in")]
    NoToken,
    /// No connection: the request did not go out.
    #[error("no connection to the Graph API")]
    NoConnection(#[source] reqwest::Error),
    /// The request could not be made: it did not go out.
    #[error("the request to the Graph API cannot be made")]
    NotSent(#[source] reqwest::Error),
    /// The request went out and no answer came: the message may have been sent.
    #[error("the Graph API did not answer: the message may have been sent")]
    Unanswered(#[source] reqwest::Error),
    /// Somebody in between answered, or Graph did in a way that is not documented: the message may have been sent.
    #[error("the answer does not tell whether the message was sent ({0})")]
    Unclear(Refusal),
    /// Access token or its proof refused, also after the secret was read again.
    #[error(
        "Graph refused the access token or its proof ({0}): put a valid system user token into access_token of the secret, and the app secret of the same app into app_secret"
    )]
    TokenRefused(Refusal),
    /// Too fast; Graph or Meta's table says when to go on.
    #[error("Graph asks to slow down ({refusal})")]
    RateLimited {
        /// The pause that is due.
        after: Duration,
        /// What Graph said.
        refusal: Refusal,
    },
    /// A fault on Meta's side that passes.
    #[error("Graph has a fault that passes ({0})")]
    Unavailable(Refusal),
    /// More than 24 hours since the person last wrote.
    #[error("outside the 24-hour window ({0})")]
    OutsideWindow(Refusal),
    /// The same, known before anything was sent.
    #[error(
        "more than 24 hours have passed since the person wrote: free words are not tried, only a template may be sent"
    )]
    WindowClosed,
    /// The person wants no messages that they did not ask for.
    #[error("the person has opted out: nothing is sent to them that they did not ask for")]
    OptedOut,
    /// A file cannot be fetched.
    #[error("the file cannot be fetched: {0}")]
    NoFile(String),
    /// The same request would be refused again.
    #[error("Graph refused the message ({0}): {cure}", cure = .0.advice().cure)]
    Refused(Refusal),
    /// Every request would be refused until somebody mends the set-up.
    #[error("Graph refuses every message ({0}): {cure}", cure = .0.advice().cure)]
    Misconfigured(Refusal),
}

/// Fields of a message whose values are words of the API itself.
const OURS: &[&str] = &["messaging_product", "recipient_type", "type", "status"];

/// What Graph said when it refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// Meta's code; 0 where the answer had none.
    pub code: i64,
    /// Meta's finer code; 0 where the answer had none.
    pub subcode: i64,
    /// What exactly, in Meta's words.
    pub details: String,
    /// What Meta's support asks for.
    pub trace_id: String,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { status, code, subcode, details, trace_id } = self;
        match (*code, *subcode) {
            (errors::NO_CODE, _) if details.is_empty() => return write!(f, "HTTP {status}, without a code of Meta's"),
            (errors::NO_CODE, _) => return write!(f, "HTTP {status}, without a code of Meta's: {details}"),
            (_, 0) => write!(f, "HTTP {status}, code {code}")?,
            (_, _) => write!(f, "HTTP {status}, code {code}/{subcode}")?,
        }
        write!(f, ", fbtrace_id {trace_id}: {details}")
    }
}

impl Refusal {
    /// What we advise.
    #[must_use]
    pub fn advice(&self) -> errors::Advice {
        errors::advise_refusal(self.status, self.code, self.subcode)
    }
}

impl GraphError {
    /// Whether the same request can succeed later.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::RateLimited { after, .. } => Retry::After(*after),
            Self::Credentials(_)
            | Self::NoToken
            | Self::TokenRefused(_)
            | Self::Misconfigured(_)
            | Self::NoConnection(_)
            | Self::NotSent(_)
            | Self::Unanswered(_)
            | Self::Unclear(_)
            | Self::Unavailable(_) => Retry::SOON,
            Self::OutsideWindow(_) | Self::WindowClosed | Self::OptedOut | Self::NoFile(_) | Self::Refused(_) => {
                Retry::Never
            }
        }
    }

    /// What Graph said, where it said something.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Unclear(refusal)
            | Self::TokenRefused(refusal)
            | Self::Misconfigured(refusal)
            | Self::RateLimited { refusal, .. }
            | Self::Unavailable(refusal)
            | Self::OutsideWindow(refusal)
            | Self::Refused(refusal) => Some(refusal),
            Self::Credentials(_)
            | Self::NoToken
            | Self::NoConnection(_)
            | Self::NotSent(_)
            | Self::Unanswered(_)
            | Self::NoFile(_)
            | Self::WindowClosed
            | Self::OptedOut => None,
        }
    }

    /// Meta's code for it.
    #[must_use]
    pub fn code(&self) -> Option<i64> {
        match self {
            Self::WindowClosed => Some(errors::OUTSIDE_WINDOW),
            _ => self.refusal().map(|refusal| refusal.code),
        }
    }

    /// Whether the message may be out all the same.
    #[must_use]
    pub fn leaves_doubt(&self) -> bool {
        matches!(self, Self::Unanswered(_) | Self::Unclear(_))
    }

    /// Whether a repeat within the same turn makes sense: the message is known not to be out, and time can heal the fault.
    #[must_use]
    pub fn heals(&self) -> bool {
        matches!(self, Self::NoConnection(_) | Self::RateLimited { .. } | Self::Unavailable(_))
    }
}

impl GraphError {
    /// Whatever Graph quotes of the message that it refuses is no matter of the log's.
    pub(super) fn without_words_of(mut self, body: &Value) -> Self {
        if let Self::Unclear(refusal)
        | Self::TokenRefused(refusal)
        | Self::Misconfigured(refusal)
        | Self::RateLimited { refusal, .. }
        | Self::Unavailable(refusal)
        | Self::OutsideWindow(refusal)
        | Self::Refused(refusal) = &mut self
        {
            refusal.details = redact(&refusal.details, personal_texts(body));
            refusal.trace_id = redact(&refusal.trace_id, []);
        }
        self
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ErrorAnswer {
    #[serde(deserialize_with = "lenient")]
    error: ErrorObject,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ErrorObject {
    #[serde(deserialize_with = "lenient")]
    message: String,
    #[serde(deserialize_with = "lenient_text")]
    code: Option<String>,
    #[serde(deserialize_with = "lenient_text")]
    error_subcode: Option<String>,
    #[serde(deserialize_with = "lenient")]
    error_data: Value,
    #[serde(deserialize_with = "lenient")]
    fbtrace_id: String,
}

pub(super) fn refused(status: StatusCode, retry_after: Option<Duration>, bytes: &[u8]) -> GraphError {
    // A proxy in between answers with HTML; then only the status tells.
    let ErrorAnswer { error } = json::read(bytes).unwrap_or_default();
    let details = error.error_data.get("details").and_then(Value::as_str).or(error.error_data.as_str());
    let details = details.unwrap_or(&error.message).to_owned();
    let number = |code: Option<String>| code.and_then(|code| code.parse().ok()).unwrap_or(errors::NO_CODE);
    let (code, subcode) = (number(error.code), number(error.error_subcode));
    let refusal = Refusal { status: status.as_u16(), code, subcode, details, trace_id: error.fbtrace_id };
    let errors::Advice { class, retry: advised, .. } = refusal.advice();
    let proof_refused = refusal.code == errors::PROOF_REFUSED
        || refusal.code == errors::PARAMETER_REFUSED && refusal.details.contains("appsecret_proof");
    match (refusal.code, status, advised) {
        _ if proof_refused => GraphError::TokenRefused(refusal),
        (errors::TOKEN_REFUSED, ..) | (_, StatusCode::UNAUTHORIZED, _) => GraphError::TokenRefused(refusal),
        (errors::OUTSIDE_WINDOW, ..) => GraphError::OutsideWindow(refusal),
        (_, StatusCode::TOO_MANY_REQUESTS, _) => {
            GraphError::RateLimited { after: retry_after.unwrap_or_default(), refusal }
        }
        (0, status, _) if status.is_server_error() => GraphError::Unclear(refusal),
        (_, _, Retry::After(_)) if class == errors::Class::Configuration => GraphError::Misconfigured(refusal),
        (_, _, Retry::After(after)) if !after.is_zero() => {
            GraphError::RateLimited { after: retry_after.unwrap_or(after), refusal }
        }
        (_, _, Retry::After(_)) => GraphError::Unavailable(refusal),
        (_, _, Retry::Never) => GraphError::Refused(refusal),
    }
}

pub(super) fn unclear(status: StatusCode) -> GraphError {
    unclear_because(status, String::new())
}

pub(super) fn unclear_because(status: StatusCode, details: String) -> GraphError {
    GraphError::Unclear(Refusal {
        status: status.as_u16(),
        code: errors::NO_CODE,
        subcode: 0,
        details,
        trace_id: String::new(),
    })
}

/// The texts in a message that somebody has written or is called by.
fn personal_texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(personal_texts).collect(),
        Value::Object(fields) => fields
            .iter()
            .filter(|(name, _)| !OURS.contains(&name.as_str()))
            .flat_map(|(_, value)| personal_texts(value))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(status: u16, body: &str) -> GraphError {
        refused(StatusCode::from_u16(status).expect("a status"), None, body.as_bytes())
    }

    #[test]
    fn the_cure_names_what_is_wrong_and_what_passes_comes_again() {
        let unknown = r#"{"error":{"message":"Object with ID '800000000000002' does not exist","code":100,"error_subcode":33,"fbtrace_id":"T"}}"#;
        for (status, body, cure, retry) in [
            (400, unknown, "phone_number_id in the secret is wrong", Retry::SOON),
            (400, r#"{"error":{"code":100,"message":"(#100) Param text"}}"#, "a value of the reply", Retry::Never),
            (400, r#"{"error":{"code":"2500"}}"#, "GRAPH_API_VERSION", Retry::SOON),
            (403, r#"{"error":{"code":10}}"#, "whatsapp_business_messaging", Retry::SOON),
            (404, "<html>Not Found</html>", "what answers is not Meta", Retry::SOON),
            (403, r#"{"error":"Forbidden"}"#, "a proxy, a firewall", Retry::SOON),
            (400, r#"{"error":"Bad Request"}"#, "what answers gives no code", Retry::SOON),
            (413, "", "larger than what is between", Retry::Never),
            (401, "", "valid system user token", Retry::SOON),
        ] {
            let error = error(status, body);
            assert!(error.to_string().contains(cure), "{error}");
            assert_eq!((error.retry(), error.leaves_doubt()), (retry, false), "{error}");
        }
        assert!(matches!(error(408, ""), GraphError::Unavailable(_)), "nothing was sent");
        assert!(matches!(error(502, "<html>"), GraphError::Unclear(_)), "it may have been");
        assert!(matches!(error(400, r#"{"error":{"code":131000}}"#), GraphError::Unavailable(_)));
    }
}
