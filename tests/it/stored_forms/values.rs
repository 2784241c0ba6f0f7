//! One value of each form, with every field filled. No `..`: whoever adds a field has to decide about its form.

use jiff::Timestamp;
use serde_json::{Map, Value, json, value::to_raw_value};
use uuid::Uuid;
use whatsapp_endpoint::{
    conversation::{
        Action, Alias, Answer, Card, Choice, Choices, Contact, Content, Conversation, ConversationId, DeferredAnswer,
        DeliveryFailure, Done, Failing, Flow, Inject, Job, List, Location, Marketing, Media, MediaKind, Message,
        MessageTask, Notice, Output, Parameter, Pending, Person, PreferenceChange, Preferences, Reply, ReplyId,
        ReplyState, Resend, ScriptStorage, Section, SentReply, Session, Source, Tap, Task, Template, TurnId,
        Undelivered,
    },
    queue::DeadLetter,
};

use crate::support::endpoint::{ADA, NUMBER};

pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_796_040_000 + second).expect("in range")
}

pub fn id() -> ConversationId {
    ConversationId { number: NUMBER.into(), user: "US.90000000000000000001".to_owned() }
}

pub fn turn(message: &str) -> TurnId {
    TurnId::of(&NUMBER.into(), message)
}

pub fn reply_id() -> ReplyId {
    ReplyId::of(&turn("wamid.QUESTION=="), 1)
}

pub fn session_id() -> Uuid {
    Uuid::from_u128(0x019a_a5a8_0000_7000_8000_0000_0000_0001)
}

fn person() -> Person {
    Person {
        phone: Some(ADA.to_owned()),
        user_id: Some("US.90000000000000000001".to_owned()),
        group_id: Some("GROUP".to_owned()),
        name: Some("Zoë 😀".to_owned()),
        username: Some("ada.example".to_owned()),
    }
}

pub fn job(task: Task) -> Job {
    Job { id: turn("wamid.QUESTION=="), conversation: id(), task, redrives: 2 }
}

pub fn storages() -> Vec<ScriptStorage> {
    let content = json!({ "count": 3 }).as_object().cloned().expect("an object");
    vec![ScriptStorage { user_id: "crm-7".to_owned(), session_id: "session-7".to_owned(), content }]
}

pub fn preferences() -> Preferences {
    Preferences { opted_out: true, since: at(0), marketing: Some(Marketing::Stop) }
}

/// One task of each kind, by the name of its form.
pub fn tasks() -> Vec<(&'static str, Task)> {
    let tasks = vec![
        Task::Message(Box::new(MessageTask {
            person: person(),
            message: message(),
            becomes: Some(Person { user_id: Some("US.9".to_owned()), ..Person::default() }),
            is_notice: true,
        })),
        Task::Deferred(DeferredAnswer {
            message_id: "wamid.QUESTION==".into(),
            session: session_id(),
            answer: answer(),
        }),
        Task::Undelivered(Undelivered {
            message_id: "wamid.REPLY==".into(),
            reply: reply_id(),
            failures: vec![DeliveryFailure { code: 131_053, reason: "Media upload error".to_owned() }],
        }),
        Task::Resend(Resend {
            message_id: "wamid.QUESTION==".into(),
            to: person(),
            outputs: outputs(),
            is_notice: true,
        }),
        Task::Inject(Box::new(Inject { message: message(), session: Some(session_id()), storages: storages() })),
        Task::Notify(Notice { to: person(), outputs: outputs(), storages: storages() }),
        Task::Prefer(PreferenceChange { person: person(), preferences: preferences() }),
    ];
    // A new kind needs a form, and a value above.
    let form = |task: &Task| match task {
        Task::Message(_) => "job-message",
        Task::Deferred(_) => "job-deferred",
        Task::Undelivered(_) => "job-undelivered",
        Task::Resend(_) => "job-resend",
        Task::Inject(_) => "job-inject",
        Task::Notify(_) => "job-notify",
        Task::Prefer(_) => "job-prefer",
    };
    tasks.into_iter().map(|task| (form(&task), task)).collect()
}

fn message() -> Message {
    Message {
        id: "wamid.QUESTION==".into(),
        sent_at: Some(at(0)),
        text: Some("Über 😀".to_owned()),
        tap: Some(Tap { id: "choice".to_owned(), title: "Über 😀".to_owned() }),
        is_unsupported: true,
        raw: to_raw_value(&json!({ "id": "wamid.QUESTION==", "type": "text", "text": { "body": "Über 😀" } }))
            .expect("JSON"),
    }
}

fn answer() -> Answer {
    Answer {
        outputs: vec![Output { content: Content::Text("**hello**".to_owned()), quotes: true }],
        replies: vec![reply(Content::Text("*hello*".to_owned()), ReplyState::Planned)],
        memory: Some(json!({ "step": 3 })),
        ends_session: true,
        handover: Some("The person asks for a human".to_owned()),
        flow: Vec::new(),
        is_deferred: true,
    }
}

fn reply(content: Content, state: ReplyState) -> Reply {
    Reply { output: Output { content, quotes: true }, state, resends: 1, is_unasked: true }
}

/// One output of each kind of content.
fn outputs() -> Vec<Output> {
    let choice = Choice { id: "a".to_owned(), title: "A".to_owned(), description: Some("First".to_owned()) };
    let link = "https://example.com/cat.jpg".to_owned();
    let media =
        |kind, source| Media { kind, source, caption: Some("A cat".to_owned()), name: Some("cat.jpg".to_owned()) };
    let card = Card {
        media: Some(media(MediaKind::Image, Source::Link(link.clone()))),
        text: "Pick".to_owned(),
        actions: vec![
            Action::Choice(choice.clone()),
            Action::Link { title: "Page".to_owned(), url: "https://example.com/".to_owned() },
            Action::Call { title: "Call".to_owned(), number: "+15550100300".to_owned() },
        ],
    };
    let section = Section { title: Some("Letters".to_owned()), rows: vec![choice] };
    let object = |value: Value| -> Map<String, Value> { value.as_object().expect("an object").clone() };
    let mut contents = vec![
        Content::Text("hello".to_owned()),
        Content::Card(card.clone()),
        Content::List(List { text: "Pick".to_owned(), label: Some("Letters".to_owned()), sections: vec![section] }),
        Content::Carousel { text: "Pick".to_owned(), cards: vec![card] },
        Content::Location(Location {
            latitude: 52.5,
            longitude: 13.4,
            name: Some("Fake Museum".to_owned()),
            address: Some("1 Fake Ave".to_owned()),
        }),
        Content::Contacts(vec![Contact {
            name: "Bob Example".to_owned(),
            phones: vec!["+15550100300".to_owned()],
            emails: vec!["bob@example.com".to_owned()],
            organization: Some("Example".to_owned()),
            url: Some("https://example.com/".to_owned()),
        }]),
        Content::Template(Template {
            name: "welcome".to_owned(),
            language: "en_US".to_owned(),
            parameters: vec![Parameter { name: Some("name".to_owned()), text: "Ada".to_owned() }],
        }),
        Content::Reaction("👍".to_owned()),
        Content::LocationRequest("Where are you?".to_owned()),
        Content::ContactRequest("What is your number?".to_owned()),
        Content::Flow(Flow {
            text: "A form".to_owned(),
            id: "700".to_owned(),
            label: "Open".to_owned(),
            token: Some("token".to_owned()),
            screen: Some("FIRST".to_owned()),
            data: Some(object(json!({ "a": 1 }))),
        }),
        Content::Raw(object(json!({ "type": "text", "text": { "body": "raw" } }))),
    ];
    contents.extend(
        [
            MediaKind::Image,
            MediaKind::Video,
            MediaKind::Audio,
            MediaKind::Voice,
            MediaKind::Document,
            MediaKind::Sticker,
        ]
        .map(|kind| Content::Media(media(kind, Source::Id("700000000000001".to_owned())))),
    );
    contents.into_iter().map(|content| Output { content, quotes: false }).collect()
}

/// One dead letter of each origin, by the name of its form.
pub fn dead_letters() -> Vec<(&'static str, DeadLetter)> {
    let letter = |job, reply, record| DeadLetter {
        reason: "the agent did not answer".to_owned(),
        at: at(60),
        tries: Some(5),
        code: Some(131_053),
        fbtrace_id: Some("AbCd".to_owned()),
        class: Some("operator".to_owned()),
        cure: Some("check AGENT_URL".to_owned()),
        job,
        reply,
        record,
        returns: 1,
        cut_bytes: Some(1_048_577),
        conversation: id().group(),
        person: "…01".to_owned(),
    };
    let (_, task) = tasks().remove(0);
    vec![
        ("dead-letter-of-job", letter(Some(job(task)), None, None)),
        ("dead-letter-of-reply", letter(None, Some(reply_id()), None)),
        ("dead-letter-of-record", letter(None, None, Some("{\"not\": a job".to_owned()))),
    ]
}

/// A conversation of which everything is known, in the middle of a delivery.
pub fn conversation() -> Conversation {
    let text = |text: &str| Content::Text(text.to_owned());
    let mut choices = Choices::default();
    choices.number(Choice { id: "a".to_owned(), title: "A".to_owned(), description: Some("First".to_owned()) });
    choices.alias("an id that is too long for a button");
    let mut done = Done::default();
    done.mark(&turn("wamid.EARLIER=="), at(-3 * 24 * 3600));
    done.mark(&turn("wamid.QUESTION=="), at(0));
    done.mark(&turn("wamid.SECOND=="), at(0));
    Conversation {
        person: person(),
        agent_user_id: Some(ADA.to_owned()),
        moved_to: Some("US.90000000000000000009".to_owned()),
        session: Some(Session {
            id: session_id(),
            last_input_at: at(1),
            inputs: 3,
            memory: Some(json!({ "step": 3 })),
            alias: Some(Alias { user_id: Some("crm-7".to_owned()), session_id: Some("session-7".to_owned()) }),
            storage: json!({ "count": 3 }).as_object().cloned().expect("an object"),
        }),
        last_message_at: Some(at(0)),
        preferences: Some(preferences()),
        aliased_until: Some(at(9)),
        greeting_is_due: true,
        choices,
        sent: vec![SentReply {
            id: ReplyId::of(&turn("wamid.EARLIER=="), 0),
            output: Output { content: text("sent"), quotes: true },
            resends: 1,
            is_unasked: true,
        }],
        failing: Some(Failing { turn: turn("wamid.THIRD=="), tries: 2, reason: "the agent did not answer".to_owned() }),
        done,
        outbox: Some(Pending {
            turn: turn("wamid.QUESTION=="),
            message_id: "wamid.QUESTION==".into(),
            to: person(),
            replies: vec![
                reply(text("first"), ReplyState::Sent(Some("wamid.REPLY==".into()))),
                reply(text("second"), ReplyState::Sending(at(2))),
                reply(text("third"), ReplyState::Refused),
                reply(text("fourth"), ReplyState::Sent(None)),
                reply(text("fifth"), ReplyState::Planned),
            ],
            dead_letter: Some("{\"reason\":\"the agent did not answer\"}".to_owned()),
            is_notice: true,
            is_apology: true,
        }),
        // A status settles replies, not a write.
        settled: [].into(),
    }
}
