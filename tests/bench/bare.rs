//! The calls of a text turn and nothing else: what the worker's throughput is measured against.
//!
//! The same clients send as many requests of about the same size to the same services, as many of them side by side. It reads of
//! a batch how many records there are, keeps nothing, and looks at no answer.

use std::collections::HashMap;

use aws_config::{BehaviorVersion, environment::EnvironmentVariableCredentialsProvider};
use aws_sdk_dynamodb::{
    Client,
    types::{AttributeValue, ReturnValue},
};
use futures_util::future::join_all;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Value, json};
use whatsapp_endpoint::https::{self, ForAws};

/// About what a turn writes of a new conversation and its one reply.
const WRITTEN: &str = concat!(
    r#"{"person":{"phone":"15550100000","name":"Ada Example"},"session":{"id":"0197a0a0-0000-7000-8000-000000000000","#,
    r#""last_input_at":"2026-11-30T12:00:00.000000000Z","inputs":1},"last_message_at":"2100-01-01T00:00:01Z","#,
    r#""turn":"603679de24d76441","message_id":"wamid.BENCHMARK00000==","to":{"phone":"15550100000","name":"Ada Example"},"#,
    r#""replies":[{"content":{"text":"This is answer 1 of the benchmark."},"state":{"sending":"2026-11-30T12:00:00Z"}}]}"#
);

#[derive(Deserialize)]
struct Batch {
    #[serde(rename = "Records")]
    records: Vec<IgnoredAny>,
}

struct Calls {
    http: reqwest::Client,
    dynamo: Client,
    graph: String,
    agent: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let http = https::client()?;
    let aws = aws_config::defaults(BehaviorVersion::latest())
        .http_client(ForAws(http.clone()))
        .credentials_provider(EnvironmentVariableCredentialsProvider::new())
        .load()
        .await;
    let (graph, agent) = (setting("GRAPH_BASE_URL")?, setting("AGENT_URL")?);
    let calls = &Calls { http, dynamo: Client::new(&aws), graph: format!("{graph}/v26.0/1/messages"), agent };
    run(service_fn(async |event: LambdaEvent<Batch>| {
        let turns = event.payload.records.iter().map(|_| turn(calls));
        let ended: Result<Vec<()>, Error> = join_all(turns).await.into_iter().collect();
        ended.map(|_| json!({ "batchItemFailures": [] }))
    }))
    .await
}

async fn turn(calls: &Calls) -> Result<(), Error> {
    write(calls, ReturnValue::AllNew, "").await?;
    let reading = json!({ "messaging_product": "whatsapp", "status": "read", "message_id": "wamid.BENCHMARK00000==",
        "typing_indicator": { "type": "text" } });
    let question = json!({ "userId": "15550100000", "sessionId": "0197a0a0-0000-7000-8000-000000000000",
        "text": "A few words of somebody. A few words of so", "data": { "whatsapp": WRITTEN } });
    let (read, answered) = tokio::join!(post(calls, &calls.graph, &reading), post(calls, &calls.agent, &question));
    read?;
    answered?;
    write(calls, ReturnValue::None, WRITTEN).await?;
    let message = json!({ "messaging_product": "whatsapp", "recipient_type": "individual", "to": "+15550100000",
        "biz_opaque_callback_data": "603679de24d76441:0:15550100000", "type": "text",
        "text": { "body": "This is answer 1 of the benchmark.", "preview_url": false } });
    post(calls, &calls.graph, &message).await?;
    write(calls, ReturnValue::None, &WRITTEN[..WRITTEN.len() / 2]).await
}

async fn write(calls: &Calls, wanted: ReturnValue, written: &str) -> Result<(), Error> {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let values: HashMap<_, _> = [
        (":owner".to_owned(), text("0197a0a0-0000-7000-8000-000000000000")),
        (":until".to_owned(), AttributeValue::N("1796040120000".to_owned())),
        (":conversation".to_owned(), text(written)),
    ]
    .into();
    let request = calls.dynamo.update_item().table_name("conversations").key("pk", text("800000000000002#15550100000"));
    let request = request
        .update_expression("SET lease_owner = :owner, lease_until = :until, conversation = :conversation")
        .condition_expression("attribute_not_exists(lease_until) OR lease_until <= :until OR lease_owner = :owner");
    request.set_expression_attribute_values(Some(values)).return_values(wanted).send().await?;
    Ok(())
}

async fn post(calls: &Calls, url: &str, body: &Value) -> Result<(), Error> {
    let request = calls.http.post(url).bearer_auth("EAABENCHMARKTOKEN").json(body);
    request.send().await?.error_for_status()?.bytes().await?;
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "this program has no settings of the endpoint's")]
fn setting(name: &str) -> Result<String, Error> {
    Ok(std::env::var(name).map_err(|_| format!("{name} is not set"))?)
}
