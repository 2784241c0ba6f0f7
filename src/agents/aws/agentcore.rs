//! Amazon Bedrock `AgentCore`: `InvokeAgentRuntime`.
//!
//! The service passes the body to the agent's container and the answer back, whatever they are. By custom the body is
//! `{"prompt":"…"}`; we add other fields to it. The answer is JSON or an event stream, of many shapes.
//! <https://docs.aws.amazon.com/bedrock-agentcore/latest/APIReference/API_InvokeAgentRuntime.html>

mod answer;
mod stream;

use std::time::Duration;

use serde::Serialize;

use super::{Aws, Post, Service, encoded};
use crate::{
    agents::{
        AgentError, Answer, Data, Question,
        client::{self, to_json, traceparent},
    },
    conversation::{Content, TurnId},
};

/// The session of the service: at least 33 characters, and our id of it has 36.
const SESSION: &str = "x-amzn-bedrock-agentcore-runtime-session-id";

/// Asks the runtime with this ARN, in this region, at this endpoint.
pub(crate) async fn ask(
    aws: &Aws,
    (arn, region, qualifier): (&str, &str, Option<&str>),
    question: &Question<'_>,
    patience: Duration,
) -> Result<Answer, AgentError> {
    let text = question.in_words();
    let body = Input {
        // A model does not accept an empty prompt.
        prompt: question.message.text.as_deref().filter(|text| !text.trim().is_empty()).unwrap_or(&text),
        user_id: question.user_id,
        session_id: question.session_id,
        idempotency_key: question.turn,
        locale: question.locale,
        data: question.data(),
    };
    let query = qualifier.map_or_else(String::new, |qualifier| format!("?qualifier={}", encoded(qualifier)));
    let (session, trace) = (question.session_id.to_string(), traceparent(question.turn));
    let post = Post {
        service: Service::AgentCore,
        region: Some(region),
        path: format!("/runtimes/{}/invocations{query}", encoded(arn)),
        // The header that names a user is left out: it needs another permission.
        headers: &[("accept", "application/json, text/event-stream"), (SESSION, &session), ("traceparent", &trace)],
        body: to_json(&body)?,
    };
    let reading = aws.post(post, question.now, patience).await?;
    let kind = reading.header("content-type").unwrap_or_default().to_owned();
    read(&kind, &reading.whole().await?)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Input<'a> {
    prompt: &'a str,
    user_id: &'a str,
    session_id: &'a str,
    idempotency_key: &'a TurnId,
    #[serde(skip_serializing_if = "Option::is_none")]
    locale: Option<&'a str>,
    data: Data<'a>,
}

fn read(kind: &str, bytes: &[u8]) -> Result<Answer, AgentError> {
    if kind.starts_with("text/event-stream") {
        return stream::read(&String::from_utf8_lossy(bytes));
    }
    match client::read("JSON", bytes) {
        Ok(value) => answer::read(&value),
        Err(_) if kind.starts_with("text/plain") => {
            Ok(vec![Content::Text(String::from_utf8_lossy(bytes).into_owned()).into()].into())
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use proptest::{prop_assert_eq, proptest};
    use serde_json::json;

    use super::*;

    fn texts(kind: &str, body: &str) -> Result<Vec<String>, AgentError> {
        let text = |content| if let Content::Text(text) = content { text } else { panic!("not a text: {content:?}") };
        Ok(read(kind, body.as_bytes())?.outputs.into_iter().map(|output| text(output.content)).collect())
    }

    #[test]
    fn an_answer_is_found_in_all_its_usual_places() {
        let message = json!({ "role": "assistant", "content": [{ "text": "hi" }, { "toolUse": { "name": "x" } }] });
        for body in [
            json!("hi"),
            json!({ "result": "hi" }),
            json!({ "response": "hi", "status": "success" }),
            json!({ "output": { "message": message } }),
            json!({ "text": "hi" }),
            json!({ "message": "hi", "timestamp": "2026-01-01" }),
            json!({ "result": message }),
            json!([{ "text": "hi" }]),
            json!("{\"result\": \"hi\"}"),
        ] {
            assert_eq!(texts("application/json", &body.to_string()).expect("readable"), ["hi"], "{body}");
        }
        assert_eq!(texts("text/plain; charset=utf-8", "hi").expect("readable"), ["hi"]);
        assert_eq!(
            texts("application/json", r#""{\"a\": 1}""#).expect("readable"),
            [r#"{"a": 1}"#],
            "a text is a text"
        );
    }

    #[test]
    fn an_answer_without_words_is_an_error_and_not_silence() {
        for body in ["{}", "null", "<html>", "", "{\"status\":\"ok\"}"] {
            assert!(matches!(texts("application/json", body), Err(AgentError::Unreadable(_))), "{body}");
        }
    }

    #[test]
    fn what_went_wrong_in_the_agent_is_not_sent_to_the_person() {
        let fault = r#"{"error":"secret details","error_type":"ValueError","message":"An error occurred"}"#;
        for (kind, body) in [
            ("application/json", fault.to_owned()),
            ("text/event-stream", format!("data: \"He\"\n\ndata: {fault}\n\n")),
        ] {
            let error = texts(kind, &body).expect_err("a fault");
            assert!(matches!(error, AgentError::Aws(_)) && !error.to_string().contains("secret"), "{error}");
        }
    }

    #[test]
    fn the_pieces_of_a_stream_become_whole_words() {
        let raw = |event: &serde_json::Value| format!("data: {}\n\n", json!({ "event": event }));
        let delta = |text: &str| raw(&json!({ "contentBlockDelta": { "delta": { "text": text } } }));
        let data = |text: &str| format!("data: {}\n\n", json!({ "data": text }));
        let stop = raw(&json!({ "contentBlockStop": {} }));
        let strands = [
            "data: \"{'init_event_loop': True}\"\n\n".to_owned(),
            delta("Let me "),
            data("Let me "),
            delta("see."),
            data("see."),
            stop.clone(),
            delta("Done."),
            data("Done."),
            stop,
            format!("data: {}\n\n", json!({ "message": { "role": "assistant", "content": [{ "text": "Done." }] } })),
        ];
        for (body, expected) in [
            (strands.concat(), vec!["Let me see.", "Done."]),
            ("data: \"He\"\r\n\r\n: a comment\r\ndata: \"llo\"\r\n\r\n".to_owned(), vec!["Hello"]),
            (data("He") + &data("llo"), vec!["Hello"]),
            ("data: {\"text\":\"He\"}\n\ndata: {\"text\":\"llo\"}\n\ndata: [DONE]\n\n".to_owned(), vec!["Hello"]),
            ("data: \"He\"\n\ndata: {\"result\":\"Hello.\"}\n\n".to_owned(), vec!["Hello."]),
            ("data: plain\n\ndata:  words".to_owned(), vec!["plain words"]),
        ] {
            assert_eq!(texts("text/event-stream", &body).expect("readable"), expected, "{body}");
        }
        for body in ["", "event: ping\n\n", "data: {\"event\":{\"messageStart\":{}}}\n\n"] {
            assert!(matches!(texts("text/event-stream", body), Err(AgentError::Unreadable(_))), "{body}");
        }
    }

    proptest! {
        #[test]
        fn the_pieces_of_a_stream_join_back(pieces in proptest::collection::vec("\\PC{0,8}|[\r\n\"]", 1..9)) {
            let event = |piece| format!("data: {}\n\n", json!({ "data": piece }));
            let stream = pieces.iter().map(event).collect::<Vec<_>>().concat();
            let expected: Vec<_> = Some(pieces.concat()).filter(|text| !text.trim().is_empty()).into_iter().collect();
            prop_assert_eq!(texts("text/event-stream", &stream).expect("readable"), expected);
        }

        #[test]
        fn no_answer_stops_a_turn(stream in "(data: ?|\\{|\\}|\"|:|event|message|data|result|outputs|\\[|\\]|\n|\\PC){0,40}") {
            for kind in ["text/event-stream", "application/json", "text/plain"] {
                let _may_fail = read(kind, stream.as_bytes());
            }
        }
    }
}
