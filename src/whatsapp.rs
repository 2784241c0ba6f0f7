//! Meta's words: webhooks in, the Graph API out. They live only here.

pub mod errors;
pub mod graph;
pub mod inbound;
pub mod outbound;
pub mod signature;
