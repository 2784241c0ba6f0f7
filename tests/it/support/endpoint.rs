//! An endpoint in this process with a simulated Meta beside it.

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use aws_config::SdkConfig;
use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{Request, Response};
use jiff::Timestamp;
use serde_json::{Value, json};
use whatsapp_endpoint::{
    app::App,
    conversation::{ConversationId, TurnId},
    credentials::Secret,
    https, ingress,
    retry::Clock,
    settings::Settings,
    simulator::{Account, DEVELOPMENT_SECRET, FaultState, Simulator},
    store::{Claim, LeaseToken},
    whatsapp::signature::{HEADER, sign},
};

use super::leftovers;

pub const NUMBER: &str = "800000000000002";
pub const ADA: &str = "15550100200";

/// The time of these endpoints: two minutes after the messages of the fixtures, for nothing is answered a day later.
pub fn now() -> Timestamp {
    Timestamp::from_second(1_796_040_120).expect("in range")
}

/// A person with a phone number only.
pub struct Person(pub &'static str);

pub struct Endpoint {
    pub app: App,
    pub meta: Simulator,
    secret_file: PathBuf,
    next_message: std::cell::Cell<u64>,
    /// The time at which the next request comes.
    pub now: std::cell::Cell<Timestamp>,
    /// The time until the invocation of the next request ends.
    pub left: std::cell::Cell<Duration>,
}

/// Starts a simulated Meta on a free port; answers it and its URL.
pub async fn start_meta(secret: &str) -> (Simulator, String) {
    let account = Account::from_secret(secret).expect("a secret");
    let meta = Simulator::new(account, https::client().expect("a client"));
    let url = super::serve(meta.router()).await;
    (meta, url)
}

impl Endpoint {
    /// Starts with the development secret, the store in memory, and these settings.
    pub async fn start(settings: &[(&str, &str)]) -> Self {
        Self::start_with(&[], settings, None).await
    }

    /// The same, with an agent on this AWS.
    pub async fn start_on(settings: &[(&str, &str)], aws: &SdkConfig) -> Self {
        Self::start_with(&[], settings, Some(aws)).await
    }

    /// Starts with the development secret, changed in these fields, the store in memory, and these settings.
    pub async fn start_with_secret(fields: &[(&str, &str)], settings: &[(&str, &str)]) -> Self {
        Self::start_with(fields, settings, None).await
    }

    /// All of these.
    pub async fn start_with_all(fields: &[(&str, &str)], settings: &[(&str, &str)], aws: &SdkConfig) -> Self {
        Self::start_with(fields, settings, Some(aws)).await
    }

    async fn start_with(fields: &[(&str, &str)], settings: &[(&str, &str)], aws: Option<&SdkConfig>) -> Self {
        let (meta, meta_url) = start_meta(DEVELOPMENT_SECRET).await;
        let secret_file = std::env::temp_dir().join(format!("wa-test-{}.json", uuid::Uuid::now_v7()));
        let mut secret: Value = serde_json::from_str(DEVELOPMENT_SECRET).expect("JSON");
        for (name, value) in fields {
            secret[*name] = json!(value);
        }
        std::fs::write(&secret_file, secret.to_string()).expect("a writable temporary folder");
        let secret_path = secret_file.display().to_string();
        let base =
            [("WHATSAPP_SECRET_FILE", secret_path.as_str()), ("STORE_FILE", ":memory:"), ("GRAPH_BASE_URL", &meta_url)];
        let vars = base.iter().chain(settings).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let settings = Settings::from_vars(vars.collect::<std::collections::BTreeMap<_, _>>()).expect("settings");
        let app = match aws {
            Some(aws) => App::on(settings, https::client().expect("a client"), aws).await,
            None => App::new(settings).await,
        };
        let app = app.expect("an app");
        let (now, left) = (now().into(), Duration::from_secs(30).into());
        Self { app, meta, secret_file, next_message: 1.into(), now, left }
    }

    /// Changes fields of the secret's file.
    pub fn change_secret(&self, fields: &[(&str, &str)]) {
        let mut secret: Value =
            serde_json::from_str(&std::fs::read_to_string(&self.secret_file).expect("there")).expect("JSON");
        for (name, value) in fields {
            secret[*name] = json!(value);
        }
        std::fs::write(&self.secret_file, secret.to_string()).expect("writable");
    }

    /// One request through the HTTP door.
    pub async fn request(&self, request: Request<Bytes>) -> Response<String> {
        let clock = Clock::start(self.now.get(), self.left.get());
        ingress::http::handle(&self.app, request, &clock).await
    }

    /// A webhook signed with the development secret; returns the status.
    pub async fn deliver(&self, webhook: &Value) -> u16 {
        self.post(webhook.to_string(), Some(&signed(&webhook.to_string()))).await.status().as_u16()
    }

    pub async fn post(&self, body: impl Into<Bytes>, signature: Option<&str>) -> Response<String> {
        let mut request = Request::post("/webhook").header("content-type", "application/json");
        if let Some(signature) = signature {
            request = request.header(HEADER, signature);
        }
        self.request(request.body(body.into()).expect("a request")).await
    }

    /// Ada writes; returns the texts of the replies once the webhook is answered with 200.
    pub async fn say(&self, text: &str) -> Vec<String> {
        let before = self.replies().len();
        let status = self.deliver(&webhook([self.message(&Person(ADA), text)])).await;
        assert_eq!(status, 200, "the webhook is answered");
        self.replies().split_off(before)
    }

    /// A text message with an id of its own.
    pub fn message(&self, from: &Person, text: &str) -> Value {
        let number = self.next_message.replace(self.next_message.get() + 1);
        let Person(from) = from;
        json!({
            "from": from,
            "id": format!("wamid.TEST{number:04}=="),
            "timestamp": self.now.get().as_second().to_string(),
            "type": "text",
            "text": { "body": text },
        })
    }

    /// The words of all replies so far.
    pub fn replies(&self) -> Vec<String> {
        self.replies_to(None)
    }

    pub fn replies_to(&self, to: Option<&str>) -> Vec<String> {
        replies(&self.meta.calls(), to)
    }
}

impl Endpoint {
    /// What is left in the conversations of everybody to whom something was sent, and of faults.
    fn left(&self) -> Vec<String> {
        let faults = self.meta.faults();
        let faults = faults.iter().filter_map(FaultState::not_struck);
        let mut left: Vec<_> = faults.map(|name| format!("the fault {name}, which has not struck")).collect();
        let calls = self.meta.calls();
        let names = calls.iter().filter_map(|call| call["to"].as_str().or(call["recipient"].as_str()));
        let names: BTreeSet<_> = names.map(|name| name.trim_start_matches('+').to_owned()).collect();
        for user in names {
            let id = ConversationId { number: NUMBER.into(), user };
            let Some(Ok(Some(found))) = self.app.store.read(&id).now_or_never() else { continue };
            if let Some(outbox) = found.outbox {
                left.push(format!("replies that are not sent: {:?}", outbox.replies));
            }
            let lease = LeaseToken { owner: uuid::Uuid::now_v7(), until: self.now.get() };
            let probe = TurnId::of(&id.number, "is it free?");
            let claim = self.app.store.claim(&id, &probe, &lease, self.now.get(), None).now_or_never();
            if let Some(Ok(Claim::Busy(until))) = claim {
                left.push(format!("a conversation that is claimed until {until}"));
            }
        }
        left
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        let _gone = std::fs::remove_file(&self.secret_file);
        leftovers::check(|| self.left());
    }
}

/// The words of the replies among Graph calls, to this address if one is named.
pub fn replies(calls: &[Value], to: Option<&str>) -> Vec<String> {
    let sent = calls
        .iter()
        .filter(|call| call["type"].is_string() && to.is_none_or(|to| call["to"] == to || call["recipient"] == to));
    let words = |call: &Value| {
        let kind = call["type"].as_str().expect("a type");
        let words = [&call["text"]["body"], &call["interactive"]["body"]["text"], &call[kind]["caption"]];
        words.into_iter().find_map(Value::as_str).unwrap_or(kind).to_owned()
    };
    sent.map(words).collect()
}

/// A webhook with these messages.
pub fn webhook(messages: impl IntoIterator<Item = Value>) -> Value {
    let messages: Vec<_> = messages.into_iter().collect();
    let contacts: Vec<_> = messages
        .iter()
        .map(|message| json!({ "profile": { "name": "Ada Example" }, "wa_id": message["from"] }))
        .collect();
    let metadata = json!({ "display_phone_number": "15550009001", "phone_number_id": NUMBER });
    let value =
        json!({ "messaging_product": "whatsapp", "metadata": metadata, "contacts": contacts, "messages": messages });
    json!({ "object": "whatsapp_business_account", "entry": [{ "id": "900000000000001", "changes": [{ "field": "messages", "value": value }] }] })
}

/// The signature of a body with the development secret.
pub fn signed(body: &str) -> String {
    let secret: Value = serde_json::from_str(DEVELOPMENT_SECRET).expect("JSON");
    sign(&Secret::from(secret["app_secret"].as_str().expect("text").to_owned()), body.as_bytes())
}
