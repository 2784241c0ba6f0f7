//! Which replies may go out, and how: the channel's window, and what the person wants.

use super::Outbox;
use crate::{
    conversation::{Content, Conversation},
    retry::{Clock, after},
    whatsapp::{
        errors,
        graph::GraphError,
        outbound::{self, limits::WINDOW},
    },
};

/// How a reply goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passage {
    /// As it is.
    Free,
    /// As a utility message without a template, which some accounts may send outside of the window.
    DirectSend,
}

impl Outbox {
    /// How this content may be sent now to the other side of `conversation`; `is_notice` if they have not asked for it.
    ///
    /// # Errors
    /// Why it may not: [`GraphError::OptedOut`] or [`GraphError::WindowClosed`].
    pub fn passage(
        &self,
        conversation: &Conversation,
        is_notice: bool,
        content: &Content,
        clock: &Clock,
    ) -> Result<Passage, GraphError> {
        let is_template = !outbound::needs_window(content);
        if conversation.is_opted_out() && (is_notice || is_template) {
            return Err(GraphError::OptedOut);
        }
        let is_closed = match conversation.last_message_at {
            Some(at) => after(at, WINDOW) < clock.now(),
            // An answer to a message of an unknown time is for Meta to judge. Who has never written has opened no window.
            None => is_notice,
        };
        if is_template || !is_closed {
            return Ok(Passage::Free);
        }
        // Nobody has an agreement with a person who has never written.
        let may_be_direct = is_notice && conversation.last_message_at.is_some() && matches!(content, Content::Text(_));
        if self.direct_send.is_some() && may_be_direct {
            Ok(Passage::DirectSend)
        } else {
            Err(GraphError::WindowClosed)
        }
    }
}

/// Where Meta takes no free text after all, the template is what is left.
pub(super) fn without_direct_send(error: GraphError) -> GraphError {
    match error {
        GraphError::Refused(refusal) if errors::NO_DIRECT_SEND.contains(&refusal.code) => {
            GraphError::OutsideWindow(refusal)
        }
        error => error,
    }
}
