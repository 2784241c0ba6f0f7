//! A conversation as each store keeps it, leased and in the middle of a delivery.

use std::collections::HashMap;

use aws_sdk_dynamodb::{Client, primitives::Blob, types::AttributeValue};
use base64::{Engine, prelude::BASE64_STANDARD};
use redb::{Database, ReadableDatabase, TableDefinition};
use serde_json::{Map, Value, json};
use uuid::Uuid;
use whatsapp_endpoint::{
    conversation::Conversation,
    store::{Claim, Dynamo, Embedded, Hold, LeaseToken, Store},
};

use super::{
    check,
    values::{at, conversation, id, reply_id, turn},
};
use crate::support::parts;

const CONVERSATIONS: TableDefinition<'_, &str, &str> = TableDefinition::new("conversations");

/// Claims the conversation, and says what was there. The lease is always the same one.
async fn claim(store: &dyn Store) -> Result<(Conversation, LeaseToken), String> {
    let lease = LeaseToken { owner: Uuid::from_u128(7), until: at(120) };
    match store.claim(&id(), &turn("wamid.NEXT=="), &lease, at(1), Some(at(3600))).await {
        Ok(Claim::Fresh(found) | Claim::Resume(found)) => Ok((found, lease)),
        other => Err(format!("{other:?}")),
    }
}

/// Puts a conversation into an empty store.
async fn fill(store: &dyn Store) {
    let (_, lease) = claim(store).await.expect("a new conversation");
    store.save(&id(), &lease, &conversation(), Hold::Keep).await.expect("saved");
    assert!(store.settle(&id(), &reply_id()).await.expect("settled"), "the second reply is in doubt");
}

/// Reads what the store has, and writes it again.
async fn renew(store: &dyn Store) -> Result<(), String> {
    let (found, lease) = claim(store).await?;
    store.save(&id(), &lease, &found, Hold::Keep).await.map_err(|error| error.to_string())
}

#[tokio::test]
async fn conversations_in_dynamodb_are_understood() {
    let aws = parts::aws(parts::ministack().await);
    let (client, table) = (&Client::new(&aws), "stored-forms");
    parts::make_table(&aws, table).await;
    let store = Dynamo::new(&aws, table);
    let item = async || {
        let request =
            client.get_item().table_name(table).key("pk", AttributeValue::S(id().key())).consistent_read(true);
        let item = request.send().await.expect("an answer").item.expect("an item");
        Value::Object(item.iter().map(|(name, value)| (name.clone(), to_json(value))).collect())
    };
    fill(&store).await;
    check("dynamo-item", item().await, async |golden| {
        let attributes = golden.as_object().ok_or("not an object")?.iter();
        let attributes: HashMap<_, _> = attributes.map(|(name, value)| (name.clone(), from_json(value))).collect();
        client
            .put_item()
            .table_name(table)
            .set_item(Some(attributes))
            .send()
            .await
            .map_err(|error| error.to_string())?;
        renew(&store).await?;
        Ok(item().await)
    })
    .await;
}

/// An attribute as the API of `DynamoDB` writes it, except that a text that is JSON is shown as `{"JSON": …}`.
fn to_json(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => match serde_json::from_str(text) {
            Ok(Value::Object(object)) => json!({ "JSON": object }),
            Ok(_) | Err(_) => json!({ "S": text }),
        },
        AttributeValue::N(number) => json!({ "N": number }),
        AttributeValue::M(map) => {
            json!({ "M": map.iter().map(|(name, value)| (name.clone(), to_json(value))).collect::<Map<_, _>>() })
        }
        AttributeValue::Ss(texts) => json!({ "SS": texts }),
        AttributeValue::Bs(blobs) => {
            let mut blobs: Vec<_> = blobs.iter().map(|blob| BASE64_STANDARD.encode(blob)).collect();
            blobs.sort();
            json!({ "BS": blobs })
        }
        other => panic!("{other:?}"),
    }
}

fn from_json(value: &Value) -> AttributeValue {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let texts = |value: &Value| value.as_array().expect("a list").iter().map(text).collect::<Vec<_>>();
    let (kind, value) = value.as_object().and_then(|object| object.iter().next()).expect("one attribute");
    match kind.as_str() {
        "JSON" => AttributeValue::S(value.to_string()),
        "S" => AttributeValue::S(text(value)),
        "N" => AttributeValue::N(text(value)),
        "SS" => AttributeValue::Ss(texts(value)),
        "BS" => {
            let blobs = texts(value).into_iter().map(|blob| BASE64_STANDARD.decode(blob).expect("base64"));
            AttributeValue::Bs(blobs.map(Blob::new).collect())
        }
        "M" => {
            let map = value.as_object().expect("an object").iter();
            AttributeValue::M(map.map(|(name, value)| (name.clone(), from_json(value))).collect())
        }
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn conversations_in_a_file_are_understood() {
    let path = std::env::temp_dir().join(format!("wa-test-{}.redb", Uuid::now_v7()));
    let record = || {
        let database = Database::open(&path).expect("a file");
        let transaction = database.begin_read().expect("a transaction");
        let table = transaction.open_table(CONVERSATIONS).expect("a table");
        let text = table.get(id().key().as_str()).expect("read").expect("a record").value().to_owned();
        serde_json::from_str::<Value>(&text).expect("JSON")
    };
    fill(&Embedded::open(&path).expect("a store")).await;
    check("embedded-record", record(), async |golden| {
        {
            let database = Database::open(&path).expect("a file");
            let transaction = database.begin_write().expect("a transaction");
            let record = golden.to_string();
            let mut table = transaction.open_table(CONVERSATIONS).expect("a table");
            table.insert(id().key().as_str(), record.as_str()).expect("written");
            drop(table);
            transaction.commit().expect("committed");
        }
        renew(&Embedded::open(&path).expect("a store")).await?;
        Ok(record())
    })
    .await;
    std::fs::remove_file(path).expect("gone");
}
