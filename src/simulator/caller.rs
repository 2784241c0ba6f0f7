//! A system of the operator beside this Meta, which calls routes of the endpoint: `/inject` and `/notify`.

use std::time::Duration;

use serde_json::Value;

use super::{Simulator, exchanges::OutgoingRequest, feed::Kind};
use crate::telemetry::Chain;

/// Without a queue, the endpoint answers a call only after the agent has answered.
const PATIENCE: Duration = Duration::from_mins(3);

impl Simulator {
    /// Calls a route of the connected endpoint with the key of the secret; returns status and body.
    ///
    /// # Errors
    /// When no endpoint is connected, or it cannot be reached.
    pub async fn call_endpoint(
        &self,
        route: &str,
        body: &Value,
        idempotency_key: Option<&str>,
    ) -> Result<(u16, String), String> {
        let (url, key, person) = {
            let state = self.state();
            let webhook = state.endpoint.url().ok_or("no endpoint is connected")?;
            let base = webhook.trim_end_matches('/').trim_end_matches("/webhook");
            let user_id = body["userId"].as_str().unwrap_or_default();
            let person = state.people.named(user_id).map(|person| person.id.clone());
            (format!("{base}/{route}"), state.account.api_key.clone(), person)
        };
        let mut headers = vec![("content-type", "application/json".to_owned()), ("x-api-key", key)];
        headers.extend(idempotency_key.map(|key| ("idempotency-key", key.to_owned())));
        let request = OutgoingRequest {
            kind: Kind::Call,
            url: &url,
            person: person.as_deref(),
            message: None,
            headers,
            body: body.to_string(),
        };
        let answer = self.send_and_show(request, PATIENCE).await;
        if let Some(person) = &person {
            self.show_session(person).await;
        }
        answer.map_err(|error| format!("{url} cannot be reached: {}", Chain(&error)))
    }
}
