//! Replies in our words, rendered as bodies of the Cloud API, within its limits.
//!
//! Limits are characters; Meta does not say of which kind, so we count Unicode scalar values.

use serde_json::{Value, json};

use crate::conversation::{Choice, Person, Said};

/// Most characters of a text.
/// <https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/text-messages>
pub const TEXT_MOST: usize = 4096;
/// Most characters of the words above reply buttons.
/// <https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/interactive-reply-buttons-messages>
pub const BODY_MOST: usize = 1024;
/// Most reply buttons of one message.
pub const BUTTONS_MOST: usize = 3;
/// Most characters on a reply button.
pub const BUTTON_TITLE_MOST: usize = 20;
/// Most characters of a reply button's id.
pub const BUTTON_ID_MOST: usize = 256;

/// Splits what is said so that each piece fits into one message of the channel. What would be empty is left out.
#[must_use]
pub fn fit(said: Said) -> Vec<Said> {
    match said {
        Said::Text(text) => split(&text, TEXT_MOST).into_iter().map(Said::Text).collect(),
        Said::Choices { text, options } if options.is_empty() || text.trim().is_empty() || !fit_buttons(&options) => {
            let lines = options.iter().enumerate().map(|(index, option)| format!("{}. {}", index + 1, option.title));
            let all: Vec<_> = std::iter::once(text).chain(lines).collect();
            fit(Said::Text(all.join("\n")))
        }
        Said::Choices { text, options } => {
            let mut pieces = split(&text, BODY_MOST);
            let last = pieces.pop().unwrap_or_default();
            let mut said: Vec<_> = pieces.into_iter().map(Said::Text).collect();
            said.push(Said::Choices { text: last, options });
            said
        }
    }
}

/// The body of the send request for one piece, with `tag` as what its statuses bring back.
#[must_use]
pub fn send_body(to: &Person, said: &Said, tag: &str) -> Value {
    let mut body = json!({ "messaging_product": "whatsapp", "biz_opaque_callback_data": tag });
    // A phone number is taken before a BSUID: Meta then keeps showing it. Without the plus sign Meta would put the country of
    // our own number in front. A BSUID in "to" is answered with 200 and never delivered.
    match to {
        Person { group_id: Some(group), .. } => {
            body["recipient_type"] = json!("group");
            body["to"] = json!(group);
        }
        Person { phone: Some(phone), .. } => {
            body["recipient_type"] = json!("individual");
            body["to"] = json!(format!("+{phone}"));
        }
        Person { user_id, .. } => {
            body["recipient_type"] = json!("individual");
            body["recipient"] = json!(user_id);
        }
    }
    match said {
        Said::Text(text) => {
            body["type"] = json!("text");
            body["text"] =
                json!({ "body": text, "preview_url": text.contains("https://") || text.contains("http://") });
        }
        Said::Choices { text, options } => {
            let button =
                |Choice { id, title }: &Choice| json!({ "type": "reply", "reply": { "id": id, "title": title } });
            let buttons: Vec<_> = options.iter().map(button).collect();
            body["type"] = json!("interactive");
            body["interactive"] =
                json!({ "type": "button", "body": { "text": text }, "action": { "buttons": buttons } });
        }
    }
    body
}

/// The body that marks a message as read and shows that an answer is being written, for up to 25 seconds.
/// <https://developers.facebook.com/documentation/business-messaging/whatsapp/typing-indicators>
#[must_use]
pub fn reading_body(message_id: &str) -> Value {
    json!({ "messaging_product": "whatsapp", "status": "read", "message_id": message_id, "typing_indicator": { "type": "text" } })
}

fn fit_buttons(options: &[Choice]) -> bool {
    let fits = |text: &str, most| !text.trim().is_empty() && text.trim() == text && text.chars().count() <= most;
    let unique = |of: fn(&Choice) -> &String| {
        options.iter().map(of).collect::<std::collections::BTreeSet<_>>().len() == options.len()
    };
    options.len() <= BUTTONS_MOST
        && options.iter().all(|option| fits(&option.title, BUTTON_TITLE_MOST) && fits(&option.id, BUTTON_ID_MOST))
        && unique(|option| &option.title)
        && unique(|option| &option.id)
}

/// Cuts `text` into pieces of at most `most` characters, at the last paragraph, line or word that fits, else in the middle of a word.
///
/// Only white space at the cuts is lost. Pieces without a visible character are left out.
#[must_use]
pub fn split(text: &str, most: usize) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut rest = text.trim();
    while let Some((end, _)) = rest.char_indices().nth(most) {
        let window = &rest[..end];
        // Not in the first half: a short piece followed by a long one reads worse than a cut at a smaller joint.
        let joint = ["\n\n", "\n", " "].iter().find_map(|joint| window.rfind(joint).filter(|at| *at > end / 2));
        let (piece, after) = rest.split_at(joint.unwrap_or(end));
        pieces.push(piece.trim_end().to_owned());
        rest = after.trim_start();
    }
    pieces.push(rest.to_owned());
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn choices(titles: &[&str]) -> Said {
        let choice = |title: &&str| Choice { id: title.to_lowercase(), title: (*title).to_owned() };
        Said::Choices { text: "Pick one".into(), options: titles.iter().map(choice).collect() }
    }

    #[test]
    fn three_short_choices_become_buttons() {
        let said = choices(&["Yes", "No", "Later"]);
        assert_eq!(fit(said.clone()), [said]);
    }

    #[test]
    fn choices_that_meta_would_refuse_become_numbered_lines() {
        for titles in
            [&["A", "B", "C", "D"][..], &["Same", "Same"], &["A title of more than twenty characters"], &[" padded"]]
        {
            let fitted = fit(choices(titles));
            let [Said::Text(text)] = &fitted[..] else { panic!("not one text: {fitted:?}") };
            assert!(text.starts_with("Pick one\n1. "), "{text}");
        }
    }

    #[test]
    fn nothing_to_say_is_not_sent() {
        assert!(fit(Said::Text(" \n ".into())).is_empty());
    }

    #[test]
    fn a_person_without_a_number_is_reached_by_bsuid_and_never_through_to() {
        let person = Person { user_id: Some("US.9".into()), ..Person::default() };
        let body = send_body(&person, &Said::Text("hi".into()), "tag");
        assert_eq!((body.get("to"), &body["recipient"]), (None, &json!("US.9")));
    }

    proptest! {
        #[test]
        fn split_text_fits_and_joins_back_to_the_same_words(text in "[a-zé😀 \n]{0,400}", most in 1_usize..60) {
            let pieces = split(&text, most);
            prop_assert!(pieces.iter().all(|piece| piece.chars().count() <= most && !piece.is_empty()));
            let bare = |text: &str| text.split_whitespace().collect::<String>();
            prop_assert_eq!(bare(&pieces.concat()), bare(&text));
        }
    }
}
