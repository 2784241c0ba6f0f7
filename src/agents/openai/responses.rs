//! Responses: the server keeps the history, and gets the id of its last answer.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Model,
    completion::{Completion, Ending, Usage},
    is_error, reported,
};
use crate::agents::{AgentError, Question};

/// The session's memory.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Memory {
    /// The id of the last response.
    pub response: Option<String>,
}

impl Memory {
    /// Reads a session's memory; empty if it is of another protocol.
    pub(crate) fn remembered(memory: Option<&Value>) -> Self {
        memory.and_then(|memory| Self::deserialize(memory).ok()).unwrap_or_default()
    }

    pub(crate) fn value(&self) -> Value {
        json!(self)
    }
}

/// A question. It borrows its pictures, which have megabytes.
#[derive(Serialize)]
pub(crate) struct Body<'a> {
    input: [Input<'a>; 1],
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instructions: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_response_id: Option<&'a str>,
}

#[derive(Serialize)]
struct Input<'a> {
    role: &'static str,
    content: Vec<Part<'a>>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Part<'a> {
    InputText { text: String },
    InputImage { image_url: &'a str },
}

pub(crate) fn body<'a>(
    model: &'a Model,
    previous: Option<&'a str>,
    question: &'a Question<'_>,
    images: &[&'a str],
) -> Body<'a> {
    Body {
        input: [Input { role: "user", content: content(question.in_words(), images) }],
        stream: true,
        user: question.person_hash,
        model: model.name.as_deref(),
        // The instructions of an earlier response do not apply to the next one.
        instructions: model.instructions(question),
        previous_response_id: previous,
    }
}

/// The text and the pictures.
pub(crate) fn content<'a>(text: String, images: &[&'a str]) -> Vec<Part<'a>> {
    let images = images.iter().map(|image_url| Part::InputImage { image_url });
    [Part::InputText { text }].into_iter().chain(images).collect()
}

/// `{"type":"response.output_text.delta","delta":"He"}`, and at the end the whole response.
pub(crate) fn take(completion: &mut Completion, event: &Value) -> Result<(), AgentError> {
    let delta = event["delta"].as_str().unwrap_or_default();
    match event["type"].as_str().unwrap_or_default() {
        "response.output_text.delta" => completion.words.push_str(delta),
        "response.refusal.delta" => completion.refusal.push_str(delta),
        "response.completed" | "response.incomplete" | "response.failed" => {
            completion.is_done = true;
            return take_whole(completion, &event["response"]);
        }
        "error" if event["error"].is_object() => return Err(reported(&event["error"])),
        "error" => return Err(reported(&json!({ "code": event["code"] }))),
        // Progress events, and other output than text.
        _ => {}
    }
    Ok(())
}

/// `{"id":"resp_…","status":"completed","output":[{"type":"message","content":[{"type":"output_text","text":"…"}]}],"usage":{…}}`.
pub(crate) fn take_whole(completion: &mut Completion, response: &Value) -> Result<(), AgentError> {
    let tokens = |name: &str| response["usage"][name].as_u64();
    completion.usage = Usage { input: tokens("input_tokens"), output: tokens("output_tokens") };
    match (response["status"].as_str(), response["incomplete_details"]["reason"].as_str()) {
        _ if is_error(&response["error"]) => return Err(reported(&response["error"])),
        (None, _) => return Err(AgentError::Unreadable("it has no status".to_owned())),
        (Some("completed"), _) => completion.ending = Some(Ending::Whole),
        (Some("incomplete"), Some("content_filter")) => completion.ending = Some(Ending::Filtered),
        (Some("incomplete"), _) => completion.ending = Some(Ending::Truncated),
        (Some(_), _) => return Err(reported(&Value::Null)),
    }
    let (mut words, mut refusal) = (Vec::new(), String::new());
    for item in response["output"].as_array().into_iter().flatten() {
        completion.calls_tools |= item["type"] == "function_call";
        for part in item["content"].as_array().into_iter().flatten().filter(|_| item["type"] == "message") {
            words.extend(part["text"].as_str().filter(|_| part["type"] == "output_text"));
            refusal.push_str(part["refusal"].as_str().unwrap_or_default());
        }
    }
    if !words.is_empty() || !refusal.is_empty() {
        (completion.words, completion.refusal) = (words.join("\n\n"), refusal);
    }
    completion.id = response["id"].as_str().map(str::to_owned);
    Ok(())
}
