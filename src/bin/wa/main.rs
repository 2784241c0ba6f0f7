//! The command line: run the endpoint on this machine, send events to one, sign a body, handle dead letters.

mod events;
mod letters;
mod phone;
mod simulate;
mod speak;
mod target;
mod transform;
mod webhook;

use std::{io::Read, path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use whatsapp_endpoint::{
    credentials::{Keys, Secret},
    simulator::local_secret,
    whatsapp::signature::sign,
};

/// The WhatsApp endpoint on this machine.
#[derive(Parser)]
#[command(name = "wa", version, about, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start the endpoint, a simulated Cloud API and a chat page; no account needed
    ///
    /// Settings come from the environment, as in Lambda: `AGENT_PROTOCOL` and `AGENT_URL` connect your own agent.
    Simulate(simulate::Simulate),
    /// Write a message on the phone of a running simulator, and print the answers; or send it to any webhook
    Say(phone::Say),
    /// Say something to a person, as another system would (POST /notify)
    Notify(speak::Notify),
    /// Say something to the agent about a person, as another system would (POST /inject)
    Inject(speak::Inject),
    /// Let a running simulator do something wrong; without a name: list what it can
    Misbehave(phone::Misbehave),
    /// Send an event of `events/`, or the body of a webhook, to a running simulator's endpoint or to any URL
    SendEvent(events::SendEvent),
    /// Send recorded webhooks again, in order
    Replay(events::Replay),
    /// Save the webhooks of a conversation as event files
    Record(events::Record),
    /// List what could not be done, and why
    DeadLetters(letters::Letters),
    /// Put the jobs of the dead-letter queue back into the queue, oldest first
    Redrive(letters::Redrive),
    /// Run a hook of your script once, with an event from a file
    Transform(transform::Transform),
    /// Print the signature header (X-Hub-Signature-256) of a body
    Sign(Sign),
}

#[derive(Args)]
struct Sign {
    /// The file with the body; - for standard input
    body: PathBuf,
    /// The file with the secret (JSON); without it the development secret
    #[arg(long, env = "WHATSAPP_SECRET_FILE", value_parser = path)]
    secret_file: Option<PathBuf>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Cli::parse().command).await {
        Ok(()) => ExitCode::SUCCESS,
        // One line with the error and its cure; a backtrace does not help the user.
        Err(error) => {
            eprintln!("Error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Simulate(simulate) => simulate.run().await,
        Command::Say(say) => say.run().await,
        Command::Notify(notify) => notify.run().await,
        Command::Inject(inject) => inject.run().await,
        Command::Misbehave(misbehave) => misbehave.run().await,
        Command::SendEvent(send) => send.run().await,
        Command::Replay(replay) => replay.run().await,
        Command::Record(record) => record.run().await,
        Command::DeadLetters(letters) => letters.run().await,
        Command::Redrive(redrive) => redrive.run().await,
        Command::Transform(transform) => transform.run().await,
        Command::Sign(sign) => sign.run(),
    }
}

impl Sign {
    fn run(self) -> anyhow::Result<()> {
        let mut body = Vec::new();
        if self.body.as_os_str() == "-" {
            std::io::stdin().read_to_end(&mut body)?;
        } else {
            body = std::fs::read(&self.body).with_context(|| format!("cannot read {}", self.body.display()))?;
        }
        println!("X-Hub-Signature-256: {}", sign(&app_secret(self.secret_file.as_ref())?, &body));
        Ok(())
    }
}

/// Reads a path. An empty variable means no path, as in all settings.
#[expect(clippy::unnecessary_wraps, reason = "clap wants a result")]
fn path(text: &str) -> Result<PathBuf, std::convert::Infallible> {
    Ok(PathBuf::from(text))
}

/// Returns the key of signatures, from a file with a secret or from the development secret.
fn app_secret(file: Option<&PathBuf>) -> anyhow::Result<Secret> {
    keys(file)?.app_secret.present().cloned().context("app_secret is empty in the secret")
}

fn keys(file: Option<&PathBuf>) -> anyhow::Result<Keys> {
    let secret = match file.filter(|path| !path.as_os_str().is_empty()) {
        Some(path) => std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?,
        None => local_secret(),
    };
    serde_json::from_str(&secret).context("the secret is not a JSON object of texts")
}
