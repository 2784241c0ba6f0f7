//! The messages that the business has sent, with what their statuses need.

use serde_json::{Value, json};

use super::Status;
use crate::simulator::feed::Person;

/// The accepted messages of the business, in order.
#[derive(Debug, Default)]
pub(in crate::simulator) struct SentMessages(Vec<SentMessage>);

/// A message of the business that was accepted.
#[derive(Debug)]
struct SentMessage {
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

impl SentMessages {
    /// Records a send. Of a group, `person` is one of its members.
    pub(in crate::simulator) fn record(&mut self, wamid: &str, person: Person, body: &Value) {
        let text = |name: &str| body[name].as_str().map(str::to_owned);
        self.0.push(SentMessage {
            wamid: wamid.to_owned(),
            kind: text("type").unwrap_or_default(),
            voice: body["audio"]["voice"] == true,
            group: body["recipient_type"] == "group",
            person,
            to: text("to"),
            recipient: text("recipient"),
            tag: body["biz_opaque_callback_data"].clone(),
            arrived: false,
        });
    }

    pub(super) fn wamids(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|message| message.wamid.as_str())
    }

    /// Checks that the message can be played.
    pub(super) fn check_voice(&self, wamid: &str) -> Result<(), String> {
        match self.0.iter().find(|message| message.wamid == wamid) {
            None => Err(format!("no message has the id {wamid}")),
            Some(message) if !message.voice => Err("only voice messages are played".to_owned()),
            Some(_) => Ok(()),
        }
    }

    /// Returns the fields of a webhook's value that report this status.
    ///
    /// # Errors
    /// When Meta would not report this.
    pub(super) fn report(&mut self, wamid: &str, status: Status, timestamp: &str) -> Result<Value, String> {
        // Most calls are about the newest message.
        let message = self.0.iter_mut().rev().find(|message| message.wamid == wamid);
        message.ok_or_else(|| format!("no message has the id {wamid}"))?.report(status, timestamp)
    }
}

impl SentMessage {
    fn report(&mut self, status: Status, timestamp: &str) -> Result<Value, String> {
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
pub(in crate::simulator) fn title(code: i64) -> &'static str {
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
