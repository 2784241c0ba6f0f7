//! Removes a model's thoughts, where a server passes them on as a part of the text: they are not for people.
//!
//! Servers that know the format of their model send thoughts in a separate field. Others send them as the model wrote them: between
//! tags (R1, Qwen, Nova), without the opening tag if the server's template has written it already, or in the channels of OpenAI's
//! open models.
//! <https://docs.vllm.ai/en/latest/features/reasoning_outputs.html>, <https://cookbook.openai.com/articles/openai-harmony>

use crate::conversation::{Content, Output};

/// Tags around thoughts.
const THOUGHTS: [&str; 5] = ["think", "thinking", "thought", "reasoning", "reflection"];
/// Tags around tool calls, which some models write as text.
const CALLS: [&str; 4] = ["tool_call", "tool_calls", "function_call", "function_calls"];
/// Most bytes between the brackets of a tag.
const MAX_TAG: usize = 80;
/// The start of a message in a channel; the name of the channel follows.
const CHANNEL: &str = "<|channel|>";
/// Ends the head of a message in a channel.
const MESSAGE: &str = "<|message|>";
/// What ends a message in a channel.
const ENDS: [&str; 4] = ["<|end|>", "<|return|>", "<|call|>", "<|start|>"];
/// The channel whose text is for the person.
const FINAL: &str = "final";

/// `outputs` without thoughts; an output with only thoughts is left out and logged.
#[must_use]
pub fn without_thoughts(outputs: Vec<Output>) -> Vec<Output> {
    outputs.into_iter().filter_map(without_thought).collect()
}

fn without_thought(mut output: Output) -> Option<Output> {
    let (mut had_thoughts, mut is_empty) = (false, true);
    for text in texts(&mut output.content) {
        let kept = strip(text);
        had_thoughts |= kept != *text;
        is_empty &= kept.is_empty();
        *text = kept;
    }
    let is_only_thoughts = had_thoughts && is_empty && matches!(output.content, Content::Text(_));
    if is_only_thoughts {
        tracing::warn!("an output of the agent has only thoughts: it is left out");
    }
    (!is_only_thoughts).then_some(output)
}

/// The texts of an output that a model may have written.
fn texts(content: &mut Content) -> Vec<&mut String> {
    match content {
        Content::Text(text) | Content::LocationRequest(text) | Content::ContactRequest(text) => vec![text],
        Content::Card(card) => vec![&mut card.text],
        Content::List(list) => vec![&mut list.text],
        Content::Carousel { text, cards } => {
            [text].into_iter().chain(cards.iter_mut().map(|card| &mut card.text)).collect()
        }
        Content::Media(media) => media.caption.iter_mut().collect(),
        Content::Flow(flow) => vec![&mut flow.text],
        Content::Location(_) | Content::Contacts(_) | Content::Template(_) | Content::Reaction(_) | Content::Raw(_) => {
            Vec::new()
        }
    }
}

/// `text` without thoughts and tool calls; unchanged if it has none.
#[must_use]
pub(crate) fn strip(text: &str) -> String {
    let channel = final_channel(text);
    let words = channel.as_deref().unwrap_or(text);
    let kept = without_tags(words);
    if kept == text { kept } else { kept.trim().to_owned() }
}

/// The text between tags is left out, up to the end if the closing tag is missing. A closing tag alone ends thoughts that began
/// with the text. A tag in code is only quoted.
fn without_tags(text: &str) -> String {
    let (mut kept, mut rest) = (String::new(), text);
    let (mut inside, mut code): (Option<&str>, Code) = (None, Code::default());
    while let Some(at) = rest.find(['<', '`', '\n']) {
        let (plain, from) = rest.split_at(at);
        let tag = if code.is_open() && inside.is_none() { None } else { Tag::read(from) };
        let length = tag.as_ref().map_or(1, |tag| tag.length);
        if inside.is_none() {
            kept.push_str(plain);
        }
        match (inside, tag) {
            (Some(name), Some(tag)) if tag.closes && tag.name == name => inside = None,
            (None, Some(tag)) if !tag.closes => inside = Some(tag.name),
            // The thoughts before it had no opening tag.
            (None, Some(tag)) if THOUGHTS.contains(&tag.name) => kept.clear(),
            (Some(_), _) | (None, Some(_)) => {}
            (None, None) => {
                code.pass(from);
                kept.push_str(&from[..length]);
            }
        }
        rest = &from[length..];
    }
    if inside.is_none() {
        kept.push_str(rest);
    }
    kept
}

/// A tag around thoughts or calls.
struct Tag {
    name: &'static str,
    closes: bool,
    /// In bytes, brackets included.
    length: usize,
}

impl Tag {
    /// Reads the tag that `text` begins with.
    fn read(text: &str) -> Option<Self> {
        let inside = text.strip_prefix('<')?;
        let closes = inside.starts_with('/');
        let inside = inside.strip_prefix('/').unwrap_or(inside);
        let end = inside.bytes().take(MAX_TAG).position(|byte| byte == b'>')?;
        let name = inside[..end].split(' ').next()?;
        let name = THOUGHTS.into_iter().chain(CALLS).find(|known| *known == name)?;
        Some(Self { name, closes, length: 1 + usize::from(closes) + end + 1 })
    }
}

/// Whether we are in code: a block between lines of three backticks, or a span between single ones on a line.
#[derive(Default)]
struct Code {
    in_block: bool,
    in_span: bool,
    /// Backticks in a row so far.
    ticks: u8,
}

impl Code {
    fn is_open(&self) -> bool {
        self.in_block || self.in_span
    }

    /// Passes the first character of `text`.
    fn pass(&mut self, text: &str) {
        match text.as_bytes() {
            [b'`', b'`', b'`', ..] if self.ticks == 0 => {
                (self.in_block, self.in_span, self.ticks) = (!self.in_block, false, 2);
            }
            [b'`', ..] if self.ticks > 0 => self.ticks -= 1,
            [b'`', ..] if !self.in_block => self.in_span = !self.in_span,
            [b'\n', ..] => self.in_span = false,
            _ => {}
        }
    }
}

/// The text in the channel for the person; `None`: there are no channels. Text before the first channel is for the person too.
fn final_channel(text: &str) -> Option<String> {
    let first = text.find(CHANNEL)?;
    let before = text[..first].trim_end_matches("assistant").trim_end_matches("<|start|>");
    let mut kept = before.to_owned();
    for message in text[first..].split(CHANNEL).skip(1) {
        let (head, words) = message.split_once(MESSAGE).unwrap_or((message, ""));
        if head.split_whitespace().next() == Some(FINAL) {
            let end = ENDS.iter().filter_map(|end| words.find(end)).min().unwrap_or(words.len());
            kept.push_str(&words[..end]);
        }
    }
    Some(kept.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::conversation::{Card, Media, MediaKind, Source};

    #[test]
    fn thoughts_are_left_out_however_they_are_marked() {
        for (text, kept) in [
            ("<think>\nNot this: 42.\n</think>\n\nHello!", "Hello!"),
            ("<thinking>not this</thinking>Hello!", "Hello!"),
            ("<think></think>\nHello!", "Hello!"),
            ("not this\n</think>\n\nHello!", "Hello!"),
            ("One. <think>not this</think>Two.", "One. Two."),
            ("<think>a</think>One. <think>b</think>Two.", "One. Two."),
            ("<think>I wonder", ""),
            ("<think>not <b>this</b></think>Hello!", "Hello!"),
            ("<reasoning effort=\"low\">not this</reasoning>Hello!", "Hello!"),
            (
                "<|channel|>analysis<|message|>not this<|end|><|start|>assistant<|channel|>final<|message|>Hello!<|return|>",
                "Hello!",
            ),
            ("<|start|>assistant<|channel|>final<|message|>Hello!", "Hello!"),
            ("<|channel|>analysis<|message|>not this", ""),
            ("<|channel|>commentary to=functions.a <|constrain|>json<|message|>{}<|call|>", ""),
            ("Hello! <tool_call>{\"name\":\"x\"}</tool_call>", "Hello!"),
            ("<tool_call>\n{\"name\": \"x\"}", ""),
        ] {
            assert_eq!(strip(text), kept, "{text}");
        }
    }

    #[test]
    fn text_about_thoughts_is_not_thoughts() {
        for text in [
            "Hello!",
            "a < b, and b > a",
            " blanks stay ",
            "I think <this> is fine",
            "Write `<think>` before and `</think>` behind it.",
            "```xml\n<think>a</think>\n```",
            "<thinker>x</thinker>",
            "</p> <b>bold</b>",
        ] {
            assert_eq!(strip(text), text);
        }
    }

    #[test]
    fn an_output_of_nothing_but_thoughts_is_none_and_others_keep_what_they_say() {
        let media = Media {
            kind: MediaKind::Image,
            source: Source::Id("1".into()),
            caption: Some("<think>a".into()),
            name: None,
        };
        let card = Card { text: "<think>a</think>Pick".into(), ..Card::default() };
        let outputs = [
            Content::Text("<think>a</think>".into()),
            Content::Card(card),
            Content::Media(media),
            Content::Text(String::new()),
        ];
        let kept = without_thoughts(outputs.into_iter().map(Output::from).collect());
        assert!(matches!(&kept[0].content, Content::Card(card) if card.text == "Pick"));
        assert!(matches!(&kept[1].content, Content::Media(media) if media.caption.as_deref() == Some("")));
        assert_eq!(kept.len(), 3, "an empty text is not ours to judge");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic_and_what_has_no_tag_stays(text in "(<|>|/|think|\\|channel|\\||`|\\PC|\n){0,40}") {
            let kept = strip(&text);
            prop_assert!(text.contains('<') || kept == text);
            prop_assert!(kept.len() <= text.len());
        }
    }
}
