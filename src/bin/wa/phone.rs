//! `wa say` and `wa misbehave`: the phone and the faults of a running simulator, without the page.

use std::{collections::BTreeSet, time::Duration};

use anyhow::{bail, ensure};
use clap::Args;
use serde_json::{Value, json};
use whatsapp_endpoint::retry;

use super::{
    target::{Running, Target},
    webhook::Webhook,
};

/// How long to wait for further replies after the first.
const MORE: Duration = Duration::from_millis(500);

/// A message on a phone.
#[derive(Args)]
pub(crate) struct Say {
    /// The text
    text: String,
    /// The person who writes it
    #[arg(long, default_value = "ada")]
    person: String,
    /// Longest wait for a reply, in seconds
    #[arg(long, default_value_t = 60)]
    wait: u64,
    #[command(flatten)]
    target: Target,
}

/// A fault, and how often it strikes.
#[derive(Args)]
pub(crate) struct Misbehave {
    /// The fault; without it all are listed
    name: Option<String>,
    /// How many times; once by default
    #[arg(long, conflicts_with_all = ["always", "off"])]
    times: Option<usize>,
    /// Until it is switched off
    #[arg(long, conflicts_with = "off")]
    always: bool,
    /// Switch it off
    #[arg(long)]
    off: bool,
    /// Its value: a time, a number or a code
    #[arg(long)]
    value: Option<u32>,
    #[command(flatten)]
    running: Running,
}

impl Say {
    /// Sends the message and prints the replies as they come.
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let Self { text, person, wait, target } = self;
        if target.endpoint.is_some() {
            // The replies go to the Meta that this endpoint is connected to.
            let number = super::keys(target.secret_file.as_ref())?.phone_number_id;
            return target.send(&Webhook::text(&text, number.as_str()), false).await;
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
        let action = json!({ "person": person, "text": text });
        let id = running.call(http::Method::POST, "/api/messages", Some(&action)).await?["id"].clone();
        let (mut is_accepted, mut until, mut replies) = (false, longest, 0);
        while let Some((name, data)) = events.next(until).await? {
            let is_ours = data["person"] == person.as_str();
            match name.as_str() {
                "bubble" if is_ours && data["from"] == "business" && known.insert(data["id"].to_string()) => {
                    println!("{}", as_text(&data));
                    replies += 1;
                }
                "bubble" if data["id"] == id && data["status"] == "failed" => {
                    bail!("not answered: {}", data["reason"].as_str().unwrap_or_default())
                }
                "problem" if is_ours => eprintln!("{}", data["text"].as_str().unwrap_or_default()),
                "wire" if data["kind"] == "webhook" && data["message"] == id => {
                    is_accepted |= data["response"]["status"] == 200;
                }
                _ => {}
            }
            if is_accepted && replies > 0 {
                until = longest.min(retry::until(MORE));
            }
        }
        ensure!(is_accepted, "the endpoint has not accepted the message within {wait} s: its log says why");
        ensure!(replies > 0, "the endpoint has accepted the message, and no reply came within {wait} s (--wait)");
        Ok(())
    }
}

/// Returns a bubble as text, with its buttons below.
fn as_text(bubble: &Value) -> String {
    let titles = bubble["buttons"].as_array().into_iter().flatten().filter_map(|button| button["title"].as_str());
    let words = bubble["text"].as_str().unwrap_or_default().to_owned();
    titles.fold(words, |shown, title| format!("{shown}\n  [{title}]"))
}

impl Misbehave {
    /// Switches a fault, and prints its state.
    pub(crate) async fn run(self) -> anyhow::Result<()> {
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
