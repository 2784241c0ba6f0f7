//! What an agent sends back: a message, or a task with its state, its message and its artifacts.
//!
//! Read as one shape, whatever the version: 0.3 has `kind` where 1.0 has none, `file` for `url`, and other names for states.

use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;

use crate::{
    agents::{AgentError, wire::unreadable},
    conversation::{JobId, Media, MediaKind, Output, Said, Source},
};

/// How many artifacts are remembered as told.
const TOLD_MOST: usize = 32;

/// What came back.
#[derive(Debug)]
pub enum Reply {
    Message(Message),
    Task(Task),
}

/// A task that the agent works on.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    pub id: String,
    pub context_id: Option<String>,
    pub status: Status,
    artifacts: Option<Vec<Artifact>>,
}

#[derive(Debug, Deserialize)]
pub struct Status {
    pub state: State,
    message: Option<Message>,
}

/// How far a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Working,
    InputRequired,
    Completed,
    Failed,
    Rejected,
    Canceled,
    AuthRequired,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    pub context_id: Option<String>,
    #[serde(alias = "content")]
    parts: Option<Vec<Part>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Artifact {
    artifact_id: Option<String>,
    parts: Option<Vec<Part>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Part {
    text: Option<String>,
    url: Option<String>,
    media_type: Option<String>,
    filename: Option<String>,
    file: Option<File>,
}

/// A file of 0.3.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    #[serde(alias = "fileWithUri")]
    uri: Option<String>,
    #[serde(alias = "mediaType")]
    mime_type: Option<String>,
    name: Option<String>,
}

impl Reply {
    /// Reads a message or a task, bare or under its name.
    ///
    /// # Errors
    /// When it is neither.
    pub fn read(result: &Value) -> Result<Self, AgentError> {
        let named = ["task", "message", "msg"].iter().map(|name| &result[*name]).find(|named| named.is_object());
        let inner = named.unwrap_or(result);
        if inner["status"].is_object() {
            Ok(Self::Task(Task::deserialize(inner).map_err(|error| unreadable("task of A2A", error))?))
        } else if inner["parts"].is_array() || inner["content"].is_array() {
            Ok(Self::Message(Message::deserialize(inner).map_err(|error| unreadable("message of A2A", error))?))
        } else {
            Err(AgentError::Unreadable("it has neither a message nor a task".to_owned()))
        }
    }
}

impl Message {
    /// What it says, in order.
    pub fn outputs(&self, job: &JobId) -> Vec<Output> {
        outputs(self.parts.as_deref(), job)
    }
}

impl Task {
    /// What the person gets: the message of the state, then the artifacts that are new, and nothing twice.
    pub fn outputs(&self, told: &[String], job: &JobId) -> Vec<Output> {
        let mut all = self.status.message.as_ref().map(|message| message.outputs(job)).unwrap_or_default();
        let is_told = |artifact: &Artifact| artifact.artifact_id.as_ref().is_some_and(|id| told.contains(id));
        for artifact in self.artifacts.iter().flatten().filter(|artifact| !is_told(artifact)) {
            for output in outputs(artifact.parts.as_deref(), job) {
                // Some agents say their result in the message and as an artifact.
                if !all.contains(&output) {
                    all.push(output);
                }
            }
        }
        all
    }

    /// The names of its artifacts, the last of them.
    pub fn artifact_ids(&self) -> Vec<String> {
        let ids = self.artifacts.iter().flatten().rev().filter_map(|artifact| artifact.artifact_id.clone());
        ids.take(TOLD_MOST).collect()
    }
}

fn outputs(parts: Option<&[Part]>, job: &JobId) -> Vec<Output> {
    let parts = parts.unwrap_or_default();
    let outputs: Vec<_> = parts.iter().filter_map(Part::said).map(Output::from).collect();
    let left_out = parts.len() - outputs.len();
    if left_out > 0 {
        tracing::info!(%job, left_out, "parts of the agent's answer that are neither words nor a file with a URL");
    }
    outputs
}

impl Part {
    fn said(&self) -> Option<Said> {
        if let Some(text) = self.text.as_ref().filter(|text| !text.trim().is_empty()) {
            return Some(Said::Text(text.clone()));
        }
        let (url, mime, name) = match &self.file {
            Some(file) => (file.uri.as_ref(), file.mime_type.as_deref(), &file.name),
            None => (self.url.as_ref(), self.media_type.as_deref(), &self.filename),
        };
        let url = url.filter(|url| url.starts_with("https://") || url.starts_with("http://"))?;
        let kind = match mime.unwrap_or_default().split('/').next().unwrap_or_default() {
            "image" => MediaKind::Image,
            "video" => MediaKind::Video,
            "audio" => MediaKind::Audio,
            _ => MediaKind::Document,
        };
        let name = name.clone().filter(|name| kind == MediaKind::Document && !name.is_empty());
        Some(Said::Media(Media { kind, source: Source::Link(url.clone()), caption: None, name }))
    }
}

impl<'de> Deserialize<'de> for State {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        let bare = word.strip_prefix("TASK_STATE_").unwrap_or(&word).to_ascii_lowercase().replace('_', "-");
        match bare.as_str() {
            "submitted" | "working" | "unknown" | "unspecified" => Ok(Self::Working),
            "input-required" => Ok(Self::InputRequired),
            "completed" => Ok(Self::Completed),
            "failed" => Ok(Self::Failed),
            "rejected" => Ok(Self::Rejected),
            "canceled" | "cancelled" => Ok(Self::Canceled),
            "auth-required" => Ok(Self::AuthRequired),
            _ => Err(D::Error::custom("a state that we do not know")),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(task: &Value, told: &[&str]) -> Vec<Said> {
        let Ok(Reply::Task(task)) = Reply::read(task) else { panic!("no task: {task}") };
        let told: Vec<_> = told.iter().map(|id| (*id).to_owned()).collect();
        task.outputs(&told, &JobId::of("8", "1")).into_iter().map(|output| output.said).collect()
    }

    #[test]
    fn the_same_task_is_read_in_both_versions() {
        let new = json!({ "task": {
            "id": "t", "contextId": "c",
            "status": { "state": "TASK_STATE_COMPLETED", "message": { "role": "ROLE_AGENT", "parts": [{ "text": "Done." }] } },
            "artifacts": [
                { "artifactId": "a", "parts": [{ "text": "Done." }, { "url": "https://h.invalid/a.png", "mediaType": "image/png" }] },
                { "artifactId": "b", "parts": [{ "data": { "x": 1 } }, { "raw": "AA==" }, { "url": "gs://b/c" }] },
            ],
        } });
        let old = json!({
            "kind": "task", "id": "t", "contextId": "c",
            "status": { "state": "completed", "message": { "role": "agent", "kind": "message", "parts": [{ "kind": "text", "text": "Done." }] } },
            "artifacts": [{ "artifactId": "a", "parts": [
                { "kind": "text", "text": "Done." },
                { "kind": "file", "file": { "uri": "https://h.invalid/a.png", "mimeType": "image/png" } },
            ] }],
        });
        let image = Media {
            kind: MediaKind::Image,
            source: Source::Link("https://h.invalid/a.png".to_owned()),
            caption: None,
            name: None,
        };
        let expected = [Said::Text("Done.".to_owned()), Said::Media(image)];
        assert_eq!(said(&new, &[]), expected);
        assert_eq!(said(&old, &[]), expected);
        assert_eq!(said(&old, &["a"]), expected[..1]);
    }

    #[test]
    fn an_answer_of_another_shape_is_an_error_and_not_silence() {
        for answer in [
            json!(null),
            json!({}),
            json!({ "task": {} }),
            json!({ "task": { "id": "t", "status": { "state": "dreaming" } } }),
            json!({ "status": { "state": "completed" } }),
            json!([1]),
        ] {
            assert!(matches!(Reply::read(&answer), Err(AgentError::Unreadable(_))), "{answer}");
        }
    }
}
