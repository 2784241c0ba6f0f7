//! Our own vocabulary: what people and agents say to each other, and what we remember of it. It knows no channel.

mod job;
mod message;
mod session;

pub use job::{ConversationId, Job, JobId, Person};
pub use message::{Choice, Message, Said, Tap};
pub use session::{Conversation, DONE_KEPT, Failing, Pending, Reply, ReplyId, ReplyState, Session};
