//! `wa say` and `wa misbehave`: the phone and the faults of a running simulator, without the page.

use std::{collections::BTreeSet, time::Duration};

use anyhow::{Context, bail, ensure};
use clap::Args;
use reqwest::Response;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};
use whatsapp_endpoint::{https, retry};

use super::events::{Target, Webhook};

/// After the webhook is answered and a reply is there, more may come for so long.
const MORE: Duration = Duration::from_millis(500);
/// A simulator on this machine answers at once.
const PATIENCE: Duration = Duration::from_secs(200);

/// The running simulator.
#[derive(Args)]
pub struct Running {
    /// The simulator, as `make run` starts it
    #[arg(long, value_name = "URL", default_value = "http://localhost:8080")]
    to: String,
}

/// Words on a phone.
#[derive(Args)]
pub struct Say {
    /// The words
    text: String,
    /// Who says them
    #[arg(long, default_value = "ada")]
    person: String,
    /// Longest wait for a reply, in seconds
    #[arg(long, default_value_t = 60)]
    wait: u64,
    #[command(flatten)]
    target: Target,
}

/// A fault and how often it strikes.
#[derive(Args)]
pub struct Misbehave {
    /// Which; without it all are listed
    name: Option<String>,
    /// The next so many times; once, if nothing is said
    #[arg(long, conflicts_with_all = ["always", "off"])]
    times: Option<usize>,
    /// Until it is switched off
    #[arg(long, conflicts_with = "off")]
    always: bool,
    /// Not any more
    #[arg(long)]
    off: bool,
    /// How long, how many, or which code
    #[arg(long)]
    value: Option<u32>,
    #[command(flatten)]
    running: Running,
}

impl Running {
    /// A call of the small API; what it refuses is an error in its words.
    pub async fn call(&self, method: http::Method, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let url = format!("{}{path}", self.to.trim_end_matches('/'));
        let client = https::client().map_err(anyhow::Error::from_boxed)?;
        let mut request = client.request(method, &url).timeout(PATIENCE);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.with_context(|| self.nobody())?;
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

    fn nobody(&self) -> String {
        format!("no simulator answers at {}: start one with `make run` or `wa simulate`, or name it with --to", self.to)
    }

    async fn events(&self) -> anyhow::Result<Events> {
        let url = format!("{}/api/events", self.to.trim_end_matches('/'));
        let client = https::client().map_err(anyhow::Error::from_boxed)?;
        let stream = client.get(&url).send().await.with_context(|| self.nobody())?;
        ensure!(stream.status().is_success(), "{url} answered {}: is that a simulator?", stream.status());
        Ok(Events { stream, read: Vec::new() })
    }
}

/// What the simulator tells its pages.
struct Events {
    stream: Response,
    read: Vec<u8>,
}

impl Events {
    /// The next event and its data; `None`: nothing until then.
    async fn next(&mut self, until: Instant) -> anyhow::Result<Option<(String, Value)>> {
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

impl Say {
    /// Prints what is answered, one reply after the other.
    pub async fn run(self) -> anyhow::Result<()> {
        let Self { text, person, wait, target } = self;
        if target.endpoint.is_some() {
            // The answers go to the Meta that this endpoint has.
            let number = super::keys(target.secret_file.as_ref())?.phone_number_id;
            return target.send(&Webhook::text(&text, &number), false).await;
        }
        let running = target.running;
        let longest = retry::until(Duration::from_secs(wait));
        let mut events = running.events().await?;
        let mut known = BTreeSet::new();
        while let Some((name, data)) = events.next(longest).await? {
            match name.as_str() {
                "bubble" => drop(known.insert(data["id"].to_string())),
                "ready" => break,
                _ => {}
            }
        }
        let said = json!({ "person": person, "text": text });
        let id = running.call(http::Method::POST, "/api/messages", Some(&said)).await?["id"].clone();
        let (mut is_taken, mut until, mut replies) = (false, longest, 0);
        while let Some((name, data)) = events.next(until).await? {
            let is_ours = data["person"] == person.as_str();
            match name.as_str() {
                "bubble" if is_ours && data["from"] == "business" && known.insert(data["id"].to_string()) => {
                    println!("{}", shown(&data));
                    replies += 1;
                }
                "bubble" if data["id"] == id && data["status"] == "failed" => {
                    bail!("not answered: {}", data["reason"].as_str().unwrap_or_default())
                }
                "problem" if is_ours => eprintln!("{}", data["text"].as_str().unwrap_or_default()),
                "wire" if data["kind"] == "webhook" && data["message"] == id => {
                    is_taken |= data["response"]["status"] == 200;
                }
                _ => {}
            }
            if is_taken && replies > 0 {
                until = longest.min(retry::until(MORE));
            }
        }
        ensure!(is_taken, "the endpoint has not taken the message within {wait} s: its log says why");
        ensure!(replies > 0, "the endpoint has taken the message, and no reply came within {wait} s (--wait)");
        Ok(())
    }
}

/// A bubble as text, with what can be tapped below it.
fn shown(bubble: &Value) -> String {
    let titles = bubble["buttons"].as_array().into_iter().flatten().filter_map(|button| button["title"].as_str());
    let words = bubble["text"].as_str().unwrap_or_default().to_owned();
    titles.fold(words, |shown, title| format!("{shown}\n  [{title}]"))
}

impl Misbehave {
    /// Switches a fault, and prints what is switched on.
    pub async fn run(self) -> anyhow::Result<()> {
        let path = "/api/faults";
        let Some(name) = self.name else {
            let answer = self.running.call(http::Method::GET, path, None).await?;
            for fault in answer["faults"].as_array().into_iter().flatten() {
                println!("{}", line(fault));
            }
            return Ok(());
        };
        let times = match (self.times, self.always, self.off) {
            (Some(times), ..) => json!(times),
            (None, true, _) => Value::Null,
            (None, false, true) => json!(0),
            (None, false, false) => json!(1),
        };
        let body = json!({ "name": name, "times": times, "value": self.value });
        let answer = self.running.call(http::Method::PUT, path, Some(&body)).await?;
        let faults = answer["faults"].as_array().into_iter().flatten();
        faults.filter(|fault| fault["name"] == name.as_str()).for_each(|fault| println!("{}", line(fault)));
        Ok(())
    }
}

fn line(fault: &Value) -> String {
    let text = |name: &str| fault[name].as_str().unwrap_or_default().to_owned();
    let times = match &fault["times"] {
        Value::Null => "on".to_owned(),
        times if *times == 0 => "off".to_owned(),
        times => format!("next {times}"),
    };
    let value =
        if fault["value"].is_null() { String::new() } else { format!(" ({} {})", fault["value"], text("unit")) };
    format!("{:<19} {times:<7} {}{value}", text("name"), text("help"))
}
