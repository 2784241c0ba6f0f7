//! Chat Completions and Responses, as OpenAI, Azure, Bedrock, vLLM, Ollama, LiteLLM and others serve them.
//!
//! Answers are streamed, so that nothing received is lost when the time is over or the connection breaks.
//! <https://platform.openai.com/docs/api-reference/chat>, <https://platform.openai.com/docs/api-reference/responses>

mod before;
mod chat;
mod completion;
mod history;
mod responses;
mod stream;

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use tokio::time::Instant;
use url::Url;

use self::{
    before::{Before, is_too_long, takes_less},
    completion::Completion,
    responses::Memory,
    stream::{Events, is_stream},
};
use super::{
    AgentError, Answer, Question,
    client::{self, Call, Client, Reading, to_json},
    refusal,
};
use crate::{conversation::Content, json, retry, settings::ModelSettings, telemetry::Chain};

/// Most characters of a name in the instructions: the person chooses it, and it should stay a name.
const MAX_NAME: usize = 64;

/// A language model.
#[derive(Debug)]
pub(crate) struct Model {
    client: Client,
    url: Url,
    shape: Shape,
    name: Option<String>,
    instructions: Option<String>,
}

/// The shape of its API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// Chat Completions: we send the history.
    Chat,
    /// Responses: the server keeps the history.
    Responses,
}

impl Model {
    pub(crate) fn new(client: Client, settings: &ModelSettings) -> Self {
        let (url, shape) = address(client.url());
        Self { client, url, shape, name: settings.name.clone(), instructions: settings.instructions.clone() }
    }

    /// Asks, and reads until the answer ends or the time is over.
    ///
    /// A model without vision refuses pictures; then it is asked with the text that describes them. If the question is too long, the
    /// model is asked with half of the history, and at last without it.
    pub(crate) async fn ask(&self, question: &Question<'_>, patience: Duration) -> Result<Answer, AgentError> {
        let until = retry::until(patience);
        let mut before = Before::remembered(self.shape, question.memory);
        let mut images = question.images();
        loop {
            let rest = until.saturating_duration_since(Instant::now());
            let error = match self.ask_with(question, &mut before, &images, rest).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let left_out = if !images.is_empty() && takes_less(&error) && !is_too_long(&error) {
                images.clear();
                "the pictures"
            } else if (takes_less(&error) || before.is_unknown(&error)) && before.shorten() {
                "a part of the history"
            } else if !images.is_empty() && takes_less(&error) {
                images.clear();
                "the pictures"
            } else {
                return Err(error);
            };
            tracing::info!(turn = %question.turn, error = %Chain(&error), left_out, "the model is asked again with less");
        }
    }

    async fn ask_with(
        &self,
        question: &Question<'_>,
        before: &mut Before,
        images: &[&str],
        patience: Duration,
    ) -> Result<Answer, AgentError> {
        match before {
            Before::Chat(history) => {
                let text = question.in_words();
                let body = chat::body(self, history, question, &text, images);
                let answer = self.completion(&body, question, patience).await?.text()?;
                history.add(text, answer.clone());
                Ok(Answer { memory: Some(history.memory()), ..vec![Content::Text(answer).into()].into() })
            }
            Before::Response(previous) => {
                let body = responses::body(self, previous.as_deref(), question, images);
                let completion = self.completion(&body, question, patience).await?;
                let memory = completion.id.clone().map(|id| Memory { response: Some(id) }.value());
                Ok(Answer { memory, ..vec![Content::Text(completion.text()?).into()].into() })
            }
        }
    }

    async fn completion(
        &self,
        body: &impl Serialize,
        question: &Question<'_>,
        patience: Duration,
    ) -> Result<Completion, AgentError> {
        let key = question.turn.to_string();
        let headers = [("idempotency-key", key.as_str())];
        let call = Call { url: self.url.clone(), body: to_json(body)?.into(), headers: &headers, is_signed: false };
        let reading = self.client.send(call, patience).await?;
        let completion = self.listen(reading).await?;
        let (input, output) = (completion.usage.input, completion.usage.output);
        tracing::info!(turn = %question.turn, input_tokens = input, output_tokens = output, "the model has answered");
        if let Some(why) = completion.shortened() {
            tracing::warn!(turn = %question.turn, why, "the model's answer is incomplete");
        }
        if completion.calls_tools {
            tracing::warn!(turn = %question.turn, "the model called a tool that was not offered: the call is left out");
        }
        Ok(completion)
    }

    async fn listen(&self, mut reading: Reading) -> Result<Completion, AgentError> {
        let mut completion = Completion::default();
        // The media type may be missing or wrong; the first characters are certain.
        if !is_stream(reading.peek().await?) {
            let answer = client::read("JSON object of a model's answer", &reading.whole().await?)?;
            self.shape.take_whole(&mut completion, &answer)?;
            return Ok(completion);
        }
        let mut events = Events::default();
        let broken = loop {
            match reading.next().await {
                Ok(Some(bytes)) => {
                    if let Err(error) = events.feed(&bytes, |event| self.shape.take(&mut completion, event)) {
                        break Some(error);
                    }
                    // Some servers keep the connection open for a while.
                    if completion.is_done || completion.is_endless() {
                        break None;
                    }
                }
                // The answer is complete, whatever happens to the connection.
                Ok(None) | Err(_) if completion.has_ended() => break None,
                Ok(None) => {
                    // Half an event does not count.
                    let last = events.end(|event| self.shape.take(&mut completion, event));
                    if last.is_ok() && completion.has_ended() {
                        break None;
                    }
                    break Some(AgentError::Unreadable("its stream stops early".to_owned()));
                }
                Err(error) => break Some(error),
            }
        };
        match broken {
            Some(error) if completion.says_nothing() => Err(error),
            Some(error) => {
                tracing::warn!(error = %Chain(&error), "the model was cut off: what it said until then is used");
                completion.is_cut_off = true;
                Ok(completion)
            }
            None => Ok(completion),
        }
    }

    /// The instructions, with the placeholders for the person filled in.
    fn instructions(&self, question: &Question<'_>) -> Option<String> {
        let name = question.person.name.as_deref().unwrap_or_default();
        let name: String = name.chars().filter(|sign| !sign.is_control()).take(MAX_NAME).collect();
        let text = self.instructions.as_ref()?.replace("{locale}", question.locale.unwrap_or_default());
        Some(text.replace("{name}", &name))
    }
}

impl Shape {
    /// Handles one event of a stream.
    fn take(self, completion: &mut Completion, event: &str) -> Result<(), AgentError> {
        if event == "[DONE]" {
            completion.is_done = true;
            return Ok(());
        }
        let event: Value = json::read_piece(event.as_bytes())
            .map_err(|error| AgentError::Unreadable(format!("no JSON in its stream: {error}")))?;
        match self {
            Self::Chat => chat::take(completion, &event),
            Self::Responses => responses::take(completion, &event),
        }
    }

    /// Handles an answer that comes as a whole.
    fn take_whole(self, completion: &mut Completion, answer: &Value) -> Result<(), AgentError> {
        match self {
            Self::Chat => chat::take_whole(completion, answer),
            Self::Responses => responses::take_whole(completion, answer),
        }
    }
}

/// Where to post, and the shape that the path implies; any other path is a base.
fn address(url: &Url) -> (Url, Shape) {
    let path = url.path().trim_end_matches('/');
    let (path, shape) = if path.ends_with("/responses") {
        (path.to_owned(), Shape::Responses)
    } else if path.ends_with("/chat/completions") {
        (path.to_owned(), Shape::Chat)
    } else {
        (format!("{path}/chat/completions"), Shape::Chat)
    };
    let mut url = url.clone();
    url.set_path(&path);
    (url, shape)
}

/// Whether a field named `error` reports one: some servers always send it, empty.
fn is_error(error: &Value) -> bool {
    match error {
        Value::Object(fields) => ["message", "code", "type"]
            .iter()
            .any(|name| fields.get(*name).is_some_and(|value| !value.is_null() && value.as_str() != Some(""))),
        Value::String(text) => !text.is_empty(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => false,
    }
}

/// The error that a server reports in its answer: its code, and never its text, which may repeat a person's.
fn reported(error: &Value) -> AgentError {
    AgentError::Failed(refusal::code(error).unwrap_or_else(|| "no code".to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pictures_that_everybody_can_open_go_along() {
        let images = ["https://example.invalid/a.jpg"];
        assert_eq!(json!(chat::content("look", &[])), json!("look"));
        assert_eq!(
            json!(chat::content("look", &images)),
            json!([{ "type": "text", "text": "look" }, { "type": "image_url", "image_url": { "url": images[0] } }])
        );
        assert_eq!(
            json!(responses::content("look".to_owned(), &images)),
            json!([{ "type": "input_text", "text": "look" }, { "type": "input_image", "image_url": images[0] }])
        );
    }

    #[test]
    fn of_a_reported_error_the_code_is_kept_and_no_sentence_or_number_of_a_person() {
        for (error, code) in [
            (
                json!({ "message": "Ada said x", "type": "server_error", "code": "rate_limit_exceeded" }),
                "rate_limit_exceeded",
            ),
            (json!({ "type": "overloaded_error", "code": null }), "overloaded_error"),
            (json!({ "type": "server_error", "code": 500 }), "server_error"),
            (json!({ "code": "Ada said x" }), "no code"),
            (json!({ "code": "15550100200" }), "no code"),
            (json!("Ada said x"), "no code"),
            (Value::Null, "no code"),
        ] {
            assert!(matches!(reported(&error), AgentError::Failed(found) if found == code), "{error}");
        }
    }

    #[test]
    fn the_path_decides_the_shape_and_a_base_means_chat() {
        for (given, posted, shape) in [
            ("https://api.openai.com/v1", "https://api.openai.com/v1/chat/completions", Shape::Chat),
            ("http://localhost:11434/v1/", "http://localhost:11434/v1/chat/completions", Shape::Chat),
            ("https://h/v1/responses", "https://h/v1/responses", Shape::Responses),
            (
                "https://a.openai.azure.com/openai/deployments/d?api-version=2024-10-21",
                "https://a.openai.azure.com/openai/deployments/d/chat/completions?api-version=2024-10-21",
                Shape::Chat,
            ),
            ("https://h/x/chat/completions?key=1", "https://h/x/chat/completions?key=1", Shape::Chat),
        ] {
            let (url, found) = address(&given.parse().expect("a URL"));
            assert_eq!((url.as_str(), found), (posted, shape));
        }
    }
}
