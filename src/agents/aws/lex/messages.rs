//! The messages of a bot, converted to our types.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    agents::{AgentError, Answer, contract},
    conversation::{Action, Card, Choice, Content, Media, MediaKind, Source},
};

/// A message of a bot.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Message {
    content_type: String,
    content: Option<String>,
    image_response_card: Option<ResponseCard>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResponseCard {
    title: String,
    subtitle: Option<String>,
    image_url: Option<String>,
    buttons: Option<Vec<Button>>,
}

#[derive(Deserialize)]
struct Button {
    text: String,
    value: String,
}

/// Adds a message to an answer.
pub(crate) fn read(message: &Message, answer: &mut Answer) -> Result<(), AgentError> {
    let content = message.content.as_deref().unwrap_or_default();
    let content = match (message.content_type.as_str(), &message.image_response_card) {
        ("ImageResponseCard", Some(card)) => Some(card.content()),
        ("CustomPayload", _) => return custom(content, answer),
        ("SSML", _) => text(&plain(content)),
        // Plain, or of a kind that is new.
        _ => text(content),
    };
    answer.outputs.extend(content.map(Into::into));
    Ok(())
}

fn text(words: &str) -> Option<Content> {
    (!words.trim().is_empty()).then(|| Content::Text(words.trim().to_owned()))
}

/// Our own contract, or a message of the channel; what is not a JSON object is a text.
fn custom(content: &str, answer: &mut Answer) -> Result<(), AgentError> {
    let Ok(object) = serde_json::from_str::<Map<String, Value>>(content) else {
        answer.outputs.extend(text(content).map(Into::into));
        return Ok(());
    };
    if !["outputs", "handover", "session"].iter().any(|name| object.contains_key(*name)) {
        answer.outputs.push(Content::Raw(object).into());
        return Ok(());
    }
    let more = contract::read(content.as_bytes())?;
    answer.outputs.extend(more.outputs);
    answer.ends_session |= more.ends_session;
    answer.handover = answer.handover.take().or(more.handover);
    Ok(())
}

impl ResponseCard {
    fn content(&self) -> Content {
        let media = self.image_url.clone().map(|url| Media {
            kind: MediaKind::Image,
            source: Source::Link(url),
            caption: None,
            name: None,
        });
        let lines: Vec<_> = [Some(self.title.as_str()), self.subtitle.as_deref()].into_iter().flatten().collect();
        let choice = |button: &Button| Action::Choice(Choice::new(&*button.value, &*button.text));
        Content::Card(Card {
            media,
            text: lines.join("\n"),
            actions: self.buttons.iter().flatten().map(choice).collect(),
        })
    }
}

/// Speech as text: without tags, and with XML's escaped characters.
fn plain(speech: &str) -> String {
    let mut words = String::new();
    let mut rest = speech;
    while let Some((before, mark)) = rest.split_once('<') {
        words.push_str(before);
        let (name, after) = mark.split_once('>').unwrap_or((mark, ""));
        // Sentences, paragraphs and pauses keep words apart, emphasis does not.
        let name = name.trim_matches('/').split([' ', '/']).next().unwrap_or_default();
        words.push_str(if matches!(name, "p" | "s" | "break") { " " } else { "" });
        rest = after;
    }
    words.push_str(rest);
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    let signs = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];
    signs.iter().fold(words, |words, (written, sign)| words.replace(written, sign))
}
