//! The command line: try the endpoint on this machine, sign a body.

use std::{collections::BTreeMap, io::Read, path::PathBuf, sync::Arc};

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use tokio::net::TcpListener;
use whatsapp_endpoint::{
    app::App,
    credentials::{Keys, Secret},
    https, ingress,
    queue::{DeadLetters, Queue},
    settings::{SecretSource, Settings, environment},
    simulator::{Account, DEVELOPMENT_SECRET, Simulator},
    telemetry::{self, LogFormat},
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
    Simulate(Simulate),
    /// List what could not be done, and why
    DeadLetters(Letters),
    /// Put the jobs of the dead-letter queue back into the queue, oldest first
    Redrive(Redrive),
    /// Print the signature header (X-Hub-Signature-256) of a body
    Sign(Sign),
}

#[derive(Args)]
struct Simulate {
    /// Port of the chat page and of the simulated Cloud API
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Port of the endpoint: its webhook is /webhook there
    #[arg(long, default_value_t = 9000)]
    endpoint_port: u16,
    /// Only the chat page and the simulated Cloud API; webhooks go to this URL
    #[arg(long, value_name = "URL")]
    webhook_url: Option<String>,
}

#[derive(Args)]
struct Letters {
    /// The dead-letter queue (output `DeadLetterQueueUrl` of the stack)
    #[arg(long, env = "DEAD_LETTER_QUEUE_URL")]
    dead_letter_queue_url: String,
}

#[derive(Args)]
struct Redrive {
    #[command(flatten)]
    letters: Letters,
    /// The queue (output `QueueUrl` of the stack)
    #[arg(long, env = "QUEUE_URL")]
    queue_url: String,
    /// Only this job
    #[arg(long)]
    job: Option<String>,
}

#[derive(Args)]
struct Sign {
    /// The file with the body; - for standard input
    body: PathBuf,
    /// The file with the secret (JSON); without it the development secret
    #[arg(long, env = "WHATSAPP_SECRET_FILE")]
    secret_file: Option<PathBuf>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Simulate(simulate) => simulate.run().await,
        Command::DeadLetters(letters) => letters.run().await,
        Command::Redrive(redrive) => redrive.run().await,
        Command::Sign(sign) => sign.run(),
    }
}

impl Simulate {
    async fn run(self) -> anyhow::Result<()> {
        let page = format!("http://localhost:{}/", self.port);
        let settings = Settings::from_vars(self.vars()?)?;
        telemetry::init(settings.log_level, LogFormat::Terminal);
        let secret = match &settings.secret {
            SecretSource::File(path) => std::fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?,
            SecretSource::SecretsManager(_) => DEVELOPMENT_SECRET.to_owned(),
        };
        let client = https::client().map_err(anyhow::Error::from_boxed)?;
        let simulator = Simulator::new(Account::from_secret(&secret)?, client);
        let meta = axum::serve(listen(self.port).await?, simulator.router());
        if let Some(webhook_url) = self.webhook_url {
            simulator.connect(&webhook_url);
            println!("Chat:      {page}\nWebhooks:  {webhook_url}");
            return Ok(meta.await?);
        }
        let agent = settings.agent.protocol;
        let webhook_url = format!("http://localhost:{}/webhook", self.endpoint_port);
        simulator.connect(&format!("http://127.0.0.1:{}/webhook", self.endpoint_port));
        let app = Arc::new(App::new(settings).await?);
        let endpoint = ingress::local::serve(app, listen(self.endpoint_port).await?);
        println!("Chat:      {page}\nEndpoint:  {webhook_url}\nAgent:     {agent:?}\nStop with Ctrl-C.");
        tokio::try_join!(async { meta.await }, endpoint)?;
        Ok(())
    }

    /// The environment, and for the rest what makes everything run on this machine.
    fn vars(&self) -> anyhow::Result<BTreeMap<String, String>> {
        let mut vars: BTreeMap<_, _> = environment().filter(|(_, value)| !value.trim().is_empty()).collect();
        if !vars.contains_key("WHATSAPP_SECRET_FILE") && !vars.contains_key("WHATSAPP_SECRET_ID") {
            let path = std::env::temp_dir().join("whatsapp-endpoint-development-secret.json");
            std::fs::write(&path, DEVELOPMENT_SECRET).with_context(|| format!("cannot write {}", path.display()))?;
            vars.insert("WHATSAPP_SECRET_FILE".into(), path.display().to_string());
        }
        if !vars.contains_key("TABLE_NAME") {
            vars.entry("STORE_FILE".into()).or_insert(":memory:".into());
        }
        vars.entry("GRAPH_BASE_URL".into()).or_insert(format!("http://127.0.0.1:{}", self.port));
        Ok(vars)
    }
}

impl Letters {
    /// One JSON object a line, without what people wrote.
    async fn run(self) -> anyhow::Result<()> {
        let queue = self.queue().await?;
        for opened in queue.open().await? {
            let mut line = serde_json::to_value(&opened.letter)?;
            line["job"] = opened.letter.job.as_ref().map(|job| job.id.as_str()).into();
            line["record"] = opened.letter.record.as_ref().map(|record| format!("{} bytes", record.len())).into();
            println!("{line}");
            queue.put_back(&opened).await?;
        }
        Ok(())
    }

    async fn queue(&self) -> anyhow::Result<DeadLetters> {
        Ok(DeadLetters::new(sqs().await?, &self.dead_letter_queue_url))
    }
}

impl Redrive {
    async fn run(self) -> anyhow::Result<()> {
        let letters = self.letters.queue().await?;
        let queue = Queue::new(sqs().await?, &self.queue_url);
        let (mut sent, mut kept) = (0, 0);
        for opened in letters.open().await? {
            match &opened.letter.job {
                Some(job) if self.job.as_ref().is_none_or(|only| only == job.id.as_str()) => {
                    queue.send_again(job).await?;
                    letters.delete(&opened).await?;
                    sent += 1;
                }
                _ => {
                    letters.put_back(&opened).await?;
                    kept += 1;
                }
            }
        }
        println!(
            "{sent} jobs are back in the queue; {kept} letters stay (refused replies and records that are no jobs cannot be done again)"
        );
        Ok(())
    }
}

/// SQS in the AWS account of the shell: its environment or its profile.
async fn sqs() -> anyhow::Result<aws_sdk_sqs::Client> {
    let client = https::client().map_err(anyhow::Error::from_boxed)?;
    let aws =
        aws_config::defaults(aws_config::BehaviorVersion::latest()).http_client(https::ForAws(client)).load().await;
    Ok(aws_sdk_sqs::Client::new(&aws))
}

impl Sign {
    fn run(self) -> anyhow::Result<()> {
        let mut body = Vec::new();
        if self.body.as_os_str() == "-" {
            std::io::stdin().read_to_end(&mut body)?;
        } else {
            body = std::fs::read(&self.body).with_context(|| format!("cannot read {}", self.body.display()))?;
        }
        let secret = match self.secret_file {
            Some(path) => std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?,
            None => DEVELOPMENT_SECRET.to_owned(),
        };
        let keys: Keys = serde_json::from_str(&secret).context("the secret is not a JSON object of texts")?;
        let secret: &Secret = keys.app_secret.present().context("app_secret is empty in the secret")?;
        println!("X-Hub-Signature-256: {}", sign(secret, &body));
        Ok(())
    }
}

async fn listen(port: u16) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await;
    listener
        .with_context(|| format!("port {port} of this machine is taken: choose another with --port or --endpoint-port"))
}
