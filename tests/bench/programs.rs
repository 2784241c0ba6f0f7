//! Where the programs are, and what they are told.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::Context as _;

/// A setting.
type Setting = (&'static str, String);

/// The secret in Secrets Manager.
pub const SECRET: (&str, &str) = ("WHATSAPP_SECRET_ID", "whatsapp");
/// The secret without Secrets Manager.
pub const SECRET_IN_A_FILE: (&str, &str) =
    ("WHATSAPP_SECRET_FILE", concat!(env!("CARGO_MANIFEST_DIR"), "/src/simulator/development-secret.json"));

/// Where cargo puts release builds: this program lies in `deps` of another profile beside it.
pub fn release_folder() -> anyhow::Result<PathBuf> {
    let this = env::current_exe()?;
    Ok(this
        .ancestors()
        .nth(3)
        .map(Path::to_owned)
        .context("this program lies where cargo does not put it")?
        .join("release"))
}

/// A file of the project.
pub fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A program of this machine.
pub fn on_path(name: &str) -> anyhow::Result<PathBuf> {
    let folders = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&folders).map(|folder| folder.join(name)).find(|path| path.is_file());
    found.with_context(|| format!("{name} is not on the PATH"))
}

/// The settings of the deployed function, with everything it calls at one address and no queue: a turn is run at once.
pub fn at_once(services: &str, secret: (&'static str, &str)) -> Vec<Setting> {
    let fixed = [
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_SESSION_TOKEN", "test"),
        secret,
        ("TABLE_NAME", "conversations"),
        ("AWS_ENDPOINT_URL", services),
        ("GRAPH_BASE_URL", services),
    ];
    fixed.into_iter().map(|(name, value)| (name, value.to_owned())).collect()
}

/// The same with a queue, and an agent that has to be asked.
pub fn deployed(services: &str) -> Vec<Setting> {
    let more = [
        ("QUEUE_URL", format!("{services}/000000000000/jobs.fifo")),
        ("AGENT_PROTOCOL", "cognigy".to_owned()),
        ("AGENT_URL", format!("{services}/rest")),
    ];
    at_once(services, SECRET_IN_A_FILE).into_iter().chain(more).collect()
}
