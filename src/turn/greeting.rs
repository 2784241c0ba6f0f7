//! The first words to a person: who must say that a machine speaks says it before the first answer.

use super::Turn;
use crate::{
    conversation::{Content, Output, Task},
    whatsapp::outbound::limits,
};

impl Turn<'_> {
    /// Notes in a person's first conversation that they have yet to be greeted.
    pub(super) fn expect_greeting(&mut self) {
        let is_person = matches!(self.job.task, Task::Message(_));
        if is_person && self.next.is_new() && self.app.settings.proactive.greeting_text.is_some() {
            self.note(|conversation| conversation.greeting_is_due = true);
        }
    }

    /// Puts the greeting before the first answer of the agent; in one message with its first text, if both fit.
    pub(super) fn greet(&mut self, outputs: &mut Vec<Output>) {
        let is_of_agent = self.agent_time.is_some() || matches!(self.job.task, Task::Deferred(_));
        let Some(greeting) = &self.app.settings.proactive.greeting_text else { return };
        if !self.next.greeting_is_due || !is_of_agent || outputs.is_empty() {
            return;
        }
        self.next.greeting_is_due = false;
        if let Content::Text(text) = &mut outputs[0].content {
            let both = format!("{greeting}\n\n{text}");
            if both.encode_utf16().count() <= limits::MAX_TEXT {
                *text = both;
                return;
            }
        }
        outputs.insert(0, Content::Text(greeting.clone()).into());
    }
}
