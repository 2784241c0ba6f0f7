//! The way of webhooks to the endpoint: signed, batched, reordered, doubled, and repeated until they are taken.
//!
//! <https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/overview>

use std::{collections::VecDeque, time::Duration};

use serde_json::Value;

use super::{
    Fault, Simulator,
    exchanges::{Kind, Shipment},
    phone::Tick,
    webhook::{meta_json, values},
};
use crate::{
    credentials::Secret,
    telemetry::Chain,
    whatsapp::signature::{HEADER, sign},
};

/// Webhooks that are kept for recordings.
const MAX_SENT: usize = 10_000;
/// How long a batch is gathered, and how long a webhook waits to be overtaken.
const GATHERED: Duration = Duration::from_secs(1);
/// An endpoint without a queue answers when the agent has.
const PATIENCE: Duration = Duration::from_mins(3);

/// A webhook, and whom and which messages it is about.
#[derive(Debug, Clone)]
pub(super) struct Letter {
    pub webhook: Value,
    pub kind: Kind,
    pub about: Vec<About>,
}

#[derive(Debug, Clone)]
pub(super) struct About {
    pub person: Option<String>,
    pub message: Option<String>,
}

/// A webhook that was posted, as a recording holds it.
#[derive(Debug, Clone)]
pub(super) struct Posted {
    pub body: String,
    pub signature: String,
    pub people: Vec<String>,
    pub at: jiff::Timestamp,
}

/// What lies in the post office.
#[derive(Debug, Default)]
pub(super) struct Mail {
    /// Pauses before a webhook that was not taken is posted again.
    pub repeats: Vec<Duration>,
    pub sent: VecDeque<Posted>,
    gathered: Vec<Letter>,
    overtaken: Option<Letter>,
}

impl Letter {
    pub fn messages(&self) -> impl Iterator<Item = &str> {
        self.about.iter().filter_map(|about| about.message.as_deref())
    }

    pub fn people(&self) -> impl Iterator<Item = &str> {
        self.about.iter().filter_map(|about| about.person.as_deref())
    }

    /// One webhook of several.
    fn join(letters: Vec<Self>) -> Option<Self> {
        letters.into_iter().reduce(|mut one, other| {
            if let (Some(entries), Value::Array(more)) = (one.webhook["entry"].as_array_mut(), &other.webhook["entry"])
            {
                entries.extend(more.iter().cloned());
            }
            one.about.extend(other.about);
            one
        })
    }
}

impl Simulator {
    /// After each of these pauses a webhook that was not taken is posted again. Without pauses it is given up at once.
    pub fn repeat_webhooks_after(&self, pauses: &[Duration]) {
        self.change(|state| state.mail.repeats = pauses.to_vec());
    }

    /// Signs a webhook and posts it to the endpoint that is connected, once.
    ///
    /// # Errors
    /// Why it was not taken, in words for the person who tries it out.
    pub async fn deliver(&self, webhook: &Value) -> Result<(), String> {
        self.post(&self.address(webhook)).await
    }

    /// Posts a letter in the background, as Meta does while the phone goes on.
    pub(super) fn post_off(&self, letter: Letter) {
        let this = self.clone();
        in_background(async move { this.hand_over(letter).await });
    }

    /// Posts a letter until it is taken, after what may happen to it on its way.
    pub(super) async fn hand_over(&self, letter: Letter) {
        let now = self.change(|state| {
            let Some(size) = state.strikes(Fault::BatchWebhooks) else { return vec![letter] };
            state.mail.gathered.push(letter);
            if state.mail.gathered.len() >= usize::try_from(size).unwrap_or(usize::MAX) {
                return Letter::join(std::mem::take(&mut state.mail.gathered)).into_iter().collect();
            }
            Vec::new()
        });
        if now.is_empty() {
            tokio::time::sleep(GATHERED).await;
            let rest = self.change(|state| Letter::join(std::mem::take(&mut state.mail.gathered)));
            if let Some(letter) = rest {
                self.carry(letter).await;
            }
            return;
        }
        for letter in now {
            self.overtake(letter).await;
        }
    }

    async fn overtake(&self, letter: Letter) {
        let (now, later) = self.change(|state| match state.mail.overtaken.take() {
            Some(waiting) => (Some(letter), Some(waiting)),
            None if state.strikes(Fault::ReorderWebhooks).is_some() => {
                state.mail.overtaken = Some(letter);
                (None, None)
            }
            None => (Some(letter), None),
        });
        if let Some(letter) = now {
            self.carry(letter).await;
            if let Some(letter) = later {
                self.carry(letter).await;
            }
            return;
        }
        // Whom nobody overtakes goes alone, and nobody waits for that.
        let this = self.clone();
        in_background(async move {
            tokio::time::sleep(GATHERED).await;
            let letter = this.change(|state| state.mail.overtaken.take());
            if let Some(letter) = letter {
                this.carry(letter).await;
            }
        });
    }

    /// Posts a letter again and again until it is taken, or given up.
    async fn carry(&self, letter: Letter) {
        let twice = self.change(|state| state.strikes(Fault::RepeatWebhook)).is_some();
        let pauses = self.state().mail.repeats.clone();
        let tries = pauses.len() + 1;
        let mut pauses = pauses.into_iter().zip(1..);
        let person = letter.people().next().map(str::to_owned);
        loop {
            let Err(problem) = self.post(&letter).await else { break };
            let Some((pause, number)) = pauses.next() else {
                self.change(|state| {
                    let given_up = if tries > 1 { "; given up, where Meta would go on for 7 days" } else { "" };
                    state.show_problem(person, format!("{problem}{given_up}"));
                    for id in letter.messages() {
                        state.show_arrival(id, Tick::Failed, Some(&problem));
                    }
                });
                return;
            };
            let again =
                format!("{problem}; it is sent again in {} s ({number} of {tries} tries made)", pause.as_secs_f32());
            self.change(|state| state.show_problem(person.clone(), again));
            tokio::time::sleep(pause).await;
        }
        if twice {
            // The endpoint has taken it; whatever it says to the second copy changes nothing.
            let _again = self.post(&letter).await;
        }
    }

    async fn post(&self, letter: &Letter) -> Result<(), String> {
        let body = meta_json(&letter.webhook);
        let at = self.now();
        let (url, signature) = self.change(|state| {
            let signature = sign(&Secret::from(state.account.app_secret.clone()), body.as_bytes());
            let people = letter.people().map(str::to_owned).collect();
            state.mail.sent.push_back(Posted { body: body.clone(), signature: signature.clone(), people, at });
            if state.mail.sent.len() > MAX_SENT {
                state.mail.sent.pop_front();
            }
            (state.endpoint.clone().filter(|_| state.subscribed), signature)
        });
        let Some(url) = url else {
            let why = "no endpoint is connected, or the account is not subscribed to the app (POST …/subscribed_apps)";
            return Err(why.to_owned());
        };
        let shipment = Shipment {
            kind: letter.kind,
            url: &url,
            person: letter.people().next(),
            message: letter.messages().next(),
            headers: vec![("content-type", "application/json".to_owned()), (HEADER, signature)],
            body,
        };
        let answer = self.ship(shipment, PATIENCE).await;
        for person in letter.people() {
            self.look_into_session(person).await;
        }
        match answer {
            Ok((200, _)) => {
                self.change(|state| {
                    for id in letter.messages() {
                        state.show_arrival(id, Tick::Delivered, None);
                    }
                });
                Ok(())
            }
            Ok((status, text)) => Err(format!("the endpoint answered {status}: {} (its log says why)", text.trim())),
            Err(error) => Err(format!("{url} cannot be reached: {}", Chain(&error))),
        }
    }

    /// Reads from a webhook that was made elsewhere whom and which messages it is about.
    pub(super) fn address(&self, webhook: &Value) -> Letter {
        let (mut about, mut kind) = (Vec::new(), Kind::Status);
        let state = self.state();
        for value in values(webhook) {
            for message in value["messages"].as_array().into_iter().flatten() {
                kind = Kind::Webhook;
                let person = state.people.iter().find(|person| {
                    let is = |name: &Option<String>, said: &Value| name.is_some() && name.as_deref() == said.as_str();
                    is(&person.user_id, &message["from_user_id"]) || is(&person.number, &message["from"])
                });
                let person = person.map(|person| person.id.clone());
                about.push(About { person, message: message["id"].as_str().map(str::to_owned) });
            }
            for status in value["statuses"].as_array().into_iter().flatten() {
                let message = status["id"].as_str().map(str::to_owned);
                let bubble = message.as_ref().and_then(|id| state.history.bubble(id));
                about.push(About { person: bubble.map(|bubble| bubble.person.clone()), message });
            }
        }
        Letter { webhook: webhook.clone(), kind, about }
    }
}

#[expect(clippy::disallowed_methods, reason = "Meta goes on while the phone does")]
pub(super) fn in_background(work: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(work);
}
