//! Our own vocabulary: what people and agents say to each other, and what we remember of it. It knows no channel.

mod answer;
mod choices;
mod content;
mod done;
mod ids;
mod job;
mod message;
mod preferences;
mod replies;
mod session;
mod task;

pub use answer::{Answer, FlowOutput};
pub use choices::Choices;
pub use content::{
    Action, Card, Choice, Contact, Content, Flow, List, Location, Media, MediaKind, Output, Parameter, Section, Source,
    Template,
};
pub use done::{DONE_KEPT, Done};
pub use ids::{ConversationId, Person, PhoneNumberId, TurnId, Wamid};
pub use job::Job;
pub use message::{Attachment, Details, FormAnswer, INJECT, Message, Tap, UNSHOWN};
pub use preferences::{Marketing, Preferences};
pub use replies::{Pending, Reply, ReplyId, ReplyState, SentReply};
pub use session::{Alias, Conversation, Failing, MAX_MEMORY_BYTES, MemoryTooLarge, Session};
pub use task::{
    DeferredAnswer, DeliveryFailure, Inject, MessageTask, Notice, PreferenceChange, Resend, ScriptStorage, Task,
    Undelivered,
};
