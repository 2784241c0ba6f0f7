//! The command line, as processes: chat, misbehave, send, record, replay, stop.

use std::process::{Child, Command, Output, Stdio};

use crate::support::{agent::Agent, endpoint::now, eventually, parts, project};

/// A running `wa simulate`.
struct Simulate {
    child: Child,
    page: String,
    webhook: String,
}

impl Simulate {
    async fn start(arguments: &[&str]) -> Self {
        Self::start_on(parts::free_port(), arguments, &[]).await
    }

    async fn start_on(port: u16, arguments: &[&str], settings: &[(&str, &str)]) -> Self {
        let endpoint_port = parts::free_port();
        let mut command = Command::new(env!("CARGO_BIN_EXE_wa"));
        command.args(["simulate", "--port", &port.to_string(), "--endpoint-port", &endpoint_port.to_string()]);
        command.args(arguments).envs(settings.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::null());
        let child = command.spawn().expect("started");
        let page = format!("http://127.0.0.1:{port}");
        parts::ready(&page, "wa simulate").await;
        Self { child, page, webhook: format!("http://127.0.0.1:{endpoint_port}/webhook") }
    }

    /// Another command for it.
    fn wa(&self, arguments: &[&str]) -> (bool, String, String) {
        let mut all = arguments.to_vec();
        all.extend(["--to", &self.page]);
        wa(&all)
    }
}

impl Drop for Simulate {
    fn drop(&mut self) {
        let _gone = (self.child.kill(), self.child.wait());
    }
}

fn wa(arguments: &[&str]) -> (bool, String, String) {
    let Output { status, stdout, stderr } =
        Command::new(env!("CARGO_BIN_EXE_wa")).args(arguments).output().expect("started");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (status.success(), text(stdout), text(stderr))
}

fn event(name: &str) -> String {
    project(&format!("events/{name}.json")).display().to_string()
}

#[tokio::test]
async fn a_message_from_the_command_line_is_answered_there() {
    let simulate = Simulate::start(&[]).await;
    let (is_ok, said, why) = simulate.wa(&["say", "menu", "--person", "bob"]);
    assert!(is_ok && said.contains("What would you like to see?") && said.contains("[Count messages]"), "{said}{why}");
    let (is_ok, said, _) = simulate.wa(&["misbehave", "server_error", "--times", "2", "--value", "500"]);
    assert!(is_ok && said.contains("next 2") && said.contains("500"), "{said}");
    let (_, said, _) = simulate.wa(&["misbehave"]);
    assert!(said.lines().count() == 15 && said.contains("pair_limit"), "{said}");
    let (is_ok, said, why) = simulate.wa(&["say", "hello"]);
    assert!(is_ok && said.contains("Hello Ada Example"), "{said}{why}");
    let (is_ok, _, why) = simulate.wa(&["misbehave", "nothing"]);
    assert!(!is_ok && why.contains("lose_answer"), "{why}");
    let (is_ok, _, why) = simulate.wa(&["say", "hello", "--person", "nobody"]);
    assert!(!is_ok && why.contains("nobody has the id nobody"), "{why}");
}

#[tokio::test]
async fn events_are_sent_to_a_simulator_or_to_a_webhook() {
    let simulate = Simulate::start(&[]).await;
    for name in ["text", "text-base64", "image", "text-unsigned"] {
        let (is_ok, said, why) = simulate.wa(&["send-event", &event(name)]);
        assert!(is_ok && said.contains("200"), "{name}: {why}");
        let (is_ok, said, why) = wa(&["send-event", &event(name), "--endpoint", &simulate.webhook]);
        assert!(is_ok && said.contains("200"), "{name}: {why}");
    }
    let to_webhook = |name: &str, more: &[&str]| {
        let file = event(name);
        let mut arguments = vec!["send-event", file.as_str(), "--endpoint", &simulate.webhook];
        arguments.extend(more);
        wa(&arguments)
    };
    assert!(to_webhook("handshake", &[]).0);
    let (is_ok, said, why) = wa(&["say", "count", "--endpoint", &simulate.webhook]);
    assert!(is_ok && said.contains("200"), "{said}{why}");
    let (is_ok, _, why) = to_webhook("text-unsigned", &["--as-it-is"]);
    assert!(!is_ok && why.contains("401") && why.contains("--secret-file"), "{why}");
    let (is_ok, _, why) = to_webhook("queue", &[]);
    assert!(!is_ok && why.contains("make invoke"), "{why}");
    let (is_ok, _, why) = wa(&["send-event", &event("text"), "--endpoint", &simulate.webhook.replace("/webhook", "/")]);
    assert!(!is_ok && why.contains("WebhookUrl"), "{why}");
    let (is_ok, _, why) = wa(&["send-event", &event("text"), "--to", "http://127.0.0.1:9"]);
    assert!(!is_ok && why.contains("make run"), "{why}");
    let (is_ok, _, why) = wa(&["send-event", "Cargo.toml", "--endpoint", &simulate.webhook]);
    assert!(!is_ok && why.contains("no JSON"), "{why}");
}

#[tokio::test]
async fn a_conversation_is_recorded_and_played_again() {
    let simulate = Simulate::start(&[]).await;
    let folder = std::env::temp_dir().join(format!("wa-recording-{}-{}", std::process::id(), now().as_second()));
    let folder_name = folder.display().to_string();
    assert!(simulate.wa(&["say", "hello"]).0 && simulate.wa(&["say", "count"]).0);
    let (is_ok, said, why) = simulate.wa(&["record", &folder_name, "--person", "ada"]);
    assert!(is_ok && said.contains("events are in"), "{said}{why}");
    let first = folder.join("001-text.json").display().to_string();
    let other = Simulate::start(&[]).await;
    let (is_ok, said, why) = other.wa(&["replay", &folder_name]);
    assert!(is_ok && said.contains("001-text.json: 200"), "{said}{why}");
    let (is_ok, _, why) = wa(&["replay", &first, &first, "--fresh", "--endpoint", &other.webhook]);
    assert!(is_ok, "{why}");
    let (_, said, why) = other.wa(&["say", "count"]);
    assert!(said.contains("message 5 of this session"), "two replayed, two fresh ones, and this: {said}{why}");
    std::fs::remove_dir_all(&folder).expect("removable");
}

#[tokio::test]
async fn an_interrupt_ends_it_at_once_though_pages_are_open() {
    let mut simulate = Simulate::start(&[]).await;
    let http = whatsapp_endpoint::https::client().expect("a client");
    let mut page = http.get(format!("{}/api/events", simulate.page)).send().await.expect("an answer");
    assert!(page.chunk().await.expect("open").is_some());
    let began = std::time::Instant::now();
    let kill = Command::new("kill").args(["-INT", &simulate.child.id().to_string()]).status().expect("kill");
    assert!(kill.success());
    let status = eventually("wa simulate ends", async || simulate.child.try_wait().expect("asked")).await;
    assert!(status.success() && began.elapsed() < std::time::Duration::from_secs(3), "{status}");
    let mut said = String::new();
    std::io::Read::read_to_string(simulate.child.stdout.as_mut().expect("piped"), &mut said).expect("text");
    assert!(said.contains("Open") && said.contains("Stopped."), "{said}");
}

#[tokio::test]
async fn an_endpoint_elsewhere_has_its_meta_here() {
    let port = parts::free_port();
    let graph = format!("http://127.0.0.1:{port}");
    let deployed = Simulate::start_on(parts::free_port(), &[], &[("GRAPH_BASE_URL", &graph)]).await;
    let here = Simulate::start_on(port, &["--endpoint", &deployed.webhook], &[]).await;
    let (is_ok, said, why) = here.wa(&["say", "hello", "--person", "carol"]);
    assert!(is_ok && said.contains("Hello Carol Example"), "{said}{why}");
    let (is_ok, _, why) = deployed.wa(&["say", "hello", "--wait", "1"]);
    assert!(!is_ok && why.contains("no reply came"), "its answers go to its own Meta: {why}");
}

#[tokio::test]
async fn after_a_restart_new_messages_are_no_repeats_of_old_ones() {
    let file = std::env::temp_dir().join(format!("wa-test-{}.redb", uuid::Uuid::now_v7()));
    let settings = [("STORE_FILE", file.to_str().expect("text"))];
    for start in ["first", "second"] {
        let simulate = Simulate::start_on(parts::free_port(), &[], &settings).await;
        let (is_ok, said, why) = simulate.wa(&["say", "hello"]);
        assert!(is_ok && said.contains("Hello Ada Example"), "the {start} start: {said}{why}");
    }
    std::fs::remove_file(&file).expect("removable");
}

#[tokio::test]
async fn an_agent_is_connected_with_two_words() {
    let (agent, url) = Agent::start().await;
    agent.will_say(&["From the agent"]);
    let simulate = Simulate::start(&["--agent-protocol", "cognigy", "--agent-url", &url]).await;
    let asked = tokio::task::spawn_blocking({
        let to = simulate.page.clone();
        move || wa(&["say", "hello", "--to", &to])
    });
    let (is_ok, said, why) = asked.await.expect("no panic");
    assert!(is_ok && said == "From the agent\n", "{said}{why}");
}

#[test]
fn what_cannot_be_started_says_why() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("bound").port().to_string();
    let (is_ok, _, why) = wa(&["simulate", "--port", &port]);
    assert!(!is_ok && why.contains("is taken") && why.contains("--port"), "{why}");
    let (is_ok, _, why) = wa(&["simulate", "--agent-protocol", "telepathy"]);
    assert!(!is_ok && why.contains("AGENT_PROTOCOL") && why.contains("cognigy"), "{why}");
    let (is_ok, _, why) = wa(&["simulate", "--agent-url", "nowhere", "--agent-protocol", "cognigy"]);
    assert!(!is_ok && why.contains("AGENT_URL"), "{why}");
    let (is_ok, _, why) = wa(&["simulate", "--secret-file", "/nowhere.json"]);
    assert!(!is_ok && why.contains("/nowhere.json"), "{why}");
}
