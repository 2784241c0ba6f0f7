//! Statuses of messages, as Meta reports them.
//!
//! <https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages/status>

use serde_json::{Value, json};

use super::{
    Fault, Simulator, State,
    delivery::in_background,
    feed::{Bubble, Kind, Person, Tick},
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

/// A message of the business that was accepted, with what its statuses need.
#[derive(Debug)]
pub(super) struct Sent {
    wamid: String,
    kind: String,
    voice: bool,
    group: bool,
    to: Option<String>,
    recipient: Option<String>,
    tag: Value,
    /// The recipient; of a group, one of its members.
    person: Person,
    /// Whether delivered or read was reported, with the price.
    arrived: bool,
}

impl State {
    pub(super) fn record_send(&mut self, wamid: &str, person: &Person, body: &Value) {
        let group = body["recipient_type"] == "group";
        // Group members are not simulated; the first person stands in for them.
        let person = self.people.first().filter(|_| group).unwrap_or(person).clone();
        let text = |name: &str| body[name].as_str().map(str::to_owned);
        self.sent.push(Sent {
            wamid: wamid.to_owned(),
            kind: text("type").unwrap_or_default(),
            voice: body["audio"]["voice"] == true,
            group,
            person,
            to: text("to"),
            recipient: text("recipient"),
            tag: body["biz_opaque_callback_data"].clone(),
            arrived: false,
        });
    }
}

impl Simulator {
    /// Returns the ids of all accepted messages, in order.
    #[must_use]
    pub fn wamids(&self) -> Vec<String> {
        self.state().sent.iter().map(|sent| sent.wamid.clone()).collect()
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
        match self.state().sent.iter().find(|sent| sent.wamid == wamid) {
            None => return Err(format!("no message has the id {wamid}")),
            Some(sent) if !sent.voice => return Err("only voice messages are played".to_owned()),
            Some(_) => {}
        }
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
        let now = self.now().as_second().to_string();
        self.change(|state| {
            let mut value = state.head();
            // Most calls are about the newest message.
            let sent = state.sent.iter_mut().rev().find(|sent| sent.wamid == wamid);
            let sent = sent.ok_or_else(|| format!("no message has the id {wamid}"))?;
            if let Value::Object(report) = sent.value(status, &now)? {
                for (name, part) in report {
                    value[name] = part;
                }
            }
            state.show_status(wamid, status);
            Ok(webhook::of(&value))
        })
    }
}

impl Sent {
    fn value(&mut self, status: Status, timestamp: &str) -> Result<Value, String> {
        if self.kind == "reaction" && matches!(status, Status::Delivered | Status::Read) {
            return Err("of reactions Meta reports only sent".to_owned());
        }
        if status == Status::Played && !self.voice {
            return Err("only voice messages are played".to_owned());
        }
        let name = match status {
            Status::Sent => "sent",
            Status::Delivered => "delivered",
            Status::Read => "read",
            Status::Played => "played",
            Status::Failed(_) => "failed",
        };
        let mut report = json!({ "id": self.wamid, "status": name, "timestamp": timestamp });
        if !self.tag.is_null() {
            report["biz_opaque_callback_data"] = self.tag.clone();
        }
        let contact = self.address(&mut report, status);
        // The price is part of the first status and of the first that says that it arrived.
        let priced = match status {
            Status::Sent => true,
            Status::Delivered | Status::Read => !std::mem::replace(&mut self.arrived, true),
            Status::Played | Status::Failed(_) => false,
        };
        if priced {
            let category = if self.kind == "template" { "utility" } else { "service" };
            let category = if self.group { format!("group_{category}") } else { category.to_owned() };
            report["pricing"] =
                json!({ "billable": true, "pricing_model": "PMP", "type": "regular", "category": category });
        }
        if let Status::Failed(code) = status {
            let title = title(code);
            report["errors"] = json!([{
                "code": code, "title": title, "message": title, "error_data": { "details": title },
                "href": "/documentation/business-messaging/whatsapp/support/error-codes",
            }]);
            return Ok(json!({ "statuses": [report] }));
        }
        Ok(json!({ "contacts": [contact], "statuses": [report] }))
    }

    /// Writes the recipient into the status. Returns the contact. A failure contains only the address that the business used.
    fn address(&self, report: &mut Value, status: Status) -> Value {
        let Person { phone, user_id, .. } = &self.person;
        // The first status comes without the handle.
        let contact = self.person.contact(status != Status::Sent);
        if self.group {
            report["recipient_id"] = json!(self.to);
            report["recipient_type"] = json!("group");
            report["recipient_participant_id"] = json!(phone);
            report["recipient_participant_user_id"] = json!(user_id);
            return contact;
        }
        match (&self.to, &self.recipient) {
            (Some(to), _) => {
                report["recipient_id"] = json!(to.trim_start_matches('+'));
                if let (Some(user_id), false) = (user_id, matches!(status, Status::Failed(_))) {
                    report["recipient_user_id"] = json!(user_id);
                }
                contact
            }
            (None, recipient) => {
                report["recipient_user_id"] = json!(recipient);
                // Meta shows the phone number only where it shows it in webhooks; a send to a BSUID means that it is hidden.
                let hidden = Person { phone: None, ..self.person.clone() };
                hidden.contact(status != Status::Sent)
            }
        }
    }
}

/// <https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes>
pub(super) fn title(code: i64) -> &'static str {
    match code {
        130_472 => "User's number is part of an experiment",
        131_026 => "Message undeliverable",
        131_047 => "Re-engagement message",
        131_049 => "This message was not delivered to maintain healthy ecosystem engagement.",
        131_053 => "Media upload error",
        131_048 => "Spam rate limit hit",
        _ => "Something went wrong",
    }
}
