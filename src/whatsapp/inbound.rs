//! Webhooks: from signed bytes to events, without loss.
//!
//! Meta puts up to 1,000 updates in one POST, in several entries and changes. All properties are optional except the ids that we
//! need; what we do not know, or know in another shape, becomes an event that says so and keeps the bytes.
//! <https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages>

mod content;
mod described;
mod details;
mod names;
mod payload;
mod redacted;
mod wire;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

pub use content::InboundContent;
pub use details::details;
pub use names::without_mobile_digit;
pub use redacted::redact_identity;

use super::{errors, signature::SignedBody};
use crate::{
    conversation::{
        ConversationId, DeliveryFailure, Job, Marketing, Message, MessageTask, Person, PhoneNumberId, PreferenceChange,
        Preferences, ReplyId, Task, TurnId, Undelivered, Wamid,
    },
    settings::QuietKind,
    telemetry::redact,
};

/// One event of a webhook.
#[derive(Debug)]
pub enum Event {
    /// A person wrote.
    Message(Box<Received>),
    /// The status of a message that we sent.
    Status(Status),
    /// A person chose whether they want marketing messages.
    Choice(MarketingChoice),
    /// Meta reports a problem of the app, of the account or of its own.
    Problem(Problem),
    /// A field other than `messages`, which needs no answer.
    Field(String),
    /// A webhook, or a part of one, that contains nothing for us; the text says what is missing, or whose it is.
    Nothing(String),
    /// Something that we cannot read; the rest of the webhook is not affected.
    Unrecognized {
        /// The part that is unreadable.
        part: Part,
        /// The text, as it came.
        raw: String,
        /// What is wrong with it.
        why: String,
    },
}

/// A part of a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    Body,
    /// One account's entry.
    Entry,
    /// One field's change.
    Change,
    /// A message.
    Message,
    /// The status of a message that we sent.
    Status,
}

impl Part {
    /// Its name in logs and dead letters.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Body => "body",
            Self::Entry => "entry",
            Self::Change => "change",
            Self::Message => "message",
            Self::Status => "status",
        }
    }

    /// Whether it may contain a person's message.
    #[must_use]
    pub fn may_hold_words(self) -> bool {
        match self {
            Self::Body | Self::Entry | Self::Change | Self::Message => true,
            Self::Status => false,
        }
    }
}

/// A message as it came.
#[derive(Debug, Clone)]
pub struct Received {
    /// Id of the number it came to.
    pub number: PhoneNumberId,
    /// Meta's id of the message.
    pub id: Wamid,
    /// Who sent it.
    pub person: Person,
    /// The sender's new names, if the message reports any.
    pub becomes: Option<Person>,
    /// When it was sent, to the second, if Meta says so.
    pub sent_at: Option<Timestamp>,
    /// Meta's name of its type.
    pub kind: String,
    /// Its content.
    pub content: InboundContent,
    /// The bytes as Meta sent them.
    pub raw: Box<RawValue>,
}

/// Why a message needs no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unanswered {
    /// Its type needs none: a reaction, an edit, a notice. Meta's name of the type.
    Kind(String),
    /// It names neither a phone number nor a BSUID nor a group.
    NoSender,
}

/// The status of a message that we sent. One wamid gets several, in any order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Id of the number we sent from.
    pub number: PhoneNumberId,
    /// The id that Graph gave us.
    pub id: Wamid,
    /// What we sent along with the message, if it was ours.
    pub tag: Option<Tag>,
    /// `sent`, `delivered`, `read`, `played`, `failed`, or something newer.
    pub state: String,
    /// What Meta charges for the message, if the status reports it.
    pub pricing: Option<Pricing>,
    /// What went wrong, for `failed`.
    pub problems: Vec<Problem>,
}

/// A person's choice about marketing messages: in the chat's menu, or by a button of a template.
/// <https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/user_preferences>
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarketingChoice {
    /// Id of the number it was made for.
    pub number: PhoneNumberId,
    /// Who made it.
    pub person: Person,
    /// What.
    pub choice: Marketing,
    /// When, if Meta says so.
    pub at: Option<Timestamp>,
}

/// What Meta charges for a message.
/// <https://developers.facebook.com/documentation/business-messaging/whatsapp/pricing>
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Pricing {
    /// `regular` is charged; `free_customer_service` and `free_entry_point` are not.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// `service`, `utility`, `marketing`, `authentication`, or something newer.
    pub category: Option<String>,
}

/// What goes along with a message as `biz_opaque_callback_data` and comes back with its statuses: `<turn>:<place>:<user>`.
///
/// It contains the conversation's user, because a status may use another name of the person than we do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// Which reply it is.
    pub reply: ReplyId,
    /// The user of the conversation.
    pub user: String,
}

impl Tag {
    /// Reads a tag that we sent; `None` if others put something else there.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (job, rest) = text.split_once(':')?;
        let (place, user) = rest.split_once(':')?;
        Some(Self { reply: ReplyId::of(&job.parse().ok()?, place.parse().ok()?), user: user.to_owned() })
    }
}

impl std::fmt::Display for Tag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.reply, self.user)
    }
}

/// An error as Meta describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Meta's code.
    pub code: i64,
    /// Its title.
    pub title: String,
    /// The details, if Meta gives any.
    pub details: Option<String>,
}

/// Reads a webhook. Never fails: an unreadable part is an event too.
#[must_use]
pub fn parse(body: &SignedBody) -> Vec<Event> {
    payload::parse(body.bytes())
}

impl Received {
    /// Converts the message to a job; the kinds in `also` need an answer as well.
    ///
    /// # Errors
    /// Why it needs no job.
    pub fn job(self, also: &[QuietKind]) -> Result<Job, Unanswered> {
        let starts_turn = self.content.starts_turn(also);
        if !starts_turn && self.becomes.is_none() {
            return Err(Unanswered::Kind(self.kind));
        }
        let user = self.person.stable_id().ok_or(Unanswered::NoSender)?.clone();
        let message = Message {
            is_unsupported: matches!(self.content, InboundContent::Unsupported(_)),
            text: self.content.text().map(str::to_owned),
            tap: if let InboundContent::Tap(tap) = self.content { Some(tap) } else { None },
            sent_at: self.sent_at,
            raw: self.raw,
            id: self.id,
        };
        let id = TurnId::of(&self.number, message.id.as_str());
        let conversation = ConversationId { number: self.number, user };
        let task = MessageTask { person: self.person, message, becomes: self.becomes, is_notice: !starts_turn };
        Ok(Job { id, conversation, task: Task::Message(Box::new(task)), redrives: 0 })
    }
}

impl MarketingChoice {
    /// Converts the choice to a job; `now` is when it came.
    #[must_use]
    pub fn job(self, now: Timestamp) -> Option<Job> {
        let user = self.person.stable_id()?.clone();
        let since = self.at.unwrap_or(now);
        let name = format!("marketing {user} {:?} {}", self.choice, since.as_second());
        let preferences = Preferences::of_marketing(self.choice, since);
        Some(Job {
            id: TurnId::of(&self.number, &name),
            conversation: ConversationId { number: self.number, user },
            task: Task::Prefer(PreferenceChange { person: self.person, preferences }),
            redrives: 0,
        })
    }
}

impl Status {
    /// The name under which it is counted: the state, and how Meta charges for the message.
    #[must_use]
    pub fn kind(&self) -> String {
        let Pricing { kind, category } = self.pricing.as_ref().unwrap_or(&Pricing { kind: None, category: None });
        let words = [Some("status"), Some(self.state.as_str()), category.as_deref(), kind.as_deref()];
        words.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    /// Converts a failure to a job: to record it, and to send something else if possible.
    #[must_use]
    pub fn job(&self) -> Option<Job> {
        let Tag { reply, user } = self.tag.as_ref()?;
        if self.problems.is_empty() {
            return None;
        }
        let failure = |problem: &Problem| DeliveryFailure {
            code: problem.code,
            reason: redact(problem.details.as_ref().unwrap_or(&problem.title), []),
        };
        let failures = self.problems.iter().map(failure).collect();
        Some(Job {
            id: TurnId::of(&self.number, &format!("{} failed", self.id)),
            conversation: ConversationId { number: self.number.clone(), user: user.clone() },
            task: Task::Undelivered(Undelivered { message_id: self.id.clone(), reply: reply.clone(), failures }),
            redrives: 0,
        })
    }
}

impl Problem {
    /// Our advice.
    #[must_use]
    pub fn advice(&self) -> errors::Advice {
        errors::advise(self.code)
    }
}
