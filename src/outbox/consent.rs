//! What people want of us outlives their conversations: it is kept under each of their names, without an end.

use super::{Lease, Outbox, OutboxError};
use crate::{
    conversation::{ConversationId, Marketing, Person, PhoneNumberId, Preferences},
    retry::Clock,
    store::StoreError,
};

impl Outbox {
    /// Keeps what the person wants under all their names. Writing it again changes nothing.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn keep_preferences(
        &self,
        id: &ConversationId,
        person: &Person,
        preferences: &Preferences,
    ) -> Result<(), OutboxError> {
        let text = serde_json::to_string(preferences).map_err(|error| StoreError::Unreadable(error.to_string()))?;
        for name in names(id, person) {
            self.store.remember(&key(&id.number, name), &text, None).await?;
        }
        Ok(())
    }

    /// What is kept under any of the person's names; the newest counts.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn kept_preferences(
        &self,
        id: &ConversationId,
        person: &Person,
        clock: &Clock,
    ) -> Result<Option<Preferences>, OutboxError> {
        let mut newest = None::<Preferences>;
        for name in names(id, person) {
            let Some(text) = self.store.recall(&key(&id.number, name), clock.now()).await? else { continue };
            let found: Preferences =
                serde_json::from_str(&text).map_err(|error| StoreError::Unreadable(error.to_string()))?;
            newest = newest.filter(|newest| newest.since > found.since).or(Some(found));
        }
        Ok(newest)
    }

    /// Notes that Meta has refused a message because the person wants none that they did not ask for.
    pub(super) async fn note_opt_out(&self, lease: &mut Lease, clock: &Clock) -> Result<(), OutboxError> {
        let has_changed = lease.conversation.prefer(Preferences::of_marketing(Marketing::Stop, clock.now()));
        match &lease.conversation.preferences {
            Some(preferences) if has_changed => {
                self.keep_preferences(&lease.id, &lease.conversation.person, preferences).await
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// All names of the other side of the conversation.
fn names<'a>(id: &'a ConversationId, person: &'a Person) -> Vec<&'a String> {
    let others = person.names().filter(|name| **name != id.user);
    [&id.user].into_iter().chain(others).collect()
}

fn key(number: &PhoneNumberId, name: &str) -> String {
    format!("{number}#preferences#{name}")
}
