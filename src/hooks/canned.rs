//! Answers from a file in the place of requests: for trying a script out.

use std::sync::{Mutex, PoisonError};

use serde::Deserialize;
use serde_json::{Map, Value, json};

/// An answer to the first request whose URL begins like this.
#[derive(Debug, Clone, Deserialize)]
pub struct CannedAnswer {
    /// How the URL begins.
    pub url: String,
    /// Its status; 200 if there is none.
    #[serde(default = "ok")]
    pub status: u16,
    /// Its headers.
    #[serde(default)]
    pub headers: Map<String, Value>,
    /// Its body: a text as it is, anything else as JSON.
    #[serde(default)]
    pub body: Value,
}

fn ok() -> u16 {
    200
}

/// Answers that are left.
#[derive(Debug)]
pub(super) struct Canned(Mutex<Vec<CannedAnswer>>);

impl Canned {
    pub(super) fn new(answers: Vec<CannedAnswer>) -> Self {
        Self(Mutex::new(answers))
    }

    /// The answer to a request, as [`super::request::send`] gives it.
    pub(super) fn answer(&self, options: &str) -> Result<String, String> {
        let options: Value = serde_json::from_str(options).unwrap_or_default();
        let url = options["url"].as_str().unwrap_or_default();
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(place) = left.iter().position(|answer| url.starts_with(&answer.url)) else {
            let message = format!("no answer is left for {url}");
            return Err(json!({ "name": "RequestError", "message": message }).to_string());
        };
        let CannedAnswer { status, headers, body, .. } = left.remove(place);
        let text = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
        let answer = json!({ "status": status, "statusText": "", "url": url, "redirected": false, "headers": headers, "text": text });
        Ok(answer.to_string())
    }
}
