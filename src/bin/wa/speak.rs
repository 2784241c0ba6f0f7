//! `wa notify` and `wa inject`: what other systems call, from the command line.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, bail, ensure};
use clap::Args;
use serde_json::{Value, json};
use whatsapp_endpoint::https;

use super::target::Running;

/// Without a queue, the endpoint answers only after the agent has answered.
const PATIENCE: Duration = Duration::from_mins(3);

/// Where a call goes.
#[derive(Args)]
struct Callee {
    #[command(flatten)]
    running: Running,
    /// Call this endpoint, such as the `WebhookUrl` of a stack, and not the one of a simulator
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// The file with the endpoint's secret (JSON), for its `api_key`; without it the development secret
    #[arg(long, env = "WHATSAPP_SECRET_FILE", value_parser = super::path)]
    secret_file: Option<PathBuf>,
    /// A name for this call: a second one with the same name changes nothing
    #[arg(long)]
    idempotency_key: Option<String>,
}

/// Something for a person.
#[derive(Args)]
pub(crate) struct Notify {
    /// A name of the person: a phone number, a BSUID, or the agent's name for them
    user_id: String,
    /// The text
    text: Option<String>,
    /// A template, as name:language
    #[arg(long, value_name = "NAME:LANGUAGE")]
    template: Option<String>,
    /// A parameter of the template's text; once for each
    #[arg(long, requires = "template")]
    param: Vec<String>,
    /// Outputs of the `http` contract: a JSON list
    #[arg(long, value_name = "JSON", conflicts_with = "template")]
    outputs: Option<String>,
    /// Data in the form of Cognigy's outputs: a JSON object
    #[arg(long, value_name = "JSON")]
    data: Option<String>,
    #[command(flatten)]
    callee: Callee,
}

/// Something for the agent.
#[derive(Args)]
pub(crate) struct Inject {
    /// A name of the person: a phone number, a BSUID, or the agent's name for them
    user_id: String,
    /// The text
    text: Option<String>,
    /// What the agent gets as `data.inject`: JSON
    #[arg(long, value_name = "JSON")]
    data: Option<String>,
    /// The session it is meant for; without it the open one, or a new one
    #[arg(long)]
    session: Option<String>,
    #[command(flatten)]
    callee: Callee,
}

impl Notify {
    /// Makes the call, and prints the id of its turn.
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let mut body = json!({ "userId": self.user_id });
        add(&mut body, "text", self.text.map(Value::String));
        add(&mut body, "data", parsed("--data", self.data.as_deref())?);
        add(&mut body, "outputs", parsed("--outputs", self.outputs.as_deref())?);
        if let Some(template) = &self.template {
            let (name, language) = template.split_once(':').context("--template must look like hello_world:en_US")?;
            let template = json!({ "type": "template", "name": name, "language": language, "params": self.param });
            body["outputs"] = json!([template]);
        }
        self.callee.call("notify", &body).await
    }
}

impl Inject {
    /// Makes the call, and prints the id of its turn.
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let mut body = json!({ "userId": self.user_id });
        add(&mut body, "text", self.text.map(Value::String));
        add(&mut body, "data", parsed("--data", self.data.as_deref())?);
        add(&mut body, "sessionId", self.session.map(Value::String));
        self.callee.call("inject", &body).await
    }
}

fn add(body: &mut Value, name: &str, value: Option<Value>) {
    if let Some(value) = value {
        body[name] = value;
    }
}

fn parsed(name: &str, json: Option<&str>) -> anyhow::Result<Option<Value>> {
    json.map(|json| serde_json::from_str(json).with_context(|| format!("{name} is not JSON"))).transpose()
}

impl Callee {
    async fn call(&self, route: &str, body: &Value) -> anyhow::Result<()> {
        let (status, text) = if let Some(endpoint) = &self.endpoint {
            self.call_endpoint(endpoint, route, body).await?
        } else {
            let call = json!({ "route": route, "body": body, "idempotency_key": self.idempotency_key });
            let answer = self.running.call(http::Method::POST, "/api/calls", Some(&call)).await?;
            (answer["status"].as_u64().unwrap_or_default(), answer["body"].as_str().unwrap_or_default().to_owned())
        };
        let cure = match status {
            202 => {
                println!("{text}");
                return Ok(());
            }
            401 => "--secret-file names the file with the endpoint's secret; its api_key must be filled in",
            403 | 404 if !text.contains("userId") => "the address is the stack's WebhookUrl, or its beginning",
            409 => "docs/proactive.md says what each reason means",
            _ => "docs/proactive.md says what each status means; the endpoint's log says more",
        };
        bail!("{status} {text}\n  {cure}")
    }

    async fn call_endpoint(&self, endpoint: &str, route: &str, body: &Value) -> anyhow::Result<(u64, String)> {
        let base = endpoint.trim_end_matches('/').trim_end_matches("/webhook");
        let keys = super::keys(self.secret_file.as_ref())?;
        let key = keys.api_key.present().context("api_key is empty in the secret")?;
        let client = https::client().map_err(anyhow::Error::from_boxed)?;
        let mut request = client.post(format!("{base}/{route}")).timeout(PATIENCE);
        request = request.header("x-api-key", key.expose()).header("content-type", "application/json");
        if let Some(key) = &self.idempotency_key {
            ensure!(!key.is_empty(), "--idempotency-key is empty");
            request = request.header("idempotency-key", key);
        }
        let response = request.body(body.to_string()).send().await;
        let response = response.with_context(|| format!("{endpoint} cannot be reached: is it running?"))?;
        Ok((response.status().as_u16().into(), response.text().await.unwrap_or_default()))
    }
}
