//! Functions on libraries of other languages, which answer a text too: what they take to start, to answer, and of memory.
//!
//! They check the signature, show that they read, and send one reply. They have no store and no queue, so they promise less.

use std::{path::Path, time::Duration};

use anyhow::ensure;

use crate::{
    HANDSHAKES, TEXTS,
    deployed::done,
    instance::{Program, RuntimeApi},
    services::Services,
    warm,
};

/// What it is told of the secret, by the names of its fields.
const SECRETS: [(&str, &str); 3] =
    [("ACCESS_TOKEN", "access_token"), ("APP_SECRET", "app_secret"), ("VERIFY_TOKEN", "verify_token")];

/// One of them.
pub struct Peer {
    /// The library.
    pub name: &'static str,
    /// How it is started.
    pub program: Program,
    /// What its runs showed.
    pub runs: Vec<PeerRun>,
}

/// What one run showed.
pub struct PeerRun {
    /// From exec to the first request for an event.
    pub init: Duration,
    /// The first handshake.
    pub first: Duration,
    /// A later one.
    pub warm: Duration,
    /// The first text.
    pub first_text: Duration,
    /// A later one.
    pub warm_text: Duration,
    /// Peak memory in the end, in KiB.
    pub memory: u32,
}

impl Peer {
    /// The peer whose library is installed in `folder`.
    pub fn new(
        name: &'static str,
        interpreter: &Path,
        script: &str,
        folder: &Path,
        graph: &str,
    ) -> anyhow::Result<Self> {
        let secret: serde_json::Value = serde_json::from_str(whatsapp_endpoint::simulator::DEVELOPMENT_SECRET)?;
        let mut env: Vec<_> = SECRETS
            .into_iter()
            .map(|(name, field)| (name, secret[field].as_str().unwrap_or_default().to_owned()))
            .collect();
        env.push(("GRAPH_BASE_URL", graph.to_owned()));
        env.push(("PEER_FOLDER", folder.display().to_string()));
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bench/peers").join(script);
        let program = Program { path: interpreter.to_owned(), arguments: vec![script], env };
        Ok(Self { name, program, runs: Vec::new() })
    }

    /// Measures it once more.
    pub fn run(&mut self, api: &RuntimeApi, services: &Services, handshake: &str, text: &str) -> anyhow::Result<()> {
        let instance = api.run(&self.program)?;
        let (first, warm_handshake) = (done(&instance, handshake)?, warm(&instance, handshake, HANDSHAKES)?);
        services.take_counts();
        let (first_text, warm_text) = (done(&instance, text)?, warm(&instance, text, TEXTS)?);
        let calls = services.take_counts();
        let expected = [("Graph message", 1 + TEXTS), ("Graph read and typing", 1 + TEXTS)];
        let expected = expected.map(|(operation, count)| (operation.to_owned(), count)).into();
        ensure!(calls == expected, "{} does not do what is measured: {calls:?}", self.name);
        let (init, memory) = (instance.init, instance.peak_memory()?);
        self.runs.push(PeerRun { init, first, warm: warm_handshake, first_text, warm_text, memory });
        Ok(())
    }
}
