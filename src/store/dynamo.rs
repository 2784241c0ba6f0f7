//! Conversations in DynamoDB: one item each, one request per step.
//!
//! | attribute | holds |
//! |---|---|
//! | `pk` | number and user |
//! | `conversation` | who and which session, as JSON |
//! | `done` | a map from the number of a period to the set of the ids of the jobs that were done in it, 8 bytes each |
//! | `outbox` | the replies on their way, as JSON; absent if there are none |
//! | `settled` | the replies of the outbox that a status has reported as sent; a set of texts |
//! | `lease_owner`, `lease_until` | who works on it, and until which millisecond |
//! | `value` | a small fact; its items have only `pk` and `expires_at` besides |
//! | `expires_at` | the second after which DynamoDB may delete the item; absent = never |

use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_dynamodb::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    operation::update_item::{UpdateItemError, builders::UpdateItemFluentBuilder},
    primitives::Blob,
    types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure},
};
use jiff::Timestamp;
use serde::{Serialize, de::DeserializeOwned};

use super::{Claim, Hold, LeaseToken, Store, StoreError, found};
use crate::conversation::{Conversation, ConversationId, Done, Pending, ReplyId, TurnId};

type Item = HashMap<String, AttributeValue>;

/// A table with the key `pk`.
#[derive(Debug, Clone)]
pub struct Dynamo {
    client: Client,
    table: String,
}

impl Dynamo {
    /// The table of this name.
    #[must_use]
    pub fn new(aws: &aws_config::SdkConfig, table: &str) -> Self {
        Self { client: Client::new(aws), table: table.to_owned() }
    }

    fn update(&self, id: &ConversationId) -> UpdateItemFluentBuilder {
        self.client.update_item().table_name(&self.table).key("pk", text(id.key()))
    }
}

#[async_trait]
impl Store for Dynamo {
    async fn claim(
        &self,
        id: &ConversationId,
        turn: &TurnId,
        lease: &LeaseToken,
        now: Timestamp,
        keep_until: Option<Timestamp>,
    ) -> Result<Claim, StoreError> {
        let forget = if keep_until.is_some() { ", expires_at = :expires" } else { " REMOVE expires_at" };
        let periods: Vec<_> = Done::periods(now).collect();
        let is_done: Vec<_> = periods.iter().map(|period| format!("contains(done.#{period}, :turn)")).collect();
        let mut request = self
            .update(id)
            .update_expression(format!("SET lease_owner = :owner, lease_until = :until{forget}"))
            .condition_expression(format!(
                // The SDK may repeat a claim whose response was lost; it then finds its own lease.
                "(attribute_not_exists(lease_until) OR lease_until <= :now OR lease_owner = :owner) \
                 AND (attribute_exists(outbox) OR NOT ({}))",
                is_done.join(" OR ")
            ))
            .set_expression_attribute_names(Some(
                periods.into_iter().map(|period| (format!("#{period}"), period.to_string())).collect(),
            ))
            .expression_attribute_values(":turn", bytes(turn))
            .expression_attribute_values(":owner", text(lease.owner.to_string()))
            .expression_attribute_values(":until", number(lease.until.as_millisecond()))
            .expression_attribute_values(":now", number(now.as_millisecond()))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        if let Some(keep_until) = keep_until {
            request = request.expression_attribute_values(":expires", number(keep_until.as_second()));
        }
        match request.send().await.map_err(SdkError::into_service_error) {
            Ok(answer) => Ok(found(conversation(&answer.attributes.unwrap_or_default())?)),
            Err(UpdateItemError::ConditionalCheckFailedException(refused)) => {
                let item = match refused.item {
                    Some(item) => item,
                    // Some stores do not return the item, as DynamoDB itself did not before June 2023.
                    None => self.item(id).await?,
                };
                Ok(refused_claim(&item, turn, now))
            }
            Err(error) => Err(unavailable("claim a conversation", error)),
        }
    }

    async fn save(
        &self,
        id: &ConversationId,
        lease: &LeaseToken,
        conversation: &Conversation,
        hold: Hold,
    ) -> Result<(), StoreError> {
        let done = conversation.done.by_period().map(|(period, jobs)| {
            (period.to_string(), AttributeValue::Bs(jobs.iter().map(|turn| Blob::new(*turn.as_bytes())).collect()))
        });
        let done = done.collect();
        let mut set = "SET conversation = :conversation, done = :done".to_owned();
        let mut remove = Vec::new();
        let mut request = self
            .update(id)
            .expression_attribute_values(":conversation", text(json(conversation)?))
            .expression_attribute_values(":done", AttributeValue::M(done));
        match &conversation.outbox {
            Some(outbox) => {
                set.push_str(", outbox = :outbox");
                request = request.expression_attribute_values(":outbox", text(json(outbox)?));
            }
            None => remove.extend(["outbox", "settled"]),
        }
        if hold == Hold::Release {
            remove.extend(["lease_owner", "lease_until"]);
        }
        if !remove.is_empty() {
            set = format!("{set} REMOVE {}", remove.join(", "));
        }
        let request = request.update_expression(set).condition_expression("lease_owner = :owner");
        match updated(request.expression_attribute_values(":owner", text(lease.owner.to_string()))).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(StoreError::LeaseLost),
            Err(error) if is_too_large(&error) => Err(StoreError::TooLarge),
            Err(error) => Err(unavailable("keep a conversation", error)),
        }
    }

    async fn read(&self, id: &ConversationId) -> Result<Option<Conversation>, StoreError> {
        let found = conversation(&self.item(id).await?)?;
        Ok(Some(found).filter(|found| *found != Conversation::default()))
    }

    async fn remember(&self, key: &str, value: &str, until: Option<Timestamp>) -> Result<(), StoreError> {
        // An update, so that the function's role needs no right to put items.
        let request = self.client.update_item().table_name(&self.table).key("pk", text(key));
        let request = request.expression_attribute_names("#value", "value");
        let request = request.expression_attribute_values(":value", text(value));
        let request = match until {
            Some(until) => request
                .update_expression("SET #value = :value, expires_at = :until")
                .expression_attribute_values(":until", number(until.as_second())),
            None => request.update_expression("SET #value = :value REMOVE expires_at"),
        };
        request.send().await.map(drop).map_err(|error| unavailable("remember a fact", error))
    }

    async fn recall(&self, key: &str, now: Timestamp) -> Result<Option<String>, StoreError> {
        let request = self.client.get_item().table_name(&self.table).key("pk", text(key));
        let answer = request.send().await.map_err(|error| unavailable("recall a fact", error))?;
        let item = answer.item.unwrap_or_default();
        let holds = item.get("expires_at").and_then(as_number).is_none_or(|until| until > now.as_second());
        Ok(item.get("value").and_then(|value| value.as_s().ok()).filter(|_| holds).cloned())
    }

    async fn settle(&self, id: &ConversationId, reply: &ReplyId) -> Result<bool, StoreError> {
        // Doubt is rare: a read costs one unit, a write that finds no doubt five times as much.
        let request = self.client.get_item().table_name(&self.table).key("pk", text(id.key()));
        // Consistent, because the status may follow the send within milliseconds.
        let answer = request.projection_expression("outbox").consistent_read(true).send().await;
        let item = answer.map_err(|error| unavailable("read an outbox", error))?.item.unwrap_or_default();
        if !parsed::<Pending>(&item, "outbox")?.is_some_and(|outbox| outbox.is_in_doubt(reply)) {
            return Ok(false);
        }
        let request =
            self.update(id).update_expression("ADD settled :reply").condition_expression("attribute_exists(outbox)");
        let reply = AttributeValue::Ss(vec![reply.to_string()]);
        match updated(request.expression_attribute_values(":reply", reply)).await {
            Ok(settled) => Ok(settled),
            Err(error) => Err(unavailable("settle a reply", error)),
        }
    }
}

impl Dynamo {
    async fn item(&self, id: &ConversationId) -> Result<Item, StoreError> {
        let request = self.client.get_item().table_name(&self.table).key("pk", text(id.key())).consistent_read(true);
        let answer = request.send().await.map_err(|error| unavailable("read a conversation", error))?;
        Ok(answer.item.unwrap_or_default())
    }
}

/// Whether the condition of the update held.
async fn updated(request: UpdateItemFluentBuilder) -> Result<bool, UpdateItemError> {
    match request.send().await.map_err(SdkError::into_service_error) {
        Ok(_) => Ok(true),
        Err(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether the item would be too large. The SDK has no type for this error, and many faults share its code.
fn is_too_large(error: &UpdateItemError) -> bool {
    error.code() == Some("ValidationException") && error.message().is_some_and(|why| why.contains("Item size"))
}

fn refused_claim(item: &Item, turn: &TurnId, now: Timestamp) -> Claim {
    let lease_until =
        item.get("lease_until").and_then(as_number).and_then(|until| Timestamp::from_millisecond(until).ok());
    if !item.contains_key("outbox") && done(item).contains(turn) {
        return Claim::Done;
    }
    // The lease may have ended between the condition and this read; the next claim will find that out.
    Claim::Busy(lease_until.unwrap_or(now))
}

fn conversation(item: &Item) -> Result<Conversation, StoreError> {
    let mut conversation: Conversation = parsed(item, "conversation")?.unwrap_or_default();
    conversation.outbox = parsed(item, "outbox")?;
    let settled = item.get("settled").and_then(|settled| settled.as_ss().ok());
    conversation.settled = settled.into_iter().flatten().map(|reply| ReplyId::stored(reply)).collect();
    conversation.done = done(item);
    Ok(conversation)
}

/// Reads the id sets; any other attribute is ignored.
fn done(item: &Item) -> Done {
    let periods = item.get("done").and_then(|done| done.as_m().ok()).into_iter().flatten();
    let periods = periods.filter_map(|(period, jobs)| {
        let jobs = jobs.as_bs().ok()?.iter().filter_map(|job| Some(<[u8; 8]>::try_from(job.as_ref()).ok()?.into()));
        Some((period.parse().ok()?, jobs.collect()))
    });
    periods.collect()
}

fn parsed<T: DeserializeOwned>(item: &Item, name: &str) -> Result<Option<T>, StoreError> {
    let Some(value) = item.get(name) else { return Ok(None) };
    let text = value.as_s().map_err(|_| StoreError::Unreadable(format!("{name} is not a text")))?;
    let parsed = serde_json::from_str(text);
    parsed.map(Some).map_err(|error| StoreError::Unreadable(format!("{name}, column {}", error.column())))
}

fn json(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Unreadable(error.to_string()))
}

fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

fn bytes(turn: &TurnId) -> AttributeValue {
    AttributeValue::B(Blob::new(*turn.as_bytes()))
}

fn number(value: i64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

fn as_number(value: &AttributeValue) -> Option<i64> {
    value.as_n().ok()?.parse().ok()
}

fn unavailable(verb: &'static str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
    StoreError::Unavailable { verb, source: source.into() }
}
