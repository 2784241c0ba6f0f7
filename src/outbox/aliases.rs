//! The other names of a person lead to their conversation: a phone number beside a BSUID, the name that the agent knows.

use std::time::Duration;

use jiff::Timestamp;

use super::{Lease, Outbox, OutboxError};
use crate::{
    conversation::{Conversation, ConversationId, PhoneNumberId},
    retry::{Clock, after},
};

/// How long an alias is kept longer than its conversation, so that it is written about once a week and not with each message.
const MARGIN: Duration = Duration::from_hours(7 * 24);
/// Most signposts to follow: more can only be a cycle.
const MAX_SIGNPOSTS: usize = 8;
/// Most bytes of a name: a key of the table has 2,048 at most. The longest names are those of an operator's script: 256 characters.
const MAX_NAME: usize = 1024;

impl Outbox {
    /// Lets these names of the person lead to the conversation, unless they do for long enough; `next` notes until when.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn keep_aliases(
        &self,
        lease: &Lease,
        next: &mut Conversation,
        names: &[String],
        clock: &Clock,
    ) -> Result<(), OutboxError> {
        let kept_until = self.keep_until(clock);
        let is_long_enough = |until: Timestamp| kept_until.is_some_and(|kept_until| kept_until <= until);
        let has_new_name = lease.conversation.person.phone != next.person.phone
            || script_name(next).is_some_and(|name| script_name(&lease.conversation) != Some(name));
        if !has_new_name && next.aliased_until.is_some_and(|until| until == Timestamp::MAX || is_long_enough(until)) {
            return Ok(());
        }
        let until = kept_until.map(|until| after(until, MARGIN));
        let others: Vec<_> = names.iter().filter(|name| **name != lease.id.user).collect();
        for name in &others {
            self.store.remember(&key(&lease.id.number, name), &lease.id.user, until).await?;
        }
        if !others.is_empty() {
            next.aliased_until = Some(until.unwrap_or(Timestamp::MAX));
        }
        Ok(())
    }

    /// The conversation of `number` with the person who is known under `name`, as it is stored now; follows an alias and signposts.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn find(
        &self,
        number: &PhoneNumberId,
        name: &str,
        clock: &Clock,
    ) -> Result<Option<(ConversationId, Conversation)>, OutboxError> {
        if name.len() > MAX_NAME {
            return Ok(None);
        }
        let mut user = name.to_owned();
        let mut is_alias = false;
        for _ in 0..MAX_SIGNPOSTS {
            let id = ConversationId { number: number.clone(), user };
            let found = self.store.read(&id).await?;
            user = match found {
                Some(Conversation { moved_to: Some(user), .. }) => user,
                Some(conversation) => return Ok(Some((id, conversation))),
                None if is_alias => return Ok(None),
                None => match self.store.recall(&key(number, name), clock.now()).await? {
                    Some(user) => user,
                    None => return Ok(None),
                },
            };
            is_alias = true;
        }
        Ok(None)
    }
}

/// The name that the operator's script has given the person.
fn script_name(conversation: &Conversation) -> Option<&String> {
    conversation.session.as_ref()?.alias.as_ref()?.user_id.as_ref()
}

fn key(number: &PhoneNumberId, name: &str) -> String {
    format!("{number}#alias#{name}")
}
