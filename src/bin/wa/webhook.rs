//! A webhook as a file or a command line gives it.

use std::path::Path;

use anyhow::{Context, bail};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use whatsapp_endpoint::whatsapp::signature::HEADER;

/// One request to the endpoint.
pub(crate) struct Webhook {
    pub name: String,
    pub method: http::Method,
    pub query: String,
    pub body: Vec<u8>,
    pub signature: Option<String>,
}

/// Reads the events of a file: one, or a recording of several.
pub(crate) fn read(file: &Path) -> anyhow::Result<Vec<Webhook>> {
    let name = file.display().to_string();
    let text = std::fs::read(file).with_context(|| format!("cannot read {name}"))?;
    let json: Value = serde_json::from_slice(&text).with_context(|| format!("{name} contains no JSON"))?;
    if json["object"].is_string() {
        // The bytes as they are, because they are what is signed.
        let (method, query) = (http::Method::POST, String::new());
        return Ok(vec![Webhook { name, method, query, body: text, signature: None }]);
    }
    match json {
        Value::Array(events) => {
            let numbered = events.iter().zip(1..);
            numbered.map(|(event, number)| Webhook::of(event, format!("{name} {number}"))).collect()
        }
        event => Ok(vec![Webhook::of(&event, name)?]),
    }
}

impl Webhook {
    fn of(event: &Value, name: String) -> anyhow::Result<Self> {
        if event["Records"].is_array() {
            bail!("{name} is an event of SQS, which no URL takes: make invoke gives it to the function");
        }
        let method = event["requestContext"]["http"]["method"].as_str().or(event["httpMethod"].as_str());
        let Some(method) = method else {
            bail!("{name} is neither an event of API Gateway (see events/) nor the body of a webhook");
        };
        let text = event["body"].as_str().unwrap_or_default();
        let body = match event["isBase64Encoded"] == true {
            true => BASE64_STANDARD.decode(text).with_context(|| format!("the body of {name} is not base64"))?,
            false => text.as_bytes().to_vec(),
        };
        let parameters = event["queryStringParameters"].as_object().into_iter().flatten();
        let parameters = parameters.map(|(name, value)| (name, value.as_str().unwrap_or_default()));
        let query = match event["rawQueryString"].as_str() {
            Some(query) => query.to_owned(),
            None => url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish(),
        };
        let headers = event["headers"].as_object().into_iter().flatten();
        let signature =
            headers.filter(|(name, _)| name.eq_ignore_ascii_case(HEADER)).find_map(|(_, value)| value.as_str());
        Ok(Self { method: method.parse()?, query, body, signature: signature.map(str::to_owned), name })
    }

    /// A text message to this number from an unknown person.
    pub(crate) fn text(words: &str, number: &str) -> Self {
        let (person, user_id) = ("15550100200", "US.90000000000000000001");
        let webhook = json!({
            "object": "whatsapp_business_account",
            "entry": [{ "id": "900000000000001", "changes": [{ "field": "messages", "value": {
                "messaging_product": "whatsapp",
                "metadata": { "display_phone_number": "15550009001", "phone_number_id": number },
                "contacts": [{ "profile": { "name": "Ada Example" }, "wa_id": person, "user_id": user_id }],
                "messages": [{ "from": person, "from_user_id": user_id, "type": "text", "text": { "body": words } }],
            } }] }],
        });
        let (method, query, body) = (http::Method::POST, String::new(), webhook.to_string().into_bytes());
        let mut text = Self { name: "the message".into(), method, query, body, signature: None };
        text.freshen();
        text
    }

    /// Gives every message a new id and the current time.
    pub(crate) fn freshen(&mut self) {
        let Ok(mut body) = serde_json::from_slice::<Value>(&self.body) else { return };
        let now = now();
        let entries = body["entry"].as_array_mut().into_iter().flatten();
        let changes = entries.flat_map(|entry| entry["changes"].as_array_mut().into_iter().flatten());
        for message in changes.flat_map(|change| change["value"]["messages"].as_array_mut().into_iter().flatten()) {
            message["id"] = json!(format!("wamid.{}", BASE64_STANDARD.encode(uuid::Uuid::now_v7())));
            message["timestamp"] = json!(now.as_second().to_string());
        }
        self.body = body.to_string().into_bytes();
    }
}

#[expect(clippy::disallowed_methods, reason = "a command line has no caller that could pass the time")]
fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}
