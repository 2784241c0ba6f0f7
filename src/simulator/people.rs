//! The people who write to the number: each kind of name that Meta shows of somebody.
//!
//! <https://developers.facebook.com/documentation/business-messaging/whatsapp/business-scoped-user-ids>

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Simulator, State, phone::Line};

/// After the last message of a person the business may answer freely for so long.
pub(super) const WINDOW: Duration = Duration::from_hours(24);

/// Somebody who writes to the number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Person {
    /// What the page and the tests call this person.
    pub id: String,
    /// The name that the person chose.
    pub name: String,
    /// The phone number, digits only; `None`: Meta does not show it.
    pub number: Option<String>,
    /// The BSUID; `None`: as in webhooks from before April 2026.
    pub user_id: Option<String>,
    /// The handle.
    pub username: Option<String>,
    /// Until when the business may write freely; `None`: it may not.
    pub window_until: Option<Timestamp>,
}

/// Somebody new, as the page asks for; what is missing is made up.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Newcomer {
    name: String,
    number: Option<String>,
    user_id: Option<String>,
    username: Option<String>,
    hide_number: bool,
    number_only: bool,
}

impl Person {
    /// The contact of a webhook; without a username where Meta leaves it out.
    pub(super) fn contact(&self, with_username: bool) -> Value {
        let mut contact = json!({ "profile": { "name": self.name } });
        if let (true, Some(username)) = (with_username, &self.username) {
            contact["profile"]["username"] = json!(username);
        }
        if let Some(number) = &self.number {
            contact["wa_id"] = json!(number);
        }
        if let Some(user_id) = &self.user_id {
            contact["user_id"] = json!(user_id);
        }
        contact
    }

    /// Writes into a message whom it is from.
    pub(super) fn sign(&self, message: &mut Value) {
        if let Some(number) = &self.number {
            message["from"] = json!(number);
        }
        if let Some(user_id) = &self.user_id {
            message["from_user_id"] = json!(user_id);
        }
    }
}

/// One of each kind.
pub(super) fn first_people() -> Vec<Person> {
    let person = |id: &str, name: &str, number: Option<&str>, user_id: Option<&str>, username: Option<&str>| Person {
        id: id.into(),
        name: name.into(),
        number: number.map(str::to_owned),
        user_id: user_id.map(str::to_owned),
        username: username.map(str::to_owned),
        window_until: None,
    };
    vec![
        person("ada", "Ada Example", Some("15550100200"), Some("US.90000000000000000001"), None),
        person("bob", "Bob Example", None, Some("US.90000000000000000002"), None),
        person("carol", "Carol Example", None, Some("US.90000000000000000003"), Some("carol.example")),
        person("dan", "Dan Example", Some("15550100400"), None, None),
    ]
}

impl Simulator {
    /// Lets somebody new write to the number.
    ///
    /// # Errors
    /// When the name is empty, or the number or BSUID is none or taken.
    pub fn add_person(&self, newcomer: Newcomer) -> Result<Person, String> {
        let Newcomer { name, number, user_id, username, hide_number, number_only } = newcomer;
        let name = name.trim().to_owned();
        if name.is_empty() {
            return Err("the person needs a name".to_owned());
        }
        let number = number.map(|number| number.chars().filter(char::is_ascii_digit).collect::<String>());
        if number.as_ref().is_some_and(|number| !(7..=15).contains(&number.len())) {
            return Err("a number has 7 to 15 digits, with its country's code".to_owned());
        }
        if user_id.as_ref().is_some_and(|id| !is_bsuid(id)) {
            return Err("a BSUID is two letters, a dot, and up to 128 letters and digits: US.1234".to_owned());
        }
        self.change(|state| {
            let count = state.people.len() + 1;
            let id = free_id(&name, &state.people);
            let number = number.or_else(|| Some(format!("1555010{:04}", 900 + count))).filter(|_| !hide_number);
            let user_id = user_id.or_else(|| Some(format!("US.9{count:019}"))).filter(|_| !number_only);
            if number.is_none() && user_id.is_none() {
                return Err("a person needs a number or a BSUID".to_owned());
            }
            let is_taken = |person: &Person| {
                (number.is_some() && person.number == number) || (user_id.is_some() && person.user_id == user_id)
            };
            if let Some(other) = state.people.iter().find(|person| is_taken(person)) {
                return Err(format!("{} has this number or BSUID already", other.name));
            }
            let person = Person { id, name, number, user_id, username, window_until: None };
            state.meet(person.clone());
            Ok(person)
        })
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

impl State {
    pub(super) fn person(&self, id: &str) -> Option<&Person> {
        self.people.iter().find(|person| person.id == id)
    }

    pub(super) fn meet(&mut self, person: Person) {
        self.history.tell(Line::Person(person.clone()));
        self.people.push(person);
    }

    /// The person with this number or BSUID; somebody unknown is met.
    pub(super) fn acquaint(&mut self, number: Option<&str>, user_id: Option<&str>) -> Person {
        let number = number.map(|number| number.trim_start_matches('+'));
        let known = self.people.iter().find(|person| match (number, user_id) {
            (Some(number), _) => person.number.as_deref() == Some(number),
            (None, Some(user_id)) => person.user_id.as_deref() == Some(user_id),
            (None, None) => false,
        });
        if let Some(known) = known {
            return known.clone();
        }
        let user_id = match number {
            Some(number) => format!("US.9{number:0>19}"),
            None => user_id.unwrap_or_default().to_owned(),
        };
        let id = number.unwrap_or(&user_id).to_owned();
        let name = number.map_or_else(|| id.clone(), |number| format!("+{number}"));
        let number = number.map(str::to_owned);
        let person = Person { id, name, number, user_id: Some(user_id), username: None, window_until: None };
        self.meet(person.clone());
        person
    }

    /// The group, which is somebody of its own.
    pub(super) fn acquaint_group(&mut self, id: &str) -> Person {
        if let Some(known) = self.person(id) {
            return known.clone();
        }
        let (id, name) = (id.to_owned(), "Group".to_owned());
        let group = Person { id, name, number: None, user_id: None, username: None, window_until: None };
        self.meet(group.clone());
        group
    }

    /// The person gets a new number, and with it a new BSUID; answers the notice of the system.
    pub(super) fn change_number(&mut self, id: &str) -> Option<Value> {
        self.changes_of_number += 1;
        let count = self.changes_of_number;
        let person = self.people.iter_mut().find(|person| person.id == id)?;
        let old = person.clone();
        person.number = old.number.as_ref().map(|_| format!("1555010{:04}", 5_000 + count));
        person.user_id = old.user_id.as_ref().map(|_| format!("US.95{count:018}"));
        let name = |person: &Person| person.number.clone().or(person.user_id.clone()).unwrap_or_default();
        let body = format!("User {} changed from {} to {}", person.name, name(&old), name(person));
        let kind = if person.number.is_some() { "user_changed_number" } else { "user_changed_user_id" };
        let mut system = json!({ "body": body, "type": kind });
        let names = [("wa_id", &person.number), ("user_id", &person.user_id), ("previous_user_id", &old.user_id)];
        for (field, name) in names {
            if let Some(name) = name {
                system[field] = json!(name);
            }
        }
        let person = person.clone();
        self.history.tell(Line::Person(person));
        Some(json!({ "type": "system", "system": system }))
    }

    /// The person wrote: from now on the business may answer freely.
    pub(super) fn open_window(&mut self, id: &str, now: Timestamp) {
        if let Some(person) = self.people.iter_mut().find(|person| person.id == id) {
            person.window_until = now.checked_add(WINDOW).ok();
            self.history.tell(Line::Person(person.clone()));
        }
    }
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
