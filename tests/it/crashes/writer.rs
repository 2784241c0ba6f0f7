//! A person: what they write, what they should get, and the part of the queue that is theirs.

use std::collections::{BTreeSet, VecDeque};

use serde_json::{Value, json};
use whatsapp_endpoint::conversation::{ConversationId, Job, Person, Task};

use super::world::World;
use crate::support::{
    deployed::SORRY,
    endpoint::{NUMBER, replies},
    jobs,
};

/// Who writes. The queue delivers a job until it is done, and only then the next.
pub struct Writer {
    pub name: &'static str,
    /// The names of the conversation, the last one in force at the end.
    pub conversations: Vec<ConversationId>,
    pub waiting: VecDeque<Job>,
    pub done: Vec<Job>,
    person: Person,
    expected: Vec<String>,
}

impl Writer {
    /// Writes one to four times; each answer has one to three replies. Somebody with several ids changes them on the way.
    pub fn new(name: &'static str, phone: &str, user_ids: &[&str], world: &World) -> Self {
        let under = |user_id: Option<&&str>| {
            let person = Person {
                phone: Some(phone.to_owned()),
                user_id: user_id.map(|id| (*id).to_owned()),
                ..Person::default()
            };
            let user = person.stable_id().expect("a phone").clone();
            (person, ConversationId { number: NUMBER.into(), user })
        };
        let (person, conversation) = under(user_ids.first());
        let (waiting, done, expected) = (VecDeque::new(), Vec::new(), Vec::new());
        let mut writer = Self { name, conversations: vec![conversation], waiting, done, person, expected };
        let questions = world.roll(|dice| dice.u32(1..5));
        let too_large_at = world.roll(|dice| dice.u32(1..10));
        let renamed_at = world.roll(|dice| dice.u32(1..6));
        for number in 1..=questions {
            let question = format!("{name} {number}");
            let most = world.roll(|dice| dice.usize(1..4));
            let mut replies: Vec<_> =
                ["a", "b", "c"].iter().take(most).map(|letter| format!("{question} {letter}")).collect();
            // Once, and to somebody who has one name: by the fallback nobody can be told apart.
            if user_ids.is_empty() && number == too_large_at {
                replies = vec![SORRY.to_owned()];
            }
            let notice = (number == renamed_at && user_ids.len() > 1).then(|| {
                let (person, conversation) = under(user_ids.get(1));
                let mut notice = writer.job(&format!("{name} is renamed"));
                if let Task::Message(task) = &mut notice.task {
                    (task.becomes, task.is_notice) = (Some(person.clone()), true);
                }
                world.plan(&notice.id, &notice.conversation, "", Vec::new());
                writer.person = person;
                writer.conversations.push(conversation);
                notice
            });
            // Other systems speak too, once the person has been answered.
            let job = match world.roll(|dice| dice.u32(0..6)) {
                0 if number > 1 && too_large_at != 1 && replies != [SORRY] => {
                    jobs::inject(&question, writer.conversations.last().expect("one").clone())
                }
                1 if number > 1 && too_large_at != 1 && replies != [SORRY] => {
                    jobs::notice(&question, &replies, writer.conversations.last().expect("one").clone())
                }
                _ => writer.job(&question),
            };
            world.plan(&job.id, &job.conversation, &question, replies.clone());
            writer.expected.extend(replies);
            // In this order: before the notice nobody can know that the new name is an old acquaintance.
            writer.waiting.extend(notice.into_iter().chain([job]));
        }
        writer
    }

    fn job(&self, text: &str) -> Job {
        let sent_at = World::beginning().as_second().to_string();
        let raw =
            json!({ "id": format!("wamid.{text}"), "timestamp": sent_at, "type": "text", "text": { "body": text } });
        jobs::of_text(&raw, self.person.clone())
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
