//! The sender of a message: names and ids, only from what belongs to the sender.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    conversation::Person,
    json::{lenient, lenient_text, list},
};

/// Most digits of a phone number; E.164 has 15.
const MAX_DIGITS: usize = 20;
/// Most bytes of another id of a person or a group: it is a part of the conversation's key.
const MAX_ID: usize = 256;
/// Most bytes of a name that a person chose.
const MAX_NAME: usize = 256;

/// A person that a webhook introduces.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Contact {
    #[serde(deserialize_with = "lenient")]
    profile: Option<Profile>,
    #[serde(deserialize_with = "lenient_text")]
    wa_id: Option<String>,
    #[serde(deserialize_with = "lenient_text")]
    user_id: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Profile {
    #[serde(deserialize_with = "lenient_text")]
    name: Option<String>,
    #[serde(deserialize_with = "lenient_text")]
    username: Option<String>,
}

/// The parts of a contact card that may contain the sender's own number.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Card<'a> {
    #[serde(deserialize_with = "lenient_text")]
    origin: Option<String>,
    #[serde(borrow)]
    phones: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Phone {
    #[serde(deserialize_with = "lenient_text")]
    wa_id: Option<String>,
}

/// What a system message reports about the names of a person.
#[derive(Deserialize)]
struct System {
    #[serde(rename = "wa_id", default, deserialize_with = "lenient_text")]
    phone: Option<String>,
    #[serde(default, deserialize_with = "lenient_text")]
    user_id: Option<String>,
    #[serde(rename = "previous_user_id", default, deserialize_with = "lenient_text")]
    previous: Option<String>,
}

impl Contact {
    /// The readable parts of a contact; an unreadable one is empty.
    pub(super) fn read(raw: &RawValue) -> Self {
        serde_json::from_str(raw.get()).unwrap_or_default()
    }

    fn phone(&self) -> Option<String> {
        self.wa_id.as_deref().and_then(digits)
    }

    /// Whether its number has these digits.
    fn has_number(&self, phone: &str) -> bool {
        let digits = self.wa_id.iter().flat_map(|number| number.chars()).filter(char::is_ascii_digit);
        self.wa_id.is_some() && digits.eq(phone.chars())
    }

    /// Whether it may be the contact of a person with this number and this id: no known value differs.
    fn may_be(&self, phone: Option<&str>, user_id: Option<&String>) -> bool {
        let is_same_phone = phone.is_none_or(|phone| {
            self.has_number(phone) || self.phone().is_none_or(|other| is_same_number(phone, &other))
        });
        is_same_phone && user_id.zip(self.user_id.as_ref()).is_none_or(|(one, other)| one == other)
    }
}

/// The sender of a message, with all their names.
pub(super) fn sender(
    from: Option<String>,
    from_user_id: Option<String>,
    group_id: Option<String>,
    contacts: &[Contact],
) -> Person {
    let phone = from.as_deref().and_then(digits);
    // Some providers put the id where the number was.
    let user_id = from_user_id.or_else(|| from.filter(|_| phone.is_none())).and_then(id);
    let contact = contacts
        .iter()
        .find(|contact| contact.user_id.is_some() && contact.user_id == user_id)
        .or_else(|| contacts.iter().find(|contact| phone.as_ref().is_some_and(|phone| contact.has_number(phone))))
        // The only contact is the sender's, even if its number differs by a digit, unless it says that it is someone else's.
        .or(if let [only] = contacts { Some(only) } else { None })
        .filter(|contact| contact.may_be(phone.as_deref(), user_id.as_ref()));
    let profile = contact.and_then(|contact| contact.profile.as_ref());
    let name = |name: &Option<String>| name.as_ref().map(|name| name[..name.floor_char_boundary(MAX_NAME)].to_owned());
    Person {
        phone: phone.or_else(|| contact.and_then(Contact::phone)),
        user_id: user_id.or_else(|| contact.and_then(|contact| contact.user_id.clone()).and_then(id)),
        group_id: group_id.and_then(id),
        name: profile.and_then(|profile| name(&profile.name)),
        username: profile.and_then(|profile| name(&profile.username)),
    }
}

/// The number that a person has shared because we asked for it, from the contact cards of a message.
pub(super) fn own_number(cards: &RawValue) -> Option<String> {
    let cards = list(cards)?;
    let cards = cards.iter().filter_map(|card| serde_json::from_str::<Card<'_>>(card.get()).ok());
    let own = cards.into_iter().find(|card| card.origin.as_deref() == Some("contact_request"))?;
    let phones = own.phones.and_then(list)?;
    let phones = phones.into_iter().filter_map(|phone| serde_json::from_str::<Phone>(phone.get()).ok());
    phones.filter_map(|phone| phone.wa_id).find_map(|phone| digits(&phone))
}

/// The new names of the sender of a system message; `person` gets the old one.
///
/// <https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages/system>
pub(super) fn new_names(system: &RawValue, person: &mut Person) -> Option<Person> {
    let System { phone, user_id, previous } = serde_json::from_str(system.get()).ok()?;
    if let Some(previous) = previous.and_then(id) {
        person.user_id = Some(previous);
    }
    let becomes =
        Person { phone: phone.as_deref().and_then(digits), user_id: user_id.and_then(id), ..Person::default() };
    (becomes.stable_id().is_some() && becomes.stable_id() != person.stable_id()).then_some(becomes)
}

/// The digits of a phone number, which Meta writes with and without a plus sign; `None` if it is not one, such as a BSUID.
fn digits(number: &str) -> Option<String> {
    let is_part = |sign: char| sign.is_ascii_digit() || matches!(sign, '+' | '-' | ' ' | '(' | ')' | '.');
    let mut digits = number.to_owned();
    digits.retain(|sign| sign.is_ascii_digit());
    (number.chars().all(is_part) && !digits.is_empty() && digits.len() <= MAX_DIGITS).then_some(digits)
}

/// An id that can be a part of a key.
fn id(id: String) -> Option<String> {
    let id = Some(id).filter(|id| !id.is_empty() && id.len() <= MAX_ID)?;
    id.bytes().all(|byte| byte.is_ascii_graphic()).then_some(id)
}

/// Whether two numbers are the same: in Brazil, Mexico and Argentina mobile numbers are written with and without an extra digit.
/// <https://faq.whatsapp.com/1294841057948784>
fn is_same_number(one: &str, other: &str) -> bool {
    one == other || without_mobile_digit(one) == without_mobile_digit(other)
}

/// A number without the digit that mobile numbers of some countries have, but are not always written with.
#[must_use]
pub fn without_mobile_digit(number: &str) -> String {
    // Country code, position of the digit, the digit, and the length of the number with it.
    const WITH_DIGIT: &[(&str, usize, &str, usize)] = &[("55", 4, "9", 13), ("52", 2, "1", 13), ("54", 2, "9", 13)];
    let has_digit = |(country, at, digit, length): &&(&str, usize, &str, usize)| {
        number.len() == *length && number.starts_with(country) && number[*at..].starts_with(digit)
    };
    match WITH_DIGIT.iter().find(has_digit) {
        Some((_, at, ..)) => format!("{}{}", &number[..*at], &number[at + 1..]),
        None => number.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contact(phone: &str, user_id: &str) -> Contact {
        let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Contact {
            profile: Some(Profile { name: Some("Ada".into()), username: None }),
            wa_id: text(phone),
            user_id: text(user_id),
        }
    }

    fn name(from: &str, user_id: Option<&str>, contacts: &[Contact]) -> (Option<String>, Option<String>) {
        let person = sender(Some(from.to_owned()), user_id.map(str::to_owned), None, contacts);
        (person.name, person.user_id)
    }

    #[test]
    fn a_contact_is_the_senders_only_where_it_may_be() {
        let ada = (Some("Ada".to_owned()), Some("US.1".to_owned()));
        assert_eq!(name("15550100200", None, &[contact("15550100200", "US.1")]), ada);
        assert_eq!(name("15550100300", None, &[contact("15550100200", "US.1")]), (None, None));
        assert_eq!(
            name("15550100300", Some("US.2"), &[contact("15550100200", "US.1")]),
            (None, Some("US.2".to_owned()))
        );
        for (from, wa_id) in
            [("5511987654321", "551187654321"), ("525512345678", "5215512345678"), ("5491155550100", "541155550100")]
        {
            assert_eq!(name(from, None, &[contact(wa_id, "US.1")]), ada, "{from}");
        }
        assert_eq!(name("5511987654321", None, &[contact("5511987654322", "US.1")]), (None, None));
    }

    #[test]
    fn an_id_is_no_phone_number() {
        let person = sender(Some("US.90000000000000000078".into()), None, None, &[]);
        assert_eq!((person.phone, person.user_id.as_deref()), (None, Some("US.90000000000000000078")));
        assert_eq!(digits("+1 (555) 010-0200").as_deref(), Some("15550100200"));
    }
}
