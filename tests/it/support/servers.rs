//! Servers of models and of agents that nobody here wrote, started once for all stories and ended with the test process.

use std::process::Command;

use tokio::sync::OnceCell;

use super::{
    parts::{end_with_us, free_port, ready, tool},
    project,
};

/// Shown to LiteLLM, whose configuration names it.
pub const LITELLM_KEY: &str = "sk-of-the-tests";

/// A model of llmock, which repeats what was said so far and refuses what has more tokens than this; returns its URL with the version.
pub async fn llmock(context_window: u32) -> String {
    let port = free_port().to_string();
    let mut command = Command::new(tool("llmock-0.2.2/bin/python"));
    command.args(["-c", "from llmock.cli import app; app()", "serve", "--host", "127.0.0.1", "--port", &port]);
    command.args(["--response-style", "echo", "--context-window", &context_window.to_string()]);
    start(command, &format!("http://127.0.0.1:{port}/"), "llmock").await;
    format!("http://127.0.0.1:{port}/v1")
}

/// LiteLLM's proxy, with a llmock behind it; returns its URL with the version.
pub async fn litellm() -> &'static str {
    static URL: OnceCell<String> = OnceCell::const_new();
    URL.get_or_init(|| async {
        let port = free_port().to_string();
        let mut command = Command::new(tool("litellm-1.106.12/bin/python"));
        command.args(["-m", "litellm.proxy.proxy_cli", "--host", "127.0.0.1", "--port", &port, "--config"]);
        command.arg(project("tests/it/servers/litellm.yaml"));
        // Without the first it asks the internet for prices, and waits.
        command.envs([("LITELLM_LOCAL_MODEL_COST_MAP", "True"), ("LLMOCK_URL", &llmock(100_000).await)]);
        start(command, &format!("http://127.0.0.1:{port}/health/liveliness"), "LiteLLM").await;
        format!("http://127.0.0.1:{port}/v1")
    })
    .await
}

/// An A2A agent of Strands, whose model is a llmock; returns its URL.
pub async fn strands() -> &'static str {
    static URL: OnceCell<String> = OnceCell::const_new();
    URL.get_or_init(|| async {
        let url = format!("http://127.0.0.1:{}", free_port());
        let mut command = Command::new(tool("strands-agents-1.62.0/bin/python"));
        command.arg(project("tests/it/servers/strands_agent.py"));
        command.arg(url.rsplit(':').next().expect("a port")).arg(llmock(100_000).await);
        start(command, &format!("{url}/.well-known/agent-card.json"), "the agent of Strands").await;
        url
    })
    .await
}

/// In an environment that holds nothing of ours, such as the address of a proxy or a key.
async fn start(mut command: Command, url: &str, what: &str) {
    command.envs([("PATH", "/usr/bin:/bin"), ("HOME", "/tmp")]);
    end_with_us(&command);
    ready(url, what).await;
}
