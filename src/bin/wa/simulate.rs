//! `wa simulate`: a phone, a simulated Meta, and the endpoint.

use std::{
    collections::BTreeMap,
    io::Write,
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::Duration,
};

use anyhow::{Context, anyhow};
use clap::Args;
use tokio::net::TcpListener;
use whatsapp_endpoint::{
    app::App,
    conversation::{ConversationId, PhoneNumberId},
    credentials::Keys,
    https, ingress,
    settings::{SecretSource, Settings, environment},
    simulator::{Account, Person, Simulator, local_secret},
    store::Store,
    telemetry::{self, LogFormat},
};

/// Grace period for open requests after Ctrl-C.
const GRACE_PERIOD: Duration = Duration::from_millis(300);

/// What to start and connect.
#[derive(Args)]
pub(crate) struct Simulate {
    /// Port of the chat page and of the simulated Cloud API
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Port of the endpoint: its webhook is /webhook there
    #[arg(long, default_value_t = 9000)]
    endpoint_port: u16,
    /// Where your agent is; also as `AGENT_URL`
    #[arg(long, value_name = "URL")]
    agent_url: Option<String>,
    /// Its protocol; also as `AGENT_PROTOCOL`
    #[arg(long, value_name = "NAME")]
    agent_protocol: Option<String>,
    /// Start no endpoint: webhooks go to this one, such as the stack's `WebhookUrl`
    #[arg(long, value_name = "URL", visible_alias = "webhook-url", conflicts_with_all = ["agent_url", "agent_protocol"])]
    endpoint: Option<String>,
    /// Where that endpoint reaches this Cloud API, if not on this machine: the address of a tunnel
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// The file with the secret (JSON) that endpoint and simulator share; without it the development secret
    #[arg(long, env = "WHATSAPP_SECRET_FILE", value_parser = super::path)]
    secret_file: Option<PathBuf>,
    /// The file with the development secret; removed at the end.
    #[arg(skip)]
    own_file: OnceLock<PathBuf>,
    /// The file with the operator's script, without types; removed at the end.
    #[arg(skip)]
    script_file: OnceLock<PathBuf>,
}

impl Drop for Simulate {
    fn drop(&mut self) {
        for path in [self.own_file.get(), self.script_file.get()].into_iter().flatten() {
            let _gone = std::fs::remove_file(path);
        }
    }
}

impl Simulate {
    /// Serves until Ctrl-C.
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let mut vars = self.vars()?;
        let settings = Settings::from_vars(vars.clone())?;
        telemetry::init(settings.telemetry.log_level, LogFormat::Terminal);
        let secret = match &settings.resources.secret {
            SecretSource::File(path) => std::fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?,
            SecretSource::SecretsManager(_) => local_secret(),
        };
        let account = Account::from_secret(&secret).context("the secret is not a JSON object")?;
        let simulator = Simulator::new(account, https::client().map_err(anyhow::Error::from_boxed)?).lifelike();
        let here = format!("http://127.0.0.1:{}", self.port);
        simulator.reached_at(self.public_url.as_deref().unwrap_or(&here));
        let page = format!("http://localhost:{}/", self.port);
        let meta = axum::serve(listen(self.port).await?, simulator.router());
        if let Some(endpoint) = &self.endpoint {
            simulator.connect(endpoint);
            simulator.name_agent("deployed");
            println!("Open       {page}\nWebhooks   {endpoint}\nGraph API  {here}\nStop with Ctrl-C.");
            let keys: Keys = serde_json::from_str(&secret)?;
            let greet = async {
                if let Err(why) = simulator.handshake(endpoint, keys.verify_token.expose()).await {
                    eprintln!("The endpoint does not answer the handshake: {}", advice(&why));
                }
                std::future::pending::<()>().await;
            };
            tokio::select! {
                served = async { meta.await } => served?,
                () = greet => {}
                () = interrupted() => end(&simulator).await,
            }
            return Ok(());
        }
        let agent = settings.agent.target.name();
        let agent_url = settings.agent.target.url().map(ToString::to_string);
        let proxied = agent_url.as_deref().filter(|url| url.starts_with("http"));
        let settings = match proxied {
            // Questions go through the simulator, so that the page can show them.
            Some(url) => {
                let asked = local(&here, &simulator, url)?;
                vars.insert("AGENT_URL".into(), asked);
                Settings::from_vars(vars)?
            }
            None => settings,
        };
        let number = Keys::clone(&serde_json::from_str(&secret)?).phone_number_id;
        let webhook_url = format!("http://localhost:{}/webhook", self.endpoint_port);
        simulator.connect(&format!("http://127.0.0.1:{}/webhook", self.endpoint_port));
        simulator.name_agent(agent);
        let app = Arc::new(App::new(settings).await?);
        let store = Arc::clone(&app.store);
        simulator.read_sessions(move |person| Box::pin(remembered(Arc::clone(&store), number.clone(), person)));
        let endpoint = ingress::local::serve(app, listen(self.endpoint_port).await?);
        let at = agent_url.map(|url| format!(" at {url}")).unwrap_or_default();
        println!("Open       {page}\nEndpoint   {webhook_url}\nAgent      {agent}{at}\nStop with Ctrl-C.");
        tokio::select! {
            served = async { meta.await } => served?,
            served = endpoint => served?,
            () = interrupted() => end(&simulator).await,
        }
        Ok(())
    }

    /// Returns the environment, with defaults that run everything on this machine.
    fn vars(&self) -> anyhow::Result<BTreeMap<String, String>> {
        let mut vars: BTreeMap<_, _> = environment().filter(|(_, value)| !value.trim().is_empty()).collect();
        if let Some(path) = self.secret_file.as_ref().filter(|path| !path.as_os_str().is_empty()) {
            vars.insert("WHATSAPP_SECRET_FILE".into(), path.display().to_string());
        }
        if !vars.contains_key("WHATSAPP_SECRET_FILE") && !vars.contains_key("WHATSAPP_SECRET_ID") {
            // A unique name, and never an existing file or link: others may write into this folder, and another run may be reading.
            let path = std::env::temp_dir().join(format!("whatsapp-endpoint-{}.json", uuid::Uuid::now_v7()));
            let file = std::fs::File::create_new(&path);
            let written = file.and_then(|mut file| file.write_all(local_secret().as_bytes()));
            written.with_context(|| format!("cannot write {}", path.display()))?;
            vars.insert("WHATSAPP_SECRET_FILE".into(), path.display().to_string());
            self.own_file.set(path).ok();
        }
        if let Some(file) = vars.get("TRANSFORMER_FILE").filter(|file| !file.is_empty()) {
            let (source, name) = super::transform::read_script(std::path::Path::new(file))?;
            let path = std::env::temp_dir().join(format!("{}-{name}", uuid::Uuid::now_v7()));
            let written = std::fs::File::create_new(&path).and_then(|mut file| file.write_all(source.as_bytes()));
            written.with_context(|| format!("cannot write {}", path.display()))?;
            vars.insert("TRANSFORMER_FILE".into(), path.display().to_string());
            self.script_file.set(path).ok();
        }
        if let Some(url) = &self.agent_url {
            vars.insert("AGENT_URL".into(), url.clone());
        }
        if let Some(protocol) = &self.agent_protocol {
            vars.insert("AGENT_PROTOCOL".into(), protocol.clone());
        }
        if !vars.contains_key("TABLE_NAME") {
            vars.entry("STORE_FILE".into()).or_insert(":memory:".into());
        }
        vars.entry("GRAPH_BASE_URL".into()).or_insert(format!("http://127.0.0.1:{}", self.port));
        Ok(vars)
    }
}

/// Returns the address at which the endpoint reaches the agent: through the simulator on this machine, not its public address.
fn local(here: &str, simulator: &Simulator, agent: &str) -> anyhow::Result<String> {
    let path = simulator.stand_before_agent(agent).map_err(|why| anyhow!(why))?;
    Ok(format!("{here}{path}"))
}

/// Returns what the endpoint remembers of a conversation, by the BSUID or the phone number of the person.
async fn remembered(store: Arc<dyn Store>, number: PhoneNumberId, person: Person) -> Option<serde_json::Value> {
    for user in [person.user_id, person.phone].into_iter().flatten() {
        let id = ConversationId { number: number.clone(), user };
        // The endpoint logs errors of its store itself.
        let Ok(Some(conversation)) = store.read(&id).await else { continue };
        let mut state = serde_json::to_value(&conversation).ok()?;
        state["jobs_done"] = conversation.done.len().into();
        state["replies_waiting"] = conversation.outbox.map_or(0, |outbox| outbox.replies.len()).into();
        return Some(state);
    }
    None
}

/// Returns an error of the handshake with its cure.
fn advice(why: &str) -> String {
    let cure = match why {
        why if why.starts_with("HTTP 403") => "verify_token of --secret-file must be that of the endpoint's secret",
        why if why.starts_with("HTTP 404") => "the address must end with /webhook",
        why if why.starts_with("HTTP 5") => "its log says why",
        _ => "is it running, and is this its address? Messages are delivered there all the same",
    };
    format!("{why}\n  {cure}")
}

/// Closes the streams of the pages, which would otherwise stay open, and waits for them.
async fn end(simulator: &Simulator) {
    simulator.close();
    tokio::time::sleep(GRACE_PERIOD).await;
    println!("\nStopped.");
}

/// Waits for Ctrl-C or SIGTERM.
async fn interrupted() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminated) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminated.recv() => {}
            }
            return;
        }
    }
    // Without such a signal, only the end of the process ends it.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

async fn listen(port: u16) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await;
    listener
        .with_context(|| format!("port {port} of this machine is taken: choose another with --port or --endpoint-port"))
}
