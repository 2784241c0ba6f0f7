//! `wa send-event`, `wa replay` and `wa record`: webhooks as files, in the form that API Gateway gives them to Lambda.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use clap::Args;
use serde_json::{Value, json};
use whatsapp_endpoint::{
    https,
    whatsapp::signature::{HEADER, sign},
};

use super::phone::Running;

/// An endpoint without a queue answers when the agent has.
const PATIENCE: std::time::Duration = std::time::Duration::from_mins(3);

/// Where events go.
#[derive(Args)]
pub struct Target {
    #[command(flatten)]
    pub running: Running,
    /// Not through a simulator: to this webhook, signed with the secret
    #[arg(long, value_name = "URL")]
    pub endpoint: Option<String>,
    /// The file with the endpoint's secret (JSON); without it the development secret
    #[arg(long, env = "WHATSAPP_SECRET_FILE", value_parser = super::path)]
    pub secret_file: Option<PathBuf>,
}

/// One event.
#[derive(Args)]
pub struct SendEvent {
    /// An event of API Gateway, or the body of a webhook
    file: PathBuf,
    /// With the signature of the file, or none; only with --endpoint
    #[arg(long, requires = "endpoint")]
    as_it_is: bool,
    #[command(flatten)]
    target: Target,
}

/// Recorded webhooks.
#[derive(Args)]
pub struct Replay {
    /// Recordings, event files, or folders of them
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// With new ids and the time of today; a repeated message is not answered again
    #[arg(long)]
    fresh: bool,
    #[command(flatten)]
    target: Target,
}

/// A recording to be.
#[derive(Args)]
pub struct Record {
    /// The folder for the event files
    folder: PathBuf,
    /// Only the conversation with this person
    #[arg(long)]
    person: Option<String>,
    #[command(flatten)]
    running: Running,
}

/// What a file asks to be sent.
pub struct Webhook {
    name: String,
    method: http::Method,
    query: String,
    body: Vec<u8>,
    signature: Option<String>,
}

impl SendEvent {
    /// Sends it and prints the status.
    pub async fn run(self) -> anyhow::Result<()> {
        let webhooks = read(&self.file)?;
        ensure!(webhooks.len() == 1, "{} holds {} events: wa replay sends them", self.file.display(), webhooks.len());
        for webhook in webhooks {
            self.target.send(&webhook, self.as_it_is).await?;
        }
        Ok(())
    }
}

impl Replay {
    /// Sends them one after the other; the first that is not taken ends it.
    pub async fn run(self) -> anyhow::Result<()> {
        let mut files = Vec::new();
        for file in &self.files {
            if !file.is_dir() {
                files.push(file.clone());
                continue;
            }
            let entries = std::fs::read_dir(file).with_context(|| format!("cannot read {}", file.display()))?;
            let mut found: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
            found.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
            found.sort();
            ensure!(!found.is_empty(), "{} holds no event files (*.json)", file.display());
            files.extend(found);
        }
        for file in files {
            for mut webhook in read(&file)? {
                if self.fresh {
                    webhook.freshen();
                }
                self.target.send(&webhook, false).await?;
            }
        }
        Ok(())
    }
}

impl Record {
    /// Writes one file for each webhook.
    pub async fn run(self) -> anyhow::Result<()> {
        let query = self.person.map(|person| format!("?person={person}")).unwrap_or_default();
        let events = self.running.call(http::Method::GET, &format!("/api/recording{query}"), None).await?;
        let events = events.as_array().cloned().unwrap_or_default();
        ensure!(!events.is_empty(), "nothing was sent yet, or nobody has the id of --person");
        std::fs::create_dir_all(&self.folder).with_context(|| format!("cannot make {}", self.folder.display()))?;
        for (event, number) in events.iter().zip(1..) {
            let path = self.folder.join(format!("{number:03}-{}.json", subject(event)));
            let text = format!("{event:#}\n");
            std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        }
        println!("{} events are in {}", events.len(), self.folder.display());
        Ok(())
    }
}

/// What an event is about, for its file's name.
fn subject(event: &Value) -> String {
    let body: Value = serde_json::from_str(event["body"].as_str().unwrap_or_default()).unwrap_or_default();
    let value = &body["entry"][0]["changes"][0]["value"];
    let subject = match (value["messages"][0]["type"].as_str(), value["statuses"][0]["status"].as_str()) {
        (Some(kind), _) => kind.to_owned(),
        (None, Some(status)) => format!("status-{status}"),
        (None, None) => "webhook".to_owned(),
    };
    subject.chars().filter(|sign| sign.is_ascii_alphanumeric() || matches!(sign, '-' | '_')).collect()
}

/// The events of a file: one, or a recording of several.
fn read(file: &Path) -> anyhow::Result<Vec<Webhook>> {
    let name = file.display().to_string();
    let text = std::fs::read(file).with_context(|| format!("cannot read {name}"))?;
    let json: Value = serde_json::from_slice(&text).with_context(|| format!("{name} is no JSON"))?;
    if json["object"].is_string() {
        // The bytes as they are: the signature is of them.
        let (method, query) = (http::Method::POST, String::new());
        return Ok(vec![Webhook { name, method, query, body: text, signature: None }]);
    }
    match json {
        Value::Array(events) => {
            let numbered = events.iter().zip(1..);
            numbered.map(|(event, number)| Webhook::of(event, format!("{name} {number}"))).collect()
        }
        event => Ok(vec![Webhook::of(&event, name)?]),
    }
}

impl Webhook {
    fn of(event: &Value, name: String) -> anyhow::Result<Self> {
        if event["Records"].is_array() {
            bail!("{name} is an event of SQS, which no URL takes: make invoke gives it to the function");
        }
        let method = event["requestContext"]["http"]["method"].as_str().or(event["httpMethod"].as_str());
        let Some(method) = method else {
            bail!("{name} is neither an event of API Gateway (see events/) nor the body of a webhook");
        };
        let text = event["body"].as_str().unwrap_or_default();
        let body = match event["isBase64Encoded"] == true {
            true => BASE64_STANDARD.decode(text).with_context(|| format!("the body of {name} is no base64"))?,
            false => text.as_bytes().to_vec(),
        };
        let parameters = event["queryStringParameters"].as_object().into_iter().flatten();
        let parameters = parameters.map(|(name, value)| (name, value.as_str().unwrap_or_default()));
        let query = match event["rawQueryString"].as_str() {
            Some(query) => query.to_owned(),
            None => url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish(),
        };
        let headers = event["headers"].as_object().into_iter().flatten();
        let signature =
            headers.filter(|(name, _)| name.eq_ignore_ascii_case(HEADER)).find_map(|(_, value)| value.as_str());
        Ok(Self { method: method.parse()?, query, body, signature: signature.map(str::to_owned), name })
    }

    /// A text from somebody whom nobody knows, to this number.
    pub fn text(words: &str, number: &str) -> Self {
        let (person, user_id) = ("15550100200", "US.90000000000000000001");
        let webhook = json!({
            "object": "whatsapp_business_account",
            "entry": [{ "id": "900000000000001", "changes": [{ "field": "messages", "value": {
                "messaging_product": "whatsapp",
                "metadata": { "display_phone_number": "15550009001", "phone_number_id": number },
                "contacts": [{ "profile": { "name": "Ada Example" }, "wa_id": person, "user_id": user_id }],
                "messages": [{ "from": person, "from_user_id": user_id, "type": "text", "text": { "body": words } }],
            } }] }],
        });
        let (method, query, body) = (http::Method::POST, String::new(), webhook.to_string().into_bytes());
        let mut text = Self { name: "the message".into(), method, query, body, signature: None };
        text.freshen();
        text
    }

    /// Gives every message a new id and the time of today.
    fn freshen(&mut self) {
        let Ok(mut body) = serde_json::from_slice::<Value>(&self.body) else { return };
        let now = now();
        let entries = body["entry"].as_array_mut().into_iter().flatten();
        let changes = entries.flat_map(|entry| entry["changes"].as_array_mut().into_iter().flatten());
        for message in changes.flat_map(|change| change["value"]["messages"].as_array_mut().into_iter().flatten()) {
            message["id"] = json!(format!("wamid.{}", BASE64_STANDARD.encode(uuid::Uuid::now_v7())));
            message["timestamp"] = json!(now.as_second().to_string());
        }
        self.body = body.to_string().into_bytes();
    }
}

impl Target {
    /// Sends it; what is not taken is an error with its cure.
    pub async fn send(&self, webhook: &Webhook, as_it_is: bool) -> anyhow::Result<()> {
        let name = &webhook.name;
        let Some(endpoint) = &self.endpoint else {
            ensure!(
                webhook.method == http::Method::POST,
                "{name} is no webhook but a {}: name --endpoint",
                webhook.method
            );
            let body = serde_json::from_slice(&webhook.body).ok();
            let body: Value = body.with_context(|| format!("the body of {name} is no JSON: name --endpoint"))?;
            self.running
                .call(http::Method::POST, "/api/deliveries", Some(&body))
                .await
                .with_context(|| name.clone())?;
            println!("{name}: 200");
            return Ok(());
        };
        let mut url = url::Url::parse(endpoint).with_context(|| format!("{endpoint} is no URL"))?;
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

#[expect(clippy::disallowed_methods, reason = "a command line stands outside the door, where time is")]
fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}
