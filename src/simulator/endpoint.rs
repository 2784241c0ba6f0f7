//! The endpoint that is connected to this Meta: where its webhooks go, and whether they go at all.

use super::{Account, Simulator, feed::FeedEvent, history::History};

/// The connected endpoint, as the page's header shows it.
#[derive(Debug)]
pub(super) struct Endpoint {
    url: Option<String>,
    /// The agent behind it, in a word.
    agent_name: Option<String>,
    /// Whether the app gets the webhooks of the account.
    subscribed: bool,
}

impl Endpoint {
    /// Returns no endpoint. The app is subscribed to the account.
    pub(super) fn none(history: &mut History) -> Self {
        let endpoint = Self { url: None, agent_name: None, subscribed: true };
        endpoint.show(history);
        endpoint
    }

    /// Returns the URL that the app is configured with.
    pub(super) fn url(&self) -> Option<&str> {
        self.url.as_deref()
    }

    /// Returns the URL to which webhooks go; `None`: they go nowhere.
    pub(super) fn webhook_url(&self) -> Option<&str> {
        self.url().filter(|_| self.subscribed)
    }

    pub(super) fn is_subscribed(&self) -> bool {
        self.subscribed
    }

    pub(super) fn subscribe(&mut self, subscribed: bool) {
        self.subscribed = subscribed;
    }

    fn show(&self, history: &mut History) {
        let (url, agent) = (self.url.clone(), self.agent_name.clone());
        history.record(FeedEvent::Endpoint { url, agent, phone: Account::DISPLAY_PHONE_NUMBER });
    }
}

impl Simulator {
    /// Sets the URL to which webhooks go.
    pub fn connect(&self, webhook_url: &str) {
        self.change(|state| {
            state.endpoint.url = Some(webhook_url.to_owned());
            state.endpoint.show(&mut state.history);
        });
    }

    /// Sets the name of the agent behind the endpoint, in a word.
    pub fn name_agent(&self, name: &str) {
        self.change(|state| {
            state.endpoint.agent_name = Some(name.to_owned());
            state.endpoint.show(&mut state.history);
        });
    }
}
