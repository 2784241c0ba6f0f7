//! One person, several names: a conversation goes on when the channel gives its person a new name.
//!
//! A conversation is stored under the most stable name that the channel gives: the BSUID if there is one, else the phone number.
//! When a better or a new name comes, everything moves there in two writes, and a signpost stays behind for jobs that still have
//! the old name. The agent keeps the name that it knows.

use super::{Lease, Outbox, OutboxError};
use crate::{
    conversation::{Conversation, ConversationId, Job, Person},
    retry::Clock,
    store::{Claim, Hold},
};

/// Most signposts to follow: more can only be a cycle.
const MAX_SIGNPOSTS: usize = 8;

impl Outbox {
    /// Follows signposts from a claim of an old name to the conversation itself, and adds what is known under the phone number.
    pub(super) async fn follow(
        &self,
        mut claim: Claim<Lease>,
        job: &Job,
        clock: &Clock,
    ) -> Result<Claim<Lease>, OutboxError> {
        for _ in 0..MAX_SIGNPOSTS {
            let lease = match claim {
                Claim::Fresh(lease) | Claim::Resume(lease) if lease.conversation.moved_to.is_some() => lease,
                Claim::Fresh(lease) if lease.conversation.is_new() => return self.fetch(lease, job, clock).await,
                claim => return Ok(claim),
            };
            self.save(&lease, Hold::Release).await?;
            let Some(user) = lease.conversation.moved_to else { break };
            claim = self.take(&ConversationId { user, ..lease.id }, job, &lease.token, clock).await?;
        }
        Ok(Claim::Busy(clock.now()))
    }

    /// Adds what is stored under the phone number of a person who now has a BSUID.
    ///
    /// It costs one read, when a person writes for the first time.
    async fn fetch(&self, lease: Lease, job: &Job, clock: &Clock) -> Result<Claim<Lease>, OutboxError> {
        let person = job.task.person().filter(|person| person.group_id.is_none());
        let phone = person.and_then(|person| person.phone.clone()).filter(|phone| *phone != lease.id.user);
        let Some(phone) = phone else {
            return Ok(Claim::Fresh(lease));
        };
        let old_id = ConversationId { user: phone, number: lease.id.number.clone() };
        match self.take_known(&old_id, job, &lease, clock).await {
            Ok(None) => Ok(Claim::Fresh(lease)),
            Ok(Some(Claim::Fresh(old))) => match self.move_over(old.clone(), lease).await {
                Ok(moved) => Ok(Claim::Fresh(moved)),
                Err(error) => {
                    self.free(&old).await?;
                    Err(error)
                }
            },
            // Unsent replies come first, under their old name; the conversation moves with the next message.
            Ok(Some(claim)) => {
                self.free(&lease).await?;
                Ok(claim)
            }
            Err(error) => {
                self.free(&lease).await?;
                Err(error)
            }
        }
    }

    /// Claims the conversation `id` if something is known there.
    async fn take_known(
        &self,
        id: &ConversationId,
        job: &Job,
        lease: &Lease,
        clock: &Clock,
    ) -> Result<Option<Claim<Lease>>, OutboxError> {
        let known = self.store.read(id).await?;
        if known.is_none_or(|known| known == Conversation::default() || known.moved_to.is_some()) {
            return Ok(None);
        }
        self.take(id, job, &lease.token, clock).await.map(Some)
    }

    /// Moves the conversation to new names. `lease` must have no unsent replies; afterwards it may have some.
    ///
    /// # Errors
    /// When the store fails, or when another invocation works under the new name; then nothing has changed.
    pub async fn rename(
        &self,
        lease: &mut Lease,
        becomes: &Person,
        job: &Job,
        clock: &Clock,
    ) -> Result<(), OutboxError> {
        if let Some(user) = becomes.stable_id().filter(|user| **user != lease.id.user) {
            let id = ConversationId { user: user.clone(), number: lease.id.number.clone() };
            let to = match self.take(&id, job, &lease.token, clock).await? {
                Claim::Fresh(to) | Claim::Resume(to) => to,
                Claim::Busy(until) => return Err(OutboxError::Busy(until)),
                Claim::Done => return Err(OutboxError::Busy(clock.now())),
            };
            // A copy: whatever fails from here on, our lease stays complete.
            *lease = self.move_over(lease.clone(), to).await?;
        }
        // A number that is no longer named is no longer theirs.
        lease.conversation.person.phone.clone_from(&becomes.phone);
        lease.conversation.person.user_id.clone_from(&becomes.user_id);
        Ok(())
    }

    /// Two writes: if we die between them, the new name has everything, and the old one has a copy that is not continued.
    ///
    /// # Errors
    /// When the store fails. Then both are restored as far as the store can be reached, and the old one is still claimed.
    async fn move_over(&self, mut old: Lease, mut new: Lease) -> Result<Lease, OutboxError> {
        let before = new.clone();
        new.conversation.moved_to = None;
        new.conversation.inherit(old.conversation.clone(), &old.id.user);
        let untouched = old.clone();
        old.conversation = old.conversation.signpost(&new.id.user);
        let moved = async {
            self.save(&new, Hold::Keep).await?;
            self.save(&old, Hold::Release).await
        };
        if let Err(error) = moved.await {
            // In this order: once the signpost may be stored, the new name keeps everything.
            self.save(&untouched, Hold::Keep).await?;
            self.free(&before).await?;
            return Err(error);
        }
        let (from, to) = (self.credentials.label(&old.id).await, self.credentials.label(&new.id).await);
        tracing::info!(from, to, "a conversation goes on under another name");
        Ok(new)
    }
}
