//! The REST endpoint of Cognigy.AI.
//!
//! `POST {"userId","sessionId","text","data"}` answers `{"outputStack":[{"text","data",…}],"text","data"}`. The stack
//! contains the outputs in order; the text beside it joins them and is used only if there is no stack.
//! <https://docs.cognigy.com/ai/deploy/endpoint-reference/rest>

mod adaptive_card;
mod attached;
mod buttons;
mod lenient;
mod messenger;
mod outputs;
mod structured;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    AgentError, Answer, Data, Question,
    client::{self, Client},
};
use crate::conversation::{FlowOutput, Output};

/// Asks the flow.
pub(crate) async fn ask(client: &Client, question: &Question<'_>, patience: Duration) -> Result<Answer, AgentError> {
    let body = Input {
        user_id: question.user_id,
        session_id: question.session_id,
        text: question.message.text.as_deref().unwrap_or_default(),
        data: question.data(),
    };
    let bytes = client.post(&body, &[("idempotency-key", question.turn.to_string().as_str())], patience).await?;
    read(&bytes)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Input<'a> {
    user_id: &'a str,
    session_id: &'a str,
    text: &'a str,
    data: Data<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stack {
    output_stack: Option<Vec<StackItem>>,
    #[serde(default)]
    text: Value,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct StackItem {
    text: Value,
    data: Value,
    disable_sensitive_logging: Value,
}

/// Reads one output, as a flow gives it.
pub(crate) fn read_item(text: &Value, data: &Value) -> Vec<Output> {
    outputs::read(text, data, false)
}

fn read(bytes: &[u8]) -> Result<Answer, AgentError> {
    let answer: Stack = client::read("JSON object with an outputStack", bytes)?;
    let outputs = match answer.output_stack {
        Some(outputs) => outputs,
        None if answer.text.is_null() => {
            return Err(AgentError::Unreadable("it has neither outputStack nor text".into()));
        }
        None => vec![StackItem { text: answer.text, ..StackItem::default() }],
    };
    // Any other value was set for a reason.
    let is_private = |output: &StackItem| !matches!(output.disable_sensitive_logging, Value::Null | Value::Bool(false));
    let mut answer = Answer::default();
    for output in outputs {
        let is_private = is_private(&output);
        let read = outputs::read(&output.text, &output.data, is_private);
        let StackItem { text, data, .. } = output;
        answer.flow.push(FlowOutput { text, data, is_private, outputs: read.len() });
        answer.outputs.extend(read);
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::conversation::Content;

    fn texts(answer: &Value) -> Vec<String> {
        let outputs = read(answer.to_string().as_bytes()).expect("readable").outputs;
        let text = |output: Output| {
            if let Content::Text(text) = output.content { text } else { panic!("not a text: {output:?}") }
        };
        outputs.into_iter().map(text).collect()
    }

    #[test]
    fn the_stack_is_taken_in_order_and_the_joined_text_is_not() {
        let answer = json!({ "text": "one two", "outputStack": [{ "text": "one", "data": {} }, { "text": null, "data": { "a": 1 } }, { "text": ["two", "three"] }] });
        assert_eq!(texts(&answer), ["one", "two", "three"]);
    }

    #[test]
    fn without_a_stack_the_text_is_the_answer() {
        assert_eq!(texts(&json!({ "text": "hello", "data": {} })), ["hello"]);
    }

    #[test]
    fn an_answer_of_another_shape_is_an_error_and_not_silence() {
        for answer in ["{}", "[]", "<html>", ""] {
            assert!(matches!(read(answer.as_bytes()), Err(AgentError::Unreadable(_))), "{answer}");
        }
    }
}
