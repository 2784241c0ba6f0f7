//! Sending what was committed, in order, once each.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    Lease, Outbox, OutboxError,
    giving_up::add_graph_error,
    passage::{Passage, without_direct_send},
    substitutes::other_number,
};
use crate::{
    conversation::{Output, Pending, Reply, ReplyId, ReplyState, SentReply, TurnId, Wamid},
    queue::DeadLetter,
    retry::{Clock, Retry, after, back_off, between},
    store::{Claim, Hold, StoreError},
    telemetry::Chain,
    whatsapp::{errors, graph::GraphError, inbound, outbound},
};

/// The interval at which the store is asked whether a status has settled a reply.
const STATUS_LOOK: Duration = Duration::from_secs(1);
/// Tries of one reply within one turn; after that it is left to the next delivery of the job.
const TRIES: u32 = 4;
/// Most bytes of a wamid that is kept with a reply.
const MAX_WAMID: usize = 128;

impl Outbox {
    /// Sends the pending replies, in order, with the message delay between two of them; then keeps or frees the conversation.
    ///
    /// A dead letter comes first: before a person hears that no answer will come, the operator can know it.
    ///
    /// A reply that Graph refuses for good is reported and does not stop the ones behind it. A reply in doubt is sent again
    /// only if no status has reported within `resend_after` that it is out.
    ///
    /// # Errors
    /// The first failure that another delivery of the job can heal; `lease` knows the progress and has to be given back.
    pub async fn deliver(
        &self,
        lease: &mut Lease,
        turn: &TurnId,
        then: Hold,
        clock: &Clock,
    ) -> Result<(), OutboxError> {
        let Some(mut pending) = lease.conversation.outbox.clone() else { return Ok(()) };
        if let Some(dead_letter) = pending.dead_letter.take() {
            self.send_committed(&dead_letter).await?;
            lease.conversation.outbox = Some(pending.clone());
        }
        let mut pause = Duration::ZERO;
        let mut index = 0;
        // Several replies may replace one.
        while index < pending.replies.len() {
            if !pending.replies[index].state.is_open() {
                index += 1;
                continue;
            }
            let state = self.deliver_one(lease, &mut pending, index, turn, pause, clock).await?;
            let Reply { output, resends, is_unasked, .. } = pending.replies[index].clone();
            if let ReplyState::Sent(_) = &state {
                let id = ReplyId::of(&pending.turn, index);
                lease.conversation.note_sent(SentReply { id, output, resends, is_unasked });
            }
            pending.replies[index].state = state;
            lease.in_doubt = false;
            pause = self.delivery.message_delay;
            index += 1;
            if index < pending.replies.len() {
                self.upload_for(lease, &pending, index, clock).await;
                self.mark(lease, &mut pending, index, pause, clock).await?;
            }
        }
        lease.conversation.outbox = None;
        self.save(lease, then).await
    }

    /// Sends one reply until its outcome is known.
    async fn deliver_one(
        &self,
        lease: &mut Lease,
        pending: &mut Pending,
        index: usize,
        turn: &TurnId,
        mut pause: Duration,
        clock: &Clock,
    ) -> Result<ReplyState, OutboxError> {
        let reply = ReplyId::of(&pending.turn, index);
        let mut tries = 0;
        loop {
            match pending.replies[index].state {
                ReplyState::Planned => {
                    self.upload_for(lease, pending, index, clock).await;
                    self.mark(lease, pending, index, pause, clock).await?;
                }
                ReplyState::Sending(since) if lease.in_doubt => {
                    if self.is_out(lease, turn, &reply, since, clock).await? {
                        return Ok(ReplyState::Sent(None));
                    }
                    self.upload_for(lease, pending, index, clock).await;
                    self.mark(lease, pending, index, Duration::ZERO, clock).await?;
                }
                ReplyState::Sending(_) | ReplyState::Sent(_) | ReplyState::Refused => {}
            }
            let error = match self.send(lease, pending, index, std::mem::take(&mut pause), clock).await {
                Ok(wamid) => {
                    return Ok(ReplyState::Sent(Some(wamid).filter(|wamid| wamid.as_str().len() <= MAX_WAMID)));
                }
                Err(OutboxError::Graph(error)) => error,
                Err(error) => return Err(Self::put_back(lease, pending, index, error)),
            };
            if error.leaves_doubt() {
                tracing::warn!(%reply, error = %Chain(&error), "it is unknown whether a reply is out: waiting for its status");
                // Count from now: `send` pauses before the request goes out.
                pending.replies[index].state = ReplyState::Sending(clock.now());
                lease.conversation.outbox = Some(pending.clone());
                lease.in_doubt = true;
                continue;
            }
            if error.code() == Some(errors::OPTED_OUT) {
                self.note_opt_out(lease, clock).await?;
            }
            match error.retry() {
                Retry::Never => {
                    if let Some(other) = other_number(pending, &error) {
                        tracing::warn!(%reply, error = %Chain(&error), "refused: the other form of the number is tried");
                        pending.to.phone = Some(other);
                        pending.replies[index].state = ReplyState::Planned;
                        continue;
                    }
                    let substitutes = self.substitutes(&lease.id.number, pending, index, &error, clock).await;
                    if substitutes.is_empty() {
                        if pending.is_apology {
                            // The dead letter of the job says everything.
                            tracing::error!(%reply, error = %Chain(&error), "the person could not be informed that no answer will come");
                        } else {
                            self.write_dead_letter(lease, &reply, &error, clock).await?;
                        }
                        return Ok(ReplyState::Refused);
                    }
                    tracing::warn!(%reply, error = %Chain(&error), "refused: something simpler is sent instead");
                    let Reply { output: Output { quotes, .. }, is_unasked, .. } = pending.replies[index];
                    let substitute = |content| Reply { is_unasked, ..Reply::from(content) };
                    let mut substitutes: Vec<_> = substitutes.into_iter().map(substitute).collect();
                    substitutes[0].output.quotes = quotes;
                    // Nothing after this reply has been sent, so no later index is known outside.
                    pending.replies.splice(index..=index, substitutes);
                }
                Retry::After(pause_due) => {
                    tries += 1;
                    if tries == TRIES || !error.heals() || !clock.pause(pause_due.max(back_off(tries))).await {
                        return Err(Self::put_back(lease, pending, index, error.into()));
                    }
                    tracing::debug!(%reply, tries, error = %error, "sending again");
                }
            }
            pending.replies[index].state = ReplyState::Planned;
        }
    }

    /// Records that a reply is known not to be out, for the next delivery of the job.
    fn put_back(lease: &mut Lease, pending: &mut Pending, index: usize, error: OutboxError) -> OutboxError {
        pending.replies[index].state = ReplyState::Planned;
        lease.conversation.outbox = Some(pending.clone());
        error
    }

    /// Stores that a reply is about to be sent, after a pause: if we die from here on, it is in doubt.
    async fn mark(
        &self,
        lease: &mut Lease,
        pending: &mut Pending,
        index: usize,
        pause: Duration,
        clock: &Clock,
    ) -> Result<(), OutboxError> {
        pending.replies[index].state = ReplyState::Sending(after(clock.now(), pause));
        lease.conversation.outbox = Some(pending.clone());
        lease.in_doubt = false;
        self.save(lease, Hold::Keep).await
    }

    /// Whether a reply in doubt is out, according to the statuses that arrive before it is time to send it again.
    async fn is_out(
        &self,
        lease: &mut Lease,
        turn: &TurnId,
        reply: &ReplyId,
        since: Timestamp,
        clock: &Clock,
    ) -> Result<bool, OutboxError> {
        loop {
            if lease.conversation.settled.contains(reply) {
                return Ok(true);
            }
            // The time of the send may be later than the end of the process that planned it.
            let waited = between(since, clock.now());
            let Some(rest) = self.delivery.resend_after.checked_sub(waited).filter(|rest| !rest.is_zero()) else {
                return Ok(false);
            };
            if !clock.pause(rest.min(STATUS_LOOK)).await {
                return Err(OutboxError::OutOfTime);
            }
            // A claim by the holder succeeds and returns the current record.
            match self.store.claim(&lease.id, turn, &lease.token, clock.now(), self.keep_until(clock)).await? {
                Claim::Fresh(found) | Claim::Resume(found) => lease.conversation.settled = found.settled,
                Claim::Done | Claim::Busy(_) => return Err(StoreError::LeaseLost.into()),
            }
        }
    }

    /// Sends one reply after a pause; returns its wamid.
    async fn send(
        &self,
        lease: &Lease,
        pending: &Pending,
        index: usize,
        pause: Duration,
        clock: &Clock,
    ) -> Result<Wamid, OutboxError> {
        if !clock.pause(pause).await {
            return Err(OutboxError::OutOfTime);
        }
        let Reply { output, is_unasked, .. } = &pending.replies[index];
        if *is_unasked && lease.conversation.is_opted_out() {
            return Err(GraphError::OptedOut.into());
        }
        let uploaded = lease.uploaded.as_ref().filter(|(place, _)| *place == index);
        let output = &uploaded
            .map_or_else(|| output.clone(), |(_, content)| Output { content: content.clone(), ..output.clone() });
        let passage = self.passage(&lease.conversation, pending.is_notice, &output.content, clock)?;
        let tag = inbound::Tag { reply: ReplyId::of(&pending.turn, index), user: lease.id.user.clone() };
        let mut body = outbound::send_body(&pending.to, output, &pending.message_id, &tag.to_string());
        if passage == Passage::DirectSend {
            body["category"] = "utility".into();
        }
        let sent = self.graph.send(&lease.id.number, &body, clock).await;
        Ok(sent.map_err(|error| if passage == Passage::DirectSend { without_direct_send(error) } else { error })?)
    }

    /// Uploads the files of a reply, for its send.
    async fn upload_for(&self, lease: &mut Lease, pending: &Pending, index: usize, clock: &Clock) {
        let content = &pending.replies[index].output.content;
        lease.uploaded = None;
        if self.has_upload(content) {
            let mut content = content.clone();
            self.upload(&lease.id.number, &mut content, clock).await;
            lease.uploaded = Some((index, content));
        }
    }

    /// Sends a dead letter for a reply that is refused for good.
    async fn write_dead_letter(
        &self,
        lease: &Lease,
        reply: &ReplyId,
        error: &GraphError,
        clock: &Clock,
    ) -> Result<(), OutboxError> {
        let label = self.credentials.label(&lease.id).await;
        let mut dead_letter = DeadLetter::of_reply(reply, &lease.id, label, Chain(error).to_string(), clock.now());
        add_graph_error(&mut dead_letter, error);
        self.dead_letters.send(&dead_letter).await.map_err(OutboxError::Queue)
    }

    /// Sends the dead letter that was stored with the conversation.
    pub(super) async fn send_committed(&self, dead_letter: &str) -> Result<(), OutboxError> {
        let dead_letter =
            serde_json::from_str(dead_letter).map_err(|error| StoreError::Unreadable(error.to_string()))?;
        self.dead_letters.send(&dead_letter).await.map_err(OutboxError::Queue)
    }
}
