//! Our own vocabulary: what people and agents say to each other, and what we remember of it. It knows no channel.

mod done;
mod job;
mod message;
mod offers;
mod said;
mod session;

pub use done::{DONE_KEPT, Done};
pub use job::{ConversationId, DeliveryFailure, Errand, Job, JobId, Later, NewNames, Person, Undelivered};
pub use message::{Attachment, Details, FormAnswer, Message, Tap, UNSHOWN};
pub use offers::Offers;
pub use said::{
    Action, Card, Choice, Contact, Flow, List, Location, Media, MediaKind, Output, Parameter, Said, Section, Source,
    Template,
};
pub use session::{
    Conversation, Failing, MAX_MEMORY_BYTES, MemoryTooLarge, Pending, Reply, ReplyId, ReplyState, SentReply, Session,
};
