//! `wa transform`: a hook of a script, run once with an event from a file.

mod build;

pub(crate) use self::build::read as read_script;

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use clap::{Args, Subcommand, ValueEnum};
use futures_util::FutureExt;
use serde_json::{Map, Value, json};
use whatsapp_endpoint::{
    hooks::{
        CannedAnswer, Hook, HookError, HookLimits, Hooks, Input, Outcome, OutputReturn, Recall, ScriptError,
        StoragePair,
    },
    settings::HostRule,
};

/// The time of a run, as in a turn.
const TIME: Duration = Duration::from_secs(5);

/// A script: try it, or build the file that is deployed.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Transform {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    attempt: Option<Attempt>,
}

#[derive(Subcommand)]
enum Action {
    /// Take the types out of a script, and put the libraries that it names in front of it
    Build(build::Build),
}

/// A try of a script.
#[derive(Args)]
struct Attempt {
    /// A file with the hook's argument, an event of `events/`, the body of a webhook or a call, or an output of a flow
    event: PathBuf,
    /// The script
    #[arg(long, env = "TRANSFORMER_FILE")]
    file: PathBuf,
    /// The hook; without it the one that fits the event
    #[arg(long)]
    hook: Option<HookName>,
    /// A file with what the session storage holds before: a JSON object
    #[arg(long)]
    storage: Option<PathBuf>,
    /// A file with answers to requests: `[{"url": "https://…", "status": 200, "body": …}]`; without it requests are sent
    #[arg(long)]
    answers: Option<PathBuf>,
    /// A file with what the script gets as `secrets`: a JSON object
    #[arg(long)]
    secrets: Option<PathBuf>,
    /// Hosts that may be called, with commas between them
    #[arg(long, env = "TRANSFORMER_HOSTS", value_delimiter = ',')]
    hosts: Vec<HostRule>,
    /// Requests of the run
    #[arg(long, env = "TRANSFORMER_REQUESTS", default_value_t = 2)]
    requests: u32,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum HookName {
    #[value(name = "handleInput")]
    Input,
    #[value(name = "handleOutput")]
    Output,
    #[value(name = "handleInject")]
    Inject,
    #[value(name = "handleNotify")]
    Notify,
}

impl From<HookName> for Hook {
    fn from(name: HookName) -> Self {
        match name {
            HookName::Input => Self::Input,
            HookName::Output => Self::Output,
            HookName::Inject => Self::Inject,
            HookName::Notify => Self::Notify,
        }
    }
}

impl Transform {
    /// Builds, or tries.
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        match (self.action, self.attempt) {
            (Some(Action::Build(build)), _) => build.run(),
            (None, Some(attempt)) => attempt.run().await,
            (None, None) => bail!("name an event and --file, or build"),
        }
    }
}

impl Attempt {
    /// Runs the hook, and prints what it returned and did.
    async fn run(self) -> anyhow::Result<()> {
        let event = read(&self.event)?;
        let (hook, argument) = argument(event, self.hook.map(Hook::from));
        let storage = object("--storage", self.storage.as_deref())?;
        let secrets = Value::Object(object("--secrets", self.secrets.as_deref())?).to_string();
        let answers = self.answers.as_deref().map(|path| {
            serde_json::from_value::<Vec<CannedAnswer>>(read(path)?)
                .context("--answers is not a list of {url, status, body}")
        });
        let limits = HookLimits {
            hosts: self.hosts.clone(),
            requests: self.requests,
            answers: answers.transpose()?,
            ..HookLimits::default()
        };
        let (source, name) = build::read(&self.file)?;
        let hooks = Hooks::of(source, &name, limits)?;
        let started = Instant::now();
        let mut run = hooks.begin("try".to_owned(), secrets, Vec::new());
        let recall: Box<Recall<'_>> = {
            let storage = storage.clone();
            Box::new(move |_: StoragePair| std::future::ready(Some(storage.clone())).boxed())
        };
        let (returned, response) = match hook {
            Hook::Output => {
                let processed = argument["processedOutput"].clone();
                let outcome = run.output(&argument, &processed, TIME, &*recall).await;
                (outcome.map(|outcome| output(outcome, processed)), None)
            }
            Hook::Input | Hook::Inject | Hook::Notify => {
                let (outcome, sent) = run.input(hook, &argument, TIME, &*recall).await;
                (outcome.map(input), sent)
            }
        };
        let milliseconds = started.elapsed().as_secs_f64() * 1000.0;
        let console: Vec<_> =
            run.console.iter().map(|line| json!({ "level": line.level.name(), "text": line.text })).collect();
        let requests: Vec<Value> =
            run.requests.iter().filter_map(|request| serde_json::from_str(request).ok()).collect();
        let response = response.map(|sent| {
            let headers = sent.headers.iter().map(|(name, value)| {
                (name.to_string(), json!(String::from_utf8_lossy(value.as_bytes())))
            });
            json!({ "status": sent.status.as_u16(), "headers": headers.collect::<Map<_, _>>(), "body": String::from_utf8_lossy(&sent.body) })
        });
        let mut changed = run.changed();
        let storage = match changed.len() {
            0 => Value::Object(storage),
            1 => Value::Object(changed.remove(0).content),
            _ => changed
                .into_iter()
                .map(|kept| json!({ "userId": kept.pair.user_id, "sessionId": kept.pair.session_id, "content": kept.content }))
                .collect(),
        };
        let returned = returned.map_err(|error| anyhow::anyhow!("{}", with_words(&error)));
        let parts = [
            ("response", response.unwrap_or_default()),
            ("requests", requests.into()),
            ("storage", storage),
            ("console", console.into()),
        ];
        self.print(returned, &parts, milliseconds)
    }

    fn print(&self, returned: anyhow::Result<Value>, parts: &[(&str, Value)], milliseconds: f64) -> anyhow::Result<()> {
        if self.json {
            let mut all: Map<String, Value> =
                parts.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
            all.insert("milliseconds".to_owned(), json!(milliseconds));
            match &returned {
                Ok(value) => drop(all.insert("returned".to_owned(), value.clone())),
                Err(error) => drop(all.insert("error".to_owned(), json!(error.to_string()))),
            }
            println!("{}", Value::Object(all));
            return returned.map(drop);
        }
        for (name, value) in parts {
            let is_empty = value.is_null()
                || value.as_array().is_some_and(Vec::is_empty)
                || value.as_object().is_some_and(Map::is_empty);
            if !is_empty {
                println!("{name}:\n{value:#}");
            }
        }
        let returned = returned?;
        println!("returned, in {milliseconds:.1} ms:\n{returned:#}");
        Ok(())
    }
}

/// What the operator's own machine may show: also what the script threw.
fn with_words(error: &HookError) -> String {
    match error {
        HookError::Script { why: ScriptError::Threw(thrown), .. } => format!("{error}: {}", thrown.message),
        HookError::Script { .. } | HookError::Stopped { .. } => error.to_string(),
    }
}

fn input(outcome: Outcome<Input>) -> Value {
    match outcome {
        Outcome::Absent | Outcome::Falsy => Value::Null,
        Outcome::Returned(Input { user_id, session_id, text, data }) => {
            let fields = [
                ("userId", user_id.map(Value::from)),
                ("sessionId", session_id.map(Value::from)),
                ("text", text.map(Value::from)),
                ("data", data.map(Value::Object)),
            ];
            fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect::<Map<_, _>>().into()
        }
    }
}

fn output(outcome: Outcome<OutputReturn>, processed: Value) -> Value {
    match outcome {
        Outcome::Absent | Outcome::Falsy => Value::Null,
        Outcome::Returned(OutputReturn::Unchanged) => processed,
        Outcome::Returned(OutputReturn::Replaced(value)) => value,
    }
}

/// The hook and its argument, from whatever the file holds.
fn argument(event: Value, hook: Option<Hook>) -> (Hook, Value) {
    let endpoint =
        json!({ "channel": "whatsapp", "URLToken": "", "active": true, "settings": {}, "handoverSettings": {} });
    let is_argument = ["request", "output"].iter().any(|name| event.get(*name).is_some());
    let mut argument = if is_argument {
        event
    } else if event.get("requestContext").is_some() {
        json!({ "request": request(&event) })
    } else if event.get("entry").is_some()
        || hook.is_some_and(|hook| hook != Hook::Output)
        || event.get("userId").is_some()
    {
        json!({ "request": { "method": "POST", "path": "/webhook", "query": {}, "headers": {}, "body": event } })
    } else {
        let text = event["text"].as_str().unwrap_or_default();
        let processed = json!({ "messaging_product": "whatsapp", "type": "text", "text": { "body": text } });
        json!({ "output": event, "processedOutput": processed, "userId": "15550100200", "sessionId": "0192d3a0-0000-7000-8000-000000000000" })
    };
    if argument.get("endpoint").is_none() {
        argument["endpoint"] = endpoint;
    }
    let path = argument["request"]["path"].as_str().unwrap_or_default();
    let fitting = match path {
        _ if argument.get("output").is_some() => Hook::Output,
        path if path.starts_with("/inject") => Hook::Inject,
        path if path.starts_with("/notify") => Hook::Notify,
        _ => Hook::Input,
    };
    (hook.unwrap_or(fitting), argument)
}

/// The request in an event of API Gateway.
fn request(event: &Value) -> Value {
    let body = event["body"].as_str().unwrap_or_default();
    let body: Value = serde_json::from_str(body).unwrap_or_else(|_| body.into());
    let method = event["requestContext"]["http"]["method"].as_str().or(event["httpMethod"].as_str()).unwrap_or("POST");
    let path = event["rawPath"].as_str().or(event["path"].as_str()).unwrap_or("/webhook");
    let query =
        if event["queryStringParameters"].is_object() { event["queryStringParameters"].clone() } else { json!({}) };
    json!({ "method": method, "path": path, "query": query, "headers": event["headers"], "body": body })
}

fn read(path: &Path) -> anyhow::Result<Value> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))
}

fn object(name: &str, path: Option<&Path>) -> anyhow::Result<Map<String, Value>> {
    match path.map(read).transpose()? {
        None => Ok(Map::new()),
        Some(Value::Object(object)) => Ok(object),
        Some(_) => bail!("{name} is not a JSON object"),
    }
}
