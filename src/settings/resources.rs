//! Resources: where the secret, the conversations and the queues are.

use super::{
    table::{Group, Setting},
    vars::Vars,
};

pub(crate) const GROUP: Group = Group {
    settings: &[
        Setting::resource("WHATSAPP_SECRET_ID"),
        Setting::local("WHATSAPP_SECRET_FILE"),
        Setting::resource("TABLE_NAME"),
        Setting::local("STORE_FILE"),
        Setting::resource("QUEUE_URL"),
        Setting::resource("DEAD_LETTER_QUEUE_URL"),
    ],
    prefixes: &["WHATSAPP_"],
};

/// What the endpoint stands on.
#[derive(Debug, Clone)]
pub struct ResourceSettings {
    /// Where the credentials are.
    pub secret: SecretSource,
    /// Where conversations are kept.
    pub store: StoreChoice,
    /// The SQS FIFO queue; `None`: a job is run as soon as it arrives.
    pub queue_url: Option<String>,
    /// The SQS FIFO queue for what cannot be done; `None`: it is only logged.
    pub dead_letter_queue_url: Option<String>,
    /// Where AWS is.
    pub aws: AwsPlace,
}

/// Where the credentials are read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// Id or ARN of a Secrets Manager secret.
    SecretsManager(String),
    /// Path of a file with the same JSON; for local runs.
    File(String),
}

/// Where conversations are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreChoice {
    /// Name of the DynamoDB table.
    Dynamo(String),
    /// One file on this machine.
    File(String),
    /// The memory of this process: gone with it.
    Memory,
}

/// Where AWS is, in variables that are not ours: Lambda sets the region, and the AWS tools of a developer know both.
#[derive(Debug, Clone, Default)]
pub struct AwsPlace {
    /// `AWS_REGION`.
    pub region: Option<String>,
    /// `AWS_ENDPOINT_URL`: where every AWS service is, if not at AWS.
    pub endpoint_url: Option<String>,
}

impl ResourceSettings {
    pub(crate) fn read(vars: &mut Vars) -> Self {
        Self {
            secret: SecretSource::read(vars),
            store: StoreChoice::read(vars),
            queue_url: vars.text("QUEUE_URL"),
            dead_letter_queue_url: vars.text("DEAD_LETTER_QUEUE_URL"),
            aws: AwsPlace { region: vars.text("AWS_REGION"), endpoint_url: vars.text("AWS_ENDPOINT_URL") },
        }
    }
}

impl SecretSource {
    fn read(vars: &mut Vars) -> Self {
        match (vars.text("WHATSAPP_SECRET_ID"), vars.text("WHATSAPP_SECRET_FILE")) {
            (Some(id), None) => Self::SecretsManager(id),
            (None, Some(path)) => Self::File(path),
            (Some(_), Some(_)) | (None, None) => Self::File(vars.fault(
                "set WHATSAPP_SECRET_ID to the id of the secret (or WHATSAPP_SECRET_FILE to a file, for a local run), one of them",
            )),
        }
    }
}

impl StoreChoice {
    fn read(vars: &mut Vars) -> Self {
        match (vars.text("TABLE_NAME"), vars.text("STORE_FILE")) {
            (Some(table), None) => Self::Dynamo(table),
            (None, Some(path)) if path == ":memory:" => Self::Memory,
            (None, Some(path)) => Self::File(path),
            (Some(_), Some(_)) | (None, None) => Self::File(vars.fault(
                "set TABLE_NAME to the DynamoDB table (or STORE_FILE to a file or :memory:, for a local run), one of them",
            )),
        }
    }
}
