//! Chat Completions: the whole conversation goes along with every question.

use serde_json::{Value, json};

use super::{
    History, Model,
    heard::{Ending, Heard, Usage},
    pseudonym, reported,
};
use crate::agents::{AgentError, Question};

pub fn body(model: &Model, history: &History, question: &Question<'_>, said: &str, images: &[&str]) -> Value {
    let message = |role: &str, content: Value| json!({ "role": role, "content": content });
    // "system" is the word that every server knows; OpenAI reads it as "developer" where a model wants that.
    let instructions = model.instructions(question).map(|text| message("system", json!(text)));
    let before = history.messages().map(|(role, text)| message(role, json!(text)));
    let content = content(said, images);
    let messages: Vec<_> = instructions.into_iter().chain(before).chain([message("user", content)]).collect();
    let mut body = json!({
        "messages": messages,
        "stream": true,
        "stream_options": { "include_usage": true },
        "user": pseudonym(question),
    });
    if let Some(name) = &model.name {
        body["model"] = json!(name);
    }
    body
}

/// The words, and the pictures beside them; words alone are plain, which every server takes.
pub fn content(said: &str, images: &[&str]) -> Value {
    let images: Vec<_> = images.iter().map(|url| json!({ "type": "image_url", "image_url": { "url": url } })).collect();
    match images.as_slice() {
        [] => json!(said),
        images => json!([&[json!({ "type": "text", "text": said })], images].concat()),
    }
}

/// A chunk: `{"choices":[{"delta":{"content":"He"},"finish_reason":null}],"usage":null}`.
pub fn take(heard: &mut Heard, chunk: &Value) -> Result<(), AgentError> {
    read(heard, chunk, "delta")
}

/// `{"choices":[{"message":{"content":"Hello"},"finish_reason":"stop"}],"usage":{…}}`.
pub fn take_whole(heard: &mut Heard, answer: &Value) -> Result<(), AgentError> {
    if answer["choices"].is_null() && answer["error"].is_null() {
        return Err(AgentError::Unreadable("it has no choices".to_owned()));
    }
    read(heard, answer, "message")
}

fn read(heard: &mut Heard, answer: &Value, part: &str) -> Result<(), AgentError> {
    if !answer["error"].is_null() {
        return Err(reported(&answer["error"]));
    }
    if let Some(usage) = answer["usage"].as_object() {
        let tokens = |name: &str| usage.get(name).and_then(Value::as_u64);
        heard.usage = Usage { input: tokens("prompt_tokens"), output: tokens("completion_tokens") };
    }
    let choice = &answer["choices"][0];
    let message = &choice[part];
    add(&mut heard.words, &message["content"]);
    add(&mut heard.refusal, &message["refusal"]);
    let calls = [&message["tool_calls"], &message["function_call"]];
    heard.calls_tools |=
        calls.into_iter().any(|calls| calls.is_object() || calls.as_array().is_some_and(|all| !all.is_empty()));
    match choice["finish_reason"].as_str() {
        None => {}
        Some("length") => heard.ending = Some(Ending::Truncated),
        Some("content_filter") => heard.ending = Some(Ending::Filtered),
        Some(_) => heard.ending = Some(Ending::Whole),
    }
    Ok(())
}

/// Words, or parts with words.
fn add(words: &mut String, content: &Value) {
    match content {
        Value::String(text) => words.push_str(text),
        Value::Array(parts) => parts.iter().for_each(|part| add(words, &part["text"])),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {}
    }
}
