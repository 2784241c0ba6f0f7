//! Amazon Lex V2: `RecognizeText`.
//!
//! Lex's session state is kept with our session and sent back each time. So our session lasts longer than the five minutes of
//! Lex, and a question that is asked again finds the bot where it was.
//! <https://docs.aws.amazon.com/lexv2/latest/APIReference/API_runtime_RecognizeText.html>

mod messages;

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use self::messages::Message;
use super::{Aws, Post, Service, encoded};
use crate::{
    agents::{
        AgentError, Answer, Question,
        client::{self, to_json},
    },
    conversation::MAX_MEMORY_BYTES,
    json,
    telemetry::Chain,
};

/// Most characters of a text; it must not be empty.
const MAX_TEXT: usize = 1024;
/// Most bytes of our data in an attribute: Lex passes all attributes to the bot's functions, whose input is limited.
const MAX_DATA: usize = 8 * 1024;

/// Asks the bot with this id, by this alias.
pub(crate) async fn ask(
    aws: &Aws,
    (id, alias): (&str, &str),
    question: &Question<'_>,
    patience: Duration,
) -> Result<Answer, AgentError> {
    let kind = question.details.kind.as_str();
    let text = question.message.text.as_deref().map(str::trim).filter(|text| !text.is_empty());
    let body = Input {
        // A message without text is sent as its kind, such as `image`, for which a bot can have an utterance.
        text: text.unwrap_or(kind).chars().take(MAX_TEXT).collect(),
        request_attributes: attributes(question, kind)?,
        session_state: question.memory.and_then(Value::as_object),
    };
    // `de-DE` is `de_DE` there.
    let locale = question.locale.unwrap_or_default().replace('-', "_");
    let post = Post {
        service: Service::Lex,
        region: None,
        path: format!(
            "/bots/{}/botAliases/{}/botLocales/{}/sessions/{}/text",
            encoded(id),
            encoded(alias),
            encoded(&locale),
            encoded(question.session_id)
        ),
        headers: &[],
        body: to_json(&body)?,
    };
    read(&aws.post(post, question.now, patience).await?.whole().await?)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Input<'a> {
    text: String,
    request_attributes: BTreeMap<&'static str, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_state: Option<&'a Map<String, Value>>,
}

/// What the functions of the bot get besides the text: strings, because Lex accepts nothing else.
fn attributes(question: &Question<'_>, kind: &str) -> Result<BTreeMap<&'static str, String>, AgentError> {
    let mut attributes = BTreeMap::from([
        ("channel", "whatsapp".to_owned()),
        ("userId", question.user_id.to_owned()),
        ("turnId", question.turn.to_string()),
        ("messageType", kind.to_owned()),
    ]);
    let data = to_json(&question.data())?;
    if data.len() <= MAX_DATA {
        attributes.insert("data", String::from_utf8_lossy(&data).into_owned());
    }
    Ok(attributes)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Recognized {
    messages: Option<Vec<Message>>,
    session_state: Option<Map<String, Value>>,
}

fn read(bytes: &[u8]) -> Result<Answer, AgentError> {
    let recognized: Recognized = client::read("answer of RecognizeText", bytes)?;
    let state = recognized.session_state.ok_or_else(|| AgentError::Unreadable("it has no sessionState".into()))?;
    let mut answer = Answer::default();
    let mut fault = None;
    for message in recognized.messages.iter().flatten() {
        if let Err(error) = messages::read(message, &mut answer) {
            tracing::warn!(error = %Chain(&error), "a message of the bot cannot be read: the others are sent");
            fault.get_or_insert(error);
        }
    }
    if let Some(fault) = fault.filter(|_| answer.outputs.is_empty()) {
        return Err(fault);
    }
    answer.memory = Some(kept(state));
    Ok(answer)
}

/// The part of the state that Lex needs with the next message.
fn kept(mut state: Map<String, Value>) -> Value {
    state.remove("originatingRequestId");
    let next = state.get("dialogAction").and_then(|action| action["type"].as_str()).map(str::to_owned);
    // A closed intent would stay closed with the next message; what lasts is outside of it.
    if matches!(next.as_deref(), Some("Close" | "ElicitIntent")) {
        state.remove("dialogAction");
        state.remove("intent");
    }
    let state = Value::Object(state);
    if json::size(&state) <= MAX_MEMORY_BYTES {
        return state;
    }
    tracing::warn!(
        "the state of the Lex session has more than {MAX_MEMORY_BYTES} bytes and is not kept: Lex has it for a while"
    );
    Value::Null
}

#[cfg(test)]
mod tests;
