//! Request bodies. The content already fits; here it only gets Meta's names.

use serde_json::{Map, Value, json};

use crate::conversation::{
    Action, Card, Choice, Contact, Content, Flow, List, Location, Media, MediaKind, Output, Person, Source, Template,
    Wamid,
};

/// Digits of a phone number with its country (E.164).
const MSISDN: std::ops::RangeInclusive<usize> = 7..=15;

/// The request body for one fitted reply to the message `answered`. `tag` comes back in its status webhooks.
#[must_use]
pub fn send_body(to: &Person, output: &Output, answered: &Wamid, tag: &str) -> Value {
    let mut body = message(&output.content, answered);
    body.insert("messaging_product".into(), json!("whatsapp"));
    body.insert("biz_opaque_callback_data".into(), json!(tag));
    // A reaction names its message itself.
    if output.quotes && body["type"] != "reaction" && !answered.is_empty() {
        body.insert("context".into(), json!({ "message_id": answered }));
    }
    // A phone number is preferred to a BSUID: Meta then keeps showing it. Without the plus sign Meta would put the country of
    // our own number in front. A BSUID in "to" is answered with 200 and never delivered.
    let (recipient_type, name, address) = match to {
        Person { group_id: Some(group), .. } => ("group", "to", group.clone()),
        Person { phone: Some(phone), .. } => ("individual", "to", format!("+{phone}")),
        Person { user_id, .. } => ("individual", "recipient", user_id.clone().unwrap_or_default()),
    };
    body.insert("recipient_type".into(), json!(recipient_type));
    body.insert(name.into(), json!(address));
    Value::Object(body)
}

/// The content of a message in Meta's words, without its recipient.
#[must_use]
pub fn message_body(output: &Output) -> Value {
    let mut body = message(&output.content, &Wamid::default());
    body.insert("messaging_product".into(), json!("whatsapp"));
    Value::Object(body)
}

/// The request body that marks a message as read and shows the typing indicator, for up to 25 seconds.
/// <https://developers.facebook.com/documentation/business-messaging/whatsapp/typing-indicators>
#[must_use]
pub fn reading_body(message_id: &Wamid) -> Value {
    json!({ "messaging_product": "whatsapp", "status": "read", "message_id": message_id, "typing_indicator": { "type": "text" } })
}

/// Meta's name of the type, and the object that goes with it.
fn message(content: &Content, answered: &Wamid) -> Map<String, Value> {
    let (kind, object) = match content {
        Content::Text(text) => {
            let preview = text.contains("https://") || text.contains("http://");
            ("text", json!({ "body": text, "preview_url": preview }))
        }
        Content::Card(card) => ("interactive", card_object(card)),
        Content::List(List { text, label, sections }) => {
            let row = |Choice { id, title, description }: &Choice| {
                present([("id", json!(id)), ("title", json!(title)), ("description", json!(description))])
            };
            let sections = sections.iter().map(|section| {
                let rows: Vec<_> = section.rows.iter().map(row).collect();
                present([("title", json!(section.title)), ("rows", json!(rows))])
            });
            let action = json!({ "button": label, "sections": sections.collect::<Vec<_>>() });
            ("interactive", interactive("list", text, &action))
        }
        Content::Carousel { text, cards } => {
            let cards: Vec<_> = cards.iter().enumerate().map(|(index, card)| carousel_card(index, card)).collect();
            ("interactive", interactive("carousel", text, &json!({ "cards": cards })))
        }
        Content::Media(media) => media_object(media),
        Content::Location(Location { latitude, longitude, name, address }) => {
            let place = [
                ("latitude", json!(latitude.to_string())),
                ("longitude", json!(longitude.to_string())),
                ("name", json!(name)),
                ("address", json!(address)),
            ];
            ("location", present(place))
        }
        Content::Contacts(contacts) => ("contacts", contacts.iter().map(contact_object).collect()),
        Content::Template(template) => ("template", template_object(template)),
        Content::Reaction(emoji) => ("reaction", json!({ "message_id": answered, "emoji": emoji })),
        Content::LocationRequest(text) => {
            ("interactive", interactive("location_request_message", text, &json!({ "name": "send_location" })))
        }
        Content::ContactRequest(text) => {
            ("interactive", interactive("request_contact_info", text, &json!({ "name": "request_contact_info" })))
        }
        Content::Flow(flow) => ("interactive", flow_object(flow)),
        Content::Raw(message) => return message.clone(),
    };
    Map::from_iter([("type".to_owned(), json!(kind)), (kind.to_owned(), object)])
}

fn interactive(kind: &str, text: &str, action: &Value) -> Value {
    json!({ "type": kind, "body": { "text": text }, "action": action })
}

/// Reply buttons, or one link button.
fn card_object(Card { media, text, actions }: &Card) -> Value {
    let mut object = match &actions[..] {
        [Action::Link { title, url }] => interactive("cta_url", text, &link_action(title, url)),
        actions => {
            let button =
                |Choice { id, title, .. }: &Choice| json!({ "type": "reply", "reply": { "id": id, "title": title } });
            let buttons: Vec<_> = actions.iter().filter_map(choice).map(button).collect();
            interactive("button", text, &json!({ "buttons": buttons }))
        }
    };
    if let Some(media) = media {
        object["header"] = header(media);
    }
    object
}

fn carousel_card(index: usize, Card { media, text, actions }: &Card) -> Value {
    let mut card = match &actions[..] {
        [Action::Link { title, url }] => json!({ "type": "cta_url", "action": link_action(title, url) }),
        actions => {
            let button = |Choice { id, title, .. }: &Choice| json!({ "type": "quick_reply", "quick_reply": { "id": id, "title": title } });
            let buttons: Vec<_> = actions.iter().filter_map(choice).map(button).collect();
            json!({ "action": { "buttons": buttons } })
        }
    };
    card["card_index"] = json!(index);
    card["header"] = media.as_ref().map(header).unwrap_or_default();
    if !text.is_empty() {
        card["body"] = json!({ "text": text });
    }
    card
}

fn choice(action: &Action) -> Option<&Choice> {
    match action {
        Action::Choice(choice) => Some(choice),
        Action::Link { .. } | Action::Call { .. } => None,
    }
}

fn link_action(title: &str, url: &str) -> Value {
    json!({ "name": "cta_url", "parameters": { "display_text": title, "url": url } })
}

fn header(media: &Media) -> Value {
    let (kind, object) = media_object(media);
    let mut header = json!({ "type": kind });
    header[kind] = object;
    header
}

fn media_object(Media { kind, source, caption, name }: &Media) -> (&'static str, Value) {
    let word = match kind {
        MediaKind::Image => "image",
        MediaKind::Video => "video",
        MediaKind::Audio | MediaKind::Voice => "audio",
        MediaKind::Document => "document",
        MediaKind::Sticker => "sticker",
    };
    let source = match source {
        Source::Link(link) => ("link", json!(link)),
        Source::Id(id) => ("id", json!(id)),
    };
    let voice = (*kind == MediaKind::Voice).then_some(true);
    let name = name.as_ref().filter(|_| *kind == MediaKind::Document);
    (word, present([source, ("caption", json!(caption)), ("filename", json!(name)), ("voice", json!(voice))]))
}

fn contact_object(Contact { name, phones, emails, organization, url }: &Contact) -> Value {
    let phone = |number: &String| {
        // With the id the card has buttons to write to the person.
        present([("phone", json!(number)), ("type", json!("CELL")), ("wa_id", json!(international(number)))])
    };
    let list = |values: Vec<Value>| if values.is_empty() { Value::Null } else { Value::Array(values) };
    // Meta requires one more part of the name besides the full one.
    present([
        ("name", json!({ "formatted_name": name, "first_name": name })),
        ("phones", list(phones.iter().map(phone).collect())),
        ("emails", list(emails.iter().map(|email| json!({ "email": email })).collect())),
        ("org", organization.as_ref().map(|company| json!({ "company": company })).unwrap_or_default()),
        ("urls", list(url.iter().map(|url| json!({ "url": url })).collect())),
    ])
}

/// The digits of a number with its country code. Without one the country is unknown, and a card with its digits as the id would
/// lead to a stranger, or to no one.
fn international(number: &str) -> Option<String> {
    // "(0)" is only dialled within the country.
    let number = number.replace("(0)", "");
    let first = number.find(|sign: char| sign.is_ascii_digit() || matches!(sign, '+' | '＋'))?;
    let number = &number[first..];
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    let digits = if number.starts_with(['+', '＋']) { &*digits } else { digits.strip_prefix("00")? };
    let is_number = MSISDN.contains(&digits.len()) && !digits.starts_with('0') && !number.contains(char::is_alphabetic);
    is_number.then(|| digits.to_owned())
}

fn template_object(Template { name, language, parameters }: &Template) -> Value {
    let parameter = |parameter: &crate::conversation::Parameter| {
        present([("type", json!("text")), ("parameter_name", json!(parameter.name)), ("text", json!(parameter.text))])
    };
    let parameters: Vec<_> = parameters.iter().map(parameter).collect();
    let components =
        if parameters.is_empty() { Value::Null } else { json!([{ "type": "body", "parameters": parameters }]) };
    present([("name", json!(name)), ("language", json!({ "code": language })), ("components", components)])
}

fn flow_object(Flow { text, id, label, token, screen, data }: &Flow) -> Value {
    let payload = screen.as_ref().map(|screen| present([("screen", json!(screen)), ("data", json!(data))]));
    let parameters = present([
        ("flow_message_version", json!("3")),
        ("flow_id", json!(id)),
        ("flow_cta", json!(label)),
        ("flow_token", json!(token)),
        ("flow_action", json!(if screen.is_some() { "navigate" } else { "data_exchange" })),
        ("flow_action_payload", json!(payload)),
    ]);
    interactive("flow", text, &json!({ "name": "flow", "parameters": parameters }))
}

/// An object of the properties that have a value: Meta accepts no nulls.
fn present<const N: usize>(properties: [(&str, Value); N]) -> Value {
    properties.into_iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::international;

    #[test]
    fn only_a_number_with_its_country_leads_to_a_person() {
        for (number, id) in [
            ("+49 171 5550100", Some("491715550100")),
            ("0049 171 5550100", Some("491715550100")),
            ("+49 (0)171 555-0100", Some("491715550100")),
            ("tel:+15550100300", Some("15550100300")),
            ("\u{202a}+1 (555) 010-0300\u{202c}", Some("15550100300")),
            ("0171 5550100", None),
            ("555 0100", None),
            ("15550100300", None),
            ("+1 555 010 0300 ext. 7", None),
            ("+0 171 5550100", None),
            ("+112", None),
            ("", None),
        ] {
            assert_eq!(international(number).as_deref(), id, "{number}");
        }
    }
}
