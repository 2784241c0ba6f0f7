//! A server that speaks Chat Completions and Responses as OpenAI's reference describes them, and fails in every way it is told to.

use std::{
    collections::VecDeque,
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse as _, Response},
};
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};

/// One question as it came over the wire.
#[derive(Debug, Clone)]
pub struct Asked {
    pub path: String,
    pub body: Value,
    pub headers: HeaderMap,
}

/// How a stream ends after its last piece.
#[derive(Debug, Clone, Copy)]
pub enum End {
    /// As it should.
    Closed,
    /// The connection breaks.
    Broken,
    /// Nothing more comes, and the connection stays open.
    Silent,
}

#[derive(Debug, Clone)]
enum Told {
    Json(u16, Value),
    Stream(Vec<String>, End),
    /// Bytes under a media type of their own.
    Body(&'static str, String),
}

#[derive(Clone, Default)]
pub struct Model {
    asked: Arc<Mutex<Vec<Asked>>>,
    told: Arc<Mutex<VecDeque<Told>>>,
    /// Most bytes of a question; 0: any.
    max: Arc<AtomicUsize>,
}

impl Model {
    /// Starts it on a free port; returns the URL without a path. Without other orders it answers "<the last words>!", as a stream.
    pub async fn start() -> (Self, String) {
        let model = Self::default();
        let url = super::serve(Router::new().fallback(answer).with_state(model.clone())).await;
        (model, url)
    }

    /// The next question gets this answer in one piece.
    pub fn will_answer(&self, status: u16, body: Value) {
        self.told.lock().expect("not poisoned").push_back(Told::Json(status, body));
    }

    /// The next question gets these events.
    pub fn will_stream(&self, events: &[Value], end: End) {
        self.will_send(events.iter().map(|event| format!("data: {event}\n\n")).collect(), end);
    }

    /// The next question gets these bytes.
    pub fn will_send(&self, pieces: Vec<String>, end: End) {
        self.told.lock().expect("not poisoned").push_back(Told::Stream(pieces, end));
    }

    /// The next question gets this body, called that.
    pub fn will_send_as(&self, media_type: &'static str, body: String) {
        self.told.lock().expect("not poisoned").push_back(Told::Body(media_type, body));
    }

    /// From now on a question of more bytes is refused, as a server does whose model takes no more.
    pub fn will_take(&self, bytes: usize) {
        self.max.store(bytes, Ordering::Relaxed);
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("not poisoned").clone()
    }

    /// The body of the last question.
    pub fn last(&self) -> Value {
        self.asked().pop().expect("it was asked").body
    }
}

/// A chunk of Chat Completions.
pub fn chunk(words: &str, finish_reason: Option<&str>) -> Value {
    json!({ "object": "chat.completion.chunk", "choices": [{ "index": 0, "delta": { "content": words }, "finish_reason": finish_reason }] })
}

/// A response of Responses.
pub fn response(id: &str, words: &str) -> Value {
    let content = json!([{ "type": "output_text", "text": words, "annotations": [] }]);
    json!({
        "id": id, "object": "response", "status": "completed", "error": null, "incomplete_details": null,
        "output": [{ "type": "reasoning", "summary": [] }, { "type": "message", "role": "assistant", "content": content }],
        "usage": { "input_tokens": 3, "output_tokens": 5 },
    })
}

/// What it says of itself.
fn echo(path: &str, body: &Value) -> Vec<String> {
    let text = |content: &Value| {
        content
            .as_str()
            .or(content[0]["text"].as_str())
            .unwrap_or_default()
            .lines()
            .last()
            .unwrap_or_default()
            .to_owned()
    };
    let events = if path.ends_with("/responses") {
        let words = format!("{}!", text(&body["input"][0]["content"]));
        let delta = json!({ "type": "response.output_text.delta", "output_index": 1, "delta": words });
        let whole = response(&format!("resp_{}", words.trim_end_matches('!')), &words);
        vec![
            json!({ "type": "response.created", "response": { "id": whole["id"], "status": "in_progress" } }),
            delta,
            json!({ "type": "response.completed", "response": whole }),
        ]
    } else {
        let messages = body["messages"].as_array().expect("messages");
        let words = text(&messages.last().expect("one")["content"]);
        let usage = json!({ "choices": [], "usage": { "prompt_tokens": 3, "completion_tokens": 5 } });
        vec![chunk("", None), chunk(&words, None), chunk("!", None), chunk("", Some("stop")), usage]
    };
    let events = events.iter().map(|event| format!("event: x\ndata: {event}\n\n"));
    events.chain(["data: [DONE]\n\n".to_owned()]).collect()
}

async fn answer(State(model): State<Model>, uri: Uri, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    let echo = echo(uri.path(), &body);
    model.asked.lock().expect("not poisoned").push(Asked { path: uri.to_string(), body, headers });
    let (size, max) = (model.last().to_string().len(), model.max.load(Ordering::Relaxed));
    if max > 0 && size > max {
        let error = json!({ "message": "This model's maximum context length is 9 tokens.", "type": "invalid_request_error", "code": "context_length_exceeded" });
        return (StatusCode::BAD_REQUEST, Json(json!({ "error": error }))).into_response();
    }
    let told = model.told.lock().expect("not poisoned").pop_front();
    match told.unwrap_or(Told::Stream(echo, End::Closed)) {
        Told::Json(status, body) => (StatusCode::from_u16(status).expect("a status"), Json(body)).into_response(),
        Told::Body(media_type, body) => ([("content-type", media_type)], body).into_response(),
        Told::Stream(pieces, end) => {
            let pieces = stream::iter(pieces.into_iter().map(|piece| Ok::<_, std::io::Error>(Bytes::from(piece))));
            let rest = stream::once(async move {
                // Until then the pieces are not on their way.
                tokio::task::yield_now().await;
                match end {
                    End::Closed => None,
                    End::Broken => Some(Err(std::io::Error::other("broken"))),
                    End::Silent => std::future::pending::<Option<Infallible>>().await.map(|never| match never {}),
                }
            });
            let body = Body::from_stream(pieces.chain(rest.filter_map(std::future::ready)));
            ([("content-type", "text/event-stream; charset=utf-8")], body).into_response()
        }
    }
}
