//! What an agent is asked.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, value::RawValue};

use crate::conversation::{
    Details, INJECT, Marketing, Message, Person, PhoneNumberId, Preferences, Tap, TurnId, UNSHOWN,
};

/// What an agent is asked.
#[derive(Debug)]
pub struct Question<'a> {
    /// The person, under a name that lasts.
    pub user_id: &'a str,
    /// The person under a name that says nothing outside, where there is a key to make it with.
    pub person_hash: Option<&'a str>,
    /// The person, as far as we know them.
    pub person: &'a Person,
    /// What the person wants of us, if they have said anything.
    pub preferences: Option<&'a Preferences>,
    /// The session.
    pub session_id: &'a str,
    /// How many messages the session has, this one included.
    pub inputs: u32,
    /// What the person said.
    pub message: &'a Message,
    /// What the message holds beside its words.
    pub details: &'a Details<'a>,
    /// The same when the same question has to be asked again.
    pub turn: &'a TurnId,
    /// What the agent wanted to be told: see [`crate::conversation::Answer::memory`].
    pub memory: Option<&'a Value>,
    /// Data that the operator's script has put in the place of ours.
    pub replaced_data: Option<&'a Map<String, Value>>,
    /// The language of the conversation, such as `de-DE`, as the operator has set it.
    pub locale: Option<&'a str>,
    /// The id of the number the person wrote to.
    pub number: &'a PhoneNumberId,
    /// Until when the channel takes free words.
    pub window_ends: Option<Timestamp>,
    /// The time.
    pub now: Timestamp,
}

/// What an agent gets beside the words: ours, or what the operator's script has put in its place.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Data<'a> {
    Ours(Box<OurData<'a>>),
    Replaced(&'a Map<String, Value>),
}

/// What an agent gets beside the words.
#[derive(Debug, Serialize)]
pub(super) struct OurData<'a> {
    /// The message as the channel sent it, byte for byte, if it came from there.
    #[serde(skip_serializing_if = "Option::is_none")]
    whatsapp: Option<&'a RawValue>,
    profile: Profile<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tap: Option<&'a Tap>,
    /// Id of the tapped choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    /// Words on the tapped choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    #[serde(flatten)]
    details: &'a Details<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    preferences: Option<PreferenceData>,
    #[serde(rename = "newSession")]
    new_session: bool,
}

/// What the person wants of us, for agents.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PreferenceData {
    opted_out: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    marketing: Option<Marketing>,
}

#[derive(Debug, Serialize)]
struct Profile<'a> {
    name: Option<&'a str>,
    username: Option<&'a str>,
    wa_id: Option<&'a str>,
    user_id: Option<&'a str>,
}

impl Question<'_> {
    /// The message as words alone: what was said, and in brackets what was not said in words.
    pub(super) fn in_words(&self) -> String {
        let mut lines = self.details.described.clone();
        match (&self.message.tap, &self.message.text) {
            (Some(Tap { id, title }), _) if title.is_empty() || id == title => lines.push(format!("[Tapped: {id}]")),
            (Some(Tap { id, title }), _) => lines.push(format!("[Tapped: {title} (id: {id})]")),
            // The name of a place is the text, and stands in its description too.
            (None, Some(text)) if self.details.location.is_none() => lines.push(text.clone()),
            (None, Some(_) | None) => {}
        }
        let words = lines.join("\n");
        // A model that is asked nothing makes something up.
        if words.trim().is_empty() { format!("[{UNSHOWN}]") } else { words }
    }

    /// The pictures of the message, as URLs that the agent can open.
    pub(super) fn images(&self) -> Vec<&str> {
        let images = self.details.attachments.iter().filter(|file| file.kind == "image");
        images.filter_map(|image| image.open_url.as_deref()).collect()
    }

    pub(super) fn data(&self) -> Data<'_> {
        match self.replaced_data {
            Some(data) => Data::Replaced(data),
            None => Data::Ours(Box::new(self.our_data())),
        }
    }

    fn our_data(&self) -> OurData<'_> {
        let Person { phone, user_id, name, username, .. } = self.person;
        let profile = Profile {
            name: name.as_deref(),
            username: username.as_deref(),
            wa_id: phone.as_deref(),
            user_id: user_id.as_deref(),
        };
        let tap = self.message.tap.as_ref();
        OurData {
            whatsapp: Some(&*self.message.raw).filter(|_| self.details.kind != INJECT),
            profile,
            tap,
            id: tap.map(|tap| tap.id.as_str()),
            title: tap.map(|tap| tap.title.as_str()),
            details: self.details,
            preferences: self.preferences.map(|Preferences { opted_out, marketing, .. }| PreferenceData {
                opted_out: *opted_out,
                marketing: *marketing,
            }),
            new_session: self.inputs == 1,
        }
    }
}
