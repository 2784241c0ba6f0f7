//! The secrets: read once from Secrets Manager or a local file, kept, and read again when somebody refuses them.
//!
//! The secret is one JSON object. A field that is missing or empty is not a fault until something needs it: a fresh
//! stack has only its verify token, and Meta's handshake must work before the rest can be known.

mod keys;
mod signing;

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{Mutex, RwLock},
    time::Instant,
};

use uuid::Uuid;

use self::keys::parse;
pub use self::{
    keys::{Keys, Secret},
    signing::digest,
};
use crate::{
    conversation::{ConversationId, PhoneNumberId},
    settings::SecretSource,
};

/// How long a reload that was asked for by a refusal keeps the next one away.
const RELOAD_PAUSE: Duration = Duration::from_mins(1);

/// Why there are no credentials.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// Secrets Manager could not be asked, or refused.
    #[error(
        "the secret \"{id}\" could not be read from Secrets Manager: check WHATSAPP_SECRET_ID and secretsmanager:GetSecretValue of the function's role"
    )]
    Unreachable {
        /// The secret's id.
        id: String,
        /// What the SDK said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The local file could not be read.
    #[error("the secret file \"{path}\" could not be read")]
    File {
        /// Its path.
        path: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A field of the secret holds signs that no secret has.
    #[error(
        "{field} in the secret holds a line break, a space or another sign that does not belong there: put it in once more, in one line"
    )]
    Unusable {
        /// Which field.
        field: &'static str,
    },
    /// The secret is there and is not the JSON object that we know.
    #[error(
        "the secret is not one JSON object of text fields (line {line}, column {column}): put app_id, access_token, phone_number_id, verify_token and app_secret into it"
    )]
    Malformed {
        /// Where the JSON breaks; the text itself is not repeated.
        line: usize,
        /// Column of the break.
        column: usize,
    },
}

/// The keys that are in force, and where they come from.
#[derive(Debug)]
pub struct Credentials {
    source: Source,
    current: RwLock<Option<Arc<Keys>>>,
    last_reloads: Mutex<LastReloads>,
    /// Key of the hashes in the log while the secret has none: new for each process.
    substitute_key: Secret,
}

/// Who refused the keys, or was refused with them.
///
/// They are counted apart: strangers who knock with forged webhooks must not keep a rotated token waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RejectedBy {
    /// Graph refused our token.
    Graph,
    /// The agent refused its token.
    Agent,
    /// We refused a caller: a signature, a verify token or a number that does not fit.
    Door,
    /// We refused a system that speaks first: its key does not fit.
    Caller,
}

#[derive(Debug, Default)]
struct LastReloads {
    graph: Option<Instant>,
    agent: Option<Instant>,
    door: Option<Instant>,
    caller: Option<Instant>,
}

#[derive(Debug)]
enum Source {
    SecretsManager { client: aws_sdk_secretsmanager::Client, id: String },
    File(String),
}

impl Credentials {
    /// Credentials that have not been read yet.
    #[must_use]
    pub fn new(source: &SecretSource, aws: &aws_config::SdkConfig) -> Self {
        let source = match source {
            SecretSource::SecretsManager(id) => {
                Source::SecretsManager { client: aws_sdk_secretsmanager::Client::new(aws), id: id.clone() }
            }
            SecretSource::File(path) => Source::File(path.clone()),
        };
        let substitute_key = Secret::from(format!("{}{}", Uuid::now_v7(), Uuid::now_v7()));
        Self { source, current: RwLock::default(), last_reloads: Mutex::default(), substitute_key }
    }

    /// What stands for a conversation in logs and dead letters: 32 hex digits, the same as long as the verify token is.
    ///
    /// Without a key a phone number could be found by trying all of them.
    pub async fn label(&self, id: &ConversationId) -> String {
        let current = self.current.read().await;
        let key = current.as_ref().and_then(|keys| keys.verify_token.present()).unwrap_or(&self.substitute_key);
        key.pseudonym(&["conversation", id.number.as_str(), &id.user])
    }

    /// What stands for a person where abuse is told by person, and nobody is told who; `None` where the secret has no verify token
    /// to make it with.
    pub async fn person_hash(&self, number: &PhoneNumberId, user_id: &str) -> Option<String> {
        let current = self.current.read().await;
        Some(current.as_ref()?.verify_token.present()?.pseudonym(&["person", number.as_str(), user_id]))
    }

    /// The keys in force; read now if they never were.
    ///
    /// # Errors
    /// When the secret cannot be read or is not our JSON.
    pub async fn keys(&self) -> Result<Arc<Keys>, CredentialsError> {
        if let Some(keys) = self.current.read().await.clone() {
            return Ok(keys);
        }
        let mut current = self.current.write().await;
        if let Some(keys) = current.clone() {
            return Ok(keys);
        }
        let keys = Arc::new(self.source.read().await?);
        *current = Some(Arc::clone(&keys));
        Ok(keys)
    }

    /// Whether other systems may speak to people and the agent: the secret has a key for them.
    pub async fn has_api_key(&self) -> bool {
        self.current.read().await.as_ref().is_some_and(|keys| keys.api_key.present().is_some())
    }

    /// What the operator's script may know, as a JSON object.
    pub async fn transformer_secrets(&self) -> String {
        let current = self.current.read().await;
        let object = current.as_ref().and_then(|keys| keys.transformer.present());
        object.map_or_else(|| "{}".to_owned(), |object| object.expose().to_owned())
    }

    /// Makes an attempt with the keys in force, and once more with newer ones if it is rejected and the secret has changed.
    ///
    /// # Errors
    /// The attempt's; or that the secret cannot be read, as [`Credentials::keys`].
    pub async fn with_keys<T, E, F>(
        &self,
        by: RejectedBy,
        is_rejected: impl Fn(&Result<T, E>) -> bool,
        attempt: impl Fn(Arc<Keys>) -> F,
    ) -> Result<T, E>
    where
        E: From<CredentialsError>,
        F: Future<Output = Result<T, E>>,
    {
        let keys = self.keys().await?;
        let result = attempt(Arc::clone(&keys)).await;
        if !is_rejected(&result) {
            return result;
        }
        match self.newer_than(&keys, by).await? {
            Some(newer) => attempt(newer).await,
            None => result,
        }
    }

    /// Newer keys than the ones that were rejected, if there are any.
    ///
    /// The secret is read again at most once a minute for each side that rejects. `None`: it still holds what was rejected.
    async fn newer_than(&self, refused: &Arc<Keys>, by: RejectedBy) -> Result<Option<Arc<Keys>>, CredentialsError> {
        let mut last_reloads = self.last_reloads.lock().await;
        let last_reload = match by {
            RejectedBy::Graph => &mut last_reloads.graph,
            RejectedBy::Agent => &mut last_reloads.agent,
            RejectedBy::Door => &mut last_reloads.door,
            RejectedBy::Caller => &mut last_reloads.caller,
        };
        let current = self.keys().await?;
        if current != *refused {
            return Ok(Some(current));
        }
        if last_reload.is_some_and(|last| last.elapsed() < RELOAD_PAUSE) {
            return Ok(None);
        }
        *last_reload = Some(Instant::now());
        let read = Arc::new(self.source.read().await?);
        if read == current {
            return Ok(None);
        }
        tracing::info!("the secret has changed and is in force from now on");
        *self.current.write().await = Some(Arc::clone(&read));
        Ok(Some(read))
    }
}

impl Source {
    async fn read(&self) -> Result<Keys, CredentialsError> {
        match self {
            Self::SecretsManager { client, id } => {
                let unreachable = |source| CredentialsError::Unreachable { id: id.clone(), source };
                let answer = client.get_secret_value().secret_id(id).send().await;
                let answer = answer.map_err(|error| unreachable(error.into()))?;
                parse(answer.secret_string().ok_or_else(|| unreachable("it holds bytes, not text".into()))?)
            }
            Self::File(path) => {
                let text = std::fs::read_to_string(path);
                parse(&text.map_err(|source| CredentialsError::File { path: path.clone(), source })?)
            }
        }
    }
}
