//! What a person wants of us: words by which they opt out and in, and their choice in WhatsApp.

use super::{Turn, TurnError};
use crate::{
    conversation::{Answer, Content, MessageTask, Person, PreferenceChange, Preferences, Task},
    settings::Keywords,
    whatsapp::inbound,
};

/// Meta's types of messages whose text the person has typed, or tapped: a caption and the name of a place are no words to us.
const TYPED: [&str; 3] = ["text", "button", "interactive"];

impl Turn<'_> {
    /// In a new conversation, and when the person gets another name, recalls what they said earlier, of which nothing else may be left;
    /// and keeps under the new name what is known under the others.
    pub(super) async fn recall_preferences(&mut self) -> Result<(), TurnError> {
        let app = self.app;
        let is_kept = !app.settings.proactive.opt_out_words.is_empty() || app.credentials.has_api_key().await;
        let nobody = Person::default();
        let person = match &self.job.task {
            Task::Message(task) => task.becomes.as_ref().unwrap_or(&task.person),
            task => task.person().unwrap_or(&nobody),
        };
        let has_new_name = person.names().any(|name| self.next.person.names().all(|known| known != name));
        if is_kept
            && (self.next.is_new() || has_new_name)
            && let Some(kept) = app.outbox.kept_preferences(self.lease.id(), person, self.clock).await?
        {
            self.note(|conversation| {
                conversation.prefer(kept.clone());
            });
        }
        if let Some(preferences) = self.next.preferences.as_ref().filter(|_| has_new_name) {
            app.outbox.keep_preferences(self.lease.id(), person, preferences).await?;
        }
        Ok(())
    }

    /// The answer to a message that is nothing but a word for opting out or in; the agent does not get it.
    ///
    /// A second STOP is not confirmed again. A word for opting in is for the agent unless the person has opted out.
    pub(super) fn consent(&mut self, task: &MessageTask) -> Option<Answer> {
        let proactive = &self.app.settings.proactive;
        if proactive.opt_out_words.is_empty() && proactive.opt_in_words.is_empty() {
            return None;
        }
        let message = &task.message;
        let kind = inbound::details(&message.raw).kind;
        // The text of a tapped choice is its id, which the person does not see. That of a template's button is the operator's word.
        let text = message.text.as_ref().filter(|_| kind != "interactive" || message.tap.is_none());
        let texts = [message.tap.as_ref().map(|tap| &tap.title), text];
        let is_one = |words: &Keywords| texts.iter().flatten().any(|text| words.matches(text));
        let opts_out = is_one(&proactive.opt_out_words);
        let is_word = opts_out || self.next.is_opted_out() && is_one(&proactive.opt_in_words);
        // In a group, one speaks and all would be bound.
        let is_alone = !task.is_notice && task.person.group_id.is_none();
        if !is_word || !is_alone || !TYPED.contains(&kind.as_str()) {
            return None;
        }
        self.next.meet(task.becomes.as_ref().unwrap_or(&task.person));
        self.next.open_window(message.sent_at, self.clock.now());
        let was_opted_out = self.next.is_opted_out();
        self.next.prefer(Preferences::of_word(opts_out, message.sent_at.unwrap_or(self.clock.now())));
        let text = if opts_out { &proactive.opt_out_text } else { &proactive.opt_in_text };
        let text = text.clone().filter(|_| self.next.is_opted_out() != was_opted_out);
        tracing::info!(turn = %self.job.id, opts_out, "the person has said whether they want messages that they did not ask for");
        Some(text.map_or_else(Answer::default, |text| vec![Content::Text(text).into()].into()))
    }

    /// Notes a choice that the person made in WhatsApp.
    pub(super) fn prefer(&mut self, change: &PreferenceChange) -> Answer {
        self.next.meet(&change.person);
        self.next.prefer(change.preferences.clone());
        Answer::default()
    }

    /// Keeps under all names of the person what they want, which outlives the conversation; before the conversation is stored.
    pub(super) async fn keep_preferences(&self) -> Result<(), TurnError> {
        match &self.next.preferences {
            Some(preferences) if self.next.preferences != self.lease.conversation.preferences => {
                Ok(self.app.outbox.keep_preferences(self.lease.id(), &self.next.person, preferences).await?)
            }
            Some(_) | None => Ok(()),
        }
    }
}
