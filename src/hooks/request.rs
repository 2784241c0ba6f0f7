//! Requests of scripts: options as the prelude prepares them in, the answer as the prelude reads it out.

use std::{collections::BTreeMap, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use reqwest::{
    Method, StatusCode,
    header::{AUTHORIZATION, COOKIE, HeaderMap, HeaderName, HeaderValue, LOCATION},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;

use super::hosts::{ClientError, Hosts};

/// Most bytes of an answer. It is in the memory of the script twice, which has 16 MB.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;
/// Most redirects of one request.
const MAX_REDIRECTS: u32 = 5;

#[derive(Deserialize)]
struct Options {
    url: String,
    method: String,
    headers: Vec<(String, String)>,
    body: Option<Body>,
    follows: bool,
    redirects: Option<f64>,
    /// Milliseconds.
    timeout: Option<f64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Body {
    Text(String),
    Base64(String),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    status: u16,
    status_text: &'static str,
    url: String,
    redirected: bool,
    headers: BTreeMap<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
}

/// A request that is being made; redirects change it.
struct Attempt {
    url: Url,
    method: Method,
    headers: HeaderMap,
    body: Option<Vec<u8>>,
}

/// Sends one request. `name` tells a repeat of the same request from another one, for services that know `Idempotency-Key`.
///
/// # Errors
/// An error for the script: `{"name", "message"}`. It names the host and nothing else of the URL.
pub(super) async fn send(hosts: &Hosts, options: &str, name: &str) -> Result<String, String> {
    exchange(hosts, options, name)
        .await
        .map_err(|message| json!({ "name": "RequestError", "message": message }).to_string())
}

async fn exchange(hosts: &Hosts, options: &str, name: &str) -> Result<String, String> {
    let options: Options =
        serde_json::from_str(options).map_err(|_| "the options of the request cannot be read".to_owned())?;
    let time = options
        .timeout
        .filter(|time| time.is_finite() && *time > 0.0)
        .map(|time| Duration::from_secs_f64(time / 1000.0));
    let sent = follow(hosts, &options, name);
    match time {
        None => sent.await,
        Some(time) => tokio::time::timeout(time, sent).await.unwrap_or_else(|_| Err("ESOCKETTIMEDOUT".to_owned())),
    }
}

/// Each redirect is looked at like the first address.
async fn follow(hosts: &Hosts, options: &Options, name: &str) -> Result<String, String> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast of a float saturates")]
    let mut left = options.redirects.map_or(MAX_REDIRECTS, |wanted| wanted as u32).min(MAX_REDIRECTS);
    let mut attempt = Attempt::of(options, name)?;
    let mut redirected = false;
    loop {
        let response = attempt.send(hosts).await?;
        match attempt.redirected(&response).filter(|_| options.follows) {
            None => return read(response, redirected).await,
            Some(_) if left == 0 => return Err("it is redirected too often".to_owned()),
            Some(next) => {
                (attempt, redirected) = (next, true);
                left -= 1;
            }
        }
    }
}

impl Attempt {
    fn of(options: &Options, name: &str) -> Result<Self, String> {
        let url = Url::parse(&options.url).map_err(|_| "Invalid URI".to_owned())?;
        let method = Method::from_bytes(options.method.as_bytes()).map_err(|_| "its method is none".to_owned())?;
        let mut headers = HeaderMap::new();
        for (name, value) in &options.headers {
            let name =
                HeaderName::from_bytes(name.as_bytes()).map_err(|_| "a header has a name that is none".to_owned())?;
            let value = HeaderValue::from_str(value);
            headers.append(name, value.map_err(|_| "a header has a character that no header may have".to_owned())?);
        }
        // Its length is counted, and its host is that of the URL.
        for name in ["host", "content-length", "transfer-encoding", "connection"] {
            headers.remove(name);
        }
        if let (false, Ok(name)) = (headers.contains_key("idempotency-key"), HeaderValue::from_str(name)) {
            headers.insert("idempotency-key", name);
        }
        let body = match &options.body {
            None => None,
            Some(Body::Text(text)) => Some(text.clone().into_bytes()),
            Some(Body::Base64(text)) => {
                Some(BASE64_STANDARD.decode(text).map_err(|_| "its body cannot be read".to_owned())?)
            }
        };
        Ok(Self { url, method, headers, body })
    }

    async fn send(&self, hosts: &Hosts) -> Result<reqwest::Response, String> {
        let host = self.url.host_str().unwrap_or_default();
        let client = hosts.client(&self.url).map_err(|error| match error {
            ClientError::Refused(why) => format!("{host}: {why}"),
            ClientError::Client(error) => error.to_string(),
        })?;
        let mut request = client.request(self.method.clone(), self.url.clone()).headers(self.headers.clone());
        if let Some(body) = &self.body {
            request = request.body(body.clone());
        }
        request.send().await.map_err(|error| format!("{host}: {}", reason(&error)))
    }

    /// The next attempt, if the answer sends us elsewhere.
    fn redirected(&self, response: &reqwest::Response) -> Option<Self> {
        let status = response.status();
        let keeps_method = match status {
            StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => true,
            StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => self.method != Method::POST,
            StatusCode::SEE_OTHER => matches!(self.method, Method::GET | Method::HEAD),
            _ => return None,
        };
        let url = self.url.join(response.headers().get(LOCATION)?.to_str().ok()?).ok()?;
        let mut headers = self.headers.clone();
        // Who is sent elsewhere does not show there what was meant for here.
        if url.origin() != self.url.origin() {
            headers.remove(AUTHORIZATION);
            headers.remove(COOKIE);
        }
        let (method, body) = match keeps_method {
            true => (self.method.clone(), self.body.clone()),
            false => (Method::GET, None),
        };
        if body.is_none() {
            headers.remove("content-type");
        }
        Some(Self { url, method, headers, body })
    }
}

async fn read(mut response: reqwest::Response, redirected: bool) -> Result<String, String> {
    let (status, url) = (response.status(), response.url().to_string());
    let mut headers: BTreeMap<String, Value> = BTreeMap::new();
    for (name, value) in response.headers() {
        let value = json!(String::from_utf8_lossy(value.as_bytes()));
        match headers.get_mut(name.as_str()) {
            None => drop(headers.insert(name.as_str().to_owned(), value)),
            Some(Value::Array(values)) => values.push(value),
            Some(one) => *one = json!([one.take(), value]),
        }
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| reason(&error).to_owned())? {
        if bytes.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Err(format!("its answer has more than {MAX_ANSWER_BYTES} bytes"));
        }
        bytes.extend_from_slice(&chunk);
    }
    let (text, base64) = match String::from_utf8(bytes) {
        Ok(text) => (Some(text), None),
        Err(error) => (None, Some(BASE64_STANDARD.encode(error.as_bytes()))),
    };
    let status_text = status.canonical_reason().unwrap_or_default();
    let answer = Answer { status: status.as_u16(), status_text, url, redirected, headers, text, base64 };
    serde_json::to_string(&answer).map_err(|_| "its answer cannot be read".to_owned())
}

/// What happened, in the words of Node where they are known; no URL.
fn reason(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        "ETIMEDOUT"
    } else if error.is_connect() {
        "ECONNREFUSED: it cannot be reached, or its address is not allowed (TRANSFORMER_HOSTS)"
    } else if error.is_decode() {
        "its answer cannot be unpacked"
    } else {
        "ECONNRESET: the connection broke"
    }
}
