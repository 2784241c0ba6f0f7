//! Recordings: the webhooks of a conversation as the events that API Gateway would make of them.

use serde_json::{Value, json};

use super::{Simulator, postman::Posted};

const HOST: &str = "recorded.execute-api.eu-central-1.amazonaws.com";

impl Simulator {
    /// Every webhook that was sent, or of this person only, in order and each once, as an event of API Gateway.
    #[must_use]
    pub fn recording(&self, person: Option<&str>) -> Vec<Value> {
        let state = self.state();
        let mut events: Vec<Value> = Vec::new();
        for posted in &state.mail.sent {
            let is_repeated = events.iter().any(|event| event["body"] == posted.body.as_str());
            if !is_repeated && person.is_none_or(|person| posted.people.iter().any(|other| other == person)) {
                events.push(event(posted, events.len() + 1));
            }
        }
        events
    }
}

fn event(posted: &Posted, number: usize) -> Value {
    let Posted { body, signature, at, .. } = posted;
    json!({
        "version": "2.0",
        "routeKey": "POST /webhook",
        "rawPath": "/webhook",
        "rawQueryString": "",
        "headers": {
            "host": HOST,
            "user-agent": "facebookexternalua",
            "content-type": "application/json",
            "x-hub-signature-256": signature,
        },
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "recorded",
            "domainName": HOST,
            "domainPrefix": "recorded",
            "http": {
                "method": "POST",
                "path": "/webhook",
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "facebookexternalua",
            },
            "requestId": format!("recorded-{number}"),
            "routeKey": "POST /webhook",
            "stage": "$default",
            "time": at.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string(),
            "timeEpoch": at.as_millisecond(),
        },
        "isBase64Encoded": false,
        "body": body,
    })
}
