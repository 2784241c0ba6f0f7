//! Jobs as the door makes them.

use serde_json::{Value, json, value::to_raw_value};
use whatsapp_endpoint::conversation::{
    Content, ConversationId, Inject, Job, Message, MessageTask, Notice, Person, Task, Template, TurnId,
};

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

/// The job of a text that another system puts to the agent.
pub fn inject(text: &str, conversation: ConversationId) -> Job {
    let id = TurnId::of(&conversation.number, &format!("inject {text}"));
    let message = Message {
        id: id.to_string().into(),
        sent_at: None,
        text: Some(text.to_owned()),
        tap: None,
        is_unsupported: false,
        raw: to_raw_value(&json!({ "type": "inject", "text": { "body": text } })).expect("JSON"),
    };
    Job {
        id,
        conversation,
        task: Task::Inject(Box::new(Inject { message, session: None, storages: Vec::new() })),
        redrives: 0,
    }
}

/// The job of texts that another system has for the person.
pub fn notice(name: &str, texts: &[String], conversation: ConversationId) -> Job {
    let id = TurnId::of(&conversation.number, &format!("notice {name}"));
    let outputs = texts.iter().map(|text| Content::Text(text.clone()).into()).collect();
    Job {
        id,
        conversation,
        task: Task::Notify(Notice { to: Person::default(), outputs, storages: Vec::new() }),
        redrives: 0,
    }
}

/// The job of so many templates that another system has for the person.
pub fn templates(count: usize, to: Person) -> Job {
    let user = to.stable_id().expect("a name").clone();
    let conversation = ConversationId { number: NUMBER.into(), user };
    let template =
        |name: usize| Template { name: format!("order_{name}"), language: "en_US".into(), ..Template::default() };
    let outputs = (0..count).map(|name| Content::Template(template(name)).into()).collect();
    let id = TurnId::of(&conversation.number, &format!("templates for {}", conversation.user));
    Job { id, conversation, task: Task::Notify(Notice { to, outputs, storages: Vec::new() }), redrives: 0 }
}
