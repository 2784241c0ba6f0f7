//! Why not all replies are out.

use jiff::Timestamp;

use crate::{queue::QueueError, retry::Retry, store::StoreError, whatsapp::graph::GraphError};

/// Most bytes of a conversation with a new answer in it.
///
/// An item may have 400 kB. The rest is for what is added without an answer: done jobs, what is known of the person under another
/// name, the reason of a failure.
pub(super) const MAX_ANSWERED_BYTES: usize = 320 * 1024;
/// Why not all replies are out.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Graph.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// A reply is refused for good, and the dead-letter queue did not accept its dead letter.
    #[error(transparent)]
    Queue(QueueError),
    /// The conversation goes on under another name, where another invocation works on it.
    #[error("another invocation works on the conversation that this one becomes")]
    Busy(Timestamp),
    /// The invocation ends before the next reply may go out.
    #[error("no time left before the next reply: it follows with the next delivery of the job")]
    OutOfTime,
    /// The answer is more than a conversation can hold.
    #[error(
        "with this answer the conversation would have {bytes} bytes, of {MAX_ANSWERED_BYTES} at most: the agent says too much at once, or the ids of its choices are too long"
    )]
    AnswerTooLarge {
        /// The bytes that it would have.
        bytes: usize,
    },
}

impl OutboxError {
    /// Whether another delivery of the job can help.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Store(StoreError::Unreadable(_) | StoreError::TooLarge) | Self::AnswerTooLarge { .. } => Retry::Never,
            Self::Graph(error) => error.retry(),
            Self::Store(StoreError::Unavailable { .. } | StoreError::LeaseLost)
            | Self::Queue(_)
            | Self::Busy(_)
            | Self::OutOfTime => Retry::SOON,
        }
    }
}
