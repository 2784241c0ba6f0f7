//! The real program, killed at every call of a turn: nothing lost, nothing doubled, in order, and the agent not asked again
//! after the commit.

use std::{collections::HashMap, time::Duration};

use aws_config::SdkConfig;
use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::{StreamExt as _, future::join_all, stream};
use serde_json::{Value, json};
use whatsapp_endpoint::{
    conversation::{Job, Person},
    simulator::{DEVELOPMENT_SECRET, Simulator},
};

use crate::support::{
    agent::Agent,
    deployed::SORRY,
    endpoint::{NUMBER, replies, signed, start_meta},
    jobs, now, parts,
    process::{
        Call, Death, Ended,
        Moment::{After, Before},
        Outside,
        Part::{Reading, Send, Store},
        Process,
    },
    project,
};

/// What the agent says, and what the person gets of it.
#[derive(Clone, Copy)]
enum Answer {
    Three,
    /// More than can be kept: the job is given up.
    TooLarge,
    /// The agent is not asked: another system speaks to somebody who has never written.
    Notice,
}

/// What an invocation has that will die: the next one waits until it is over, for until then the dead may be alive.
const SHORT: Duration = Duration::from_secs(6);
/// What an invocation has that outlives the leases of the dead.
const LONG: Duration = Duration::from_secs(40);
/// Turns that are played at the same time: most of the time of each goes by in waiting for a lease to end.
const AT_ONCE: usize = 12;

/// One turn, played until it is over.
struct Turn {
    /// How one process after the other dies of it.
    deaths: Vec<Death>,
    /// To how many processes the queue then gives it at the same time.
    at_the_end: usize,
}

#[tokio::test]
async fn a_turn_that_is_killed_at_any_call_is_finished_by_the_next_delivery() {
    killed_at_every_call("killed", |death| Turn { deaths: vec![death], at_the_end: 1 }).await;
}

#[tokio::test]
async fn a_turn_that_is_killed_at_any_call_is_finished_once_by_two_deliveries_at_the_same_time() {
    killed_at_every_call("killed-then-two", |death| Turn { deaths: vec![death], at_the_end: 2 }).await;
}

#[tokio::test]
async fn a_turn_that_is_killed_at_any_call_and_again_after_its_next_send_is_finished_by_the_third_delivery() {
    let again = Death(After, Call(Send, 1));
    killed_at_every_call("killed-twice", |death| Turn { deaths: vec![death, again], at_the_end: 1 }).await;
}

#[tokio::test]
async fn a_turn_that_gives_up_and_is_killed_at_any_call_has_given_up_once_after_the_next_delivery() {
    let turn = |death| Turn { deaths: vec![death], at_the_end: 1 };
    killed_at_every_call_of("killed-giving-up", Answer::TooLarge, turn).await;
}

#[tokio::test]
async fn a_notice_that_is_killed_at_any_call_is_said_once_by_the_next_delivery() {
    let turn = |death| Turn { deaths: vec![death], at_the_end: 1 };
    killed_at_every_call_of("killed-notice", Answer::Notice, turn).await;
}

#[tokio::test]
async fn two_deliveries_at_the_same_time_are_one_turn() {
    let aws = table("two-deliveries").await;
    let scene = Scene::start(&aws, "two-deliveries", Answer::Three, 0).await;
    let wrong = scene.play(&Turn { deaths: Vec::new(), at_the_end: 2 }).await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Plays a turn to its end for every call of an undisturbed one, killed before it and after it.
async fn killed_at_every_call(table_name: &'static str, turn: impl Fn(Death) -> Turn) {
    killed_at_every_call_of(table_name, Answer::Three, turn).await;
}

async fn killed_at_every_call_of(table_name: &'static str, answer: Answer, turn: impl Fn(Death) -> Turn) {
    let aws = table(table_name).await;
    let calls = Scene::start(&aws, table_name, answer, 0).await.undisturbed().await;
    let deaths = calls.iter().flat_map(|call| [Death(Before, *call), Death(After, *call)]);
    let turns = (1..).zip(deaths.map(turn)).map(async |(number, turn)| {
        let wrong = Scene::start(&aws, table_name, answer, number).await.play(&turn).await;
        wrong.into_iter().map(|wrong| format!("{:?}: {wrong}", turn.deaths)).collect::<Vec<_>>()
    });
    let wrong = stream::iter(turns).buffer_unordered(AT_ONCE).collect::<Vec<_>>().await.concat();
    assert!(wrong.is_empty(), "{} findings over {} calls\n{}", wrong.len(), calls.len(), wrong.join("\n"));
}

async fn table(name: &str) -> SdkConfig {
    let aws = parts::aws(parts::ministack().await);
    parts::make_table(&aws, name).await;
    aws
}

/// A person who has written, and everybody who has to do with the answer.
struct Scene {
    job: Job,
    answer: Answer,
    meta: Simulator,
    agent: Agent,
    outside: Outside,
    items: aws_sdk_dynamodb::Client,
}

impl Scene {
    async fn start(aws: &SdkConfig, table: &'static str, answer: Answer, number: usize) -> Self {
        let (meta, meta_url) = start_meta(DEVELOPMENT_SECRET).await;
        let (agent, agent_url) = Agent::start().await;
        // As an agent that knows its idempotency keys: to the same question the same answer.
        match answer {
            Answer::Three => agent.will_always_say(answer.replies()),
            Answer::TooLarge => agent.will_always_say(&[&"a".repeat(400_000)]),
            Answer::Notice => {}
        }
        let store = format!("http://127.0.0.1:{}", parts::ministack().await);
        let agent_url = agent_url.trim_end_matches("/rest").to_owned();
        let (user, message) = (format!("15550{number:06}"), format!("wamid.FAULT{number:04}=="));
        let raw = json!({ "from": user, "id": message, "timestamp": now().as_second().to_string(), "type": "text", "text": { "body": "hello" } });
        let person = Person { phone: Some(user), name: Some("Ada Example".into()), ..Person::default() };
        let job = match answer {
            Answer::Three | Answer::TooLarge => jobs::of_text(&raw, person),
            Answer::Notice => jobs::templates(answer.replies().len(), person),
        };
        let outside = Outside { table, services: store.clone(), store, meta: meta_url, agent: agent_url };
        Self { job, answer, meta, agent, outside, items: aws_sdk_dynamodb::Client::new(aws) }
    }

    async fn process(&self, death: Option<Death>) -> Process {
        Process::start(&self.outside, death, &[("FALLBACK_TEXT", SORRY)]).await
    }

    /// The calls of a turn that nothing happens to.
    async fn undisturbed(&self) -> Vec<Call> {
        let mut process = self.process(None).await;
        let answer = process.invoke(&self.delivery(), LONG).await;
        let wrong = self.wrong(&[answer], &process.log(), 1).await;
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        let calls = process.calls();
        let (first, last) = (Call(Store, 1), Call(Store, calls.iter().filter(|Call(part, _)| *part == Store).count()));
        assert!(calls.first() == Some(&first) && calls.last() == Some(&last), "{calls:?}");
        assert!(
            calls.contains(&Call(Reading, 1)) == self.answer.is_of_agent()
                && calls.contains(&Call(Send, self.answer.replies().len()))
                && last.1 >= 3,
            "{calls:?}"
        );
        calls
    }

    /// Plays a turn; returns what is wrong in the end.
    async fn play(&self, turn: &Turn) -> Vec<String> {
        let mut asked_most = 1;
        for (place, death) in turn.deaths.iter().enumerate() {
            let mut process = self.process(Some(*death)).await;
            self.deliver_statuses(&mut process).await;
            // The second to die outlives the lease of the first.
            let left = SHORT * (1 + 2 * u32::try_from(place).expect("a few"));
            let ended = self.deliver(&mut process, left).await;
            // Where there is no such call any more, the turn is over.
            if ended != Ended::Killed && (place == 0 || ended != nothing_again()) {
                return vec![format!("not killed but {ended:?} after {:?}\n{}", process.calls(), process.log())];
            }
            let done = self.item().await.remove("done");
            let committed = done.is_some_and(|done| done.as_m().is_ok_and(|periods| !periods.is_empty()));
            asked_most = self.agent.asked().len() + usize::from(!committed);
        }
        let mut processes = join_all((0..turn.at_the_end).map(async |_| self.process(None).await)).await;
        self.deliver_statuses(&mut processes[0]).await;
        let ends = join_all(processes.iter_mut().map(|process| self.deliver(process, LONG))).await;
        let logs: Vec<_> =
            processes.iter().map(|process| format!("{:?}\n{}", process.calls(), process.log())).collect();
        self.wrong(&ends, &logs.join("\n"), asked_most).await
    }

    /// Delivers the job as the queue does: again, if it is postponed because the lease of a process that died is still in force.
    async fn deliver(&self, process: &mut Process, left: Duration) -> Ended {
        let mut ticks = tokio::time::interval(Duration::from_millis(200));
        loop {
            ticks.tick().await;
            let ended = process.invoke(&self.delivery(), left).await;
            let waits = process.log().lines().last().is_some_and(|line| line.contains("a message waits for its turn"));
            if !(waits && matches!(&ended, Ended::Answered(answer) if answer["batchItemFailures"][0].is_object())) {
                return ended;
            }
        }
    }

    /// What is wrong after the last delivery.
    async fn wrong(&self, ends: &[Ended], log: &str, asked_most: usize) -> Vec<String> {
        let mut wrong = Vec::new();
        if ends.iter().any(|ended| *ended != nothing_again()) {
            wrong.push(format!("the queue is told {ends:?}"));
        }
        let calls = self.meta.calls();
        let sent = replies(&calls, None);
        if sent != self.answer.replies() {
            wrong.push(format!("sent: {sent:?}"));
        }
        let asked = self.agent.asked();
        let keys: Vec<_> = asked.iter().map(|asked| asked.key.as_str()).collect();
        if keys.is_empty() == self.answer.is_of_agent()
            || keys.len() > asked_most
            || keys.iter().any(|key| *key != self.job.id.to_string())
        {
            wrong.push(format!("asked with {keys:?} and not 1 to {asked_most} times with {}", self.job.id));
        }
        let item = self.item().await;
        let left_over = ["lease_owner", "lease_until", "outbox", "settled"];
        if left_over.iter().any(|name| item.contains_key(*name)) || !item.contains_key("done") {
            wrong.push(format!("left in the store: {item:?}"));
        }
        if !wrong.is_empty() {
            wrong.push(log.to_owned());
        }
        wrong
    }

    /// The delivery of the job by the queue.
    fn delivery(&self) -> Value {
        let body = serde_json::to_string(&self.job).expect("JSON");
        let attributes = json!({ "MessageGroupId": self.job.conversation.group() });
        json!({ "Records": [{ "messageId": "record", "receiptHandle": "sample", "body": body, "attributes": attributes, "messageAttributes": {}, "eventSource": "aws:sqs" }] })
    }

    /// Delivers the statuses of everything that Meta has taken, as API Gateway does.
    async fn deliver_statuses(&self, process: &mut Process) {
        let calls = self.meta.calls();
        let sent = calls.iter().filter(|call| call["type"].is_string()).zip(1..);
        let statuses: Vec<_> = sent
            .map(|(call, place)| {
                json!({ "id": format!("wamid.SENT{place}=="), "status": "sent", "timestamp": now().as_second().to_string(),
                        "recipient_id": self.job.conversation.user, "biz_opaque_callback_data": call["biz_opaque_callback_data"] })
            })
            .collect();
        if statuses.is_empty() {
            return;
        }
        let metadata = json!({ "display_phone_number": "15550009001", "phone_number_id": NUMBER });
        let value = json!({ "messaging_product": "whatsapp", "metadata": metadata, "statuses": statuses });
        let body = json!({ "object": "whatsapp_business_account", "entry": [{ "id": "900000000000001", "changes": [{ "field": "messages", "value": value }] }] });
        let sample = std::fs::read_to_string(project("events/status-failed.json")).expect("a sample");
        let mut event: Value = serde_json::from_str(&sample).expect("JSON");
        event["headers"]["x-hub-signature-256"] = json!(signed(&body.to_string()));
        event["body"] = json!(body.to_string());
        match process.invoke(&event, LONG).await {
            Ended::Answered(answer) if answer["statusCode"] == 200 => {}
            other => panic!("the statuses are not taken: {other:?}\n{}", process.log()),
        }
    }

    /// What the store holds of the conversation.
    async fn item(&self) -> HashMap<String, AttributeValue> {
        let key = AttributeValue::S(self.job.conversation.key());
        let request = self.items.get_item().table_name(self.outside.table).key("pk", key).consistent_read(true);
        request.send().await.expect("an answer").item.unwrap_or_default()
    }
}

impl Answer {
    fn replies(self) -> &'static [&'static str] {
        match self {
            Self::Three => &["one", "two", "three"],
            Self::TooLarge => &[SORRY],
            Self::Notice => &["template", "template", "template"],
        }
    }

    fn is_of_agent(self) -> bool {
        match self {
            Self::Three | Self::TooLarge => true,
            Self::Notice => false,
        }
    }
}

/// The answer to the queue that makes it forget the job.
fn nothing_again() -> Ended {
    Ended::Answered(json!({ "batchItemFailures": [] }))
}
