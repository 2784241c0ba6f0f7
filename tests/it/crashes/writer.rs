//! A person: what they write, what they should get, and the part of the queue that is theirs.

use std::collections::{BTreeSet, VecDeque};

use serde_json::{Value, json, value::to_raw_value};
use whatsapp_endpoint::conversation::{ConversationId, Errand, Job, JobId, Message, Person};

use super::world::World;
use crate::support::endpoint::{NUMBER, replies};

/// Who writes. The queue delivers a job until it is done, and only then the next.
pub struct Writer {
    pub name: &'static str,
    pub conversation: ConversationId,
    pub waiting: VecDeque<Job>,
    pub done: Vec<Job>,
    person: Person,
    expected: Vec<String>,
}

impl Writer {
    /// Writes one to four times; each answer has one to three replies.
    pub fn new(name: &'static str, phone: &str, user_id: Option<&str>, world: &World) -> Self {
        let person = Person { phone: Some(phone.to_owned()), user_id: user_id.map(str::to_owned), ..Person::default() };
        let conversation = ConversationId { number: NUMBER.to_owned(), user: user_id.unwrap_or(phone).to_owned() };
        let (waiting, done, expected) = (VecDeque::new(), Vec::new(), Vec::new());
        let mut writer = Self { name, conversation, waiting, done, person, expected };
        for number in 1..=world.roll(|dice| dice.u32(1..5)) {
            let question = format!("{name} {number}");
            let most = world.roll(|dice| dice.usize(1..4));
            let replies: Vec<_> =
                ["a", "b", "c"].iter().take(most).map(|letter| format!("{question} {letter}")).collect();
            let job = writer.job(&question);
            world.plan(&job.id, &writer.conversation, &question, replies.clone());
            writer.expected.extend(replies);
            writer.waiting.push_back(job);
        }
        writer
    }

    fn job(&self, text: &str) -> Job {
        let id = format!("wamid.{text}");
        let raw = to_raw_value(&json!({ "id": id, "type": "text", "text": { "body": text } })).expect("JSON");
        Job {
            id: JobId::of(NUMBER, &id),
            conversation: self.conversation.clone(),
            person: self.person.clone(),
            message: Message {
                id,
                sent_at: Some(World::beginning()),
                text: Some(text.to_owned()),
                tap: None,
                is_unsupported: false,
                raw,
            },
            errand: Errand::Answer,
        }
    }

    /// Whether every reply is among the calls that Meta took, in order where it appears first.
    pub fn check_replies(&self, calls: &[Value], world: &World) {
        let to = format!("+{}", self.person.phone.as_deref().expect("a phone"));
        let mut seen = BTreeSet::new();
        let mut at_meta = replies(calls, Some(&to));
        at_meta.retain(|words| seen.insert(words.clone()));
        if at_meta != self.expected {
            world.wrong(&format!("{} gets {at_meta:?} and not {:?}", self.name, self.expected));
        }
    }
}
