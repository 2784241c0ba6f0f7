//! What a script sent by `response`: for the caller of `/inject` and `/notify`.

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Deserialize;
use serde_json::Value;

use super::returns::ReturnError;

/// The answer that a script has sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentResponse {
    /// Its status.
    pub status: StatusCode,
    /// Its headers, in the order in which they were set.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Its body.
    pub body: Vec<u8>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Recorded {
    status: u16,
    headers: Vec<(String, Value)>,
    body: Option<String>,
    is_base64: bool,
}

impl SentResponse {
    /// Reads what the prelude has recorded; nothing if that is empty.
    pub(super) fn read(json: &str) -> Result<Option<Self>, ReturnError> {
        if json.is_empty() {
            return Ok(None);
        }
        let odd = ReturnError::Response;
        let Recorded { status, headers, body, is_base64 } = serde_json::from_str(json).map_err(|_| odd)?;
        let status = StatusCode::from_u16(status).map_err(|_| odd)?;
        let mut read = Vec::new();
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| odd)?;
            let values = match value {
                Value::Array(values) => values,
                one => vec![one],
            };
            for value in values {
                let value = HeaderValue::from_str(value.as_str().unwrap_or_default()).map_err(|_| odd)?;
                // The length and the connection are not the script's.
                if !["content-length", "transfer-encoding", "connection"].contains(&name.as_str()) {
                    read.push((name.clone(), value));
                }
            }
        }
        let body = body.unwrap_or_default();
        let body = if is_base64 { BASE64_STANDARD.decode(body).map_err(|_| odd)? } else { body.into_bytes() };
        Ok(Some(Self { status, headers: read, body }))
    }
}
