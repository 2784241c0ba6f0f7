//! The stack of the template on MiniStack, with an agent and a simulated Meta in this process.

use std::{collections::BTreeMap, path::PathBuf, process::Command, time::Duration};

use aws_config::SdkConfig;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use whatsapp_endpoint::{
    conversation::ConversationId,
    https,
    simulator::{DEVELOPMENT_SECRET, Simulator, local_secret},
    whatsapp::signature::HEADER,
};

use super::{
    agent::Agent,
    endpoint::{NUMBER, replies, signed, start_meta, webhook},
    eventually, now,
    parts::{self, REGION, tool},
    project,
};

const STACK: &str = "whatsapp-endpoint";
/// The message delay of the stack.
pub const DELAY: SignedDuration = SignedDuration::from_millis(300);

pub struct Stack {
    pub port: u16,
    pub aws: SdkConfig,
    pub outputs: BTreeMap<String, String>,
    pub meta: Simulator,
    pub meta_url: String,
    pub agent: Agent,
    pub agent_url: String,
    pub client: reqwest::Client,
}

/// The program that `make package` has built; fails where it is older than what it is made of.
pub fn package() -> PathBuf {
    let package = project(".aws-sam/build/Function/bootstrap");
    let built = package.metadata().unwrap_or_else(|_| panic!("{} is missing: run `make package`", package.display()));
    for source in ["src", "Cargo.toml", "Cargo.lock"] {
        let newest = newest(&project(source));
        assert!(built.modified().expect("a time") >= newest, "the package is older than {source}: run `make package`");
    }
    package
}

/// Deploys what `make package` has built onto MiniStack, with an agent and a simulated Meta in this process.
pub async fn deploy() -> Stack {
    package();
    let port = parts::ministack().await;
    let (meta, meta_url) = start_meta(DEVELOPMENT_SECRET).await;
    let (agent, agent_url) = Agent::start().await;
    let client = https::client().expect("a client");
    let location = format!(
        "<CreateBucketConfiguration><LocationConstraint>{REGION}</LocationConstraint></CreateBucketConfiguration>"
    );
    let bucket = client.put(format!("http://127.0.0.1:{port}/deploy")).body(location).send().await.expect("an answer");
    assert!(bucket.status().is_success(), "{bucket:?}");
    let mut stack =
        Stack { port, aws: parts::aws(port), outputs: BTreeMap::new(), meta, meta_url, agent, agent_url, client };

    let mut sam = stack.tool("sam");
    sam.args(["deploy", "--stack-name", STACK, "--s3-bucket", "deploy", "--capabilities", "CAPABILITY_IAM"]);
    sam.args([
        "--no-confirm-changeset",
        "--no-progressbar",
        "--region",
        REGION,
        "--parameter-overrides",
        "AgentProtocol=cognigy",
    ]);
    sam.arg(format!("AgentUrl={}", stack.agent_url)).arg(format!("GraphBaseUrl={}", stack.meta_url));
    sam.arg(format!("MessageDelay={}", DELAY.as_millis())).arg("LogLevel=trace");
    run(sam);
    let mut list = stack.tool("sam");
    list.args(["list", "stack-outputs", "--stack-name", STACK, "--output", "json", "--region", REGION]);
    let outputs: Vec<BTreeMap<String, String>> = serde_json::from_str(&run(list)).expect("JSON");
    stack.outputs =
        outputs.into_iter().map(|output| (output["OutputKey"].clone(), output["OutputValue"].clone())).collect();
    let expected = ["DeadLetterQueueUrl", "FunctionName", "QueueUrl", "SecretId", "TableName", "WebhookUrl"];
    assert_eq!(stack.outputs.keys().collect::<Vec<_>>(), expected);
    stack
}

impl Stack {
    /// What `wa` prints with these arguments.
    pub fn wa(&self, arguments: &[&str]) -> String {
        let mut command = self.tool("wa");
        command.args(arguments).env("DEAD_LETTER_QUEUE_URL", &self.outputs["DeadLetterQueueUrl"]);
        run(command)
    }

    /// A tool that finds MiniStack where it expects AWS.
    pub fn tool(&self, name: &str) -> Command {
        let folder = tool("sam-1.170.0/bin");
        #[expect(clippy::disallowed_methods, reason = "the tools of this machine are found by its own PATH")]
        let path = format!("{}:{}", folder.display(), std::env::var("PATH").expect("a PATH"));
        let mut command = Command::new(if name == "wa" { env!("CARGO_BIN_EXE_wa").into() } else { folder.join(name) });
        command.current_dir(project("")).env("PATH", path).env("SAM_CLI_TELEMETRY", "0");
        command.envs([("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test"), ("AWS_REGION", REGION)]);
        command.env("AWS_DEFAULT_REGION", REGION).env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{}", self.port));
        command
    }

    pub fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        let url = url::Url::parse(&self.outputs["WebhookUrl"]).expect("a URL");
        let host = url.host_str().expect("a host").to_owned();
        self.client.request(method, format!("http://127.0.0.1:{}{path}", self.port)).header("host", host)
    }

    pub async fn get(&self, query: &str) -> (u16, String) {
        let response =
            self.request(reqwest::Method::GET, &format!("/webhook?{query}")).send().await.expect("an answer");
        (response.status().as_u16(), response.text().await.expect("text"))
    }

    pub async fn post(&self, body: &str, signature: Option<&str>) -> (u16, String) {
        let mut request = self.request(reqwest::Method::POST, "/webhook").header("content-type", "application/json");
        if let Some(signature) = signature {
            request = request.header(HEADER, signature);
        }
        let response = request.body(body.to_owned()).send().await.expect("an answer");
        (response.status().as_u16(), response.text().await.expect("text"))
    }

    pub async fn deliver<const N: usize>(&self, messages: [Value; N]) {
        let body = webhook(messages).to_string();
        assert_eq!(self.post(&body, Some(&signed(&body))).await, (200, String::new()));
    }

    /// The replies to this address, once there are so many.
    pub async fn replies(&self, to: &str, count: usize) -> Vec<String> {
        let replies =
            self.meta.wait_for(|calls| Some(replies(calls, Some(to))).filter(|replies| replies.len() >= count));
        tokio::time::timeout(Duration::from_mins(1), replies)
            .await
            .unwrap_or_else(|_| panic!("fewer than {count} replies to {to}"))
    }

    /// Replaces the secret by the development secret with these fields.
    pub async fn put_secret(&self, fields: &[(&str, &str)]) {
        let mut secret: Value = serde_json::from_str(&local_secret()).expect("JSON");
        for (name, value) in fields {
            secret[*name] = json!(value);
        }
        let client = aws_sdk_secretsmanager::Client::new(&self.aws);
        let request = client.put_secret_value().secret_id(&self.outputs["SecretId"]).secret_string(secret.to_string());
        request.send().await.expect("a new version");
    }

    /// Makes it look as if the last message of a person was so long ago.
    pub async fn let_pass(&self, person: &str, silence: Duration) {
        let id = ConversationId { number: NUMBER.into(), user: person.into() };
        let client = aws_sdk_dynamodb::Client::new(&self.aws);
        let key = AttributeValue::S(id.key());
        let item = eventually("the turn is over", async || {
            let answer = client
                .get_item()
                .table_name(&self.outputs["TableName"])
                .key("pk", key.clone())
                .consistent_read(true)
                .send()
                .await;
            answer.expect("an answer").item.filter(|item| !item.contains_key("lease_owner"))
        })
        .await;
        assert!(item["expires_at"].as_n().is_ok_and(|at| at.parse::<i64>().is_ok_and(|at| at > now().as_second())));
        let mut conversation: Value = serde_json::from_str(item["conversation"].as_s().expect("text")).expect("JSON");
        let last: Timestamp = conversation["session"]["last_input_at"].as_str().expect("text").parse().expect("a time");
        conversation["session"]["last_input_at"] = json!((last - silence).to_string());
        let update = client.update_item().table_name(&self.outputs["TableName"]).key("pk", key);
        let update = update.update_expression("SET conversation = :c");
        let update = update.expression_attribute_values(":c", AttributeValue::S(conversation.to_string()));
        update.send().await.expect("written");
    }

    /// All log lines of the stack's function.
    pub async fn logs(&self) -> String {
        let group = format!("/aws/cloudformation/{STACK}/LogGroup");
        let (mut lines, mut next) = (Vec::new(), None::<String>);
        loop {
            let mut query = json!({ "logGroupName": group, "limit": 10_000 });
            if let Some(token) = next {
                query["nextToken"] = json!(token);
            }
            let request = self.client.post(format!("http://127.0.0.1:{}/", self.port)).json(&query);
            let request = request.header("x-amz-target", "Logs_20140328.FilterLogEvents").header(
                "authorization",
                format!("AWS4-HMAC-SHA256 Credential=test/20261101/{REGION}/logs/aws4_request, SignedHeaders=host, Signature=0"),
            );
            let answer: Value = request.send().await.expect("an answer").json().await.expect("JSON");
            let events = answer["events"].as_array().unwrap_or_else(|| panic!("events in {answer}"));
            lines.extend(events.iter().map(|event| event["message"].as_str().expect("text").trim_end().to_owned()));
            next = answer["nextToken"].as_str().map(str::to_owned);
            if next.is_none() {
                return lines.join("\n");
            }
        }
    }

    /// The secret as it is stored.
    pub async fn secret(&self) -> Value {
        let client = aws_sdk_secretsmanager::Client::new(&self.aws);
        let answer = client.get_secret_value().secret_id(&self.outputs["SecretId"]).send().await.expect("a secret");
        serde_json::from_str(answer.secret_string().expect("text")).expect("JSON")
    }
}

/// Runs a command to its end; returns what it printed.
pub fn run(mut command: Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{command:?}\n{printed}\n{}", String::from_utf8_lossy(&output.stderr));
    printed
}

fn newest(path: &std::path::Path) -> std::time::SystemTime {
    if path.is_dir() {
        let entries = std::fs::read_dir(path).expect("a folder").map(|entry| newest(&entry.expect("an entry").path()));
        return entries.max().unwrap_or(std::time::SystemTime::UNIX_EPOCH);
    }
    path.metadata().expect("there").modified().expect("a time")
}
