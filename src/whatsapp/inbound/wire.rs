//! The shape of a webhook, read one element at a time so that an odd one never takes its neighbours along.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Content, Event, Problem, Received, Status, Tag};
use crate::conversation::Person;

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow, default)]
    entry: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow, default)]
    changes: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Change<'a> {
    field: String,
    #[serde(borrow)]
    value: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Value<'a> {
    metadata: Option<Metadata>,
    #[serde(borrow, default)]
    contacts: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    messages: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    statuses: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    errors: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Metadata {
    phone_number_id: String,
}

#[derive(Deserialize)]
struct Contact {
    profile: Option<Profile>,
    wa_id: Option<String>,
    user_id: Option<String>,
}

#[derive(Deserialize)]
struct Profile {
    name: Option<String>,
    username: Option<String>,
}

#[derive(Deserialize)]
struct Head<'a> {
    id: String,
    #[serde(rename = "type", default)]
    kind: String,
    from: Option<String>,
    from_user_id: Option<String>,
    group_id: Option<String>,
    timestamp: Option<Seconds>,
    #[serde(borrow)]
    system: Option<&'a RawValue>,
}

/// A contact card, as far as it may tell the sender's own number.
#[derive(Deserialize)]
struct Card {
    origin: Option<String>,
    #[serde(default)]
    phones: Vec<Phone>,
}

#[derive(Deserialize)]
struct Phone {
    wa_id: Option<String>,
}

/// What a system message tells about the names of a person.
#[derive(Deserialize)]
struct System {
    #[serde(rename = "wa_id")]
    phone: Option<String>,
    user_id: Option<String>,
    #[serde(rename = "previous_user_id")]
    previous: Option<String>,
}

/// Seconds since 1970, which Meta writes as a string in messages and as a number elsewhere.
#[derive(Deserialize)]
#[serde(untagged)]
enum Seconds {
    Text(String),
    Number(i64),
}

#[derive(Deserialize)]
struct WireStatus<'a> {
    id: String,
    status: String,
    #[serde(borrow)]
    pricing: Option<&'a RawValue>,
    biz_opaque_callback_data: Option<String>,
    #[serde(default)]
    errors: Vec<WireError>,
}

#[derive(Deserialize)]
struct WireError {
    code: i64,
    #[serde(default)]
    title: String,
    error_data: Option<ErrorData>,
}

/// Meta writes an object; some endpoints a plain text.
#[derive(Deserialize)]
#[serde(untagged)]
enum ErrorData {
    Object { details: Option<String> },
    Text(String),
}

pub(super) fn parse(bytes: &[u8]) -> Vec<Event> {
    let body = match serde_json::from_slice::<Body<'_>>(bytes) {
        Ok(body) => body,
        Err(error) => {
            let raw = serde_json::from_slice(bytes).unwrap_or_default();
            return vec![Event::Unrecognized { kind: "body", raw, why: why(&error) }];
        }
    };
    let mut events = Vec::new();
    for entry in body.entry {
        let Some(entry) = read::<Entry<'_>>("entry", entry, &mut events) else { continue };
        for change in entry.changes {
            let Some(Change { field, value }) = read::<Change<'_>>("change", change, &mut events) else { continue };
            match value {
                Some(value) if field == "messages" => messages(value, &mut events),
                _ => events.push(Event::Field(field)),
            }
        }
    }
    events
}

fn messages(raw: &RawValue, events: &mut Vec<Event>) {
    let Some(value) = read::<Value<'_>>("change", raw, events) else { return };
    let Some(Metadata { phone_number_id: number }) = value.metadata else {
        events.push(unrecognized("change", raw, "metadata.phone_number_id is missing".to_owned()));
        return;
    };
    let contacts: Vec<Contact> = value.contacts.iter().filter_map(|raw| serde_json::from_str(raw.get()).ok()).collect();
    for raw in value.messages {
        events.push(match received(raw, &number, &contacts) {
            Ok(received) => Event::Message(Box::new(received)),
            Err(error) => unrecognized("message", raw, why(&error)),
        });
    }
    for raw in value.statuses {
        let Some(status) = read::<WireStatus<'_>>("status", raw, events) else { continue };
        let problems = status.errors.into_iter().map(Problem::from).collect();
        events.push(Event::Status(Status {
            number: number.clone(),
            id: status.id,
            tag: status.biz_opaque_callback_data.as_deref().and_then(Tag::parse),
            state: status.status,
            pricing: status.pricing.and_then(|pricing| serde_json::from_str(pricing.get()).ok()),
            problems,
        }));
    }
    for raw in value.errors {
        let Some(error) = read::<WireError>("error", raw, events) else { continue };
        events.push(Event::Problem(error.into()));
    }
}

fn received(raw: &RawValue, number: &str, contacts: &[Contact]) -> Result<Received, serde_json::Error> {
    let head: Head<'_> = serde_json::from_str(raw.get())?;
    let fields: BTreeMap<String, &RawValue> = serde_json::from_str(raw.get())?;
    let seconds = match head.timestamp {
        Some(Seconds::Number(seconds)) => Some(seconds),
        Some(Seconds::Text(text)) => text.parse().ok(),
        None => None,
    };
    let phone = head.from.as_deref().and_then(digits);
    let contact = contacts
        .iter()
        .find(|contact| contact.user_id.is_some() && contact.user_id == head.from_user_id)
        .or_else(|| contacts.iter().find(|contact| contact.wa_id.is_some() && contact.wa_id == phone))
        // The only contact is the sender's, even if its wa_id differs from `from` by a digit, as in Brazil and Mexico.
        .or(if let [only] = contacts { Some(only) } else { None });
    let profile = contact.and_then(|contact| contact.profile.as_ref());
    let mut person = Person {
        phone: phone.or_else(|| contact.and_then(|contact| contact.wa_id.as_deref()).and_then(digits)),
        user_id: head.from_user_id.or_else(|| contact.and_then(|contact| contact.user_id.clone())),
        group_id: head.group_id,
        name: profile.and_then(|profile| profile.name.clone()),
        username: profile.and_then(|profile| profile.username.clone()),
    };
    if person.phone.is_none() && head.kind == "contacts" {
        person.phone = fields.get("contacts").and_then(|cards| own_number(cards));
    }
    let becomes = match head.kind.as_str() {
        "system" => head.system.and_then(|system| new_names(system, &mut person)),
        _ => None,
    };
    Ok(Received {
        number: number.to_owned(),
        becomes,
        content: Content::read(&head.kind, &fields),
        kind: head.kind,
        id: head.id,
        person,
        sent_at: seconds.and_then(|seconds| Timestamp::from_second(seconds).ok()),
        raw: raw.to_owned(),
    })
}

/// The number that a person has shared because we asked for it, from the contact cards of a message.
fn own_number(cards: &RawValue) -> Option<String> {
    let cards: Vec<Card> = serde_json::from_str(cards.get()).ok()?;
    let own = cards.into_iter().find(|card| card.origin.as_deref() == Some("contact_request"))?;
    own.phones.into_iter().find_map(|phone| phone.wa_id).as_deref().and_then(digits)
}

/// The names by which the sender of a system message goes from now on; `person` gets the one it had.
///
/// <https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages/system>
fn new_names(system: &RawValue, person: &mut Person) -> Option<Person> {
    let System { phone, user_id, previous } = serde_json::from_str(system.get()).ok()?;
    if previous.is_some() {
        person.user_id = previous;
    }
    let becomes = Person { phone: phone.as_deref().and_then(digits), user_id, ..Person::default() };
    (becomes.lasting_name().is_some() && becomes.lasting_name() != person.lasting_name()).then_some(becomes)
}

impl From<WireError> for Problem {
    fn from(error: WireError) -> Self {
        let details = error.error_data.and_then(|data| match data {
            ErrorData::Object { details } => details,
            ErrorData::Text(text) => Some(text),
        });
        Self { code: error.code, title: error.title, details }
    }
}

/// Meta writes numbers with and without a plus sign.
fn digits(number: &str) -> Option<String> {
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    (!digits.is_empty()).then_some(digits)
}

fn read<'a, T: Deserialize<'a>>(kind: &'static str, raw: &'a RawValue, events: &mut Vec<Event>) -> Option<T> {
    serde_json::from_str(raw.get()).map_err(|error| events.push(unrecognized(kind, raw, why(&error)))).ok()
}

fn unrecognized(kind: &'static str, raw: &RawValue, why: String) -> Event {
    Event::Unrecognized { kind, raw: raw.to_owned(), why }
}

/// What a JSON error says, without the values that it quotes: they may be a person's words.
pub(super) fn why(error: &serde_json::Error) -> String {
    let place = format!("at line {} column {}", error.line(), error.column());
    let text = error.to_string();
    match (error.is_data(), text.strip_prefix("missing field ").and_then(|rest| rest.split(" at ").next())) {
        (true, Some(field)) => format!("{field} is missing, {place}"),
        (true, None) => format!("a value of another type than documented, {place}"),
        (false, _) => format!("not JSON, {place}"),
    }
}
