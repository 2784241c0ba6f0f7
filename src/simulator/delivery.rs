//! Delivers webhooks to the endpoint: signed, and if asked for batched, reordered, duplicated and retried.
//!
//! <https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/overview>

use std::{collections::VecDeque, time::Duration};

use serde_json::Value;

use super::{
    Fault, Simulator, State,
    exchanges::OutgoingRequest,
    feed::Tick,
    webhook::{Webhook, meta_json},
};
use crate::{telemetry::Chain, whatsapp::signature::HEADER};

/// Webhooks that are kept for recordings.
const MAX_SENT: usize = 10_000;
/// How long a batch collects webhooks, and how long a webhook waits for the one that is to overtake it.
const COLLECTION_TIME: Duration = Duration::from_secs(1);
/// Without a queue, the endpoint answers a webhook only after the agent has answered.
const PATIENCE: Duration = Duration::from_mins(3);

/// A webhook as it was sent, for recordings.
#[derive(Debug, Clone)]
pub(super) struct Delivery {
    pub body: String,
    pub signature: String,
    pub people: Vec<String>,
    pub at: jiff::Timestamp,
}

/// The webhooks that were sent and those that wait.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    /// Pauses before each retry.
    retry_pauses: Vec<Duration>,
    sent: VecDeque<Delivery>,
    /// Waits for more webhooks, to be sent as one.
    batch: Vec<Webhook>,
    /// Waits for the webhook that is to overtake it.
    delayed: Option<Webhook>,
}

impl Deliveries {
    /// Returns the webhooks that were sent, in order, for recordings.
    pub(super) fn sent(&self) -> impl Iterator<Item = &Delivery> {
        self.sent.iter()
    }

    fn record(&mut self, delivery: Delivery) {
        self.sent.push_back(delivery);
        if self.sent.len() > MAX_SENT {
            self.sent.pop_front();
        }
    }

    /// Adds a webhook to the batch. Returns the batch as one webhook when it has this size.
    fn collect(&mut self, webhook: Webhook, size: usize) -> Option<Webhook> {
        self.batch.push(webhook);
        if self.batch.len() >= size { self.take_batch() } else { None }
    }

    fn take_batch(&mut self) -> Option<Webhook> {
        Webhook::join(std::mem::take(&mut self.batch))
    }
}

impl Simulator {
    /// Retries a webhook that was not accepted, after each of these pauses. Without pauses there is no retry.
    pub fn repeat_webhooks_after(&self, pauses: &[Duration]) {
        self.change(|state| state.deliveries.retry_pauses = pauses.to_vec());
    }

    /// Signs a webhook and sends it to the connected endpoint, once.
    ///
    /// # Errors
    /// Why it was not accepted, in words for the person who uses the simulator.
    pub async fn deliver(&self, body: &Value) -> Result<(), String> {
        let webhook = {
            let state = self.state();
            Webhook::read(body, &state.people, &state.history)
        };
        self.send(&webhook).await
    }

    /// Delivers a webhook in the background: the phone does not wait for it.
    pub(super) fn deliver_in_background(&self, webhook: Webhook) {
        let this = self.clone();
        in_background(async move { this.deliver_with_faults(webhook).await });
    }

    /// Delivers a webhook, after the faults that batch and reorder webhooks.
    pub(super) async fn deliver_with_faults(&self, webhook: Webhook) {
        let now = self.change(|State { deliveries, faults, history, .. }| {
            match faults.strikes(Fault::BatchWebhooks, history) {
                Some(size) => deliveries.collect(webhook, usize::try_from(size).unwrap_or(usize::MAX)),
                None => Some(webhook),
            }
        });
        if let Some(webhook) = now {
            self.deliver_reordered(webhook).await;
            return;
        }
        tokio::time::sleep(COLLECTION_TIME).await;
        let rest = self.change(|state| state.deliveries.take_batch());
        if let Some(webhook) = rest {
            self.deliver_with_retries(webhook).await;
        }
    }

    async fn deliver_reordered(&self, webhook: Webhook) {
        let (now, later) = self.change(|State { deliveries, faults, history, .. }| match deliveries.delayed.take() {
            Some(delayed) => (Some(webhook), Some(delayed)),
            None if faults.strikes(Fault::ReorderWebhooks, history).is_some() => {
                deliveries.delayed = Some(webhook);
                (None, None)
            }
            None => (Some(webhook), None),
        });
        if let Some(webhook) = now {
            self.deliver_with_retries(webhook).await;
            if let Some(webhook) = later {
                self.deliver_with_retries(webhook).await;
            }
            return;
        }
        // If no webhook overtakes it in time, it is sent on its own.
        let this = self.clone();
        in_background(async move {
            tokio::time::sleep(COLLECTION_TIME).await;
            let webhook = this.change(|state| state.deliveries.delayed.take());
            if let Some(webhook) = webhook {
                this.deliver_with_retries(webhook).await;
            }
        });
    }

    /// Sends a webhook until it is accepted or given up.
    async fn deliver_with_retries(&self, webhook: Webhook) {
        let twice = self.change(|state| state.faults.strikes(Fault::RepeatWebhook, &mut state.history)).is_some();
        let pauses = self.state().deliveries.retry_pauses.clone();
        let tries = pauses.len() + 1;
        let mut pauses = pauses.into_iter().zip(1..);
        let person = webhook.people().next().map(str::to_owned);
        loop {
            let Err(problem) = self.send(&webhook).await else { break };
            let Some((pause, number)) = pauses.next() else {
                self.change(|state| {
                    let given_up = if tries > 1 { "; given up, where Meta would go on for 7 days" } else { "" };
                    state.history.show_problem(person, format!("{problem}{given_up}"));
                    for id in webhook.messages() {
                        state.history.show_arrival(id, Tick::Failed, Some(&problem));
                    }
                });
                return;
            };
            let again =
                format!("{problem}; it is sent again in {} s ({number} of {tries} tries made)", pause.as_secs_f32());
            self.change(|state| state.history.show_problem(person.clone(), again));
            tokio::time::sleep(pause).await;
        }
        if twice {
            // The endpoint has accepted it; its answer to the duplicate changes nothing.
            let _again = self.send(&webhook).await;
        }
    }

    async fn send(&self, webhook: &Webhook) -> Result<(), String> {
        let body = meta_json(&webhook.body);
        let (url, signature) = self.change(|state| {
            let signature = state.account.signature(body.as_bytes());
            let (people, at) = (webhook.people().map(str::to_owned).collect(), state.clock.now());
            state.deliveries.record(Delivery { body: body.clone(), signature: signature.clone(), people, at });
            (state.endpoint.webhook_url().map(str::to_owned), signature)
        });
        let Some(url) = url else {
            let why = "no endpoint is connected, or the account is not subscribed to the app (POST …/subscribed_apps)";
            return Err(why.to_owned());
        };
        let request = OutgoingRequest {
            kind: webhook.kind,
            url: &url,
            person: webhook.people().next(),
            message: webhook.messages().next(),
            headers: vec![("content-type", "application/json".to_owned()), (HEADER, signature)],
            body,
        };
        let answer = self.send_and_show(request, PATIENCE).await;
        for person in webhook.people() {
            self.show_session(person).await;
        }
        match answer {
            Ok((200, _)) => {
                self.change(|state| {
                    for id in webhook.messages() {
                        state.history.show_arrival(id, Tick::Delivered, None);
                    }
                });
                Ok(())
            }
            Ok((status, text)) => Err(format!("the endpoint answered {status}: {} (its log says why)", text.trim())),
            Err(error) => Err(format!("{url} cannot be reached: {}", Chain(&error))),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a phone does not wait for Meta, nor Meta for the phone")]
pub(super) fn in_background(work: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(work);
}
