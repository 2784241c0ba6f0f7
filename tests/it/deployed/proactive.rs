//! Other systems that speak first, on the deployed stack.

use reqwest::Method;
use serde_json::{Value, json};

use super::message;
use crate::support::stack::Stack;

const KEY: &str = "development-api-key";

/// Calls a route; returns status and body.
pub async fn call(stack: &Stack, path: &str, key: Option<&str>, name: &str, body: &Value) -> (u16, Value) {
    let mut request = stack.request(Method::POST, path).header("idempotency-key", name).json(body);
    if let Some(key) = key {
        request = request.header("x-api-key", key);
    }
    let response = request.send().await.expect("an answer");
    let (status, text) = (response.status().as_u16(), response.text().await.expect("text"));
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

pub async fn other_systems_speak_to_the_agent_and_the_person_in_order(stack: &Stack) {
    let (person, to) = ("15550100051", "+15550100051");
    let notice = json!({ "userId": to, "text": "zebra notice" });
    let unknown = call(stack, "/notify", Some(KEY), "p0", &notice).await;
    assert_eq!((unknown.0, &unknown.1["reason"]), (409, &json!("window_closed")));
    assert_eq!(call(stack, "/inject", Some(KEY), "p0", &notice).await.0, 404);
    stack.deliver([message("p1", person, "zebra first")]).await;
    stack.replies(to, 1).await;
    let first = call(stack, "/notify", Some(KEY), "p1", &notice).await;
    assert!(first.0 == 202 && first.1["turnId"].is_string(), "{first:?}");
    let inject = json!({ "userId": person, "text": "zebra injected", "data": { "order": 7 } });
    assert_eq!(call(stack, &format!("/inject/{KEY}"), None, "p2", &inject).await.0, 202);
    assert_eq!(call(stack, "/notify", Some(KEY), "p1", &notice).await, first, "a copy");
    stack.deliver([message("p2", person, "zebra last")]).await;
    let expected = ["zebra first!", "zebra notice", "zebra injected!", "zebra last!"];
    assert_eq!(stack.replies(to, 4).await, expected);
    let asked = stack.agent.asked().into_iter().find(|asked| asked.body["text"] == "zebra injected");
    assert_eq!(asked.expect("asked").body["data"]["inject"], json!({ "order": 7 }));
    for (path, key, body, status) in [
        ("/notify", None, &notice, 401),
        ("/inject", Some("another"), &inject, 401),
        ("/notify", Some(KEY), &json!({ "userId": to }), 400),
        ("/notify", Some(KEY), &json!({ "userId": to, "text": "z".repeat(210_000) }), 413),
        ("/inject", Some(KEY), &json!({ "userId": "somebody", "text": "zebra" }), 404),
        ("/inject", Some(KEY), &json!({ "userId": to, "text": "zebra", "sessionId": "another" }), 409),
    ] {
        assert_eq!(call(stack, path, key, "p3", body).await.0, status, "{path}");
    }
}
