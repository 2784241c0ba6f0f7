//! The operator's own code.

use super::{
    HostRule,
    table::{Group, Setting},
    vars::Vars,
};

pub(crate) const GROUP: Group = Group {
    settings: &[
        Setting::optional("TRANSFORMER_FILE", "TransformerFile"),
        Setting::with_default("ABORT_ON_TRANSFORMER_ERROR", "AbortOnTransformerError", "false"),
        Setting::optional("TRANSFORMER_HOSTS", "TransformerHosts"),
        Setting::with_default("TRANSFORMER_REQUESTS", "TransformerRequests", "2"),
        Setting::with_default("TRANSFORMER_LOG", "TransformerLog", "false"),
    ],
    prefixes: &["TRANSFORMER_", "ABORT_ON_TRANSFORMER"],
};

/// The operator's own code.
#[derive(Debug, Clone, Default)]
pub struct HookSettings {
    /// The file with the script; `None`: there is none, and nothing of it is paid for.
    pub file: Option<String>,
    /// Where a file is looked for that is not named from the root.
    pub folders: Vec<String>,
    /// Whether a turn ends if the script fails; else it goes on with what it had.
    pub aborts: bool,
    /// The hosts that it may call; empty: every public one.
    pub hosts: Vec<HostRule>,
    /// Hosts that it may never call: Lambda's Runtime API.
    pub never: Vec<HostRule>,
    /// Requests of one run.
    pub requests: u32,
    /// Whether its words are logged.
    pub logs_words: bool,
}

impl HookSettings {
    pub(crate) fn read(vars: &mut Vars) -> Self {
        Self {
            file: vars.text("TRANSFORMER_FILE"),
            // The package, a layer, the folder of the checkout.
            folders: vars
                .text("LAMBDA_TASK_ROOT")
                .into_iter()
                .chain(["/opt".to_owned(), "config".to_owned()])
                .collect(),
            never: vars.text("AWS_LAMBDA_RUNTIME_API").and_then(|host| host.parse().ok()).into_iter().collect(),
            aborts: vars.parsed("ABORT_ON_TRANSFORMER_ERROR", "true or false"),
            hosts: vars.list("TRANSFORMER_HOSTS", "hosts or host:port, with commas between them"),
            requests: u32::try_from(vars.number("TRANSFORMER_REQUESTS", 0, 20)).unwrap_or(20),
            logs_words: vars.parsed("TRANSFORMER_LOG", "true or false"),
        }
    }
}
