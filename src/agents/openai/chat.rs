//! Chat Completions: every question carries the whole history.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::Value;

use super::{
    Model,
    completion::{Completion, Ending, Usage},
    history::History,
    is_error, reported,
};
use crate::agents::{AgentError, Question};

/// A question. It borrows its contents: a picture has megabytes.
#[derive(Serialize)]
pub(crate) struct Body<'a> {
    messages: Vec<Message<'a>>,
    stream: bool,
    stream_options: StreamOptions,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: Content<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Content<'a> {
    Words(Cow<'a, str>),
    Parts(Vec<Part<'a>>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Part<'a> {
    Text { text: &'a str },
    ImageUrl { image_url: Address<'a> },
}

#[derive(Serialize)]
pub(crate) struct Address<'a> {
    url: &'a str,
}

pub(crate) fn body<'a>(
    model: &'a Model,
    history: &'a History,
    question: &'a Question<'_>,
    text: &'a str,
    images: &[&'a str],
) -> Body<'a> {
    // Every server knows "system"; OpenAI reads it as "developer" for models that want that.
    let instructions = model.instructions(question).map(|text| ("system", Content::Words(text.into())));
    let before = history.messages().map(|(role, text)| (role, Content::Words(text.into())));
    let messages = instructions.into_iter().chain(before).chain([("user", content(text, images))]);
    Body {
        messages: messages.map(|(role, content)| Message { role, content }).collect(),
        stream: true,
        stream_options: StreamOptions { include_usage: true },
        user: question.person_hash,
        model: model.name.as_deref(),
    }
}

/// The text and the pictures; a text alone is a plain string, which every server accepts.
pub(crate) fn content<'a>(text: &'a str, images: &[&'a str]) -> Content<'a> {
    if images.is_empty() {
        return Content::Words(text.into());
    }
    let images = images.iter().map(|url| Part::ImageUrl { image_url: Address { url } });
    Content::Parts([Part::Text { text }].into_iter().chain(images).collect())
}

/// A chunk: `{"choices":[{"delta":{"content":"He"},"finish_reason":null}],"usage":null}`.
pub(crate) fn take(completion: &mut Completion, chunk: &Value) -> Result<(), AgentError> {
    // Some proxies put a whole answer into the stream.
    read(completion, chunk, if chunk["choices"][0]["delta"].is_object() { "delta" } else { "message" })
}

/// `{"choices":[{"message":{"content":"Hello"},"finish_reason":"stop"}],"usage":{…}}`.
pub(crate) fn take_whole(completion: &mut Completion, answer: &Value) -> Result<(), AgentError> {
    if answer["choices"].is_null() && !is_error(&answer["error"]) {
        return Err(AgentError::Unreadable("it has no choices".to_owned()));
    }
    read(completion, answer, "message")
}

fn read(completion: &mut Completion, answer: &Value, part: &str) -> Result<(), AgentError> {
    if is_error(&answer["error"]) {
        return Err(reported(&answer["error"]));
    }
    if let Some(usage) = answer["usage"].as_object() {
        let tokens = |name: &str| usage.get(name).and_then(Value::as_u64);
        completion.usage = Usage { input: tokens("prompt_tokens"), output: tokens("completion_tokens") };
    }
    let choice = &answer["choices"][0];
    let message = &choice[part];
    add(&mut completion.words, &message["content"]);
    add(&mut completion.refusal, &message["refusal"]);
    let calls = [&message["tool_calls"], &message["function_call"]];
    completion.calls_tools |=
        calls.into_iter().any(|calls| calls.is_object() || calls.as_array().is_some_and(|all| !all.is_empty()));
    match choice["finish_reason"].as_str() {
        None | Some("") => {}
        Some("length") => completion.ending = Some(Ending::Truncated),
        Some("content_filter") => completion.ending = Some(Ending::Filtered),
        Some(_) => completion.ending = Some(Ending::Whole),
    }
    Ok(())
}

/// Appends a text, or parts with texts.
fn add(words: &mut String, content: &Value) {
    match content {
        Value::String(text) => words.push_str(text),
        Value::Array(parts) => parts.iter().for_each(|part| add(words, &part["text"])),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {}
    }
}
