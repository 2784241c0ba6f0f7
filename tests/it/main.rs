//! All stories in one binary: real parts, one file per story.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    unreachable_pub,
    reason = "a test that cannot go on has failed"
)]

mod a2a;
mod agentcore;
mod architecture;
mod browser;
mod chat;
mod cloud_api;
mod cognigy;
mod consent;
mod contract;
mod costs;
mod crashes;
mod deferred_answers;
mod deployed;
mod examples;
mod failures;
mod fault_matrix;
mod identity;
mod inbound;
mod lambda;
mod lex;
mod openai;
mod proactive;
mod promises;
mod pseudonyms;
mod rasa;
mod rendering;
mod replies;
mod rights;
mod routes;
mod samples;
mod servers;
mod settings_table;
mod signature;
mod simulator;
mod soak;
mod store_contract;
mod stored_forms;
mod support;
mod transformers;
mod undelivered;
