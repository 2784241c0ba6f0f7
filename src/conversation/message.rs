//! A message from a person.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Wamid;

/// A message from a person.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Message {
    /// The channel's id of the message.
    pub id: Wamid,
    /// When it was sent, by the channel's clock, which counts whole seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Timestamp>,
    /// Its text: a text, a caption, the id of a tapped choice, the name of a place; `None` if it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The choice that was tapped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tap: Option<Tap>,
    /// Whether the channel did not pass on what the person sent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_unsupported: bool,
    /// The message as the channel sent it, byte for byte.
    pub raw: Box<RawValue>,
}

/// A choice that a person tapped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tap {
    /// The id we gave the choice.
    pub id: String,
    /// Its title.
    pub title: String,
}

/// What a message contains besides its text, cut out of the message as the channel sent it.
#[derive(Debug, Default, Serialize)]
pub struct Details<'a> {
    /// The channel's word for its type.
    #[serde(skip)]
    pub kind: String,
    /// The place that was shared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<&'a RawValue>,
    /// The contact cards that were shared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contacts: Option<&'a RawValue>,
    /// The basket of products.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<&'a RawValue>,
    /// The emoji, and the message it was put on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reaction: Option<&'a RawValue>,
    /// The message that was replied to, or how this one was forwarded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<&'a RawValue>,
    /// The advertisement that led here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub referral: Option<&'a RawValue>,
    /// What another system has put to the agent; see [`super::Inject`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inject: Option<&'a RawValue>,
    /// Why the channel did not pass the message on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<&'a RawValue>,
    /// The answer to a form.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flow: Option<FormAnswer>,
    /// The files.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
    /// All this as short text, line by line, each in brackets: for agents that understand text alone.
    #[serde(skip)]
    pub described: Vec<String>,
}

/// The type of a message that is none of the channel's: another system puts it to the agent.
pub const INJECT: &str = "inject";

/// The details of a message about which nothing is known.
pub const UNSHOWN: &str = "The person sent something that cannot be shown here";

/// The answer to a form.
#[derive(Debug, Clone, Serialize)]
pub struct FormAnswer {
    /// Which kind of form: `flow`, `address_message`, `call_permission`.
    pub name: String,
    /// What the person entered, as it was written; as a text if it is not JSON.
    pub response: Box<RawValue>,
}

/// A file that came with a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attachment {
    /// The name that the person's device gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `image`, `audio`, `video`, `document` or `sticker`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Its media type, such as `audio/ogg; codecs=opus`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mime: Option<String>,
    /// Where the channel serves it, to holders of the access token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Where an agent can open it without a token, if anywhere; for a picture it may be the picture itself, as a `data:` URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_url: Option<String>,
    /// The channel's id of the file.
    pub id: String,
    /// Whether it was recorded as a voice message.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub voice: bool,
}
