//! What an agent sends back: a message, or a task with its state, its message and its artifacts.
//!
//! All versions are read as one shape: 0.3 has `kind` where 1.0 has nothing, `file` for `url`, and other names for states.

use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;

use crate::{
    agents::{AgentError, client::unreadable},
    conversation::{Content, Media, MediaKind, Output, Source, TurnId},
};

/// How many artifacts are remembered as sent.
const MAX_TOLD: usize = 32;

/// The agent's reply.
#[derive(Debug)]
pub(crate) enum Reply {
    Message(Message),
    Task(Task),
}

/// A task that the agent works on.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Task {
    pub id: String,
    pub context_id: Option<String>,
    pub status: Status,
    artifacts: Option<Vec<Artifact>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Status {
    pub state: State,
    message: Option<Message>,
}

/// The state of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
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
pub(crate) struct Message {
    pub context_id: Option<String>,
    #[serde(alias = "content")]
    parts: Option<Vec<Value>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Artifact {
    artifact_id: Option<String>,
    parts: Option<Vec<Value>>,
}

/// One part, as we read it.
enum Part {
    /// A text, or a piece of one: a streaming agent makes a part of every token.
    Piece(String),
    File(Media),
    /// Data, a file without a URL, or anything else.
    Other,
}

impl Reply {
    /// Reads a message or a task, bare or under its name.
    ///
    /// # Errors
    /// When it is neither.
    pub(crate) fn read(result: &Value) -> Result<Self, AgentError> {
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
    /// Its outputs, in order.
    pub(crate) fn outputs(&self, job: &TurnId) -> Vec<Output> {
        outputs(self.parts.as_deref(), job)
    }
}

impl Task {
    /// What the person gets: the message of the state, then the new artifacts, without what the message says already.
    pub(crate) fn outputs(&self, sent: &[String], job: &TurnId) -> Vec<Output> {
        let message = self.status.message.as_ref().map(|message| message.outputs(job)).unwrap_or_default();
        let is_sent = |artifact: &&Artifact| artifact.artifact_id.as_ref().is_some_and(|id| sent.contains(id));
        let new = self.artifacts.iter().flatten().filter(|artifact| !is_sent(artifact));
        let new: Vec<_> = new.flat_map(|artifact| outputs(artifact.parts.as_deref(), job)).collect();
        // Some agents give their result both in the message and as an artifact.
        let is_repeated = |output: &Output| message.iter().any(|first| is_same(&first.content, &output.content));
        let new: Vec<_> = new.into_iter().filter(|output| !is_repeated(output)).collect();
        message.into_iter().chain(new).collect()
    }

    /// The ids of its latest artifacts.
    pub(crate) fn artifact_ids(&self) -> Vec<String> {
        let ids = self.artifacts.iter().flatten().rev().filter_map(|artifact| artifact.artifact_id.clone());
        ids.take(MAX_TOLD).collect()
    }
}

/// The outputs of one message or one artifact. Neighbouring texts are one text, as they are when the pieces of a stream are appended:
/// <https://a2a-protocol.org/latest/specification/#422-taskartifactupdateevent>
fn outputs(parts: Option<&[Value]>, job: &TurnId) -> Vec<Output> {
    let mut contents: Vec<Content> = Vec::new();
    let (mut left_out, mut is_open) = (0, false);
    for part in parts.unwrap_or_default() {
        match (Part::read(part), contents.last_mut()) {
            (Part::Piece(piece), Some(Content::Text(text))) if is_open => text.push_str(&piece),
            (Part::Piece(piece), _) => {
                contents.push(Content::Text(piece));
                is_open = true;
            }
            (Part::File(media), _) => contents.push(Content::Media(media)),
            (Part::Other, _) => {
                left_out += 1;
                is_open = false;
            }
        }
    }
    if left_out > 0 {
        tracing::warn!(%job, left_out, "parts of the agent's answer are left out: they are neither text nor a file with a URL");
    }
    contents.retain(|content| !matches!(content, Content::Text(text) if text.trim().is_empty()));
    contents.into_iter().map(Output::from).collect()
}

fn is_same(one: &Content, other: &Content) -> bool {
    match (one, other) {
        (Content::Text(one), Content::Text(other)) => one.trim() == other.trim(),
        (one, other) => one == other,
    }
}

impl Part {
    /// Reads a part of 1.0, or of 0.3, which wraps its file in an object.
    fn read(part: &Value) -> Self {
        if let Some(text) = part["text"].as_str() {
            return Self::Piece(text.to_owned());
        }
        let inner = if part["file"].is_object() { &part["file"] } else { part };
        let word = |names: &[&str]| names.iter().find_map(|name| inner[*name].as_str()).unwrap_or_default();
        let url = word(&["url", "uri", "fileWithUri"]);
        if !url.starts_with("https://") && !url.starts_with("http://") {
            return Self::Other;
        }
        let kind = match word(&["mediaType", "mimeType"]).split('/').next().unwrap_or_default() {
            "image" => MediaKind::Image,
            "video" => MediaKind::Video,
            "audio" => MediaKind::Audio,
            _ => MediaKind::Document,
        };
        let name = Some(word(&["filename", "name"])).filter(|name| kind == MediaKind::Document && !name.is_empty());
        Self::File(Media { kind, source: Source::Link(url.to_owned()), caption: None, name: name.map(str::to_owned) })
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

    fn contents(task: &Value, sent: &[&str]) -> Vec<Content> {
        let Ok(Reply::Task(task)) = Reply::read(task) else { panic!("no task: {task}") };
        let sent: Vec<_> = sent.iter().map(|id| (*id).to_owned()).collect();
        task.outputs(&sent, &TurnId::of(&"8".into(), "1")).into_iter().map(|output| output.content).collect()
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
        let expected = [Content::Text("Done.".to_owned()), Content::Media(image)];
        assert_eq!(contents(&new, &[]), expected);
        assert_eq!(contents(&old, &[]), expected);
        assert_eq!(contents(&old, &["a"]), expected[..1]);
    }

    /// A task whose artifacts have these texts as their parts, and this message.
    fn streamed(message: &str, artifacts: &[&[&str]]) -> Value {
        let parts =
            |texts: &[&str]| texts.iter().map(|text| json!({ "kind": "text", "text": text })).collect::<Vec<_>>();
        let artifacts = artifacts.iter().enumerate();
        let artifacts = artifacts.map(|(id, texts)| json!({ "artifactId": id.to_string(), "parts": parts(texts) }));
        let message = json!({ "role": "agent", "parts": parts(&[message]) });
        let status = json!({ "state": "completed", "message": message });
        json!({ "id": "t", "contextId": "c", "status": status, "artifacts": artifacts.collect::<Vec<_>>() })
    }

    #[test]
    fn the_tokens_of_a_stream_are_one_text_and_artifacts_stay_apart() {
        let texts = |task: &Value| {
            let text =
                |content| if let Content::Text(text) = content { text } else { panic!("not a text: {content:?}") };
            contents(task, &[]).into_iter().map(text).collect::<Vec<_>>()
        };
        // Like the artifacts of real agents: tokens with their spaces, some of them twice, and an empty one at the end.
        let tokens: [&[&str]; 2] = [
            &["Our hou", "rs:", "\n\n", "- ", "**", "Mon", "**", " is", " ", "9", " is", " is", "", "\n"],
            &["The", " total", " is", " ", "**", "42", "**"],
        ];
        let expected = ["Our hours:\n\n- **Mon** is 9 is is\n", "The total is **42**"];
        assert_eq!(texts(&streamed("", &tokens)), expected);
        assert_eq!(texts(&streamed(" ", &[&["", "\n\n"], &["a"], &["a"]])), ["a", "a"], "blanks alone say nothing");
        assert_eq!(
            texts(&streamed("The total is **42**\n", &tokens[1..])),
            ["The total is **42**\n"],
            "once, though it is in both"
        );
    }

    #[test]
    fn what_is_no_text_parts_two_texts_and_an_odd_part_costs_itself_only() {
        let message = json!({ "parts": [
            { "text": "One " }, { "text": "text" }, { "text": 7 }, { "text": "two" }, null,
            { "url": "https://h.invalid/a.pdf", "filename": 7 }, { "text": "three" }, "x",
        ] });
        let Ok(Reply::Message(message)) = Reply::read(&message) else { panic!("no message") };
        let texts = message.outputs(&TurnId::of(&"8".into(), "1")).into_iter().map(|output| match output.content {
            Content::Text(text) => text,
            other => format!("{other:?}").chars().take(5).collect(),
        });
        assert_eq!(texts.collect::<Vec<_>>(), ["One text", "two", "Media", "three"]);
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
