//! What is outside: Meta, whose answers get lost, and an agent that fails. Both go on with what has reached them when the
//! endpoint is gone.

use std::time::Duration;

use axum::{
    Json, Router,
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, StatusCode},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::post,
};
use fastrand::Rng;
use futures_util::stream;
use serde_json::{Value, json};

use super::world::{Taken, World};

/// One in so many calls of Graph is refused or loses its answer.
const GRAPH_ONE_IN: u32 = 7;
/// One in so many questions gets no answer.
const AGENT_ONE_IN: u32 = 12;

/// Answers in the place of Graph: an HTTP status, and Meta's code if it is Meta who answers.
const REFUSALS: &[(StatusCode, Option<i64>)] = &[
    (StatusCode::INTERNAL_SERVER_ERROR, Some(131_000)),
    (StatusCode::SERVICE_UNAVAILABLE, None),
    (StatusCode::TOO_MANY_REQUESTS, Some(130_429)),
    (StatusCode::BAD_REQUEST, Some(131_056)),
];

/// Puts the faults in front of the simulated Meta.
pub fn graph(meta: Router, world: &World) -> Router {
    meta.layer(from_fn_with_state(world.clone(), survive))
}

/// An agent that speaks Cognigy's protocol and says what is planned for each question.
pub fn agent(world: &World) -> Router {
    Router::new().route("/rest", post(answer)).with_state(world.clone())
}

/// Handles a call that has arrived, also when the caller is gone meanwhile.
#[expect(clippy::disallowed_methods, reason = "a server beside the test, not on the request path")]
async fn survive(State(world): State<World>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, usize::MAX).await else { return StatusCode::BAD_REQUEST.into_response() };
    tokio::spawn(call(world, Request::from_parts(parts, Body::from(body.clone())), body, next))
        .await
        .expect("the call ends")
}

async fn call(world: World, request: Request, body: Bytes, next: Next) -> Response {
    let call: Value = serde_json::from_slice(&body).expect("JSON");
    let words = call["text"]["body"].as_str();
    world.way().await;
    let fault = world.strikes(GRAPH_ONE_IN);
    if fault {
        world.count(|tally| tally.graph_faults += 1);
    }
    let loses_answer = fault && words.is_some() && world.roll(Rng::bool);
    if fault && !loses_answer {
        let (status, code) = world.roll(|dice| *dice.choice(REFUSALS).expect("some"));
        world.tell(format!("Graph answers {status} with the code {code:?} to {}", words.unwrap_or("a read receipt")));
        return refusal(status, code);
    }
    let response = next.run(request).await;
    let status = response.status();
    let answer = to_bytes(response.into_body(), usize::MAX).await.expect("a body");
    if let Some(words) = words.filter(|_| status.is_success()) {
        let said: Value = serde_json::from_slice(&answer).expect("JSON");
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let (wamid, tag) = (text(&said["messages"][0]["id"]), text(&call["biz_opaque_callback_data"]));
        world.took(Taken { words: words.to_owned(), wamid, tag });
        if loses_answer {
            return lose(&world, words);
        }
    }
    world.way().await;
    (status, [("content-type", "application/json")], answer).into_response()
}

fn refusal(status: StatusCode, code: Option<i64>) -> Response {
    match code {
        Some(code) => (status, Json(json!({ "error": { "message": "simulated", "code": code } }))).into_response(),
        None => (status, "<html>somebody in between</html>").into_response(),
    }
}

/// Somebody between Graph and us loses the answer.
fn lose(world: &World, words: &str) -> Response {
    if world.roll(Rng::bool) {
        world.lost_answer_to(words, "500 from somebody in between");
        return refusal(StatusCode::INTERNAL_SERVER_ERROR, None);
    }
    world.lost_answer_to(words, "the connection breaks");
    let broken = stream::once(async { Err::<Bytes, _>(std::io::Error::other("broken")) });
    Response::builder().header("content-length", "500").body(Body::from_stream(broken)).expect("a response")
}

async fn answer(State(world): State<World>, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok()).expect("a key");
    world.way().await;
    let replies = world.asked(body["text"].as_str().expect("a text"), key);
    world.way().await;
    if world.agent_fails(key, AGENT_ONE_IN) {
        world.count(|tally| tally.agent_faults += 1);
        if world.roll(Rng::bool) {
            world.tell("the agent answers 500");
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
        let seconds = world.roll(|dice| dice.u64(1..40));
        world.count(|tally| tally.slow_agents += 1);
        world.tell(format!("the agent takes {seconds} s"));
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }
    let stack: Vec<_> = replies.iter().map(|reply| json!({ "text": reply, "data": {} })).collect();
    Json(json!({ "outputStack": stack })).into_response()
}
