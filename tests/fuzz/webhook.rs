//! Bodies of webhooks: reading them always ends, and a job keeps the bytes of its message.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use serde_json::value::RawValue;
use whatsapp_endpoint::{
    conversation::{Job, Task},
    credentials::Keys,
    json,
    settings::QuietKind,
    whatsapp::{
        inbound::{self, Event, Part, Problem},
        signature::SignedBody,
    },
};

fuzz_target!(|body: &[u8]| {
    let signed = SignedBody::verify(Bytes::copy_from_slice(body), None, &Keys::default(), false);
    for event in inbound::parse(&signed.expect("there is nothing to check it with")) {
        match event {
            Event::Message(received) => {
                let raw = received.raw.clone();
                let _details = inbound::details(&raw);
                assert_within(body, raw.get());
                if let Ok(job) =
                    received.job(&[QuietKind::Reaction, QuietKind::Edit, QuietKind::Revoke, QuietKind::System])
                {
                    assert_kept(&job, &raw);
                }
            }
            Event::Status(status) => {
                let _job = status.job();
                status.problems.iter().for_each(advise);
            }
            Event::Choice(choice) => {
                let _job = choice.job(jiff::Timestamp::UNIX_EPOCH);
            }
            Event::Problem(problem) => advise(&problem),
            Event::Field(_) | Event::Nothing(_) | Event::Unrecognized { part: Part::Body, .. } => {}
            Event::Unrecognized { raw, .. } => assert_within(body, &raw),
        }
    }
});

fn advise(problem: &Problem) {
    assert!(!problem.advice().cure.is_empty(), "code {} comes with a cure", problem.code);
}

/// Fails unless `raw` stands in `body`, repaired where it was broken, byte for byte.
fn assert_within(body: &[u8], raw: &str) {
    let (body, raw) = (json::repaired(body), raw.as_bytes());
    assert!(body.windows(raw.len()).any(|part| part == raw), "these bytes did not come in: {}", raw.escape_ascii());
}

/// Fails unless the job is the same after its way through the queue.
fn assert_kept(job: &Job, raw: &RawValue) {
    let record = serde_json::to_string(job).expect("a job is JSON");
    let again: Job = serde_json::from_str(&record).expect("what was written can be read");
    if let Task::Message(task) = &again.task {
        assert_eq!(task.message.raw.get(), raw.get(), "the bytes of the message are kept");
    }
    assert_eq!(serde_json::to_string(&again).expect("a job is JSON"), record, "nothing else is lost");
    assert_eq!(again.conversation.group(), job.conversation.group(), "the group is the same");
}
