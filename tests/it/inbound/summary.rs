//! Events as a person can check them.

use serde_json::{Value, json};
use whatsapp_endpoint::whatsapp::inbound::{Event, InboundContent, Problem, Received, Unanswered};

/// What an event says.
pub fn of(event: &Event) -> Value {
    match event {
        Event::Message(received) => message(received),
        Event::Status(status) => json!({
            "status": status.kind(),
            "of": status.id,
            "number": status.number,
            "tag": status.tag.as_ref().map(ToString::to_string),
            "problems": status.problems.iter().map(problem).collect::<Vec<_>>(),
        }),
        Event::Choice(_) | Event::Problem(_) | Event::Field(_) | Event::Nothing(_) | Event::Unrecognized { .. } => {
            json!(kind(event))
        }
    }
}

/// What an event is, in a few words.
pub fn kind(event: &Event) -> String {
    match event {
        Event::Message(received) => match received.as_ref().clone().job(&[]) {
            Ok(_) => "job".to_owned(),
            Err(Unanswered::Kind(kind)) => format!("message of type {kind}"),
            Err(Unanswered::NoSender) => "message of no one".to_owned(),
        },
        Event::Status(status) => {
            let problems = status.problems.iter().map(problem);
            [status.kind()].into_iter().chain(problems).collect::<Vec<_>>().join(", ")
        }
        Event::Choice(choice) => format!("choice of {}", choice.person.stable_id().map_or("nobody", |id| id)),
        Event::Problem(found) => problem(found),
        Event::Field(field) => format!("field {field}"),
        Event::Nothing(why) => format!("nothing for us: {why}"),
        Event::Unrecognized { part, why, .. } => format!("unrecognized {}: {why}", part.name()),
    }
}

fn problem(Problem { code, title, details }: &Problem) -> String {
    format!("problem {code} {title}: {}", details.as_deref().unwrap_or("no details"))
}

fn message(received: &Received) -> Value {
    let job = received.clone().job(&[]);
    json!({
        "content": content(&received.content),
        "person": received.person,
        "becomes": received.becomes,
        "conversation": job.as_ref().ok().map(|job| &job.conversation.user),
        "unanswered": job.as_ref().err().map(|why| match why {
            Unanswered::Kind(kind) => format!("type {kind}"),
            Unanswered::NoSender => "no sender".to_owned(),
        }),
    })
}

fn content(content: &InboundContent) -> Value {
    match content {
        InboundContent::Text(text) => json!({ "text": text }),
        InboundContent::File(caption) => json!({ "file": { "caption": caption } }),
        InboundContent::Tap(tap) => json!({ "tap": tap }),
        InboundContent::Form => json!("form"),
        InboundContent::Location(text) => json!({ "location": text }),
        InboundContent::Contacts => json!("contacts"),
        InboundContent::Order(text) => json!({ "order": text }),
        InboundContent::Reaction => json!("reaction"),
        InboundContent::System => json!("system"),
        InboundContent::Edit(text) => json!({ "edit": text }),
        InboundContent::Revoke => json!("revoke"),
        InboundContent::RequestWelcome => json!("request_welcome"),
        InboundContent::Unsupported(kind) => json!({ "unsupported": kind }),
        InboundContent::Unrecognized { kind, why } => json!({ "unrecognized": kind, "why": why }),
    }
}
