//! What became of a message: statuses as Meta reports them, when a test or a person asks for them.
//!
//! <https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages/status>

use serde_json::{Value, json};

use super::{
    Fault, Simulator, State,
    exchanges::Kind,
    people::Person,
    postman::{About, Letter, in_background},
};

/// What Meta can report of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It left Meta.
    Sent,
    /// It is on the phone.
    Delivered,
    /// It was seen.
    Read,
    /// A voice message was listened to.
    Played,
    /// It did not arrive, and this code says why.
    Failed(i64),
}

/// A message that was taken, as far as its statuses need it.
#[derive(Debug)]
pub(super) struct Taken {
    wamid: String,
    kind: String,
    voice: bool,
    group: bool,
    to: Option<String>,
    recipient: Option<String>,
    tag: Value,
    /// Whom it reaches; of a group, one of its members.
    person: Person,
    /// Delivered or read already, with the price.
    arrived: bool,
}

impl State {
    pub(super) fn remember(&mut self, wamid: &str, person: &Person, body: &Value) {
        let group = body["recipient_type"] == "group";
        // Who sits in a group is not simulated: it is the first of all people.
        let person = self.people.first().filter(|_| group).unwrap_or(person).clone();
        let text = |name: &str| body[name].as_str().map(str::to_owned);
        self.taken.push(Taken {
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
    /// The ids of all messages that were taken, in order.
    #[must_use]
    pub fn wamids(&self) -> Vec<String> {
        self.state().taken.iter().map(|taken| taken.wamid.clone()).collect()
    }

    /// Delivers a status of the message `wamid` to the endpoint that is connected.
    ///
    /// # Errors
    /// When Meta would not report this, or the endpoint did not take it.
    pub async fn report(&self, wamid: &str, status: Status) -> Result<(), String> {
        let webhook = self.status(wamid, status)?;
        self.deliver(&webhook).await
    }

    /// Reports in the background what becomes of a message, where statuses come by themselves.
    pub(super) fn follow(&self, wamid: &str, fails: Option<i64>) {
        if fails.is_none() && self.switched(Fault::AutomaticStatuses).is_empty() {
            return;
        }
        let (this, wamid) = (self.clone(), wamid.to_owned());
        in_background(async move {
            let fate = match fails {
                Some(code) => vec![Status::Failed(code)],
                None => vec![Status::Sent, Status::Delivered],
            };
            for status in fate {
                // Who has the chat open when a message comes reads it at once, and nothing else is told.
                let is_read = |bubble: &super::Bubble| bubble.status >= super::Tick::Read;
                if status == Status::Delivered && this.bubble(&wamid).as_ref().is_some_and(is_read) {
                    return;
                }
                this.tell(&wamid, status).await;
            }
        });
    }

    /// The person sees everything that has come: the page shows the conversation.
    pub fn see(&self, person: &str) {
        let unseen = self.state().history.arrived(person);
        self.report_all(unseen, Status::Read);
    }

    /// The person listens to a voice message.
    ///
    /// # Errors
    /// When it is none.
    pub fn listen_to(&self, wamid: &str) -> Result<(), String> {
        match self.state().taken.iter().find(|taken| taken.wamid == wamid) {
            None => return Err(format!("no message has the id {wamid}")),
            Some(taken) if !taken.voice => return Err("only voice messages are played".to_owned()),
            Some(_) => {}
        }
        self.report_all(vec![wamid.to_owned()], Status::Played);
        Ok(())
    }

    fn report_all(&self, wamids: Vec<String>, status: Status) {
        if wamids.is_empty() || self.switched(Fault::AutomaticStatuses).is_empty() {
            return;
        }
        // At once, so that nobody reports it again meanwhile.
        let webhooks: Vec<_> =
            wamids.into_iter().filter_map(|wamid| Some((self.status(&wamid, status).ok()?, wamid))).collect();
        let this = self.clone();
        in_background(async move {
            for (webhook, wamid) in webhooks {
                this.tell_webhook(webhook, wamid).await;
            }
        });
    }

    async fn tell(&self, wamid: &str, status: Status) {
        // What Meta does not report of this message is not reported.
        if let Ok(webhook) = self.status(wamid, status) {
            self.tell_webhook(webhook, wamid.to_owned()).await;
        }
    }

    async fn tell_webhook(&self, webhook: Value, wamid: String) {
        let person = self.state().history.bubble(&wamid).map(|bubble| bubble.person.clone());
        let about = vec![About { person, message: Some(wamid) }];
        self.hand_over(Letter { webhook, kind: Kind::Status, about }).await;
    }

    /// The webhook with a status of the message `wamid`.
    ///
    /// # Errors
    /// When Meta would not report this.
    pub fn status(&self, wamid: &str, status: Status) -> Result<Value, String> {
        let now = self.now().as_second().to_string();
        self.change(|state| {
            let mut value = state.head();
            // The newest is asked for most.
            let taken = state.taken.iter_mut().rev().find(|taken| taken.wamid == wamid);
            let taken = taken.ok_or_else(|| format!("no message has the id {wamid}"))?;
            if let Value::Object(report) = taken.value(status, &now)? {
                for (name, part) in report {
                    value[name] = part;
                }
            }
            state.show_status(wamid, status);
            Ok(super::webhook::of(&value))
        })
    }
}

impl Taken {
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
        // The price stands at the first report and at the first that it has arrived.
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

    /// Writes to whom the message went; answers the contact. A failure tells of the person only what we sent to.
    fn address(&self, report: &mut Value, status: Status) -> Value {
        let Person { number, user_id, .. } = &self.person;
        // The first report comes without the handle.
        let contact = self.person.contact(status != Status::Sent);
        if self.group {
            report["recipient_id"] = json!(self.to);
            report["recipient_type"] = json!("group");
            report["recipient_participant_id"] = json!(number);
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
                // Meta shows the number only where it shows it in webhooks; a test that sends to a BSUID hides it.
                let hidden = Person { number: None, ..self.person.clone() };
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
