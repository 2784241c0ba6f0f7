//! An HTTP status other than 2xx, and the code that the server gave with it.

use std::fmt;

use serde_json::Value;

use crate::{json, retry::Retry};

/// Most characters of a code.
const MAX_CODE: usize = 64;
/// Most digits in a row in a code: more are a person's number.
const MAX_DIGITS: usize = 7;

/// An agent's refusal of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The server's code for the reason, such as `context_length_exceeded`. Never its message, which may repeat a person's text.
    pub code: Option<String>,
}

impl Refusal {
    /// Reads the body of a refusal, in any shape.
    #[must_use]
    pub fn read(status: u16, body: &[u8]) -> Self {
        let body: Value = json::read(body).unwrap_or_default();
        Self { status, code: code(&body["error"]).or_else(|| code(&body)).filter(|code| *code != status.to_string()) }
    }

    /// Whether the question is longer than the server accepts.
    #[must_use]
    pub fn is_too_long(&self) -> bool {
        self.status == 413 || self.code.as_deref().is_some_and(is_too_long)
    }

    /// Whether the question itself is the reason, so that a shorter or plainer one may be accepted.
    #[must_use]
    pub fn is_of_question(&self) -> bool {
        !self.is_filter() && (matches!(self.status, 400 | 413 | 415 | 422) || self.is_too_long())
    }

    fn is_filter(&self) -> bool {
        self.code.as_deref().is_some_and(is_filter)
    }

    /// If the question is the reason, asking it again gets the same refusal.
    #[must_use]
    pub fn retry(&self) -> Retry {
        if self.is_filter() || self.is_of_question() { Retry::Never } else { Retry::SOON }
    }

    fn cure(&self) -> &'static str {
        match self.status {
            _ if self.is_filter() => "a content filter of the server refuses the question",
            _ if self.is_too_long() => {
                "the question is longer than the server accepts, see AGENT_INSTRUCTIONS and the model's context"
            }
            401 | 403 => "check agent_token in the secret, AGENT_AUTH and what the token may do",
            404 | 405 | 410 => "check AGENT_URL, and AGENT_MODEL where there is one",
            408 | 429 => "its limit or quota is reached, or it is busy",
            400 | 415 | 422 => {
                "it refuses the request, its own log says why: check AGENT_PROTOCOL, AGENT_URL and AGENT_MODEL"
            }
            500.. => "its own log says more",
            _ => "check AGENT_URL and agent_token in the secret",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the agent answered HTTP {}", self.status)?;
        if let Some(code) = &self.code {
            write!(f, " ({code})")?;
        }
        write!(f, ": {}", self.cure())
    }
}

impl std::error::Error for Refusal {}

/// Whether a code means that the question is longer than the server accepts.
#[must_use]
pub(crate) fn is_too_long(code: &str) -> bool {
    let code = code.to_ascii_lowercase();
    ["context_length", "context_window", "contextwindow", "too_long", "too_large", "max_tokens", "string_above_max"]
        .iter()
        .any(|part| code.contains(part))
}

/// Whether a code means that a filter blocked the question.
#[must_use]
pub(crate) fn is_filter(code: &str) -> bool {
    let code = code.to_ascii_lowercase();
    ["content_filter", "content_policy", "responsibleai", "guardrail", "moderation"]
        .iter()
        .any(|part| code.contains(part))
}

/// The first value in an error that looks like a code: one word, as programs write it.
pub(crate) fn code(error: &Value) -> Option<String> {
    let is_sign = |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '_' | '-' | '.');
    let is_code = |code: &String| {
        let digits = code.split(|sign: char| !sign.is_ascii_digit()).map(str::len).max().unwrap_or_default();
        !code.is_empty() && code.len() <= MAX_CODE && code.chars().all(is_sign) && digits <= MAX_DIGITS
    };
    let inner = &error["innererror"]["code"];
    let candidates = [inner, &error["code"], &error["type"], &error["status"], error];
    let mut codes = candidates.into_iter().filter_map(|value| match value {
        Value::String(code) => Some(code.clone()).filter(is_code),
        Value::Number(code) => Some(code.to_string()).filter(is_code),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    });
    // A word says more than a number, which often only repeats the status.
    let first = codes.next()?;
    if first.chars().all(|sign| sign.is_ascii_digit()) { Some(codes.next().unwrap_or(first)) } else { Some(first) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, body: &str) -> Refusal {
        Refusal::read(status, body.as_bytes())
    }

    #[test]
    fn the_code_is_kept_and_no_sentence() {
        for (body, code) in [
            (
                r#"{"error":{"message":"Ada said x","type":"invalid_request_error","code":"context_length_exceeded"}}"#,
                Some("context_length_exceeded"),
            ),
            (
                r#"{"error":{"message":"Invalid model name passed in model=x","type":"invalid_request_error","code":"400"}}"#,
                Some("invalid_request_error"),
            ),
            (
                r#"{"error":{"code":"content_filter","innererror":{"code":"ResponsibleAIPolicyViolation"}}}"#,
                Some("ResponsibleAIPolicyViolation"),
            ),
            (r#"{"error":"model_not_found"}"#, Some("model_not_found")),
            (r#"{"error":"Ada said something"}"#, None),
            (r#"{"detail":"Not Found"}"#, None),
            (r#"{"code":"15550100200"}"#, None),
            (r#"{"error":{"code":400}}"#, None),
            (r#"{"error":{"code":1305}}"#, Some("1305")),
            ("<html>", None),
            ("", None),
        ] {
            assert_eq!(read(400, body).code.as_deref(), code, "{body}");
        }
    }

    #[test]
    fn the_cure_fits_and_what_asking_again_cannot_heal_is_final() {
        for (status, code, cure, is_final) in [
            (401, "", "agent_token", false),
            (404, "model_not_found", "AGENT_MODEL", false),
            (429, "insufficient_quota", "quota", false),
            (503, "", "its own log", false),
            (400, "", "refuses the request", true),
            (400, "content_filter", "filter", true),
            (403, "content_policy_violation", "filter", true),
            (400, "context_length_exceeded", "longer than", true),
            (413, "", "longer than", true),
        ] {
            let refusal = read(status, &format!(r#"{{"error":{{"code":"{code}"}}}}"#));
            assert!(refusal.to_string().contains(cure), "{refusal}");
            assert_eq!(refusal.retry() == Retry::Never, is_final, "{refusal}");
        }
    }
}
