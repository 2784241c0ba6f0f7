//! The history for servers that do not keep it: the last turns, within a budget.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::conversation::MAX_MEMORY_BYTES;

/// Most bytes of it as JSON: it is stored in the conversation's item, and every turn pays for it in tokens.
const MAX_BYTES: usize = MAX_MEMORY_BYTES - 64;
/// Most messages, counting questions and answers.
const MAX_MESSAGES: usize = 40;
/// Most bytes that are kept of one message, so that the last turn always fits.
const MAX_MESSAGE: usize = 8 * 1024;

/// The last turns, the newest last.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct History {
    #[serde(default)]
    turns: Vec<Turn>,
}

/// A person's message, and the model's answer.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Turn(String, String);

impl History {
    /// Reads a session's memory; empty if it is of another protocol.
    pub(crate) fn remembered(memory: Option<&Value>) -> Self {
        memory.and_then(|memory| Self::deserialize(memory).ok()).unwrap_or_default()
    }

    /// The memory for the session.
    pub(crate) fn memory(&self) -> Value {
        json!(self)
    }

    /// The messages with their roles, in order.
    pub(crate) fn messages(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.turns.iter().flat_map(|Turn(text, answer)| [("user", text.as_str()), ("assistant", answer)])
    }

    /// Forgets the older half, rounded up; returns whether there was anything to forget.
    pub(crate) fn halve(&mut self) -> bool {
        let forgotten = self.turns.len().div_ceil(2);
        self.turns.drain(..forgotten);
        forgotten > 0
    }

    /// Adds a turn; whole old turns are dropped to make room.
    pub(crate) fn add(&mut self, text: String, answer: String) {
        self.turns.push(Turn(cut(text), cut(answer)));
        let size = |turn: &Turn| json!(turn).to_string().len() + 1;
        let mut sizes: usize = self.turns.iter().map(size).sum();
        while self.turns.len() > 1 && (sizes > MAX_BYTES || self.turns.len() * 2 > MAX_MESSAGES) {
            sizes -= size(&self.turns.remove(0));
        }
    }
}

fn cut(mut text: String) -> String {
    if text.len() > MAX_MESSAGE {
        text.truncate(text.floor_char_boundary(MAX_MESSAGE));
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_turns_give_way_as_wholes() {
        let mut history = History::default();
        for turn in 0..30 {
            history.add(format!("question {turn}"), format!("answer {turn}"));
        }
        let messages: Vec<_> = history.messages().collect();
        assert_eq!((messages.len(), messages[0]), (MAX_MESSAGES, ("user", "question 10")));
        assert_eq!(messages[39], ("assistant", "answer 29"));
        for _ in 0..5 {
            history.add("ä".repeat(4000), "é".repeat(40_000));
            assert!(history.memory().to_string().len() < MAX_BYTES + 32);
        }
        assert_eq!(history.messages().count(), 2, "two of these turns are more than the budget");
        assert!(history.messages().all(|(_, text)| text.len() <= MAX_MESSAGE + 3));
    }

    #[test]
    fn the_older_half_is_forgotten_until_nothing_is_left() {
        let mut history = History::default();
        (0..5).for_each(|turn| history.add(format!("question {turn}"), String::new()));
        let left: Vec<_> = std::iter::from_fn(|| history.halve().then(|| history.messages().count() / 2)).collect();
        assert_eq!(left, [2, 1, 0]);
    }

    #[test]
    fn the_memory_of_another_protocol_is_no_history() {
        for memory in [json!(null), json!({ "response": "resp_1" }), json!({ "turns": 7 })] {
            assert_eq!(History::remembered(Some(&memory)).messages().count(), 0);
        }
    }
}
