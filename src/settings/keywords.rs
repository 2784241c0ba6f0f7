//! Words that are commands when a message contains nothing else.

use icu_normalizer::uts46::Uts46MapperBorrowed;

/// Words that are commands when a message contains nothing else, such as STOP.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keywords(Vec<String>);

/// What ends a sentence if a space or nothing follows: a dot within a word ends none.
const ENDS_BEFORE_A_SPACE: [char; 7] = ['.', '!', '?', '…', '؟', '۔', '։'];
/// What ends a sentence wherever it stands.
const ENDS: [char; 7] = ['\n', '\r', '。', '！', '？', '।', '｡'];

impl Keywords {
    /// Reads a list with commas between the words.
    #[must_use]
    pub fn read(list: &str) -> Self {
        Self(list.split([',', '،', '，']).map(folded).filter(|word| !word.is_empty()).collect())
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `text` is one of the words, or its first sentence is.
    ///
    /// Case, form of the letters, spaces and what stands around the word make no difference. A word within a sentence does not count:
    /// "STOP. Thank you" is one, "don't stop" and "STOP or not?" are none.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let is_one = |text: &str| self.0.contains(&folded(text));
        // The whole text first: a word may contain a dot.
        !self.0.is_empty() && (is_one(text) || is_one(first_sentence(text)))
    }
}

/// The first sentence with anything in it.
fn first_sentence(text: &str) -> &str {
    let mut start = 0;
    let mut signs = text.char_indices().peekable();
    while let Some((at, sign)) = signs.next() {
        let is_last = signs.peek().is_none_or(|(_, next)| next.is_whitespace() || ENDS_BEFORE_A_SPACE.contains(next));
        if ENDS.contains(&sign) || ENDS_BEFORE_A_SPACE.contains(&sign) && is_last {
            let sentence = &text[start..at];
            if sentence.chars().any(char::is_alphanumeric) {
                return sentence;
            }
            start = at + sign.len_utf8();
        }
    }
    &text[start..]
}

/// The text in one case and one form of its letters, without what stands around its words.
///
/// The tables are those that read a host name in any script, and are in the program for that.
fn folded(text: &str) -> String {
    let mapper = Uts46MapperBorrowed::new();
    let words = text.split_whitespace().map(|word| mapper.map_normalize(word.chars()).collect::<String>());
    // Two letters that host names keep apart from what they become in capitals.
    let words = words.collect::<Vec<_>>().join(" ").replace('ß', "ss").replace('ς', "σ");
    let bare = words.trim_matches(|sign: char| !sign.is_alphanumeric());
    // An emoji may be a word, too.
    if bare.is_empty() { words } else { bare.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_counts_alone_or_as_the_first_sentence() {
        let words = Keywords::read("STOP, Abmelden ,no more,🛑");
        for text in [
            "stop",
            " Stop! ",
            "*STOP*",
            "„Stop“",
            "STOP. Thank you",
            "Stop!!! I said it",
            "stop\nplease",
            "… stop.",
            "ABMELDEN 🙏",
            "No  more",
            "ＳＴＯＰ",
            "🛑",
        ] {
            assert!(words.matches(text), "{text}");
        }
        for text in [
            "don't stop",
            "STOP or not?",
            "stop.com",
            "nonstop",
            "stop it",
            "",
            "…",
            "🙏",
            "Please. Stop",
            "stopp",
            "more",
        ] {
            assert!(!words.matches(text), "{text}");
        }
        assert!(!Keywords::read(" , ").matches(""));
    }

    #[test]
    fn a_word_counts_in_every_script() {
        let words = Keywords::read("стоп,停止,ΣΤΟΠ ΟΧΙ ΑΛΛΟΣ,रोकें,توقف,STRASSE,café,止まれ,İPTAL");
        for text in [
            "СТОП",
            "Стоп.",
            "停止。谢谢",
            "στοπ όχι άλλος",
            "रोकें। धन्यवाद",
            "توقف؟ شكرا",
            "Straße",
            "cafe\u{301}!",
            "ｶﾌｪ",
            "止まれ！",
            "İptal",
        ] {
            let expected = !matches!(text, "ｶﾌｪ" | "στοπ όχι άλλος");
            assert_eq!(words.matches(text), expected, "{text}");
        }
        assert!(words.matches("στοπ οχι αλλος"), "a sigma at the end of a word is another letter in small");
    }
}
