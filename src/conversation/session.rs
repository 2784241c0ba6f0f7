//! What we remember of a conversation: the person, the session, the done jobs, and the replies on their way.

use std::{collections::BTreeSet, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{Choices, Done, Pending, Person, Preferences, ReplyId, SentReply, TurnId};
use crate::{json, retry::between};

/// How many sent replies are kept: the channel reports within seconds what it could not deliver.
const MAX_SENT: usize = 12;
/// Most bytes of them.
const MAX_SENT_BYTES: usize = 16 * 1024;
/// Most bytes of an agent's memory, which it gets back with the next message.
pub const MAX_MEMORY_BYTES: usize = 24 * 1024;
/// Most characters of the reason of a failure.
const MAX_REASON: usize = 300;
/// Bytes by which the state of a reply grows while it is sent: its time, its id at the channel, the status that settles it.
const REPLY_GROWTH: usize = 192;

/// Everything we remember of one conversation.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Conversation {
    /// The other side.
    pub person: Person,
    /// The name by which the agent knows the other side. It stays the same when the channel gives the person a new one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_user_id: Option<String>,
    /// The conversation goes on under this user; only the done jobs are kept here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moved_to: Option<String>,
    /// The session that is open, or was last.
    pub session: Option<Session>,
    /// When the person last wrote, by the channel's clock: it opens the channel's window for answers.
    pub last_message_at: Option<Timestamp>,
    /// What the person wants of us, if they have said anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preferences: Option<Preferences>,
    /// Until when the other names of the person lead here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aliased_until: Option<Timestamp>,
    /// Whether the person has yet to be told that a machine speaks.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub greeting_is_due: bool,
    /// What the numbers and short ids that the person sends stand for.
    #[serde(skip_serializing_if = "Choices::is_empty")]
    pub choices: Choices,
    /// The last sent replies, in case the channel reports something about them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sent: Vec<SentReply>,
    /// The job that failed last, and how often.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failing: Option<Failing>,
    /// The jobs that are done.
    #[serde(skip)]
    pub done: Done,
    /// The replies that are not all out yet.
    #[serde(skip)]
    pub outbox: Option<Pending>,
    /// The replies of the outbox about which the channel has reported: they are out, whatever the outbox says.
    #[serde(skip)]
    pub settled: BTreeSet<ReplyId>,
}

/// A failing job, and how often it has failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failing {
    /// Which.
    pub turn: TurnId,
    /// How often.
    pub tries: u32,
    /// Why, the last time.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// The agent's memory is too large to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the memory has {bytes} bytes, and {MAX_MEMORY_BYTES} are kept at most")]
pub struct MemoryTooLarge {
    /// How large it is.
    pub bytes: usize,
}

/// A stretch of conversation without a long silence; the agent knows it by its id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// UUIDv7: it holds the time at which the session began.
    pub id: Uuid,
    /// When the person last wrote, by our clock.
    pub last_input_at: Timestamp,
    /// How many messages the person has sent in it.
    pub inputs: u32,
    /// The agent's memory, which it gets with the next message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Value>,
    /// Other names by which the agent knows the person and the session, if the operator's script has given any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<Alias>,
    /// What the operator's script keeps.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub storage: Map<String, Value>,
}

/// Other names by which the agent knows the person and the session.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Alias {
    /// The person's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// The session's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
}

impl Session {
    /// A session that begins now, without an input.
    #[must_use]
    pub fn begun(now: Timestamp) -> Self {
        let (id, storage) = (Uuid::now_v7(), Map::new());
        Self { id, last_input_at: now, inputs: 0, memory: None, alias: None, storage }
    }
}

impl Conversation {
    /// How many bytes of an item it takes at most while its replies are sent.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let replies = self.outbox.as_ref().map_or(0, |outbox| outbox.replies.len());
        // Each job of `done` takes 8 bytes and one more as a member of a set, and each of the few periods has a name.
        let done = self.done.len() * 9 + 256;
        json::size(self) + self.outbox.as_ref().map_or(0, json::size) + done + replies * REPLY_GROWTH
    }

    /// Whether no one has ever written in it.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.session.is_none() && self.last_message_at.is_none()
    }

    /// What stays under the old name of the other side when the conversation goes on under the name `user`.
    #[must_use]
    pub fn signpost(&self, user: &str) -> Self {
        Self { moved_to: Some(user.to_owned()), done: self.done.clone(), ..Self::default() }
    }

    /// Adds what is known under the name `old_user`; what is newer here stays.
    pub fn inherit(&mut self, old: Self, old_user: &str) {
        // Whoever was greeted under one name was greeted, but a name under which nobody has written says nothing.
        self.greeting_is_due = match (self.is_new(), old.is_new()) {
            (true, _) => old.greeting_is_due,
            (false, true) => self.greeting_is_due,
            (false, false) => self.greeting_is_due && old.greeting_is_due,
        };
        if self.session.is_none() {
            self.session = old.session;
            self.agent_user_id = old.agent_user_id.or_else(|| Some(old_user.to_owned()));
        }
        let mut choices = old.choices;
        if !self.choices.is_empty() {
            choices.renew(std::mem::take(&mut self.choices));
        }
        self.choices = choices;
        let mut person = old.person;
        person.update(&self.person);
        self.person = person;
        self.last_message_at = self.last_message_at.max(old.last_message_at);
        if let Some(preferences) = old.preferences {
            self.prefer(preferences);
        }
        self.aliased_until = None;
        self.done.extend(old.done);
        self.sent.extend(old.sent);
        self.failing = self.failing.take().or(old.failing);
    }

    /// Whether the other side wants no messages that they did not ask for.
    #[must_use]
    pub fn is_opted_out(&self) -> bool {
        self.preferences.as_ref().is_some_and(|preferences| preferences.opted_out)
    }

    /// Notes what the other side wants, unless they have said something else since then. Returns whether anything has changed.
    pub fn prefer(&mut self, newer: Preferences) -> bool {
        Preferences::renew(&mut self.preferences, newer)
    }

    /// Marks a reply as sent.
    pub fn note_sent(&mut self, sent: SentReply) {
        self.sent.push(sent);
        while self.sent.len() > MAX_SENT || json::size(&self.sent) > MAX_SENT_BYTES {
            self.sent.remove(0);
        }
    }

    /// Removes and returns a sent reply.
    pub fn take_sent(&mut self, id: &ReplyId) -> Option<SentReply> {
        let place = self.sent.iter().position(|sent| sent.id == *id)?;
        Some(self.sent.remove(place))
    }

    /// Counts a failure of `turn` and returns how often it has failed by now.
    pub fn count_failure(&mut self, turn: &TurnId, reason: &str) -> u32 {
        let tries = self.failures(turn).saturating_add(1);
        let reason = reason.chars().take(MAX_REASON).collect();
        self.failing = Some(Failing { turn: turn.clone(), tries, reason });
        tries
    }

    /// How often `turn` has failed.
    #[must_use]
    pub fn failures(&self, turn: &TurnId) -> u32 {
        self.failing.as_ref().filter(|failing| failing.turn == *turn).map_or(0, |failing| failing.tries)
    }

    /// Adds what `person` says about the other side.
    pub fn meet(&mut self, person: &Person) {
        self.person.update(person);
    }

    /// Notes that the other side has written: the channel takes free messages from then on.
    pub fn open_window(&mut self, sent_at: Option<Timestamp>, now: Timestamp) {
        // No one writes in the future, and a window that opened in the future could never open again.
        self.last_message_at = self.last_message_at.max(Some(sent_at.map_or(now, |sent_at| sent_at.min(now))));
    }

    /// The session that is open at `now`: it ends after `expiration` of silence; `None` means that it never does.
    #[must_use]
    pub fn session_at(&self, now: Timestamp, expiration: Option<Duration>) -> Option<&Session> {
        let is_over = |session: &Session| expiration.is_some_and(|limit| between(session.last_input_at, now) >= limit);
        self.session.as_ref().filter(|session| !is_over(session))
    }

    /// Lets the silence of an open session begin anew.
    pub fn renew_session(&mut self, now: Timestamp, expiration: Option<Duration>) {
        if self.session_at(now, expiration).is_some()
            && let Some(session) = &mut self.session
        {
            session.last_input_at = now;
        }
    }

    /// Handles an input that came at `now`: opens a new session if none is open. The first input of a new session is number 1.
    pub fn open_session(&mut self, now: Timestamp, expiration: Option<Duration>) -> Session {
        let mut session = self.session_at(now, expiration).cloned().unwrap_or_else(|| Session::begun(now));
        session.inputs = session.inputs.saturating_add(1);
        session.last_input_at = now;
        self.session = Some(session.clone());
        session
    }

    /// Keeps the agent's memory for the next message; forgets the session if it is over.
    ///
    /// # Errors
    /// When the memory has more than [`MAX_MEMORY_BYTES`]; then nothing has changed.
    pub fn remember(&mut self, memory: Option<Value>, ends_session: bool) -> Result<(), MemoryTooLarge> {
        if let Some(bytes) = memory.as_ref().map(json::size).filter(|bytes| *bytes > MAX_MEMORY_BYTES) {
            return Err(MemoryTooLarge { bytes });
        }
        match &mut self.session {
            Some(_) if ends_session => self.session = None,
            Some(session) if memory.is_some() => session.memory = memory,
            Some(_) | None => {}
        }
        Ok(())
    }
}

impl Person {
    /// Takes over what `newer` knows; the rest stays.
    fn update(&mut self, newer: &Self) {
        for (ours, theirs) in [
            (&mut self.phone, &newer.phone),
            (&mut self.user_id, &newer.user_id),
            (&mut self.group_id, &newer.group_id),
            (&mut self.name, &newer.name),
            (&mut self.username, &newer.username),
        ] {
            if theirs.is_some() {
                ours.clone_from(theirs);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF_AN_HOUR: Duration = Duration::from_mins(30);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("in range")
    }

    #[test]
    fn a_session_ends_after_the_silence_and_not_before() {
        let mut conversation = Conversation::default();
        let mut hear = |second| conversation.open_session(at(second), Some(HALF_AN_HOUR));
        let first = hear(0);
        assert_eq!(first.inputs, 1);
        let same = hear(1799);
        assert!(same.id == first.id && same.inputs == 2);
        let second = hear(1799 + 1800);
        assert!(second.id != first.id && second.inputs == 1);
    }

    #[test]
    fn a_session_without_expiration_never_ends() {
        let mut conversation = Conversation::default();
        let first = conversation.open_session(at(0), None);
        assert_eq!(conversation.open_session(at(4_000_000_000), None).id, first.id);
    }

    #[test]
    fn a_number_that_is_hidden_later_is_kept() {
        let mut person = Person { phone: Some("15550100200".into()), ..Person::default() };
        person.update(&Person { user_id: Some("US.9".into()), ..Person::default() });
        assert!(person.phone.is_some() && person.user_id.is_some());
    }
}
