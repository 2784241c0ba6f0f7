//! Another Lambda function as the agent, deployed onto MiniStack, through the whole turn.

use std::process::Command;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use whatsapp_endpoint::https;

use crate::support::{
    endpoint::{ADA, Endpoint, Person, webhook},
    parts::{self, REGION, tool},
};

/// It answers what it is told to, and otherwise how it was asked.
const AGENT: &str = r#"
import json, time

def handler(event, context):
    text = event["text"]
    if text == "fail":
        raise ValueError("secret details")
    if text == "sleep":
        time.sleep(3)
    if text == "nonsense":
        return {"oops": True}
    if text == "huge":
        return {"outputs": ["a" * (5 * 1024 * 1024)]}
    if text == "count":
        memory = (event.get("memory") or 0) + 1
        return {"outputs": [str(memory)], "memory": memory}
    if text == "menu":
        return {"outputs": [{"type": "choices", "text": "Pick one", "options": [{"id": "a", "title": "A"}]}]}
    if text == "who":
        return {"outputs": [{"type": "text", "text": json.dumps([event["version"], event["userId"], event["newSession"]])}]}
    return {"outputs": [{"type": "text", "text": text + "!"}]}
"#;

async fn start(settings: &[(&str, &str)]) -> Endpoint {
    let port = parts::ministack().await;
    let name = format!("agent-{}", uuid::Uuid::now_v7().simple());
    let arn = deploy(port, &name).await;
    let base = [("AGENT_PROTOCOL", "lambda"), ("AGENT_URL", arn.as_str())];
    Endpoint::start_on(&[&base, settings].concat(), &parts::aws(port)).await
}

/// Makes the function; returns its ARN.
async fn deploy(port: u16, name: &str) -> String {
    let folder = std::env::temp_dir().join(name);
    std::fs::create_dir(&folder).expect("a writable temporary folder");
    std::fs::write(folder.join("agent.py"), AGENT).expect("written");
    let mut zip = Command::new(tool("ministack-1.5.33/bin/python"));
    zip.current_dir(&folder).args(["-m", "zipfile", "-c", "agent.zip", "agent.py"]);
    assert!(zip.status().expect("python").success());
    let package = std::fs::read(folder.join("agent.zip")).expect("a package");
    std::fs::remove_dir_all(&folder).expect("gone");
    let function = json!({
        "FunctionName": name,
        "Runtime": "python3.12",
        "Handler": "agent.handler",
        "Role": "arn:aws:iam::000000000000:role/agent",
        "Timeout": 10,
        "Code": { "ZipFile": STANDARD.encode(package) },
    });
    let scope = format!("test/20261101/{REGION}/lambda/aws4_request");
    let request = https::client().expect("a client").post(format!("http://127.0.0.1:{port}/2015-03-31/functions"));
    let request = request
        .json(&function)
        .header("authorization", format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"));
    let made: Value = request.send().await.expect("an answer").json().await.expect("JSON");
    made["FunctionArn"].as_str().unwrap_or_else(|| panic!("an ARN in {made}")).to_owned()
}

#[tokio::test]
async fn a_function_answers_what_the_plain_contract_says() {
    let endpoint = start(&[]).await;
    assert_eq!(endpoint.say("hello").await, ["hello!"]);
    assert_eq!(endpoint.say("who").await, [format!("[1, \"{ADA}\", false]")]);
    assert_eq!(endpoint.say("menu").await, ["Pick one"]);
    assert_eq!(endpoint.say("count").await, ["1"]);
    assert_eq!(endpoint.say("count").await, ["2"], "what it wants to be told it is told");
}

#[tokio::test]
async fn a_function_that_fails_is_asked_again_and_nothing_of_it_is_told_to_the_person() {
    let endpoint = start(&[("AGENT_TIMEOUT_SECONDS", "2")]).await;
    // The first call starts it, which takes its time.
    let warm = webhook([endpoint.message(&Person(ADA), "hello")]);
    crate::support::eventually("the function is warm", async || (endpoint.deliver(&warm).await == 200).then_some(()))
        .await;
    let message = webhook([endpoint.message(&Person("15550100201"), "huge")]);
    assert_eq!(endpoint.deliver(&message).await, 200, "more than we read is given up: it would be as much again");
    for text in ["fail", "nonsense", "sleep"] {
        let message = webhook([endpoint.message(&Person("15550100201"), text)]);
        assert_eq!(endpoint.deliver(&message).await, 503, "{text}");
    }
    assert_eq!(endpoint.replies(), ["hello!"]);
}

#[tokio::test]
async fn a_question_of_more_than_six_megabytes_is_given_up_and_the_next_one_is_answered() {
    let endpoint = start(&[]).await;
    let message = webhook([endpoint.message(&Person(ADA), &"a".repeat(3 * 1024 * 1024))]);
    assert_eq!(endpoint.deliver(&message).await, 200, "to repeat it would not help");
    assert_eq!(endpoint.say("hello").await, ["hello!"]);
}

#[tokio::test]
async fn a_function_that_is_not_there_is_a_fault_that_names_the_setting() {
    let port = parts::ministack().await;
    let settings = [("AGENT_PROTOCOL", "lambda"), ("AGENT_URL", "nobody")];
    let endpoint = Endpoint::start_on(&settings, &parts::aws(port)).await;
    let message = webhook([endpoint.message(&Person(ADA), "hello")]);
    assert_eq!(endpoint.deliver(&message).await, 503);
    assert!(endpoint.replies().is_empty());
}
