//! A simulated Cloud API on localhost, with phones on a chat page: `wa simulate` starts it, and the tests send to it.
//!
//! It refuses messages that the real Meta would accept and then lose.
//!
//! Each part of the state belongs to one file, which alone knows its fields. What the page shows is recorded in the `History` by the
//! part that changes.

mod account;
mod agent;
mod api;
mod caller;
mod clock;
mod cloud_api;
mod delivery;
mod endpoint;
mod exchanges;
mod faults;
mod feed;
mod history;
mod ids;
mod page;
mod people;
mod phone;
mod recording;
mod rules;
mod samples;
mod server;
mod status;
mod webhook;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::Router;
use tokio::sync::watch;

use self::{
    clock::Clock,
    cloud_api::{calls::Calls, media::MediaStore},
    delivery::Deliveries,
    endpoint::Endpoint,
    exchanges::Sessions,
    faults::Faults,
    history::History,
    ids::Ids,
    people::People,
    rules::Timing,
    server::Server,
    status::sent::SentMessages,
};
pub use account::Account;
pub use faults::{ALWAYS, Fault};
pub use feed::{Bubble, Button, Exchange, FaultState, FeedEvent, Group, Kind, Person, Reaction, Side, Tick};
pub use people::Newcomer;
pub use phone::user_action::{MarketingChoice, UserAction};
pub use samples::{Sample, all as samples};
pub use status::Status;

/// The secret of local runs, as JSON. It is documented, and only this simulator accepts it.
pub const DEVELOPMENT_SECRET: &str = include_str!("simulator/development-secret.json");

/// The key of other systems in local runs.
pub const DEVELOPMENT_API_KEY: &str = "development-api-key";

/// Returns the development secret with the key of other systems, as `wa simulate` uses it. Without a key, nothing is paid for them.
#[must_use]
pub fn local_secret() -> String {
    let mut secret: serde_json::Value = serde_json::from_str(DEVELOPMENT_SECRET).unwrap_or_default();
    secret["api_key"] = DEVELOPMENT_API_KEY.into();
    secret.to_string()
}

/// The pauses of `wa simulate` before a webhook is sent again. The real Meta retries for 7 days.
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

/// Everything that this Meta knows.
#[derive(Debug)]
struct State {
    account: Account,
    calls: Calls,
    clock: Clock,
    deliveries: Deliveries,
    endpoint: Endpoint,
    faults: Faults,
    /// What the page shows.
    history: History,
    ids: Ids,
    media: MediaStore,
    people: People,
    /// The agent behind the proxy.
    proxied: agent::Proxied,
    sent: SentMessages,
    server: Server,
    timing: Timing,
}

impl Simulator {
    /// Returns a Meta with one account and no endpoint.
    #[must_use]
    pub fn new(account: Account, http: reqwest::Client) -> Self {
        let mut history = History::default();
        let state = State {
            account,
            calls: Calls::default(),
            clock: Clock::default(),
            deliveries: Deliveries::default(),
            // The order of these three is the order on the page.
            endpoint: Endpoint::none(&mut history),
            faults: Faults::none(&mut history),
            people: People::first(&mut history),
            history,
            ids: Ids::from_now(),
            media: MediaStore::default(),
            proxied: agent::Proxied::default(),
            sent: SentMessages::default(),
            server: Server::default(),
            timing: Timing::default(),
        };
        let (state, changes) = (Mutex::new(state), watch::Sender::new(0));
        Self(Arc::new(Inner { http, state, changes, sessions: Sessions::default() }))
    }

    /// Behaves like the real Meta: its limits and window, and retries of webhooks that were not accepted.
    #[must_use]
    pub fn lifelike(self) -> Self {
        for rule in [Fault::AutomaticStatuses, Fault::Window, Fault::PairLimit, Fault::Throughput] {
            self.misbehave(rule, ALWAYS);
        }
        self.repeat_webhooks_after(&LIFELIKE_REPEATS);
        self
    }

    /// Returns the routes of the Cloud API, of the chat page, and to the agent.
    pub fn router(&self) -> Router {
        let routes = page::routes().merge(api::routes()).merge(agent::routes()).merge(cloud_api::routes(self));
        routes
            .layer(axum::middleware::from_fn_with_state(self.clone(), server::only_own_pages))
            .with_state(self.clone())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.state());
        self.0.changes.send_modify(|count| *count += 1);
        result
    }

    /// Waits until `look`, which is asked again after each change of the state, finds something.
    async fn wait_until<T>(&self, mut look: impl FnMut() -> Option<T>) -> T {
        let mut changes = self.0.changes.subscribe();
        loop {
            changes.borrow_and_update();
            if let Some(result) = look() {
                return result;
            }
            // The sender lives as long as this simulator.
            let _always_open = changes.changed().await;
        }
    }
}
