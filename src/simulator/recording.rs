//! Recordings: the webhooks of a conversation as events of API Gateway.

use serde_json::{Value, json};

use super::{Simulator, delivery::Delivery};

const HOST: &str = "recorded.execute-api.eu-central-1.amazonaws.com";

impl Simulator {
    /// Returns every webhook that was sent, or those of one person, as events of API Gateway: in order, each once.
    #[must_use]
    pub fn recording(&self, person: Option<&str>) -> Vec<Value> {
        let state = self.state();
        let mut events: Vec<Value> = Vec::new();
        for delivery in state.deliveries.sent() {
            let is_repeated = events.iter().any(|event| event["body"] == delivery.body.as_str());
            if !is_repeated && person.is_none_or(|person| delivery.people.iter().any(|other| other == person)) {
                events.push(event(delivery, events.len() + 1));
            }
        }
        events
    }
}

fn event(delivery: &Delivery, number: usize) -> Value {
    let Delivery { body, signature, at, .. } = delivery;
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
