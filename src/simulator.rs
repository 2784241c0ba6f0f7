//! A Cloud API on localhost, and a phone to hold: what `wa simulate` starts and what the tests send to.
//!
//! It is stricter than Meta where Meta would lose a message without a word.

mod agent;
mod api;
mod cloud_api;
mod exchanges;
mod faults;
mod history;
mod page;
mod people;
mod phone;
mod postman;
mod recording;
mod rules;
mod samples;
mod status;
mod webhook;

use std::{
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::Router;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::sync::watch;
use url::Url;

use self::{cloud_api::media::MediaStore, exchanges::Sessions, history::History, postman::Mail, rules::Pace};
pub use exchanges::{Exchange, Kind};
pub use faults::{ALWAYS, Fault, Group, Shown};
pub use people::{Newcomer, Person};
pub use phone::{Bubble, Button, Line, Reaction, Side, Tick, user_action::UserAction};
pub use samples::{Sample, all as samples};
pub use status::Status;

/// The secret of local runs, as JSON: documented, and good for nothing but this simulator.
pub const DEVELOPMENT_SECRET: &str = include_str!("simulator/development-secret.json");

/// The pauses of `wa simulate` before a webhook is sent again. Meta goes on for 7 days, which nobody wants to watch.
const LIFELIKE_REPEATS: [Duration; 3] = [Duration::from_secs(2), Duration::from_secs(8), Duration::from_secs(30)];

/// The simulated Meta: one business number and the people who write to it.
#[derive(Debug, Clone)]
pub struct Simulator(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    http: reqwest::Client,
    state: Mutex<State>,
    /// Counts the changes of the state.
    changes: watch::Sender<u64>,
    sessions: Sessions,
}

#[derive(Debug)]
struct State {
    account: Account,
    endpoint: Option<String>,
    /// Where this simulator is reached, if it was told.
    base_url: Option<String>,
    /// The agent before which it stands.
    agent: Option<Url>,
    /// What answers, in a word.
    agent_name: Option<String>,
    /// Whether the app gets the webhooks of the account.
    subscribed: bool,
    calls: Vec<Value>,
    history: History,
    people: Vec<Person>,
    taken: Vec<status::Taken>,
    media: MediaStore,
    mail: Mail,
    faults: faults::Faults,
    pace: Pace,
    /// How far this Meta's clock is ahead.
    ahead: SignedDuration,
    /// Of messages and files; counts on from the time of the start, in microseconds.
    next_id: u64,
    next_exchange: u64,
    changes_of_number: u64,
    is_closed: bool,
}

/// What Meta knows of the app and its number.
#[derive(Debug, Clone)]
pub struct Account {
    /// The app.
    pub app_id: String,
    /// The only token that is accepted.
    pub access_token: String,
    /// Key of signatures and proofs.
    pub app_secret: String,
    /// The number.
    pub phone_number_id: String,
}

impl Account {
    /// Reads the fields of a secret.
    ///
    /// # Errors
    /// When it is not JSON; a field that is missing is empty.
    pub fn from_secret(json: &str) -> serde_json::Result<Self> {
        let secret: Value = serde_json::from_str(json)?;
        let field = |name: &str| secret[name].as_str().unwrap_or_default().trim().to_owned();
        Ok(Self {
            app_id: field("app_id"),
            access_token: field("access_token"),
            app_secret: field("app_secret"),
            phone_number_id: field("phone_number_id"),
        })
    }
}

impl Simulator {
    /// A Meta with one account and nobody connected.
    #[must_use]
    pub fn new(account: Account, http: reqwest::Client) -> Self {
        let mut state = State {
            account,
            endpoint: None,
            base_url: None,
            agent: None,
            agent_name: None,
            subscribed: true,
            calls: Vec::new(),
            history: History::default(),
            people: Vec::new(),
            taken: Vec::new(),
            media: MediaStore::default(),
            mail: Mail::default(),
            faults: faults::Faults::default(),
            pace: Pace::default(),
            ahead: SignedDuration::ZERO,
            // Where the last start has not come to: the endpoint may remember its ids, and would take ours for repeats.
            next_id: u64::try_from(now().as_microsecond()).unwrap_or_default(),
            next_exchange: 0,
            changes_of_number: 0,
            is_closed: false,
        };
        state.show_endpoint();
        state.show_faults();
        for person in people::first_people() {
            state.meet(person);
        }
        let (state, changes) = (Mutex::new(state), watch::Sender::new(0));
        Self(Arc::new(Inner { http, state, changes, sessions: Sessions::default() }))
    }

    /// As a person meets it who tries it out: with the rules of the real one, and repeats of what is not taken.
    #[must_use]
    pub fn lifelike(self) -> Self {
        for rule in [Fault::AutomaticStatuses, Fault::Window, Fault::PairLimit, Fault::Throughput] {
            self.misbehave(rule, ALWAYS);
        }
        self.repeat_webhooks_after(&LIFELIKE_REPEATS);
        self
    }

    /// Tells it where it is reached, so that webhooks can name the addresses of files.
    pub fn reached_at(&self, base_url: &str) {
        self.change(|state| state.base_url = Some(base_url.trim_end_matches('/').to_owned()));
    }

    /// Ends the streams of all pages, which would be held open for good.
    pub fn close(&self) {
        self.change(|state| state.is_closed = true);
    }

    /// Sets the URL to which webhooks go.
    pub fn connect(&self, webhook_url: &str) {
        self.change(|state| {
            state.endpoint = Some(webhook_url.to_owned());
            state.show_endpoint();
        });
    }

    /// Tells what answers behind the endpoint, in a word.
    pub fn name_agent(&self, name: &str) {
        self.change(|state| {
            state.agent_name = Some(name.to_owned());
            state.show_endpoint();
        });
    }

    /// From now on only this token is accepted, as after a rotation.
    pub fn rotate_token(&self, token: &str) {
        self.change(|state| token.clone_into(&mut state.account.access_token));
    }

    /// From now on webhooks are signed with this secret, and proofs must be made with it.
    pub fn rotate_app_secret(&self, secret: &str) {
        self.change(|state| secret.clone_into(&mut state.account.app_secret));
    }

    /// Of the next messages these are taken, and their answers are lost in a gateway.
    pub fn lose_answers(&self, which: Range<usize>) {
        self.misbehave(Fault::LoseAnswer, which);
    }

    /// Puts this Meta's clock forward, so that what lives for a time can end.
    pub fn let_time_pass(&self, time: Duration) {
        let time = SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
        self.change(|state| state.ahead = state.ahead.saturating_add(time));
    }

    /// The bodies of all calls that were accepted, in order.
    #[must_use]
    pub fn calls(&self) -> Vec<Value> {
        self.state().calls.clone()
    }

    /// Waits until `found` finds something in the calls that were accepted.
    pub async fn wait_for<T>(&self, mut found: impl FnMut(&[Value]) -> Option<T>) -> T {
        let mut changes = self.0.changes.subscribe();
        loop {
            changes.borrow_and_update();
            if let Some(result) = found(&self.calls()) {
                return result;
            }
            // The sender lives as long as we do.
            let _always_open = changes.changed().await;
        }
    }

    /// The routes of the Cloud API, of the chat page, and to the agent.
    pub fn router(&self) -> Router {
        let routes = page::routes().merge(api::routes()).merge(agent::routes()).merge(cloud_api::routes(self));
        routes.layer(axum::middleware::from_fn_with_state(self.clone(), api::only_own_pages)).with_state(self.clone())
    }

    /// The time at this Meta.
    fn now(&self) -> Timestamp {
        let ahead = self.state().ahead;
        now().saturating_add(ahead).unwrap_or(Timestamp::MAX)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.state());
        self.0.changes.send_modify(|count| *count += 1);
        result
    }
}

#[expect(clippy::disallowed_methods, reason = "a phone has a clock")]
fn now() -> Timestamp {
    Timestamp::now()
}

impl State {
    fn show_endpoint(&mut self) {
        let (url, agent, number) = (self.endpoint.clone(), self.agent_name.clone(), webhook::DISPLAY_NUMBER);
        self.history.tell(Line::Endpoint { url, agent, number });
    }

    fn new_wamid(&mut self) -> String {
        self.next_id += 1;
        format!("wamid.SIMULATED{:020}==", self.next_id)
    }
}
