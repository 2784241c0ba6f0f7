//! The structures of Cognigy's default channel, `data._cognigy._default`.
//!
//! Each has its own name and contains its text, items and buttons; any may have `text` and `fallbackText`.
//! <https://docs.cognigy.com/ai/build/node-reference/basic/code/ai-default-channel-formats>

use serde_json::Value;
use url::Url;

use super::{
    adaptive_card,
    buttons::{action, actions},
    lenient::{either, file, items, link, text_of},
};
use crate::conversation::{Action, Card, Choice, Content, List, Media, MediaKind, Section, Source};

type Reader = fn(&Value) -> Option<Content>;

/// The structures and their readers; of an unknown one the `text` is used.
const STRUCTURES: &[(&str, Reader)] = &[
    ("_image", image),
    ("_video", video),
    ("_audio", audio),
    ("_gallery", |gallery| carousel(text_of(&gallery["text"]), &gallery["items"])),
    ("_list", |of| list(text_of(&of["text"]), &of["items"], action(&of["button"]).into_iter().collect())),
    ("_buttons", |buttons| Content::card(text_of(&buttons["text"]), actions(&buttons["buttons"]))),
    ("_quickReplies", |replies| Content::card(text_of(&replies["text"]), actions(&replies["quickReplies"]))),
    ("_adaptiveCard", adaptive_card::read),
    // The spelling of the web chat's own channel.
    ("adaptiveCard", adaptive_card::read),
];

/// Sites whose video links are pages, which a web chat embeds.
const PLAYERS: &[&str] = &["youtube.com", "youtu.be", "vimeo.com", "dailymotion.com", "twitch.tv"];

/// The contents of a channel's structures, without their `fallbackText`, which is used only if there is nothing else.
pub(crate) fn read(channel: &Value) -> Vec<Content> {
    let text = |structure: &Value| text_of(&structure["text"]).map(Content::Text);
    let known = |name: &str| STRUCTURES.iter().any(|(known, _)| *known == name);
    let mut contents: Vec<_> =
        STRUCTURES.iter().filter_map(|(name, read)| read(&channel[*name]).or_else(|| text(&channel[*name]))).collect();
    let others = channel.as_object().into_iter().flatten();
    contents
        .extend(others.filter(|(name, _)| name.starts_with('_') && !known(name)).filter_map(|(_, other)| text(other)));
    contents
}

/// A file at a link. The alternative text of a picture is its caption, if it has no text of its own.
pub(crate) fn media(kind: MediaKind, url: &Value, text: Option<String>, alt: Option<String>) -> Option<Content> {
    let alt = alt.filter(|_| matches!(kind, MediaKind::Image | MediaKind::Video));
    let caption = text.or(alt);
    let Some(url) = file(url) else { return caption.map(Content::Text) };
    if kind == MediaKind::Video && is_player(&url) {
        return Some(Content::Text(caption.into_iter().chain([url]).collect::<Vec<_>>().join("\n")));
    }
    Some(Content::Media(Media { kind, source: Source::Link(url), caption, name: None }))
}

fn is_player(url: &str) -> bool {
    let url = Url::parse(url).ok();
    let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
    let is_at = |site: &str| host.strip_suffix(site).is_some_and(|before| before.is_empty() || before.ends_with('.'));
    PLAYERS.iter().any(|site| is_at(site))
}

fn image(image: &Value) -> Option<Content> {
    media(MediaKind::Image, &image["imageUrl"], text_of(&image["text"]), text_of(&image["imageAltText"]))
}

fn video(video: &Value) -> Option<Content> {
    media(MediaKind::Video, &video["videoUrl"], text_of(&video["text"]), text_of(&video["videoAltText"]))
}

fn audio(audio: &Value) -> Option<Content> {
    media(MediaKind::Audio, &audio["audioUrl"], text_of(&audio["text"]), text_of(&audio["audioAltText"]))
}

/// Cards side by side, from the items of a gallery or the elements of a template.
pub(crate) fn carousel(text: Option<String>, items: &Value) -> Option<Content> {
    let cards: Vec<_> = self::items(items).iter().filter_map(element).collect();
    (!cards.is_empty()).then(|| Content::Carousel { text: text.unwrap_or_default(), cards })
}

/// One card: its title in bold, its subtitle below, and the page that the card itself would open.
fn element(item: &Value) -> Option<Card> {
    // Marks in the title would end the bold type too early.
    let bold = |title: String| if title.contains('*') { title } else { format!("**{}**", title.trim()) };
    let lines = [text_of(&item["title"]).map(bold), text_of(&item["subtitle"])];
    let mut text = lines.into_iter().flatten().collect::<Vec<_>>().join("\n");
    let picture = |url| Media { kind: MediaKind::Image, source: Source::Link(url), caption: None, name: None };
    let media = file(either(item, &["imageUrl", "image_url"])).map(picture);
    if text.is_empty() {
        text = text_of(either(item, &["imageAltText", "image_alt_text"])).unwrap_or_default();
    }
    let mut actions = actions(&item["buttons"]);
    match page(item).filter(|page| !actions.iter().any(|action| opens(action, page))) {
        Some(url) if actions.is_empty() => actions.push(Action::Link { title: String::new(), url }),
        // A line of text instead of a button, so that all cards have the same buttons.
        Some(url) if text.is_empty() => text = url,
        Some(url) => text = [text.trim_end(), &url].join("\n"),
        None => {}
    }
    let is_something = !text.is_empty() || media.is_some() || !actions.is_empty();
    is_something.then_some(Card { media, text, actions })
}

/// The page that a tap on the item itself opens.
fn page(item: &Value) -> Option<String> {
    link(either(item, &["defaultActionUrl", "default_action_url"])).or_else(|| link(&item["default_action"]["url"]))
}

fn opens(action: &Action, page: &str) -> bool {
    match action {
        Action::Link { url, .. } => url == page,
        Action::Choice(_) | Action::Call { .. } => false,
    }
}

/// The rows of a list, from its items and the buttons below it.
///
/// A row can only be chosen: an item that opens a page, calls a number or does nothing becomes a line of the text.
/// The pictures of the items are left out.
pub(crate) fn list(text: Option<String>, items: &Value, buttons: Vec<Action>) -> Option<Content> {
    let mut lines: Vec<String> = text.into_iter().collect();
    let (mut rows, mut others) = (Vec::new(), Vec::new());
    for item in self::items(items) {
        let (title, subtitle) = (text_of(&item["title"]), text_of(&item["subtitle"]));
        let name = [title.as_deref(), subtitle.as_deref()].into_iter().flatten().map(str::trim).collect::<Vec<_>>();
        let name = name.join(" – ");
        let mut actions = actions(&item["buttons"]);
        if let Some(url) = page(item).filter(|page| !actions.iter().any(|action| opens(action, page))) {
            actions.push(Action::Link { title: String::new(), url });
        }
        if actions.is_empty() && !name.is_empty() {
            lines.push(name.clone());
        }
        let mut is_first = true;
        for action in actions {
            match action {
                Action::Choice(choice) if std::mem::take(&mut is_first) => {
                    let title = title.clone().unwrap_or(choice.title);
                    rows.push(Choice { id: choice.id, title, description: subtitle.clone() });
                }
                // Another button of the same item.
                Action::Choice(choice) => rows.push(Choice { description: title.clone(), ..choice }),
                Action::Link { title, url } => {
                    others.push(Action::Link { title: if name.is_empty() { title } else { name.clone() }, url });
                }
                Action::Call { title, number } => {
                    others.push(Action::Call { title: if name.is_empty() { title } else { name.clone() }, number });
                }
            }
        }
    }
    for button in buttons {
        match button {
            Action::Choice(choice) => rows.push(choice),
            other @ (Action::Link { .. } | Action::Call { .. }) => others.push(other),
        }
    }
    if rows.is_empty() {
        let text = (!lines.is_empty()).then(|| lines.join("\n"));
        return Content::card(text, others);
    }
    lines.extend(others.iter().map(line));
    let section = Section { title: None, rows };
    Some(Content::List(List { text: lines.join("\n"), label: None, sections: vec![section] }))
}

fn line(action: &Action) -> String {
    let (title, value) = match action {
        Action::Choice(choice) => (&choice.title, &choice.id),
        Action::Link { title, url } => (title, url),
        Action::Call { title, number } => (title, number),
    };
    if title.is_empty() { value.clone() } else { format!("{title}: {value}") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_button_of_a_list_keeps_its_meaning() {
        let items = json!([{ "title": "Ada", "subtitle": "Doctor", "buttons": [
            { "type": "postback", "title": "Book", "payload": "book ada" },
            { "type": "postback", "title": "Ask", "payload": "ask ada" },
            { "type": "phone_number", "title": "Call", "payload": "+4930" },
            { "type": "web_url", "title": "Page", "url": "https://example.com/ada" },
        ]}]);
        let row =
            |id: &str, title: &str, below: &str| Choice { description: Some(below.into()), ..Choice::new(id, title) };
        let text = "Who?\nAda – Doctor: +4930\nAda – Doctor: https://example.com/ada".to_owned();
        let rows = vec![row("book ada", "Ada", "Doctor"), row("ask ada", "Ask", "Ada")];
        let whole = Content::List(List { text, label: None, sections: vec![Section { title: None, rows }] });
        assert_eq!(list(Some("Who?".into()), &items, Vec::new()), Some(whole));
    }

    #[test]
    fn a_page_to_watch_a_video_on_is_not_a_file() {
        for page in ["https://youtu.be/1", "https://www.youtube.com/watch?v=1", "https://player.vimeo.com/video/1"] {
            assert!(is_player(page), "{page}");
        }
        for file in ["https://example.com/youtube.com.mp4", "https://notyoutube.com/a.mp4", "youtube.com", ""] {
            assert!(!is_player(file), "{file}");
        }
    }

    #[test]
    fn a_structure_we_do_not_know_has_its_text() {
        let channel =
            json!({ "_dial": { "text": "Turn it" }, "_image": { "text": "No picture" }, "type": { "text": "no" } });
        assert_eq!(read(&channel), [Content::Text("No picture".into()), Content::Text("Turn it".into())]);
    }
}
