//! The endpoint that connects any AI agent to a WhatsApp number.
//!
//! ```text
//!  Meta ── POST /webhook ─▶ ingress::http ▸ whatsapp::signature ▸ whatsapp::inbound ─▶ Job ─▶ SQS FIFO, group = conversation
//!                                                                                     │     (no queue configured: run at once)
//!  SQS batch ─▶ ingress::queue ─▶ turn::run(app, job, clock)  ◀───────────────────────┘
//!      claim+load ▸ take in ▸ agent ▸ commit ▸ deliver ─▶ Graph API
//! ```
//!
//! Imports only go down this list; modules on one line do not know each other. Inside a module, files that stand beside each other
//! import in one direction only.
//!
//! | floor | modules | what |
//! |---|---|---|
//! | outside | `simulator` | plays Meta on localhost (feature `local`); of this table it may use only what the architecture test lists |
//! | doors | [`ingress`] | bytes to jobs |
//! | line | [`turn`] | one job in, one outcome out: read this first |
//! | wiring | [`app`] | every part, built once from the settings |
//! | out | [`outbox`] | claim, commit, deliver: nothing is sent from anywhere else |
//! | adapters | [`whatsapp`], [`agents`], [`hooks`], [`store`], [`queue`] | Meta's words, the agents' words, the operator's script, the store, the queue |
//! | secrets | [`credentials`] | read, kept, read again when refused |
//! | words | [`conversation`] | our own vocabulary; knows no channel and no cloud |
//! | settings | [`settings`] | typed; the only reader of the environment |
//! | ground | [`retry`], [`telemetry`], [`https`], [`json`] | time, logs, the one HTTP client, JSON at the border |

pub mod agents;
pub mod app;
pub mod conversation;
pub mod credentials;
pub mod hooks;
pub mod https;
pub mod ingress;
pub mod json;
pub mod outbox;
pub mod queue;
pub mod retry;
pub mod settings;
#[cfg(feature = "local")]
#[allow(clippy::arithmetic_side_effects, reason = "its times are those of a laptop and of a person at it")]
pub mod simulator;
pub mod store;
pub mod telemetry;
pub mod turn;
pub mod whatsapp;
