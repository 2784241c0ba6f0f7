//! A runtime of Amazon Bedrock `AgentCore` through the whole turn.

use axum::body::{Body, Bytes};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use crate::support::{
    aws::AwsService,
    endpoint::{ADA, Endpoint, Person, webhook},
};

const RUNTIME: &str = "arn:aws:bedrock-agentcore:eu-central-1:123456789012:runtime/my_agent-AbCdEf1234";
const STREAM: &[(&str, &str)] = &[("content-type", "text/event-stream; charset=utf-8")];

async fn start(url: &str) -> (Endpoint, AwsService) {
    let (service, aws) = AwsService::start("bedrock-agentcore").await;
    let settings = [("AGENT_PROTOCOL", "agentcore"), ("AGENT_URL", url), ("AGENT_TIMEOUT_SECONDS", "1")];
    (Endpoint::start_on(&settings, &aws).await, service)
}

#[tokio::test]
async fn the_agent_gets_the_words_as_its_prompt_and_everything_else_beside_them() {
    let (endpoint, service) = start(&format!("{RUNTIME}?qualifier=prod")).await;
    for text in ["hello", "again"] {
        service.will_answer(&json!({ "result": format!("{text}!") }));
        assert_eq!(endpoint.say(text).await, [format!("{text}!")]);
    }
    let asked = service.asked();
    let body = &asked[0].body;
    assert_eq!(
        asked[0].path,
        "/runtimes/arn%3Aaws%3Abedrock-agentcore%3Aeu-central-1%3A123456789012%3Aruntime%2Fmy_agent-AbCdEf1234/invocations?qualifier=prod"
    );
    assert_eq!((&body["prompt"], &body["userId"]), (&json!("hello"), &json!(ADA)));
    assert_eq!(body["data"]["whatsapp"]["text"]["body"], "hello");
    let session = |place: usize| asked[place].headers["x-amzn-bedrock-agentcore-runtime-session-id"].clone();
    assert!(session(0).len() >= 33 && session(0) == session(1), "{}", session(0));
    assert_eq!(body["sessionId"], session(0));
    assert_ne!(body["idempotencyKey"], asked[1].body["idempotencyKey"]);
    assert!(!asked[0].headers.contains_key("x-amzn-bedrock-agentcore-runtime-user-id"), "it takes another permission");
}

#[tokio::test]
async fn an_agent_may_answer_with_everything_that_our_own_contract_has() {
    let (endpoint, service) = start(RUNTIME).await;
    let choices = json!({ "type": "choices", "text": "Pick one", "options": [{ "id": "a", "title": "A" }, { "id": "b", "title": "B" }] });
    let outputs = json!({ "outputs": ["one", choices] });
    service.will_answer(&outputs);
    assert_eq!(endpoint.say("menu").await, ["one", "Pick one"]);
    service.will_send(200, STREAM, format!("data: \"thinking\"\n\ndata: {outputs}\n\n"));
    assert_eq!(endpoint.say("menu").await, ["one", "Pick one"]);
    let sent = endpoint.meta.calls();
    assert!(sent.iter().any(|call| call["interactive"]["action"]["buttons"][1]["reply"]["id"] == "b"));
}

#[tokio::test]
async fn a_stream_is_read_to_its_end_and_one_that_has_none_in_time_is_asked_for_again() {
    let (endpoint, service) = start(RUNTIME).await;
    let pieces = |texts: &'static [&str]| stream::iter(texts).map(|text| Ok::<_, std::io::Error>(Bytes::from(*text)));
    // Cut within an event, and within a letter.
    service.will_send(200, STREAM, Body::from_stream(pieces(&["data: \"Hel", "lo \"\n\nda", "ta: \"world\"\n\n"])));
    assert_eq!(endpoint.say("hi").await, ["Hello world"]);

    let message = webhook([endpoint.message(&Person(ADA), "slowly")]);
    service.will_send(200, STREAM, Body::from_stream(pieces(&["data: \"Hel\"\n\n"]).chain(stream::pending())));
    assert_eq!(endpoint.deliver(&message).await, 503, "half an answer is none");
    service.will_send(200, STREAM, "data: \"Hello\"\n\n");
    assert_eq!(endpoint.deliver(&message).await, 200);
    assert_eq!(endpoint.replies(), ["Hello world", "Hello"]);
    let keys: Vec<_> = service.asked().into_iter().map(|asked| asked.body["idempotencyKey"].clone()).collect();
    assert_eq!(keys[1], keys[2]);
}

#[tokio::test]
async fn what_fails_is_asked_again_and_nothing_of_it_is_told_to_the_person() {
    let (endpoint, service) = start(RUNTIME).await;
    let json = [("content-type", "application/json")];
    let faults: [(u16, &str, Value); 4] = [
        (424, "RuntimeClientError", json!({ "message": "secret" })),
        (429, "ThrottlingException", json!({ "message": "secret" })),
        (403, "AccessDeniedException", json!({ "message": "secret" })),
        (200, "", json!({ "error": "secret", "message": "An error occurred" })),
    ];
    for (number, (status, code, body)) in faults.into_iter().enumerate() {
        let message = webhook([endpoint.message(&Person(ADA), &format!("question {number}"))]);
        let headers = [json[0], ("x-amzn-errortype", code)];
        service.will_send(status, if code.is_empty() { &json } else { &headers }, body.to_string());
        assert_eq!(endpoint.deliver(&message).await, 503, "{code}");
        service.will_answer(&json!("fine"));
        assert_eq!(endpoint.deliver(&message).await, 200, "{code}");
    }
    let message = webhook([endpoint.message(&Person(ADA), "huge")]);
    service.will_send(200, &json, format!("\"{}\"", "a".repeat(5 * 1024 * 1024)));
    assert_eq!(
        endpoint.deliver(&message).await,
        200,
        "more than anybody reads is given up, for it would be as much again"
    );
    assert_eq!(endpoint.replies(), ["fine"; 4]);
}
