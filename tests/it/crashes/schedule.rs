//! One schedule: who writes, which delivery comes when, where it ends, and what holds at the end.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use serde_json::json;
use uuid::Uuid;
use whatsapp_endpoint::{
    app::App,
    conversation::{Job, Task, TurnId},
    https, ingress,
    outbox::Outbox,
    retry::Clock,
    settings::Settings,
    simulator::{Account, DEVELOPMENT_SECRET, Simulator},
    store::{Claim, Embedded, LeaseToken, Store as _},
    turn,
    whatsapp::signature::HEADER,
};

use super::{
    crash::{Crash, MayCrash},
    outside,
    world::{Statuses, Taken, World},
    writer::Writer,
};
use crate::support::{
    deployed::SORRY,
    endpoint::{NUMBER, signed},
    serve,
    store::Faulty,
};

/// Far more deliveries than a schedule needs.
const MAX_DELIVERIES: u32 = 400;
/// What is on its way when a turn ends has arrived by then. As all time here it is virtual.
const WIRE_EMPTY: Duration = Duration::from_millis(60);

pub struct Schedule {
    pub world: World,
    app: App,
    meta: Simulator,
    store: Embedded,
    people: [Writer; 2],
}

impl Schedule {
    pub async fn new(seed: u64, statuses: Statuses, secret_path: &str) -> Self {
        let world = World::new(seed, statuses);
        let account = Account::from_secret(DEVELOPMENT_SECRET).expect("a secret");
        let meta = Simulator::new(account, https::client().expect("a client"));
        let graph_url = serve(outside::graph(meta.router(), &world)).await;
        let agent_url = format!("{}/rest", serve(outside::agent(&world)).await);
        let delay = world.roll(|dice| *dice.choice(["0", "0", "700"].iter()).expect("one"));
        let resend = world.roll(|dice| *dice.choice(statuses.resend_after().iter()).expect("one"));
        let vars = [
            ("RESEND_AFTER_SECONDS", resend),
            ("WHATSAPP_SECRET_FILE", secret_path),
            ("STORE_FILE", ":memory:"),
            ("GRAPH_BASE_URL", &graph_url),
            ("AGENT_PROTOCOL", "cognigy"),
            ("AGENT_URL", &agent_url),
            ("MESSAGE_DELAY_MS", delay),
            ("FALLBACK_TEXT", SORRY),
        ];
        let vars = vars.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut app = App::new(Settings::from_vars(vars).expect("settings")).await.expect("an app");
        let failing = Faulty::new(world.clone());
        let store = failing.inner.clone();
        app.outbox =
            Outbox::new(failing, app.graph.clone(), app.dead_letters.clone(), app.credentials.clone(), &app.settings);
        let people = [
            Writer::new("ada", "15550100200", &[], &world),
            Writer::new("bob", "15550100300", &["US.90000000000000000003", "US.90000000000000000004"], &world),
        ];
        Self { world, app, meta, store, people }
    }

    /// Runs until every job is done; fails with the story of the schedule.
    pub async fn run(&mut self) {
        for deliveries in 0.. {
            self.world.check();
            let writing = self.people.iter().enumerate().filter(|(_, writer)| !writer.waiting.is_empty());
            let writing: Vec<_> = writing.map(|(index, _)| index).collect();
            let Some(&writer) = self.world.roll(|dice| dice.choice(&writing)) else { break };
            if deliveries == MAX_DELIVERIES {
                self.world.wrong("it does not come to an end");
            }
            if self.world.outage_passes() {
                self.tell_statuses().await;
            }
            match self.world.roll(|dice| dice.u32(0..10)) {
                0 => self.repeat(writer).await,
                1 if writing.len() > 1 => self.side_by_side().await,
                2 => self.twice_at_once(writer).await,
                _ => self.once(writer).await,
            }
            // A lease may still be in force after a short pause.
            let seconds = self.world.roll(|dice| if dice.u32(0..4) == 0 { dice.u64(0..3) } else { dice.u64(3..60) });
            self.world.skip(Duration::from_secs(seconds));
        }
        self.repeat_everything_after_days().await;
        let calls = self.meta.calls();
        self.people.iter().for_each(|writer| writer.check_replies(&calls, &self.world));
        self.check_every_conversation_is_free().await;
        self.world.check();
    }

    async fn once(&mut self, writer: usize) {
        let done = self.deliver(&self.people[writer].waiting[0]).await;
        self.after(writer, done);
    }

    /// A job that was done before is delivered again.
    async fn repeat(&self, writer: usize) {
        if let Some(job) = self.world.roll(|dice| dice.choice(&self.people[writer].done)) {
            self.world.count(|tally| tally.repeats += 1);
            self.deliver(job).await;
        }
    }

    /// The queue kept them that long, or somebody moved them back. As the store is up again, each is done at the first try.
    async fn repeat_everything_after_days(&self) {
        self.world.end_of_faults();
        self.tell_statuses().await;
        let hours = self.world.roll(|dice| dice.u64(1..24 * 12));
        self.world.skip(Duration::from_hours(hours));
        for job in self.people.iter().flat_map(|writer| &writer.done) {
            if !self.deliver(job).await {
                self.world.wrong("a repeat after days is not done");
            }
        }
    }

    /// Both people are answered at the same time.
    async fn side_by_side(&mut self) {
        let [ada, bob] = &self.people;
        let (one, two) = tokio::join!(self.deliver(&ada.waiting[0]), self.deliver(&bob.waiting[0]));
        self.after(0, one);
        self.after(1, two);
    }

    /// One job is delivered twice at the same time.
    async fn twice_at_once(&mut self, writer: usize) {
        let job = &self.people[writer].waiting[0];
        let (one, two) = tokio::join!(self.deliver(job), self.deliver(job));
        self.after(writer, one || two);
    }

    /// The next job comes once this one is done, or once the queue has given it up.
    fn after(&mut self, writer: usize, done: bool) {
        let (world, Writer { name, waiting, done: finished, .. }) = (&self.world, &mut self.people[writer]);
        // The rest of an answer comes out with the next job, so there must be one.
        let given_up = !done && waiting.len() > 1 && world.is_committed(&waiting[0].id) && world.strikes(4);
        if given_up {
            world.count(|tally| tally.given_up += 1);
            world.tell(format!("the queue gives up the first job of {name}"));
        }
        if done || given_up {
            finished.extend(waiting.pop_front());
        }
    }

    /// One delivery: a turn that comes to its end, or crashes, or is ended with its invocation. Returns whether the job is done.
    async fn deliver(&self, job: &Job) -> bool {
        let world = &self.world;
        let left = Duration::from_millis(world.roll(|dice| *dice.choice(&[2100, 3000, 6000, 12_000]).expect("one")));
        let crash = world.strikes(2).then(|| Crash::some_time(world));
        let question = match &job.task {
            Task::Message(task) => task.message.text.as_deref().expect("words"),
            Task::Inject(inject) => inject.message.text.as_deref().expect("words"),
            Task::Notify(_) => "a notice",
            other => panic!("{other:?}"),
        };
        world.tell(format!("\"{question}\" is delivered, {left:?} left, {crash:?}"));
        world.count(|tally| tally.deliveries += 1);
        let clock = Clock::start(world.now(), left);
        let turn = MayCrash::new(turn::run(&self.app, job, 1, &clock), crash);
        let ended = tokio::select! {
            biased;
            ended = tokio::time::timeout(left, turn) => ended,
            () = self.tell_statuses_meanwhile() => unreachable!("Meta does not stop"),
        };
        match ended {
            Ok(Some(Ok(outcome))) => {
                world.tell(format!("\"{question}\": {outcome:?}"));
                world.done(&job.id);
                return true;
            }
            Ok(Some(Err(error))) => {
                world.count(|tally| tally.failures += 1);
                world.tell(format!("\"{question}\" fails: {error:?}"));
            }
            ended => {
                world.count(|tally| tally.crashes += 1);
                let how = if ended.is_ok() { "crashes" } else { "is ended with its invocation" };
                world.tell(format!("\"{question}\" {how}"));
            }
        }
        tokio::time::sleep(WIRE_EMPTY).await;
        self.tell_statuses().await;
        false
    }

    /// Statuses come while a turn waits for them.
    async fn tell_statuses_meanwhile(&self) {
        loop {
            let pause = self.world.roll(|dice| dice.u64(100..2000));
            tokio::time::sleep(Duration::from_millis(pause)).await;
            self.tell_statuses().await;
        }
    }

    /// Meta tells that everything it took is sent, until the endpoint has taken that in.
    async fn tell_statuses(&self) {
        let taken = self.world.taken();
        if self.world.statuses() == Statuses::Never || taken.is_empty() {
            return;
        }
        let status = |Taken { wamid, tag, .. }: &Taken| json!({ "id": wamid, "status": "sent", "timestamp": "1796040000", "biz_opaque_callback_data": tag });
        let statuses: Vec<_> = taken.iter().map(status).collect();
        let value =
            json!({ "messaging_product": "whatsapp", "metadata": { "phone_number_id": NUMBER }, "statuses": statuses });
        let changes = json!([{ "field": "messages", "value": value }]);
        let body =
            json!({ "object": "whatsapp_business_account", "entry": [{ "id": "1", "changes": changes }] }).to_string();
        for _ in 0..20 {
            let request = Request::post("/webhook").header(HEADER, signed(&body)).body(Bytes::from(body.clone()));
            let clock = Clock::start(self.world.now(), Duration::from_secs(10));
            let answer = Box::pin(ingress::http::handle(&self.app, request.expect("a request"), &clock)).await;
            self.world.tell(format!("{} statuses reach the door: {}", statuses.len(), answer.status()));
            // In an outage they come again later.
            if answer.status() == 200 || self.world.outage().is_some() {
                return;
            }
        }
        self.world.wrong("the door does not take the statuses");
    }

    /// Asks at the very beginning of time, when every lease that anybody ever took is still in force.
    ///
    /// Behind a signpost a turn that crashes on its way leaves a lease that ends by itself.
    async fn check_every_conversation_is_free(&self) {
        let probe = TurnId::of(&NUMBER.into(), "probe");
        for Writer { name, conversations, .. } in &self.people {
            for (later_names, id) in conversations.iter().rev().enumerate() {
                let now = if later_names == 0 { World::beginning() } else { self.world.now() + Duration::from_mins(1) };
                let lease = LeaseToken { owner: Uuid::now_v7(), until: now };
                let claim = self.store.claim(id, &probe, &lease, now, None).await;
                if !matches!(claim, Ok(Claim::Fresh(_))) {
                    self.world
                        .wrong(&format!("the conversation of {name} is not free and empty at the end: {claim:?}"));
                }
            }
        }
    }
}
