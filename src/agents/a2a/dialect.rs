//! How a message is sent and a task polled: two versions, each in two bindings.

use std::time::Duration;

use serde_json::{Map, Value, json};
use url::Url;

use super::{Memory, metadata, task::Reply};
use crate::{
    agents::{
        AgentError, Question,
        client::{self, Call, Client, to_json},
    },
    conversation::TurnId,
};

/// The media types that we can show; `text` is what some agents call plain text.
const OUTPUT_MODES: [&str; 7] =
    ["text/plain", "text", "text/markdown", "image/jpeg", "image/png", "application/pdf", "video/mp4"];
/// The error codes that mean that a task cannot continue: not found, not supported in its state, not valid.
/// <https://a2a-protocol.org/latest/specification/#54-error-code-mappings>
const TASK_CODES: [i64; 3] = [-32001, -32004, -32602];

/// One interface from the agent's card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Interface {
    pub url: Url,
    pub version: Version,
    pub binding: Binding,
    pub tenant: Option<String>,
}

/// The version of the protocol, the better one first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Version {
    One,
    ZeroThree,
}

/// The transport, the better one first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Binding {
    JsonRpc,
    HttpJson,
}

/// Why there is no reply.
#[derive(Debug)]
pub enum Fault {
    /// The agent answered with this error code of JSON-RPC.
    Reported(i64),
    /// Anything else.
    Other(AgentError),
}

impl Fault {
    /// Whether the task may be the reason.
    pub fn is_of_the_task(&self) -> bool {
        match self {
            Self::Reported(code) => TASK_CODES.contains(code),
            Self::Other(error) => {
                matches!(error, AgentError::Refused(refusal) if matches!(refusal.status, 400 | 404 | 409 | 422))
            }
        }
    }
}

impl From<AgentError> for Fault {
    fn from(error: AgentError) -> Self {
        Self::Other(error)
    }
}

impl From<Fault> for AgentError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Reported(code) => Self::Failed(format!("JSON-RPC error {code}")),
            Fault::Other(error) => error,
        }
    }
}

impl Version {
    fn header(self) -> &'static str {
        match self {
            Self::One => "1.0",
            Self::ZeroThree => "0.3",
        }
    }
}

impl Interface {
    /// Sends the message and returns the immediate reply.
    ///
    /// # Errors
    /// The situation.
    pub(crate) async fn send(
        &self,
        client: &Client,
        question: &Question<'_>,
        before: &Memory,
        left: Duration,
    ) -> Result<Reply, Fault> {
        let waits = match self.version {
            Version::One => ("returnImmediately", true),
            Version::ZeroThree => ("blocking", false),
        };
        let configuration = json!({ "acceptedOutputModes": OUTPUT_MODES, waits.0: waits.1 });
        let params = json!({ "message": self.message(question, before), "configuration": configuration });
        let (url, method) = match (self.binding, self.version) {
            (Binding::HttpJson, _) => (self.path(&["message:send"]), ""),
            (Binding::JsonRpc, Version::One) => (self.url.clone(), "SendMessage"),
            (Binding::JsonRpc, Version::ZeroThree) => (self.url.clone(), "message/send"),
        };
        self.post(client, url, method, params, question.turn, left).await
    }

    /// Polls a task.
    ///
    /// # Errors
    /// The situation.
    pub(crate) async fn task(&self, client: &Client, id: &str, key: &TurnId, left: Duration) -> Result<Reply, Fault> {
        let method = match (self.binding, self.version) {
            (Binding::HttpJson, _) => {
                let headers = [("a2a-version", self.version.header())];
                return Ok(read(&client.get(self.path(&["tasks", id]), &headers, left).await?)?);
            }
            (Binding::JsonRpc, Version::One) => "GetTask",
            (Binding::JsonRpc, Version::ZeroThree) => "tasks/get",
        };
        self.post(client, self.url.clone(), method, json!({ "id": id }), key, left).await
    }

    async fn post(
        &self,
        client: &Client,
        url: Url,
        method: &str,
        mut params: Value,
        key: &TurnId,
        left: Duration,
    ) -> Result<Reply, Fault> {
        if let (Version::One, Some(tenant)) = (self.version, &self.tenant) {
            params["tenant"] = json!(tenant);
        }
        let (body, content_type) = match (self.binding, self.version) {
            (Binding::JsonRpc, _) => {
                (json!({ "jsonrpc": "2.0", "id": key, "method": method, "params": params }), "application/json")
            }
            (Binding::HttpJson, Version::One) => (params, "application/a2a+json"),
            (Binding::HttpJson, Version::ZeroThree) => (params, "application/json"),
        };
        let key = key.to_string();
        let headers =
            [("a2a-version", self.version.header()), ("idempotency-key", key.as_str()), ("content-type", content_type)];
        let call = Call { url, body: to_json(&body)?.into(), headers: &headers, is_signed: false };
        let bytes = client.send(call, left).await?.whole().await?;
        match self.binding {
            Binding::HttpJson => Ok(read(&bytes)?),
            Binding::JsonRpc => {
                let answer: Value = client::read("JSON-RPC", &bytes)?;
                match answer["error"]["code"].as_i64() {
                    Some(code) => Err(Fault::Reported(code)),
                    None => Ok(Reply::read(&answer["result"])?),
                }
            }
        }
    }

    fn message(&self, question: &Question<'_>, before: &Memory) -> Value {
        let words = question.in_words();
        let (role, field) = match (self.version, self.binding) {
            (Version::One, _) => ("ROLE_USER", "parts"),
            (Version::ZeroThree, Binding::JsonRpc) => ("user", "parts"),
            (Version::ZeroThree, Binding::HttpJson) => ("ROLE_USER", "content"),
        };
        let files = question.details.attachments.iter();
        let files = files.filter_map(|file| Some((file.open_url.as_deref()?, file.mime.as_deref(), &file.name)));
        let files = files.map(|(url, mime, name)| match (self.version, self.binding) {
            (Version::One, _) => bare([("url", Some(url)), ("mediaType", mime), ("filename", name.as_deref())]),
            (Version::ZeroThree, Binding::JsonRpc) => {
                let file = bare([("uri", Some(url)), ("mimeType", mime), ("name", name.as_deref())]);
                json!({ "kind": "file", "file": file })
            }
            (Version::ZeroThree, Binding::HttpJson) => {
                json!({ "file": bare([("fileWithUri", Some(url)), ("mimeType", mime), ("name", name.as_deref())]) })
            }
        });
        let parts: Vec<_> = [self.text(&words)].into_iter().chain(files).collect();
        // The same id when the message is sent again, so that the agent recognizes it.
        let id = question.turn.to_string();
        let ids = [
            ("messageId", Some(id.as_str())),
            ("contextId", before.context.as_deref()),
            ("taskId", before.task.as_deref()),
            ("role", Some(role)),
        ];
        let mut message = bare(ids);
        message[field] = json!(parts);
        message["metadata"] = metadata(question);
        if (self.version, self.binding) == (Version::ZeroThree, Binding::JsonRpc) {
            message["kind"] = json!("message");
        }
        message
    }

    fn text(&self, words: &str) -> Value {
        match (self.version, self.binding) {
            (Version::ZeroThree, Binding::JsonRpc) => json!({ "kind": "text", "text": words }),
            (Version::One, _) | (Version::ZeroThree, Binding::HttpJson) => json!({ "text": words }),
        }
    }

    /// The URL with these segments after the tenant or the version, each encoded.
    fn path(&self, segments: &[&str]) -> Url {
        let mut url = self.url.clone();
        let before = match self.version {
            Version::One => self.tenant.as_deref(),
            Version::ZeroThree => Some("v1").filter(|_| !url.path().trim_end_matches('/').ends_with("/v1")),
        };
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(before).extend(segments);
        }
        url
    }
}

/// An object of the fields that have a value.
fn bare<const N: usize>(fields: [(&str, Option<&str>); N]) -> Value {
    let fields = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), json!(value?))));
    Value::Object(fields.collect::<Map<_, _>>())
}

fn read(bytes: &[u8]) -> Result<Reply, AgentError> {
    Reply::read(&client::read("JSON of A2A", bytes)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_paths_of_http_are_safe_whatever_a_task_is_called() {
        let interface = |version, url: &str, tenant: Option<&str>| Interface {
            url: url.parse().expect("a URL"),
            version,
            binding: Binding::HttpJson,
            tenant: tenant.map(str::to_owned),
        };
        for (interface, path) in [
            (interface(Version::One, "https://h.invalid/a/", None), "/a/tasks/..%2Fb%3Fc"),
            (interface(Version::One, "https://h.invalid", Some("t")), "/t/tasks/..%2Fb%3Fc"),
            (interface(Version::ZeroThree, "https://h.invalid/a", None), "/a/v1/tasks/..%2Fb%3Fc"),
            (interface(Version::ZeroThree, "https://h.invalid/a/v1", None), "/a/v1/tasks/..%2Fb%3Fc"),
        ] {
            assert_eq!(interface.path(&["tasks", "../b?c"]).path(), path);
        }
    }
}
