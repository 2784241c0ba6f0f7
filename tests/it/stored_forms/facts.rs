//! Small facts that a store keeps under keys of their own: deferred answers, and the ids of uploaded files.

use std::path::{Path, PathBuf};

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use serde_json::{Value, json};
use uuid::Uuid;
use whatsapp_endpoint::{conversation::TurnId, retry::Clock, simulator::DEVELOPMENT_SECRET};

use super::{check, values};
use crate::support::{
    agent::Agent,
    endpoint::{Endpoint, NUMBER, start_meta},
    listener::Listener,
};

const FACTS: TableDefinition<'_, &str, (i64, &str)> = TableDefinition::new("facts");
/// A picture of one pixel, which Meta takes only as an upload.
const PICTURE: &str = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/// A store in a file that is gone after the test.
struct StoreFile(PathBuf);

impl StoreFile {
    fn new() -> Self {
        Self(std::env::temp_dir().join(format!("wa-test-{}.redb", Uuid::now_v7())))
    }

    fn path(&self) -> &str {
        Path::to_str(&self.0).expect("UTF-8")
    }

    /// The only fact.
    fn fact(&self) -> Value {
        let database = Database::open(&self.0).expect("a file");
        let transaction = database.begin_read().expect("a transaction");
        let table = transaction.open_table(FACTS).expect("a table");
        let facts: Vec<_> = table.iter().expect("facts").map(|fact| fact.expect("a fact")).collect();
        let [(key, value)] = &facts[..] else { panic!("{} facts", facts.len()) };
        let (until, value) = value.value();
        let value = serde_json::from_str::<Value>(value).ok().filter(Value::is_object).unwrap_or_else(|| json!(value));
        json!({ "key": key.value(), "value": value, "until": until })
    }

    fn keep(&self, fact: &Value) {
        let _old = std::fs::remove_file(&self.0);
        let database = Database::create(&self.0).expect("a file");
        let transaction = database.begin_write().expect("a transaction");
        let value = fact["value"].as_str().map_or_else(|| fact["value"].to_string(), str::to_owned);
        let mut table = transaction.open_table(FACTS).expect("a table");
        let until = fact["until"].as_i64().expect("seconds");
        table.insert(fact["key"].as_str().expect("a key"), (until, value.as_str())).expect("written");
        drop(table);
        transaction.commit().expect("committed");
    }
}

impl Drop for StoreFile {
    fn drop(&mut self) {
        let _gone = std::fs::remove_file(&self.0);
    }
}

#[tokio::test]
async fn a_deferred_answer_is_still_awaited() {
    let (agent, url) = Listener::start().await;
    let file = StoreFile::new();
    let settings = [("AGENT_PROTOCOL", "http"), ("AGENT_URL", &url), ("STORE_FILE", file.path())];
    let secret = [("agent_token", "agent-secret")];
    let endpoint = Endpoint::start_with_secret(&secret, &settings).await;
    agent.will_answer(202, r#"{"accepted":true}"#);
    assert!(endpoint.say("a hard question").await.is_empty());
    drop(endpoint);
    let mut today = file.fact();
    today["value"]["session"] = json!(values::session_id());
    check("awaited-answer", today, async |golden| {
        file.keep(&golden);
        let endpoint = Endpoint::start_with_secret(&secret, &settings).await;
        let turn = golden["key"].as_str().and_then(|key| key.rsplit('#').next()).ok_or("no key")?;
        let turn: TurnId = turn.parse().map_err(|_| "no turn in the key")?;
        let clock = Clock::start(endpoint.now.get(), endpoint.left.get());
        let awaited =
            endpoint.app.outbox.awaited(&NUMBER.into(), &turn, &clock).await.map_err(|error| error.to_string())?;
        let mut again = golden.clone();
        again["value"] = json!(awaited.ok_or("it is not awaited any more")?);
        Ok(again)
    })
    .await;
}

#[tokio::test]
async fn an_uploaded_file_is_still_known() {
    let (agent, url) = Agent::start().await;
    // One for all, because it knows what was uploaded.
    let (meta, meta_url) = start_meta(DEVELOPMENT_SECRET).await;
    let file = StoreFile::new();
    let settings = [
        ("AGENT_PROTOCOL", "cognigy"),
        ("AGENT_URL", &url),
        ("STORE_FILE", file.path()),
        ("GRAPH_BASE_URL", &meta_url),
    ];
    let ids = || -> Vec<Value> {
        let pictures = meta.calls().into_iter().filter(|call| call["type"] == "image");
        pictures.map(|call| call["image"]["id"].clone()).collect()
    };
    let say = async || {
        let endpoint = Endpoint::start(&settings).await;
        let picture =
            json!({ "data": { "_cognigy": { "_default": { "_image": { "type": "image", "imageUrl": PICTURE } } } } });
        agent.will_answer(200, json!({ "outputStack": [picture] }));
        endpoint.say("show me").await;
    };
    say().await;
    let mut today = file.fact();
    let id = today["value"].take();
    assert_eq!(ids(), std::slice::from_ref(&id));
    today["value"] = json!("700000000000001");
    check("uploaded-file", today, async |golden| {
        file.keep(&json!({ "key": golden["key"], "value": id, "until": golden["until"] }));
        say().await;
        // Another id would come from another upload.
        if ids() == [id.clone(), id.clone()] { Ok(golden) } else { Err(format!("the ids are {:?}", ids())) }
    })
    .await;
}
