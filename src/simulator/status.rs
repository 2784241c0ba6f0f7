//! Statuses of messages, as Meta reports them.
//!
//! <https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages/status>

pub(super) mod sent;

use serde_json::Value;

use super::{
    Fault, Simulator,
    delivery::in_background,
    feed::{Bubble, Kind, Tick},
    webhook::{self, About, Webhook},
};

/// A status that Meta can report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It left Meta.
    Sent,
    /// It arrived on the phone.
    Delivered,
    /// The person read it.
    Read,
    /// The person played the voice message.
    Played,
    /// It was not delivered, for the reason with this code.
    Failed(i64),
}

impl Simulator {
    /// Returns the ids of all accepted messages, in order.
    #[must_use]
    pub fn wamids(&self) -> Vec<String> {
        self.state().sent.wamids().map(str::to_owned).collect()
    }

    /// Delivers a status of the message `wamid` to the connected endpoint.
    ///
    /// # Errors
    /// When Meta would not report this, or the endpoint did not accept it.
    pub async fn report(&self, wamid: &str, status: Status) -> Result<(), String> {
        let body = self.status(wamid, status)?;
        self.deliver(&body).await
    }

    /// Reports the statuses of a message in the background, if statuses come by themselves.
    pub(super) fn report_in_background(&self, wamid: &str, fails: Option<i64>) {
        if fails.is_none() && self.switched(Fault::AutomaticStatuses).is_empty() {
            return;
        }
        let (this, wamid) = (self.clone(), wamid.to_owned());
        in_background(async move {
            let statuses = match fails {
                Some(code) => vec![Status::Failed(code)],
                None => vec![Status::Sent, Status::Delivered],
            };
            for status in statuses {
                // If the chat is open, the message is read at once and `delivered` is not reported.
                let is_read = |bubble: &Bubble| bubble.status >= Tick::Read;
                if status == Status::Delivered && this.bubble(&wamid).as_ref().is_some_and(is_read) {
                    return;
                }
                this.report_if_possible(&wamid, status).await;
            }
        });
    }

    /// The person reads every message: the page shows the conversation.
    pub fn see(&self, person: &str) {
        let unread = self.state().history.unread(person);
        self.report_all(unread, Status::Read);
    }

    /// The person plays a voice message.
    ///
    /// # Errors
    /// When the message is unknown or not a voice message.
    pub fn listen_to(&self, wamid: &str) -> Result<(), String> {
        self.state().sent.check_voice(wamid)?;
        self.report_all(vec![wamid.to_owned()], Status::Played);
        Ok(())
    }

    fn report_all(&self, wamids: Vec<String>, status: Status) {
        if wamids.is_empty() || self.switched(Fault::AutomaticStatuses).is_empty() {
            return;
        }
        // Now rather than in the background, so that a second call does not report it again.
        let webhooks: Vec<_> =
            wamids.into_iter().filter_map(|wamid| Some((self.status(&wamid, status).ok()?, wamid))).collect();
        let this = self.clone();
        in_background(async move {
            for (webhook, wamid) in webhooks {
                this.report_webhook(webhook, wamid).await;
            }
        });
    }

    async fn report_if_possible(&self, wamid: &str, status: Status) {
        // Skipped if Meta does not report this status of this message.
        if let Ok(webhook) = self.status(wamid, status) {
            self.report_webhook(webhook, wamid.to_owned()).await;
        }
    }

    async fn report_webhook(&self, body: Value, wamid: String) {
        let person = self.state().history.bubble(&wamid).map(|bubble| bubble.person.clone());
        let about = vec![About { person, message: Some(wamid) }];
        self.deliver_with_faults(Webhook { body, kind: Kind::Status, about }).await;
    }

    /// Returns the webhook with a status of the message `wamid`.
    ///
    /// # Errors
    /// When Meta would not report this.
    pub fn status(&self, wamid: &str, status: Status) -> Result<Value, String> {
        self.change(|state| {
            let now = state.clock.now().as_second().to_string();
            let mut value = webhook::head(&state.account);
            if let Value::Object(report) = state.sent.report(wamid, status, &now)? {
                for (name, part) in report {
                    value[name] = part;
                }
            }
            state.history.show_status(wamid, status);
            Ok(webhook::of(&value))
        })
    }
}
