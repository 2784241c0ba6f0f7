//! The shape of a webhook, read one element at a time so that an odd one never affects its neighbours.
//!
//! An element is unreadable only without its required parts: a message needs an id, a status its id and its state, a change the name
//! of its field. Everything else may be anything.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use super::{Event, InboundContent, MarketingChoice, Part, Pricing, Problem, Received, Status, Tag, names};
use crate::{
    conversation::{Marketing, PhoneNumberId},
    json::{self, JsonError, lenient, lenient_text},
};

/// Most bytes of an id of a message; it is stored with the answer.
const MAX_MESSAGE_ID: usize = 512;
/// The value of `object` in webhooks of WhatsApp.
const OBJECT: &str = "whatsapp_business_account";
/// Most characters of a word of the webhook that goes into the log.
const MAX_WORD: usize = 40;
/// 1 January 2020, before the Cloud API: an earlier time is not meant.
const EARLIEST: i64 = 1_577_836_800;

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    entry: Option<&'a RawValue>,
    #[serde(default, deserialize_with = "lenient_text")]
    field: Option<String>,
    #[serde(default, deserialize_with = "lenient_text")]
    object: Option<String>,
    #[serde(borrow)]
    messages: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow)]
    changes: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Change<'a> {
    field: String,
    #[serde(borrow)]
    value: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Value<'a> {
    #[serde(default, deserialize_with = "lenient")]
    metadata: Option<Metadata>,
    #[serde(borrow)]
    contacts: Option<&'a RawValue>,
    #[serde(borrow)]
    messages: Option<&'a RawValue>,
    #[serde(borrow)]
    statuses: Option<&'a RawValue>,
    #[serde(borrow)]
    user_preferences: Option<&'a RawValue>,
    #[serde(borrow)]
    errors: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(deserialize_with = "lenient_text")]
    phone_number_id: Option<String>,
}

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(default, deserialize_with = "lenient_text")]
    id: Option<String>,
    #[serde(rename = "type", default, deserialize_with = "lenient_text")]
    kind: Option<String>,
    #[serde(default, deserialize_with = "lenient_text")]
    from: Option<String>,
    #[serde(default, deserialize_with = "lenient_text")]
    from_user_id: Option<String>,
    #[serde(default, deserialize_with = "lenient_text")]
    group_id: Option<String>,
    /// Seconds since 1970, which Meta writes as a text in messages and as a number elsewhere.
    #[serde(borrow)]
    timestamp: Option<&'a RawValue>,
    #[serde(borrow)]
    system: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct WireStatus<'a> {
    id: String,
    status: String,
    #[serde(default, deserialize_with = "lenient")]
    pricing: Option<Pricing>,
    #[serde(default, deserialize_with = "lenient_text")]
    biz_opaque_callback_data: Option<String>,
    #[serde(borrow)]
    errors: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WireChoice {
    #[serde(deserialize_with = "lenient_text")]
    wa_id: Option<String>,
    #[serde(deserialize_with = "lenient_text")]
    user_id: Option<String>,
    #[serde(deserialize_with = "lenient_text")]
    value: Option<String>,
    #[serde(deserialize_with = "lenient_text")]
    timestamp: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WireError {
    #[serde(deserialize_with = "lenient_text")]
    code: Option<String>,
    #[serde(deserialize_with = "lenient_text")]
    title: Option<String>,
    #[serde(deserialize_with = "lenient_text")]
    details: Option<String>,
    /// Meta writes an object, some endpoints a plain text.
    #[serde(deserialize_with = "lenient")]
    error_data: serde_json::Value,
}

pub(super) fn parse(bytes: &[u8]) -> Vec<Event> {
    let bytes = json::repaired(bytes);
    let text = String::from_utf8_lossy(&bytes);
    let mut events = Vec::new();
    let body = match serde_json::from_str::<Body<'_>>(&text) {
        Ok(body) => body,
        Err(error) => return vec![unrecognized(Part::Body, &text, why(error))],
    };
    match (body.entry, body.field) {
        (Some(entries), _) => match json::list(entries) {
            Some(entries) if entries.is_empty() => events.push(Event::Nothing("entry is empty".to_owned())),
            Some(_) if body.object.as_deref().is_some_and(|object| object != OBJECT) => {
                let object: String = body.object.unwrap_or_default().chars().take(MAX_WORD).collect();
                events.push(Event::Nothing(format!("object is \"{object}\" and not \"{OBJECT}\"")));
            }
            Some(entries) => entries.into_iter().for_each(|entry| read_entry(entry, &mut events)),
            None => events.push(unrecognized(Part::Body, &text, "entry is not a list".to_owned())),
        },
        // The sample of Meta's dashboard, and what some providers pass on: a change without its entry.
        (None, Some(_)) => read_change(&text, &mut events),
        // Some providers pass on only the content of a change, without the number that it came to.
        (None, None) if body.messages.is_some() => {
            let why = "messages are outside of entry[].changes[].value, as Meta sends them".to_owned();
            events.push(unrecognized(Part::Body, &text, why));
        }
        (None, None) => events.push(Event::Nothing("entry is missing".to_owned())),
    }
    events
}

fn read_entry(raw: &RawValue, events: &mut Vec<Event>) {
    let Some(entry) = read::<Entry<'_>>(Part::Entry, raw.get(), events) else { return };
    let changes = entry.changes.map_or_else(|| Some(Vec::new()), json::list);
    match changes {
        Some(changes) if changes.is_empty() => events.push(Event::Nothing("an entry has no changes".to_owned())),
        Some(changes) => changes.into_iter().for_each(|change| read_change(change.get(), events)),
        None => events.push(unrecognized(Part::Entry, raw.get(), "changes is not a list".to_owned())),
    }
}

fn read_change(raw: &str, events: &mut Vec<Event>) {
    let Some(Change { field, value }) = read::<Change<'_>>(Part::Change, raw, events) else { return };
    match value {
        Some(value) if field == "messages" => messages(value, events),
        Some(value) if field == "user_preferences" => preferences(value, events),
        Some(_) | None => events.push(Event::Field(field)),
    }
}

fn messages(raw: &RawValue, events: &mut Vec<Event>) {
    let Some(value) = read::<Value<'_>>(Part::Change, raw.get(), events) else { return };
    let Some(number) = value.metadata.and_then(|metadata| metadata.phone_number_id).map(PhoneNumberId::from) else {
        let why = "metadata.phone_number_id is missing".to_owned();
        events.push(unrecognized(Part::Change, raw.get(), why));
        return;
    };
    let wrote = items(value.messages, "messages", raw, events);
    let statuses = items(value.statuses, "statuses", raw, events);
    let errors = items(value.errors, "errors", raw, events);
    let contacts = value.contacts.and_then(json::list).unwrap_or_default();
    let contacts: Vec<_> = contacts.into_iter().map(names::Contact::read).collect();
    for raw in wrote {
        events.push(match received(raw, &number, &contacts) {
            Ok(received) => Event::Message(Box::new(received)),
            Err(why) => unrecognized(Part::Message, raw.get(), why),
        });
    }
    for raw in statuses {
        let Some(status) = read::<WireStatus<'_>>(Part::Status, raw.get(), events) else { continue };
        let problems = status.errors.and_then(json::list).unwrap_or_default();
        events.push(Event::Status(Status {
            number: number.clone(),
            id: status.id.into(),
            tag: status.biz_opaque_callback_data.as_deref().and_then(Tag::parse),
            state: status.status,
            pricing: status.pricing,
            problems: problems.into_iter().map(|raw| problem(raw.get())).collect(),
        }));
    }
    events.extend(errors.into_iter().map(|raw| Event::Problem(problem(raw.get()))));
}

/// Choices of people about marketing messages. What has no name, or is no choice that we know, is only counted.
fn preferences(raw: &RawValue, events: &mut Vec<Event>) {
    let Some(value) = read::<Value<'_>>(Part::Change, raw.get(), events) else { return };
    let number = value.metadata.and_then(|metadata| metadata.phone_number_id).map(PhoneNumberId::from);
    let contacts = value.contacts.and_then(json::list).unwrap_or_default();
    let contacts: Vec<_> = contacts.into_iter().map(names::Contact::read).collect();
    for raw in items(value.user_preferences, "user_preferences", raw, events) {
        let WireChoice { wa_id, user_id, value, timestamp } = read_if_shaped(raw).unwrap_or_default();
        let person = names::sender(wa_id, user_id, None, &contacts);
        let choice = match value.as_deref() {
            Some("stop") => Some(Marketing::Stop),
            Some("resume" | "signup") => Some(Marketing::Resume),
            Some(_) | None => None,
        };
        events.push(match (choice, number.clone()) {
            (Some(choice), Some(number)) if person.stable_id().is_some() => {
                let at = timestamp.as_deref().and_then(|seconds| RawValue::from_string(seconds.to_owned()).ok());
                let at = at.as_deref().and_then(time);
                Event::Choice(MarketingChoice { number, person, choice, at })
            }
            _ => Event::Field("user_preferences".to_owned()),
        });
    }
}

/// The entries of a list; another value becomes an event.
fn items<'a>(list: Option<&'a RawValue>, name: &str, raw: &RawValue, events: &mut Vec<Event>) -> Vec<&'a RawValue> {
    let Some(list) = list else { return Vec::new() };
    json::list(list).unwrap_or_else(|| {
        events.push(unrecognized(Part::Change, raw.get(), format!("{name} is not a list")));
        Vec::new()
    })
}

fn received(raw: &RawValue, number: &PhoneNumberId, contacts: &[names::Contact]) -> Result<Received, String> {
    let head: Head<'_> = serde_json::from_str(raw.get()).map_err(why)?;
    let fields: BTreeMap<String, &RawValue> = serde_json::from_str(raw.get()).map_err(why)?;
    let id = head.id.filter(|id| !id.is_empty() && id.len() <= MAX_MESSAGE_ID);
    let id = id.ok_or_else(|| format!("id is missing, empty or longer than {MAX_MESSAGE_ID} bytes"))?;
    let kind = head.kind.unwrap_or_default();
    let mut person = names::sender(head.from, head.from_user_id, head.group_id, contacts);
    if person.phone.is_none() && kind == "contacts" {
        person.phone = fields.get("contacts").and_then(|cards| names::own_number(cards));
    }
    let becomes = match kind.as_str() {
        "system" => head.system.and_then(|system| names::new_names(system, &mut person)),
        _ => None,
    };
    Ok(Received {
        number: number.clone(),
        becomes,
        content: InboundContent::read(&kind, &fields),
        kind,
        id: id.into(),
        person,
        sent_at: head.timestamp.and_then(time),
        raw: raw.to_owned(),
    })
}

fn time(seconds: &RawValue) -> Option<Timestamp> {
    let whole = seconds.get().trim_matches('"').split('.').next().unwrap_or_default();
    let seconds = whole.parse().ok().filter(|seconds| *seconds >= EARLIEST)?;
    Timestamp::from_second(seconds).ok()
}

/// The readable parts of an error; an error without a code still counts.
fn problem(raw: &str) -> Problem {
    let WireError { code, title, details, error_data } = serde_json::from_str(raw).unwrap_or_default();
    let in_data = error_data.get("details").and_then(serde_json::Value::as_str).or(error_data.as_str());
    Problem {
        code: code.and_then(|code| code.parse().ok()).unwrap_or_default(),
        title: title.unwrap_or_default(),
        details: in_data.map(str::to_owned).or(details),
    }
}

fn read<'a, T: Deserialize<'a>>(part: Part, raw: &'a str, events: &mut Vec<Event>) -> Option<T> {
    serde_json::from_str(raw).map_err(|error| events.push(unrecognized(part, raw, why(error)))).ok()
}

/// Returns a part of a message; `None` if it has another shape.
pub(super) fn read_if_shaped<T: DeserializeOwned>(raw: &RawValue) -> Option<T> {
    serde_json::from_str(raw.get()).ok()
}

fn unrecognized(part: Part, raw: &str, why: String) -> Event {
    Event::Unrecognized { part, raw: raw.to_owned(), why }
}

/// What a JSON error says, without the values that it quotes: they may be a person's words.
fn why(error: serde_json::Error) -> String {
    JsonError::from(error).to_string()
}
