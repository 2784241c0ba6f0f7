//! Every part, built once from the settings: the only place where they are wired.

use std::{sync::Arc, time::Duration};

use aws_config::{
    BehaviorVersion, Region, SdkConfig, environment::EnvironmentVariableCredentialsProvider, timeout::TimeoutConfig,
};
use aws_credential_types::provider::SharedCredentialsProvider;
use futures_util::future;

use crate::{
    agents::Agent,
    credentials::Credentials,
    hooks::{HookLimits, Hooks, HooksError},
    https,
    outbox::Outbox,
    queue::{DeadLetters, Queue},
    settings::{AgentTarget, HookSettings, ModelSettings, Settings, StoreChoice},
    store::{Dynamo, Store, StoreError},
    telemetry::Chain,
    whatsapp::graph::Graph,
};

/// Longest wait for one try of an AWS request; the SDK makes three.
const AWS_ATTEMPT_TIMEOUT: Duration = Duration::from_secs(4);

/// The endpoint, ready to work.
#[derive(Debug)]
pub struct App {
    /// Every setting.
    pub settings: Settings,
    /// The secrets.
    pub credentials: Arc<Credentials>,
    /// Who answers.
    pub agent: Agent,
    /// The operator's script, if there is one.
    pub hooks: Option<Hooks>,
    /// Meta.
    pub graph: Graph,
    /// Where conversations are kept; everything but looking goes through the outbox.
    pub store: Arc<dyn Store>,
    /// The way out.
    pub outbox: Outbox,
    /// Where jobs wait; `None`: they do not.
    pub queue: Option<Queue>,
    /// Where what cannot be done ends, with its reason.
    pub dead_letters: DeadLetters,
}

/// Why the endpoint cannot start.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// TLS.
    #[error("the HTTP client cannot be built")]
    Https(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The local store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The operator's script.
    #[error(transparent)]
    Hooks(#[from] HooksError),
    /// A setting that this build cannot serve.
    #[error("STORE_FILE needs a build with the feature \"local\": set TABLE_NAME instead")]
    NotLocal,
}

impl App {
    /// Builds every part and begins with the secret.
    ///
    /// A secret that cannot be read yet is logged and read again when it is needed: the reason then stands in the log of every
    /// webhook instead of a function that does not start.
    ///
    /// # Errors
    /// When a part cannot be built from these settings.
    pub async fn new(settings: Settings) -> Result<Self, AppError> {
        let http = https::client().map_err(AppError::Https)?;
        tracing::debug!("start: the HTTP client is built");
        let aws = aws(&settings, &http);
        Self::on(settings, http, &aws).await
    }

    /// The same with another client and another way to AWS.
    ///
    /// # Errors
    /// As [`App::new`].
    pub async fn on(settings: Settings, http: reqwest::Client, aws: &SdkConfig) -> Result<Self, AppError> {
        let credentials = Arc::new(Credentials::new(&settings.resources.secret, aws));
        tracing::debug!("start: the secret can be asked for");
        let secret = async {
            match credentials.keys().await {
                Ok(_) => tracing::debug!("start: the secret is here"),
                Err(error) => tracing::error!(error = %Chain(&error), "the endpoint starts without credentials"),
            }
        };
        // The rest is built while the request for the secret is on its way.
        let rest = async { Self::with(settings, Arc::clone(&credentials), http, aws) };
        let ((), app) = future::join(secret, rest).await;
        app
    }

    fn with(
        settings: Settings,
        credentials: Arc<Credentials>,
        http: reqwest::Client,
        aws: &SdkConfig,
    ) -> Result<Self, AppError> {
        let store: Arc<dyn Store> = match &settings.resources.store {
            StoreChoice::Dynamo(table) => Arc::new(Dynamo::new(aws, table)),
            local => embedded(local)?,
        };
        tracing::debug!("start: the store can be asked");
        let graph = Graph::new(http.clone(), &settings.graph, Arc::clone(&credentials));
        // One client for both: the first of its kind is the expensive one.
        let urls = (settings.resources.queue_url.as_deref(), settings.resources.dead_letter_queue_url.as_deref());
        let sqs = (urls != (None, None)).then(|| aws_sdk_sqs::Client::new(aws));
        let queue = sqs.clone().zip(urls.0).map(|(sqs, url)| Queue::new(sqs, url));
        let dead_letters = sqs.zip(urls.1).map_or_else(DeadLetters::default, |(sqs, url)| DeadLetters::new(sqs, url));
        tracing::debug!("start: the queue can be asked");
        if matches!(&settings.agent.target, AgentTarget::OpenAi(ModelSettings { instructions: None, .. })) {
            tracing::warn!(
                "AGENT_INSTRUCTIONS is empty: a model without the instructions of a business is a general assistant, which Meta's terms do not allow (docs/policy.md)"
            );
        }
        let hooks = hooks(&settings)?;
        Ok(Self {
            hooks,
            agent: Agent::new(&settings.agent, http, Arc::clone(&credentials), aws),
            outbox: Outbox::new(
                Arc::clone(&store),
                graph.clone(),
                dead_letters.clone(),
                Arc::clone(&credentials),
                &settings,
            ),
            store,
            dead_letters,
            queue,
            graph,
            credentials,
            settings,
        })
    }
}

/// The operator's script; without one no engine is started.
fn hooks(settings: &Settings) -> Result<Option<Hooks>, HooksError> {
    let HookSettings { file, folders, hosts, never, requests, logs_words, .. } = &settings.hooks;
    let Some(file) = file else { return Ok(None) };
    let (hosts, never) = (hosts.clone(), never.clone());
    let limits = HookLimits { hosts, never, requests: *requests, logs_words: *logs_words, answers: None };
    Hooks::find(file, folders, limits).map(Some)
}

/// The configuration of the AWS clients.
///
/// Not the one of `aws-config`: that looks for profiles, containers and roles, which a Lambda does not have, and its code is a twentieth
/// of the package. What is not set here, such as three tries of each request, the clients bring along.
fn aws(settings: &Settings, http: &reqwest::Client) -> SdkConfig {
    let mut aws = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(https::ForAws(http.clone()))
        // Lambda puts the credentials there.
        .credentials_provider(SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new()))
        .timeout_config(TimeoutConfig::builder().operation_attempt_timeout(AWS_ATTEMPT_TIMEOUT).build())
        .region(settings.resources.aws.region.clone().map(Region::new));
    aws.set_endpoint_url(settings.resources.aws.endpoint_url.clone());
    aws.build()
}

#[cfg(feature = "local")]
fn embedded(choice: &StoreChoice) -> Result<Arc<dyn Store>, AppError> {
    use crate::store::Embedded;
    Ok(Arc::new(match choice {
        StoreChoice::File(path) => Embedded::open(std::path::Path::new(path))?,
        StoreChoice::Memory | StoreChoice::Dynamo(_) => Embedded::in_memory()?,
    }))
}

#[cfg(not(feature = "local"))]
fn embedded(_: &StoreChoice) -> Result<Arc<dyn Store>, AppError> {
    Err(AppError::NotLocal)
}
