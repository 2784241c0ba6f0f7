//! The example agents of the documentation, started as their first lines say, through the whole turn.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use crate::{
    contract::TOKEN,
    support::{
        endpoint::{ADA, Endpoint, Person, webhook},
        project,
    },
};

/// An agent that ends with this value.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// Starts it on a free port; returns its URL, which it prints itself.
fn start(mut command: Command) -> (Running, String) {
    command.arg("0").env("AGENT_TOKEN", TOKEN).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut agent = Running(command.spawn().expect("python3 and node are installed"));
    let mut line = String::new();
    BufReader::new(agent.0.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
    let url = line.trim().strip_prefix("AGENT_URL=").unwrap_or_else(|| panic!("no URL: {line}")).to_owned();
    (agent, url)
}

async fn assert_repeats(command: Command) {
    let (_agent, url) = start(command);
    let settings = [("AGENT_PROTOCOL", "http"), ("AGENT_URL", url.as_str())];
    let endpoint = Endpoint::start_with_secret(&[("agent_token", TOKEN)], &settings).await;
    assert_eq!(endpoint.say("Grüße 👋").await, ["You said: Grüße 👋"]);
    let stranger = Endpoint::start_with_secret(&[("agent_token", "another")], &settings).await;
    let message = stranger.message(&Person(ADA), "hello");
    let status = stranger.deliver(&webhook([message])).await;
    assert_eq!((status, stranger.replies().len()), (503, 0), "another signature is refused");
}

#[tokio::test]
async fn the_agent_in_python_answers() {
    let mut command = Command::new("python3");
    command.arg(project("docs/agents/examples/agent.py"));
    Box::pin(assert_repeats(command)).await;
}

#[tokio::test]
async fn the_agent_in_typescript_answers() {
    // It has no types to take away, so that a Node.js which does not know TypeScript can run it too.
    let code = std::fs::read_to_string(project("docs/agents/examples/agent.ts")).expect("the example");
    let mut command = Command::new("node");
    command.args(["--input-type=module", "--eval", &code]);
    Box::pin(assert_repeats(command)).await;
}
