//! `wa send-event`, `wa replay` and `wa record`: webhooks as files, in the form in which Lambda gets them from API Gateway.

use std::path::PathBuf;

use anyhow::{Context, ensure};
use clap::Args;
use serde_json::Value;

use super::{
    target::{Running, Target},
    webhook::read,
};

/// One event.
#[derive(Args)]
pub(crate) struct SendEvent {
    /// An event of API Gateway, or the body of a webhook
    file: PathBuf,
    /// Send the signature that the file has, or none; only with --endpoint
    #[arg(long, requires = "endpoint")]
    as_it_is: bool,
    #[command(flatten)]
    target: Target,
}

/// Recorded webhooks.
#[derive(Args)]
pub(crate) struct Replay {
    /// Recordings, event files, or folders of them
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Give the messages new ids and the current time; a repeated message is not answered again
    #[arg(long)]
    fresh: bool,
    #[command(flatten)]
    target: Target,
}

/// What to record.
#[derive(Args)]
pub(crate) struct Record {
    /// The folder for the event files
    folder: PathBuf,
    /// Only the conversation with this person
    #[arg(long)]
    person: Option<String>,
    #[command(flatten)]
    running: Running,
}

impl SendEvent {
    /// Sends it and prints the status.
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let webhooks = read(&self.file)?;
        ensure!(
            webhooks.len() == 1,
            "{} contains {} events: wa replay sends them",
            self.file.display(),
            webhooks.len()
        );
        for webhook in webhooks {
            self.target.send(&webhook, self.as_it_is).await?;
        }
        Ok(())
    }
}

impl Replay {
    /// Sends them one after the other, and stops at the first that is not accepted.
    pub(crate) async fn run(self) -> anyhow::Result<()> {
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
            ensure!(!found.is_empty(), "{} contains no event files (*.json)", file.display());
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
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let query = self.person.map(|person| format!("?person={person}")).unwrap_or_default();
        let events = self.running.call(http::Method::GET, &format!("/api/recording{query}"), None).await?;
        let events = events.as_array().cloned().unwrap_or_default();
        ensure!(!events.is_empty(), "nothing was sent yet, or no person has the id of --person");
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

/// Returns the kind of an event, for its file's name.
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
