//! The people who write to the business, with every combination of names that Meta shows.
//!
//! <https://developers.facebook.com/documentation/business-messaging/whatsapp/business-scoped-user-ids>

use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Simulator,
    feed::{FeedEvent, Person},
    history::History,
};

/// How long the business may answer freely after the last message of a person.
pub(super) const WINDOW: Duration = Duration::from_hours(24);

/// A new person, as the page posts it; fields that are missing are made up.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Newcomer {
    name: String,
    #[serde(rename = "number")]
    phone: Option<String>,
    user_id: Option<String>,
    username: Option<String>,
    #[serde(rename = "hide_number")]
    hide_phone: bool,
    #[serde(rename = "number_only")]
    phone_only: bool,
}

impl Person {
    /// Returns the contact of a webhook; without a username where Meta omits it.
    pub(super) fn contact(&self, with_username: bool) -> Value {
        let mut contact = json!({ "profile": { "name": self.name } });
        if let (true, Some(username)) = (with_username, &self.username) {
            contact["profile"]["username"] = json!(username);
        }
        if let Some(phone) = &self.phone {
            contact["wa_id"] = json!(phone);
        }
        if let Some(user_id) = &self.user_id {
            contact["user_id"] = json!(user_id);
        }
        contact
    }

    /// Writes the sender into a message.
    pub(super) fn sign(&self, message: &mut Value) {
        if let Some(phone) = &self.phone {
            message["from"] = json!(phone);
        }
        if let Some(user_id) = &self.user_id {
            message["from_user_id"] = json!(user_id);
        }
    }
}

/// Everybody who has written to the business, or to whom it has.
#[derive(Debug, Default)]
pub(super) struct People {
    list: Vec<Person>,
    /// Counts the new phone numbers.
    phone_changes: u64,
}

/// One person of each kind.
fn first_people() -> Vec<Person> {
    let person = |id: &str, name: &str, phone: Option<&str>, user_id: Option<&str>, username: Option<&str>| Person {
        id: id.into(),
        name: name.into(),
        phone: phone.map(str::to_owned),
        user_id: user_id.map(str::to_owned),
        username: username.map(str::to_owned),
        window_until: None,
        has_stopped_marketing: false,
    };
    vec![
        person("ada", "Ada Example", Some("15550100200"), Some("US.90000000000000000001"), None),
        person("bob", "Bob Example", None, Some("US.90000000000000000002"), None),
        person("carol", "Carol Example", None, Some("US.90000000000000000003"), Some("carol.example")),
        person("dan", "Dan Example", Some("15550100400"), None, None),
    ]
}

impl Simulator {
    /// Adds a person.
    ///
    /// # Errors
    /// When the name is empty, or the phone number or BSUID is invalid or already in use.
    pub fn add_person(&self, newcomer: Newcomer) -> Result<Person, String> {
        let Newcomer { name, phone, user_id, username, hide_phone, phone_only } = newcomer;
        let name = name.trim().to_owned();
        if name.is_empty() {
            return Err("the person needs a name".to_owned());
        }
        let phone = phone.map(|phone| phone.chars().filter(char::is_ascii_digit).collect::<String>());
        if phone.as_ref().is_some_and(|phone| !(7..=15).contains(&phone.len())) {
            return Err("a number has 7 to 15 digits, with its country's code".to_owned());
        }
        if user_id.as_ref().is_some_and(|id| !is_bsuid(id)) {
            return Err("a BSUID is two letters, a dot, and up to 128 letters and digits: US.1234".to_owned());
        }
        let newcomer = Newcomer { name, phone, user_id, username, hide_phone, phone_only };
        self.change(|state| state.people.add_newcomer(newcomer, &mut state.history))
    }
}

fn is_bsuid(id: &str) -> bool {
    let Some((country, rest)) = id.split_once('.') else { return false };
    let rest = rest.strip_prefix("ENT.").unwrap_or(rest);
    country.len() == 2
        && country.bytes().all(|letter| letter.is_ascii_uppercase())
        && (1..=128).contains(&rest.len())
        && rest.bytes().all(|sign| sign.is_ascii_alphanumeric())
}

fn free_id(name: &str, people: &[Person]) -> String {
    let first: String = name.chars().take_while(|sign| sign.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    let first = if first.is_empty() { "person".to_owned() } else { first };
    let is_free = |id: &String| people.iter().all(|person| person.id != *id);
    let numbered = (2..).map(|count: u32| format!("{first}-{count}"));
    std::iter::once(first.clone()).chain(numbered).find(is_free).unwrap_or(first)
}

impl People {
    /// Returns one person of each kind.
    pub(super) fn first(history: &mut History) -> Self {
        let mut people = Self::default();
        for person in first_people() {
            people.add(person, history);
        }
        people
    }

    /// Returns the person with this id of ours.
    pub(super) fn get(&self, id: &str) -> Option<&Person> {
        self.list.iter().find(|person| person.id == id)
    }

    /// Returns the person with this phone number, with or without its plus sign, or this BSUID.
    pub(super) fn named(&self, name: &str) -> Option<&Person> {
        let phone = name.trim_start_matches('+');
        self.list
            .iter()
            .find(|person| person.phone.as_deref() == Some(phone) || person.user_id.as_deref() == Some(name))
    }

    /// Returns the person who stands in for the members of a group, which are not simulated.
    pub(super) fn member_of_a_group(&self) -> Option<&Person> {
        self.list.first()
    }

    /// Returns the person with this BSUID.
    pub(super) fn by_user_id(&self, user_id: &str) -> Option<&Person> {
        self.list.iter().find(|person| person.user_id.as_deref() == Some(user_id))
    }

    /// Returns the sender of a webhook's message, who is the first person with either of its ids.
    pub(super) fn sender(&self, message: &Value) -> Option<&Person> {
        let is = |id: &Option<String>, sender: &Value| id.is_some() && id.as_deref() == sender.as_str();
        self.list
            .iter()
            .find(|person| is(&person.user_id, &message["from_user_id"]) || is(&person.phone, &message["from"]))
    }

    /// Returns the person that a send would reach.
    pub(super) fn addressee(&self, body: &Value) -> Option<&Person> {
        let to = body["to"].as_str().map(|to| to.trim_start_matches('+'));
        self.list.iter().find(|person| match (to, body["recipient"].as_str()) {
            (Some(to), _) => person.phone.as_deref() == Some(to) || person.id == to,
            (None, Some(user_id)) => person.user_id.as_deref() == Some(user_id),
            (None, None) => false,
        })
    }

    /// Returns the person or group that a send goes to; an unknown one is added.
    pub(super) fn recipient(&mut self, body: &Value, history: &mut History) -> Person {
        let (to, recipient) = (body["to"].as_str(), body["recipient"].as_str());
        match to {
            Some(group) if body["recipient_type"] == "group" => self.group_by_id_or_new(group, history),
            to => self.person_by_id_or_new(to, recipient, history),
        }
    }

    fn add(&mut self, person: Person, history: &mut History) {
        history.record(FeedEvent::Person(person.clone()));
        self.list.push(person);
    }

    /// Adds a person whose fields were checked. Missing ones are made up; no two people have the same phone number or BSUID.
    fn add_newcomer(&mut self, newcomer: Newcomer, history: &mut History) -> Result<Person, String> {
        let Newcomer { name, phone, user_id, username, hide_phone, phone_only } = newcomer;
        let count = self.list.len() + 1;
        let id = free_id(&name, &self.list);
        let phone = phone.or_else(|| Some(format!("1555010{:04}", 900 + count))).filter(|_| !hide_phone);
        let user_id = user_id.or_else(|| Some(format!("US.9{count:019}"))).filter(|_| !phone_only);
        if phone.is_none() && user_id.is_none() {
            return Err("a person needs a number or a BSUID".to_owned());
        }
        let is_taken = |person: &Person| {
            (phone.is_some() && person.phone == phone) || (user_id.is_some() && person.user_id == user_id)
        };
        if let Some(other) = self.list.iter().find(|person| is_taken(person)) {
            return Err(format!("{} has this number or BSUID already", other.name));
        }
        let person = Person { id, name, phone, user_id, username, window_until: None, has_stopped_marketing: false };
        self.add(person.clone(), history);
        Ok(person)
    }

    /// Returns the person with this phone number or BSUID; an unknown one is added.
    pub(super) fn person_by_id_or_new(
        &mut self,
        phone: Option<&str>,
        user_id: Option<&str>,
        history: &mut History,
    ) -> Person {
        let phone = phone.map(|phone| phone.trim_start_matches('+'));
        let known = self.list.iter().find(|person| match (phone, user_id) {
            (Some(phone), _) => person.phone.as_deref() == Some(phone),
            (None, Some(user_id)) => person.user_id.as_deref() == Some(user_id),
            (None, None) => false,
        });
        if let Some(known) = known {
            return known.clone();
        }
        let user_id = match phone {
            Some(phone) => format!("US.9{phone:0>19}"),
            None => user_id.unwrap_or_default().to_owned(),
        };
        let id = phone.unwrap_or(&user_id).to_owned();
        let name = phone.map_or_else(|| id.clone(), |phone| format!("+{phone}"));
        let phone = phone.map(str::to_owned);
        let person = Person {
            id,
            name,
            phone,
            user_id: Some(user_id),
            username: None,
            window_until: None,
            has_stopped_marketing: false,
        };
        self.add(person.clone(), history);
        person
    }

    /// Returns the person that stands for a group; an unknown one is added.
    fn group_by_id_or_new(&mut self, id: &str, history: &mut History) -> Person {
        if let Some(known) = self.get(id) {
            return known.clone();
        }
        let (id, name) = (id.to_owned(), "Group".to_owned());
        let group = Person {
            id,
            name,
            phone: None,
            user_id: None,
            username: None,
            window_until: None,
            has_stopped_marketing: false,
        };
        self.add(group.clone(), history);
        group
    }

    /// Gives the person a new phone number and with it a new BSUID. Returns the system message.
    pub(super) fn change_phone(&mut self, id: &str, history: &mut History) -> Option<Value> {
        self.phone_changes += 1;
        let count = self.phone_changes;
        let person = self.list.iter_mut().find(|person| person.id == id)?;
        let old = person.clone();
        person.phone = old.phone.as_ref().map(|_| format!("1555010{:04}", 5_000 + count));
        person.user_id = old.user_id.as_ref().map(|_| format!("US.95{count:018}"));
        history.record(FeedEvent::Person(person.clone()));
        Some(system_message(&old, person))
    }

    /// The person stops marketing messages, or resumes them.
    pub(super) fn choose_marketing(&mut self, id: &str, stop: bool, history: &mut History) -> Option<Person> {
        let person = self.list.iter_mut().find(|person| person.id == id)?;
        person.has_stopped_marketing = stop;
        history.record(FeedEvent::Person(person.clone()));
        Some(person.clone())
    }

    /// Opens the window in which the business may answer freely, because the person wrote.
    pub(super) fn open_window(&mut self, id: &str, now: Timestamp, history: &mut History) {
        if let Some(person) = self.list.iter_mut().find(|person| person.id == id) {
            person.window_until = now.checked_add(WINDOW).ok();
            history.record(FeedEvent::Person(person.clone()));
        }
    }
}

/// Returns the message that reports a new phone number or BSUID.
fn system_message(old: &Person, new: &Person) -> Value {
    let name = |person: &Person| person.phone.clone().or(person.user_id.clone()).unwrap_or_default();
    let body = format!("User {} changed from {} to {}", new.name, name(old), name(new));
    let kind = if new.phone.is_some() { "user_changed_number" } else { "user_changed_user_id" };
    let mut system = json!({ "body": body, "type": kind });
    let names = [("wa_id", &new.phone), ("user_id", &new.user_id), ("previous_user_id", &old.user_id)];
    for (field, name) in names {
        if let Some(name) = name {
            system[field] = json!(name);
        }
    }
    json!({ "type": "system", "system": system })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bsuid_is_told_from_a_number_and_a_name() {
        for id in ["US.1", "AT.ENT.9aZ"] {
            assert!(is_bsuid(id), "{id}");
        }
        for id in ["us.1", "US.", "15550100200", "USA.1", "US.a b", "US.ENT."] {
            assert!(!is_bsuid(id), "{id}");
        }
    }
}
