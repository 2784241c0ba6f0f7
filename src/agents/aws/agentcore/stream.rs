//! An answer as an event stream: pieces of text, which some frameworks send twice, in different events.

use serde_json::Value;

use super::answer;
use crate::agents::{AgentError, Answer, shapes};

/// The texts of a stream, by kind of event: only one of them is the answer.
#[derive(Default)]
struct Streamed {
    /// `{"event":{"contentBlockDelta":…}}`: the events of the model, as Strands passes them on.
    model: Pieces,
    /// `{"data":"…"}`: the same once more, by the same framework.
    data: Pieces,
    /// `{"result":…}`, `{"message":{"role":"assistant",…}}`: everything, at the end.
    whole: Option<Vec<String>>,
    /// A text, or `{"text":"…"}` and the like.
    plain: Pieces,
    /// Our own contract, which is certain.
    answer: Option<Answer>,
}

/// Texts that come in pieces.
#[derive(Default)]
struct Pieces {
    texts: Vec<String>,
    is_ended: bool,
}

/// Reads a stream.
pub(crate) fn read(stream: &str) -> Result<Answer, AgentError> {
    let mut streamed = Streamed::default();
    for event in events(stream) {
        match serde_json::from_str(&event) {
            Ok(value) => streamed.take_in(&value)?,
            Err(_) if event == "[DONE]" => {}
            Err(_) => streamed.plain.add(&event),
        }
    }
    let Streamed { model, data, whole, plain, answer } = streamed;
    if let Some(answer) = answer {
        return Ok(answer);
    }
    let found =
        [model.texts, data.texts, whole.unwrap_or_default(), plain.texts].into_iter().find(|texts| !texts.is_empty());
    let texts = found.ok_or_else(|| AgentError::Unreadable("its stream contains no text".to_owned()))?;
    Ok(shapes::outputs(texts).into())
}

impl Streamed {
    fn take_in(&mut self, value: &Value) -> Result<(), AgentError> {
        if let Some(answer) = answer::whole(value)? {
            self.answer = Some(answer);
            return Ok(());
        }
        let (event, data) = (&value["event"], &value["data"]);
        if event.is_object() {
            if let Some(text) = event["contentBlockDelta"]["delta"]["text"].as_str() {
                self.model.add(text);
            }
            self.model.is_ended |= event.get("contentBlockStop").is_some() || event.get("messageStop").is_some();
        } else if let Some(text) = data.as_str() {
            self.data.add(text);
        } else if let Some(result) = value.get("result").and_then(shapes::texts_of) {
            self.whole = Some(result);
        } else if value["message"].is_object() {
            // The results of tools have the user's role.
            if value["message"]["role"] == "assistant" {
                self.whole.get_or_insert_default().extend(shapes::texts_of(&value["message"]).into_iter().flatten());
            }
        } else {
            let texts = [value, &value["delta"], &value["chunk"]].into_iter().find_map(shapes::texts_of);
            texts.into_iter().flatten().for_each(|text| self.plain.add(&text));
        }
        Ok(())
    }
}

impl Pieces {
    fn add(&mut self, piece: &str) {
        match self.texts.last_mut() {
            Some(text) if !self.is_ended => text.push_str(piece),
            Some(_) | None => self.texts.push(piece.to_owned()),
        }
        self.is_ended = false;
    }
}

/// The data of each event.
/// <https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation>
fn events(stream: &str) -> Vec<String> {
    let mut events = Vec::new();
    let mut open: Option<String> = None;
    for line in stream.lines() {
        match line.strip_prefix("data:").map(|data| data.strip_prefix(' ').unwrap_or(data)) {
            Some(data) => open = Some(open.map_or_else(|| data.to_owned(), |open| format!("{open}\n{data}"))),
            None if line.is_empty() => events.extend(open.take()),
            None => {}
        }
    }
    events.extend(open);
    events
}
