//! Jobs as the door makes them.

use serde_json::{Value, value::to_raw_value};
use whatsapp_endpoint::conversation::{ConversationId, Job, Message, MessageTask, Person, Task, TurnId};

use super::endpoint::NUMBER;

/// The job of a text message, `raw` as Meta sends it, of this person.
pub fn of_text(raw: &Value, person: Person) -> Job {
    let id = raw["id"].as_str().expect("an id").to_owned();
    let message = Message {
        sent_at: raw["timestamp"]
            .as_str()
            .map(|seconds| jiff::Timestamp::from_second(seconds.parse().expect("seconds")).expect("in range")),
        text: raw["text"]["body"].as_str().map(str::to_owned),
        tap: None,
        is_unsupported: false,
        raw: to_raw_value(raw).expect("JSON"),
        id: id.clone().into(),
    };
    let user = person.stable_id().expect("a name").clone();
    Job {
        id: TurnId::of(&NUMBER.into(), &id),
        conversation: ConversationId { number: NUMBER.into(), user },
        task: Task::Message(Box::new(MessageTask { person, message, becomes: None, is_notice: false })),
        redrives: 0,
    }
}

/// The words of the message that a job, as JSON, is about.
pub fn text(job: &Value) -> &str {
    job["task"]["message"]["message"]["text"].as_str().expect("words")
}
