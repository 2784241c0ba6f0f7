//! Where the commands send to: a running simulator, or the webhook of any endpoint.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, bail, ensure};
use clap::Args;
use reqwest::Response;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};
use whatsapp_endpoint::{
    https,
    whatsapp::signature::{HEADER, sign},
};

use super::webhook::Webhook;

/// Without a queue, the endpoint answers a webhook only after the agent has answered.
const PATIENCE: Duration = Duration::from_mins(3);
/// The simulator answers a delivery only after the endpoint has answered.
const SIMULATOR_PATIENCE: Duration = Duration::from_secs(200);

/// The running simulator.
#[derive(Args)]
pub(crate) struct Running {
    /// The simulator, as `make run` starts it
    #[arg(long, value_name = "URL", default_value = "http://localhost:8080")]
    to: String,
}

/// Where events go.
#[derive(Args)]
pub(crate) struct Target {
    #[command(flatten)]
    pub running: Running,
    /// Send to this webhook, signed with the secret, and not through a simulator
    #[arg(long, value_name = "URL")]
    pub endpoint: Option<String>,
    /// The file with the endpoint's secret (JSON); without it the development secret
    #[arg(long, env = "WHATSAPP_SECRET_FILE", value_parser = super::path)]
    pub secret_file: Option<PathBuf>,
}

impl Running {
    /// Calls the control API. A refusal becomes an error with its text.
    pub(crate) async fn call(&self, method: http::Method, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let url = format!("{}{path}", self.to.trim_end_matches('/'));
        let client = https::client().map_err(anyhow::Error::from_boxed)?;
        let mut request = client.request(method, &url).timeout(SIMULATOR_PATIENCE);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.with_context(|| self.no_simulator())?;
        let status = response.status();
        let text = response.text().await?;
        let answer: Value = serde_json::from_str(&text).unwrap_or_default();
        if status.is_success() {
            return Ok(answer);
        }
        match answer["error"].as_str() {
            Some(error) => bail!("{error}"),
            None => bail!("{url} answered {status}: is that a simulator?"),
        }
    }

    fn no_simulator(&self) -> String {
        format!("no simulator answers at {}: start one with `make run` or `wa simulate`, or name it with --to", self.to)
    }

    /// Opens the event stream.
    pub(crate) async fn events(&self) -> anyhow::Result<Events> {
        let url = format!("{}/api/events", self.to.trim_end_matches('/'));
        let client = https::client().map_err(anyhow::Error::from_boxed)?;
        let stream = client.get(&url).send().await.with_context(|| self.no_simulator())?;
        ensure!(stream.status().is_success(), "{url} answered {}: is that a simulator?", stream.status());
        Ok(Events { stream, read: Vec::new() })
    }
}

/// The event stream of the chat page.
pub(crate) struct Events {
    stream: Response,
    read: Vec<u8>,
}

impl Events {
    /// Returns the next event and its data; `None`: there was none in time.
    pub(crate) async fn next(&mut self, until: Instant) -> anyhow::Result<Option<(String, Value)>> {
        loop {
            if let Some(end) = self.read.windows(2).position(|pair| pair == b"\n\n") {
                let event: Vec<u8> = self.read.drain(..end + 2).collect();
                let event = String::from_utf8_lossy(&event);
                let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
                if let (Some(name), Some(data)) = (field("event:"), field("data:")) {
                    return Ok(Some((name.to_owned(), serde_json::from_str(data)?)));
                }
                continue;
            }
            match timeout_at(until, self.stream.chunk()).await {
                Err(_) => return Ok(None),
                Ok(chunk) => match chunk.context("the simulator is gone")? {
                    Some(chunk) => self.read.extend_from_slice(&chunk),
                    None => bail!("the simulator has stopped"),
                },
            }
        }
    }
}

impl Target {
    /// Sends a webhook. A refusal becomes an error with its cure.
    pub(crate) async fn send(&self, webhook: &Webhook, as_it_is: bool) -> anyhow::Result<()> {
        let name = &webhook.name;
        let Some(endpoint) = &self.endpoint else {
            ensure!(
                webhook.method == http::Method::POST,
                "{name} is a {}, not a webhook: name --endpoint",
                webhook.method
            );
            let body = serde_json::from_slice(&webhook.body).ok();
            let body: Value = body.with_context(|| format!("the body of {name} is not JSON: name --endpoint"))?;
            self.running
                .call(http::Method::POST, "/api/deliveries", Some(&body))
                .await
                .with_context(|| name.clone())?;
            println!("{name}: 200");
            return Ok(());
        };
        let mut url = url::Url::parse(endpoint).with_context(|| format!("{endpoint} is not a URL"))?;
        if !webhook.query.is_empty() {
            url.set_query(Some(&webhook.query));
        }
        let client = https::client().map_err(anyhow::Error::from_boxed)?;
        let mut request = client.request(webhook.method.clone(), url).timeout(PATIENCE);
        let signature = match as_it_is {
            true => webhook.signature.clone(),
            false => Some(sign(&super::app_secret(self.secret_file.as_ref())?, &webhook.body)),
        };
        if let Some(signature) = signature.filter(|_| webhook.method == http::Method::POST) {
            request = request.header(HEADER, signature);
        }
        request = request.header("content-type", "application/json").body(webhook.body.clone());
        let response = request.send().await.with_context(|| format!("{endpoint} cannot be reached: is it running?"))?;
        let status = response.status().as_u16();
        let text = response.text().await.unwrap_or_default();
        let cure = match status {
            200 => {
                println!("{name}: 200 {text}");
                return Ok(());
            }
            401 => "the endpoint's secret has another app_secret: name its file with --secret-file",
            403 => "the handshake's verify_token is not that of the endpoint's secret",
            404 | 405 => "the address is the stack's WebhookUrl: it ends with /webhook",
            _ => "the endpoint's log says why",
        };
        bail!("{name}: {status} {text}\n  {cure}")
    }
}
