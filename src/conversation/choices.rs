//! Codes a person may send back: numbers of a numbered list, and short ids that stand for the agent's long ones.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Choice, Message, Tap};

/// How many short ids are remembered. A chat shows buttons forever, but people tap those of the latest messages.
const MAX_ALIASES: usize = 64;
/// Most bytes of those from earlier answers: they stay in the conversation's item.
const MAX_ALIAS_BYTES: usize = 16 * 1024;
/// Prefix of a short id. No agent uses it by chance.
const ALIAS: &str = "~id:";

/// Choices whose answer has to be translated back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Choices {
    /// The choices of the last answer that it shows as numbered lines; the first has number 1.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    numbered: Vec<Choice>,
    /// Short ids and the agent's ids that they stand for, the newest last.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    aliases: Vec<(String, String)>,
}

impl Choices {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.numbered.is_empty() && self.aliases.is_empty()
    }

    /// Numbers a choice; the first of an answer gets 1.
    pub fn number(&mut self, choice: Choice) -> usize {
        self.numbered.push(choice);
        self.numbered.len()
    }

    /// Returns a short id instead of `id`, which is too long for the channel or not unique.
    pub fn alias(&mut self, id: &str) -> String {
        let known = self.aliases.iter().filter(|(_, meant)| meant == id).count();
        let digest = Sha256::digest(format!("{known} {id}").as_bytes());
        let alias = format!("{ALIAS}{}", hex::encode(&digest[..8]));
        self.aliases.push((alias.clone(), id.to_owned()));
        alias
    }

    /// Adds the choices of a newer answer: its numbers replace the older ones.
    pub fn renew(&mut self, newer: Self) {
        self.numbered = newer.numbered;
        self.aliases.retain(|alias| !newer.aliases.contains(alias));
        let room = MAX_ALIASES.saturating_sub(newer.aliases.len());
        let bytes = |(alias, id): &(String, String)| alias.len() + id.len();
        let mut all: usize = self.aliases.iter().map(bytes).sum();
        while self.aliases.len() > room || all > MAX_ALIAS_BYTES {
            all -= bytes(&self.aliases.remove(0));
        }
        self.aliases.extend(newer.aliases);
        let surplus = self.aliases.len().saturating_sub(MAX_ALIASES);
        self.aliases.drain(..surplus);
    }

    /// The numbered choice that a text means: by its number, or by its title if no other has the same.
    fn choice(&self, text: &str) -> Option<&Choice> {
        if let Some(number) = number(text) {
            return self.numbered.get(number.checked_sub(1)?);
        }
        let words = plain(text);
        let mut same = self.numbered.iter().filter(|choice| plain(&choice.title) == words);
        same.next().filter(|_| same.next().is_none())
    }

    /// Replaces a number or a short id in the message by what it stands for.
    #[must_use]
    pub fn resolve<'a>(&self, message: &'a Message) -> Cow<'a, Message> {
        let chosen = if let Some(tap) = &message.tap {
            self.aliases.iter().find(|(alias, _)| *alias == tap.id).map(|(_, id)| (id, &tap.title))
        } else {
            let chosen = message.text.as_deref().and_then(|text| self.choice(text));
            chosen.map(|choice| (&choice.id, &choice.title))
        };
        let Some((id, title)) = chosen else { return Cow::Borrowed(message) };
        let tap = Some(Tap { id: id.clone(), title: title.clone() });
        Cow::Owned(Message { text: Some(id.clone()), tap, ..message.clone() })
    }
}

/// Zeros of the scripts in which people write numbers; the other nine follow each.
/// <https://www.unicode.org/Public/UCD/latest/ucd/extracted/DerivedNumericType.txt>
const ZEROS: [char; 20] = [
    '0', '\u{660}', '\u{6F0}', '\u{7C0}', '\u{966}', '\u{9E6}', '\u{A66}', '\u{AE6}', '\u{B66}', '\u{BE6}', '\u{C66}',
    '\u{CE6}', '\u{D66}', '\u{DE6}', '\u{E50}', '\u{ED0}', '\u{F20}', '\u{1040}', '\u{17E0}', '\u{FF10}',
];
/// What people write before a number, in lower case.
const NUMBER_WORDS: [&str; 6] = ["no", "nr", "num", "n°", "nº", "№"];
/// The emoji for ten, the only number with a character of its own.
const TEN: &str = "🔟";

/// `2`, and the ways in which people write it: `2.`, `(2)`, `#2`, `2️⃣`, `２`, `٢`, `No. 2`.
fn number(text: &str) -> Option<usize> {
    let text = text.trim().to_lowercase().replace(TEN, "10");
    let words = NUMBER_WORDS.iter().find_map(|word| text.strip_prefix(word));
    // The two characters after a digit make it an emoji.
    let is_around = |sign: char| !sign.is_alphanumeric() && sign != '-' || matches!(sign, '\u{FE0F}' | '\u{20E3}');
    let number =
        words.unwrap_or(&text).trim_start_matches(is_around).trim_end_matches(|sign| is_around(sign) || sign == '-');
    let digit = |sign: char| {
        let digit =
            ZEROS.iter().find_map(|zero| u32::from(sign).checked_sub(u32::from(*zero)).filter(|digit| *digit < 10))?;
        char::from_digit(digit, 10)
    };
    number
        .chars()
        .filter(|sign| !matches!(sign, '\u{FE0F}' | '\u{20E3}'))
        .map(digit)
        .collect::<Option<String>>()?
        .parse()
        .ok()
}

/// How titles are compared: trimmed, and ignoring case.
fn plain(words: &str) -> String {
    words.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::*;

    fn message(text: &str, tap: Option<&str>) -> Message {
        let tap = tap.map(|id| Tap { id: id.to_owned(), title: "Title".into() });
        Message {
            id: "wamid.1".into(),
            sent_at: None,
            text: Some(text.to_owned()),
            tap,
            is_unsupported: false,
            raw: Box::<RawValue>::default(),
        }
    }

    fn understood(choices: &Choices, text: &str) -> Option<String> {
        choices.resolve(&message(text, None)).tap.clone().map(|tap| tap.id)
    }

    #[test]
    fn a_number_stands_for_the_choice_of_the_last_answer_only() {
        let mut choices = Choices::default();
        for title in ["One", "Two"] {
            choices.number(Choice::new(title.to_lowercase(), title));
        }
        for text in [
            "2", " 2. ", "(2)", "#2", "٢", "۲", "२", "２", "2️⃣", "2-", "2:", "2、", "No. 2", "nr 2", "№ 2", "n° 2",
            "Two", " tWO ",
        ] {
            assert_eq!(understood(&choices, text).as_deref(), Some("two"), "{text}");
        }
        for text in ["0", "3", "21", "2 please", "-1", "", "nobody", "1 2", "²", "٢٢", "99999999999999999999999"] {
            assert_eq!(understood(&choices, text), None, "{text}");
        }
        choices.renew(Choices::default());
        assert_eq!(understood(&choices, "2"), None);
    }

    #[test]
    fn long_ids_of_earlier_answers_give_way() {
        let mut choices = Choices::default();
        for index in 0..40 {
            let mut answer = Choices::default();
            answer.alias(&format!("{index} {}", "p".repeat(6_200)));
            choices.renew(answer);
            assert!(crate::json::size(&choices) < MAX_ALIAS_BYTES + 8 * 1024, "{index}");
        }
        assert_eq!(choices.aliases.len(), 3, "the newest and what fits beside it");
    }

    #[test]
    fn an_alias_comes_back_as_the_id_it_stands_for() {
        let mut answer = Choices::default();
        let (first, second) = (answer.alias("same"), answer.alias("same"));
        assert_ne!(first, second);
        let mut choices = Choices::default();
        choices.renew(answer);
        for index in 0..MAX_ALIASES - 2 {
            let mut later = Choices::default();
            later.alias(&index.to_string());
            choices.renew(later);
        }
        for alias in [first, second] {
            let tapped = message(&alias, Some(&alias));
            assert_eq!(choices.resolve(&tapped).text.as_deref(), Some("same"));
        }
    }
}
