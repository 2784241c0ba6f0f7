//! A service of AWS as its specification says: it checks who asks, says what a story tells it, and remembers what it was asked.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
};

use aws_config::SdkConfig;
use aws_sdk_dynamodb::config::Credentials;
use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    response::Response,
};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::parts::{self, REGION};

const SECRET: &str = "wJalrXUtnFEMI/EXAMPLEKEY";

/// One request as it came over the wire.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Path and query, encoded.
    pub path: String,
    pub headers: BTreeMap<String, String>,
    pub body: Value,
}

#[derive(Clone)]
pub struct AwsService {
    /// Its name in a signature, which is checked.
    name: &'static str,
    asked: Arc<Mutex<Vec<Asked>>>,
    answers: Arc<Mutex<VecDeque<Response>>>,
}

impl AwsService {
    /// Starts it on a free port; answers it and the configuration that leads to it.
    pub async fn start(name: &'static str) -> (Self, SdkConfig) {
        let service = Self { name, asked: Arc::default(), answers: Arc::default() };
        let router = Router::new().fallback(answer).with_state(service.clone());
        let url = super::serve(router).await;
        let credentials = Credentials::new("AKIDEXAMPLE", SECRET, Some("session-token".into()), None, "test");
        let provider = aws_credential_types::provider::SharedCredentialsProvider::new(credentials);
        let aws = parts::aws(0).into_builder().endpoint_url(url).credentials_provider(provider);
        (service, aws.build())
    }

    /// The next request gets this JSON.
    pub fn will_answer(&self, body: &Value) {
        self.will_send(200, &[("content-type", "application/json")], body.to_string());
    }

    /// The next request gets this.
    pub fn will_send(&self, status: u16, headers: &[(&str, &str)], body: impl Into<Body>) {
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        self.answers.lock().expect("not poisoned").push_back(response.body(body.into()).expect("a response"));
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("not poisoned").clone()
    }
}

async fn answer(State(service): State<AwsService>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.expect("a body");
    let text = |value: &axum::http::HeaderValue| value.to_str().expect("text").to_owned();
    let headers: BTreeMap<_, _> =
        head.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
    let path = head.uri.path_and_query().expect("a path").as_str().to_owned();
    assert_eq!(head.method, "POST");
    check(service.name, &path, &headers, &body);
    let asked = Asked { path, headers, body: serde_json::from_slice(&body).expect("JSON") };
    service.asked.lock().expect("not poisoned").push(asked);
    service.answers.lock().expect("not poisoned").pop_front().expect("an answer is prepared")
}

/// Makes the signature of a request anew and compares.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>
fn check(service: &str, path: &str, headers: &BTreeMap<String, String>, body: &[u8]) {
    let hash = |bytes: &[u8]| hex::encode(Sha256::digest(bytes));
    let mac = |key: &[u8], text: &str| {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key");
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().to_vec()
    };
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let at = &headers["x-amz-date"];
    let scope = format!("{}/{REGION}/{service}/aws4_request", &at[..8]);
    let authorization = headers["authorization"].strip_prefix("AWS4-HMAC-SHA256 ").expect("the algorithm");
    let fields: BTreeMap<_, _> = authorization.split(", ").filter_map(|field| field.split_once('=')).collect();
    assert_eq!(fields["Credential"], format!("AKIDEXAMPLE/{scope}"));
    let names: Vec<_> = fields["SignedHeaders"].split(';').collect();
    for name in ["content-type", "host", "x-amz-date", "x-amz-security-token"] {
        assert!(names.contains(&name), "{name} is not signed: {names:?}");
    }
    assert_eq!(headers["x-amz-security-token"], "session-token");
    let lines = names.iter().map(|name| format!("{name}:{}\n", headers[*name].trim())).collect::<Vec<_>>().concat();
    // All services but S3 encode the path once more.
    let request =
        format!("POST\n{}\n{query}\n{lines}\n{}\n{}", path.replace('%', "%25"), fields["SignedHeaders"], hash(body));
    let text = format!("AWS4-HMAC-SHA256\n{at}\n{scope}\n{}", hash(request.as_bytes()));
    let key = scope.split('/').fold(format!("AWS4{SECRET}").into_bytes(), |key, part| mac(&key, part));
    assert_eq!(fields["Signature"], hex::encode(mac(&key, &text)), "the signature of\n{request}");
}
