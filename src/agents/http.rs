//! Our own contract over HTTP.

use std::time::Duration;

use reqwest::StatusCode;

use super::{
    AgentError, Answer, Question,
    client::{Call, Client, traceparent},
    contract::{body, read},
    shapes,
};

/// Asks the agent. 202 means a deferred answer, 204 none.
pub(crate) async fn ask(client: &Client, question: &Question<'_>, patience: Duration) -> Result<Answer, AgentError> {
    let (key, trace) = (question.turn.to_string(), traceparent(question.turn));
    let headers = [("idempotency-key", key.as_str()), ("traceparent", &trace)];
    let call = Call { url: client.url().clone(), body: body(question)?.into(), headers: &headers, is_signed: true };
    let reading = client.send(call, patience).await?;
    match reading.status() {
        StatusCode::ACCEPTED if client.has_token().await? => Ok(Answer { is_deferred: true, ..Answer::default() }),
        StatusCode::ACCEPTED => Err(AgentError::Unreadable(
            "HTTP 202 promises an answer later, which could not be checked: agent_token is empty in the secret".into(),
        )),
        StatusCode::NO_CONTENT => Ok(Answer::default()),
        _ => {
            let is_text = reading.header("content-type").is_some_and(|kind| kind.starts_with("text/plain"));
            let body = reading.whole().await?;
            match read(&body) {
                // Plain text, as some tools answer.
                Err(AgentError::Unreadable(_)) if is_text && !looks_like_json(&body) => {
                    Ok(shapes::outputs([String::from_utf8_lossy(&body).into_owned()]).into())
                }
                answer => answer,
            }
        }
    }
}

/// Whether a text was meant to be JSON, and is broken.
fn looks_like_json(body: &[u8]) -> bool {
    matches!(body.trim_ascii_start().first(), Some(b'{' | b'['))
}
