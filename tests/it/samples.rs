//! Every sample event through the door of the Lambda.

use lambda_runtime::{Context, LambdaEvent};
use serde_json::{Value, json, value::RawValue};
use whatsapp_endpoint::ingress;

use crate::support::endpoint::{Endpoint, replies};

#[test]
fn every_sample_event_is_answered_as_documented() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    insta::glob!("../../events", "*.json", |path| {
        let event = std::fs::read_to_string(path).expect("readable");
        insta::assert_json_snapshot!(runtime.block_on(handle(&event)));
    });
}

async fn handle(event: &str) -> Value {
    let endpoint = Endpoint::start(&[]).await;
    let answer = give(&endpoint, event).await.expect("an answer");
    json!({ "answer": serde_json::from_str::<Value>(answer.get()).expect("JSON"), "replies": replies(&endpoint.meta.calls(), None) })
}

async fn give(endpoint: &Endpoint, event: &str) -> Result<Box<RawValue>, ingress::IngressError> {
    let mut context = Context::default();
    context.deadline = u64::try_from(crate::support::now().as_millisecond() + 30_000).expect("after 1970");
    ingress::handle(&endpoint.app, LambdaEvent::new(serde_json::from_str(event).expect("JSON"), context)).await
}

#[tokio::test]
async fn an_event_of_another_kind_is_an_error_that_says_what_is_expected() {
    let endpoint = Endpoint::start(&[]).await;
    for event in ["{}", "[]", r#"{"source":"aws.events"}"#, r#"{"Records":7}"#, "null"] {
        let error = give(&endpoint, event).await.expect_err("refused").to_string();
        assert!(error.contains("API Gateway") && error.contains("SQS"), "{event}: {error}");
    }
}

#[tokio::test]
async fn a_queue_that_repeats_its_batch_changes_nothing() {
    let endpoint = Endpoint::start(&[]).await;
    let batch = std::fs::read_to_string(crate::support::project("events/queue.json")).expect("readable");
    for _ in 0..2 {
        let answer = give(&endpoint, &batch).await.expect("an answer");
        assert_eq!(answer.get(), r#"{"batchItemFailures":[]}"#);
    }
    assert_eq!(endpoint.replies().len(), 3);
}

#[tokio::test]
async fn a_request_whose_parts_are_odd_is_answered_like_any_other() {
    let endpoint = Endpoint::start(&[]).await;
    let long = "\u{e9}".repeat(40_000);
    let odd = [
        ("text", "/headers/host", json!("a b^<"), 200),
        ("text", "/headers/host", json!(""), 200),
        ("text", "/headers/x-forwarded-proto", json!("no scheme"), 200),
        ("text", "/requestContext/domainName", json!("[::"), 200),
        ("text", "/rawPath", json!("*"), 404),
        ("text", "/rawPath", json!(":80/webhook"), 404),
        ("text", "/rawPath", json!("/a b"), 404),
        ("text", "/rawPath", json!(format!("/{}", &long[..60_000])), 404),
        ("text", "/rawQueryString", json!(long), 200),
        ("handshake", "/rawQueryString", json!(long), 403),
        ("text-rest-api", "/headers/Host", json!("a b^<"), 200),
        ("text-rest-api", "/headers/X-Forwarded-Proto", json!("no scheme"), 200),
        ("text-rest-api", "/multiValueHeaders", json!({ "Host": ["a b^<"], "X-Forwarded-Proto": ["", " "] }), 200),
        ("text-rest-api", "/requestContext/domainName", json!("a b"), 200),
        ("text-rest-api", "/path", json!("*"), 404),
        ("text-rest-api", "/multiValueQueryStringParameters", json!({ "a": [long] }), 200),
        ("text-rest-api", "/multiValueQueryStringParameters", json!({ "a": [] }), 200),
        ("text-rest-api", "/queryStringParameters", json!({ "a": long }), 200),
        ("text-base64", "/body", json!("no base64!"), 401),
        ("text-base64", "/body", json!("//79/A=="), 401),
        ("text-rest-api", "/isBase64Encoded", json!(true), 200),
    ];
    for (sample, place, value, status) in odd {
        let event = std::fs::read_to_string(crate::support::project(&format!("events/{sample}.json")));
        let mut event: Value = serde_json::from_str(&event.expect("readable")).expect("JSON");
        let (parent, name) = place.rsplit_once('/').expect("a place");
        event.pointer_mut(parent).expect("there")[name] = value;
        let answer = give(&endpoint, &event.to_string()).await.expect("an answer");
        let answer: Value = serde_json::from_str(answer.get()).expect("JSON");
        assert_eq!(answer["statusCode"], status, "{sample}{place}");
    }
}
