//! What became of a message: statuses as Meta reports them, when a test or a person asks for them.
//!
//! <https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages/status>

use serde_json::{Value, json};

use super::{
    Simulator, State,
    webhook::{DISPLAY_NUMBER, PERSON, PERSON_ID, PERSON_NAME},
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
    /// Delivered or read already, with the price.
    arrived: bool,
}

impl State {
    pub(super) fn remember(&mut self, wamid: &str, body: &Value) {
        let text = |name: &str| body[name].as_str().map(str::to_owned);
        self.taken.push(Taken {
            wamid: wamid.to_owned(),
            kind: text("type").unwrap_or_default(),
            voice: body["audio"]["voice"] == true,
            group: body["recipient_type"] == "group",
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

    /// The webhook with a status of the message `wamid`.
    ///
    /// # Errors
    /// When Meta would not report this.
    pub fn status(&self, wamid: &str, status: Status) -> Result<Value, String> {
        let now = self.now().as_second().to_string();
        self.change(|state| {
            let number = state.account.phone_number_id.clone();
            let taken = state.taken.iter_mut().find(|taken| taken.wamid == wamid);
            let taken = taken.ok_or_else(|| format!("no message has the id {wamid}"))?;
            let mut value = taken.value(status, &now)?;
            value["messaging_product"] = json!("whatsapp");
            value["metadata"] = json!({ "display_phone_number": DISPLAY_NUMBER, "phone_number_id": number });
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
        let person = self.address(&mut report, matches!(status, Status::Failed(_)));
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
        Ok(json!({ "contacts": [person], "statuses": [report] }))
    }

    /// Writes to whom the message went; answers the contact. A failure tells of the person only what we sent to.
    fn address(&self, report: &mut Value, failed: bool) -> Value {
        let mut contact = json!({ "profile": { "name": PERSON_NAME } });
        if self.group {
            report["recipient_id"] = json!(self.to);
            report["recipient_type"] = json!("group");
            report["recipient_participant_id"] = json!(PERSON);
            report["recipient_participant_user_id"] = json!(PERSON_ID);
            contact["wa_id"] = json!(PERSON);
            contact["user_id"] = json!(PERSON_ID);
            return contact;
        }
        match (&self.to, &self.recipient) {
            (Some(to), _) => {
                let number = to.trim_start_matches('+');
                report["recipient_id"] = json!(number);
                contact["wa_id"] = json!(number);
                let user = if number == PERSON { PERSON_ID.to_owned() } else { format!("US.9{number:0>19}") };
                if !failed {
                    report["recipient_user_id"] = json!(user);
                }
                contact["user_id"] = json!(user);
            }
            // Who was reached at a BSUID hides the number.
            (None, recipient) => {
                report["recipient_user_id"] = json!(recipient);
                contact["user_id"] = json!(recipient);
            }
        }
        contact
    }
}

/// <https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes>
fn title(code: i64) -> &'static str {
    match code {
        130_472 => "User's number is part of an experiment",
        131_026 => "Message undeliverable",
        131_047 => "Re-engagement message",
        131_049 => "This message was not delivered to maintain healthy ecosystem engagement.",
        131_053 => "Media upload error",
        _ => "Something went wrong",
    }
}
