//! The memory that each feature costs: the peak of a fresh instance that uses it, beside one that only greets.

use std::fs;

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::{
    deployed::done,
    events,
    instance::{Program, RuntimeApi},
    programs,
    report::median,
    services::{FILE, Services},
};

/// Events of one instance.
const EVENTS: usize = 10;

/// A feature in use.
struct Use {
    name: &'static str,
    settings: Vec<(&'static str, String)>,
    event: String,
    /// What the agent answers with.
    answer: Value,
}

/// What a use costs.
pub struct Cost {
    /// What is used.
    pub name: &'static str,
    /// Peak memory, in KiB.
    pub memory: u32,
}

/// Measures every use on so many fresh instances each; the first is the greeting of the `demo` agent.
pub fn measure(api: &RuntimeApi, services: &Services, endpoint: &Program, rounds: u16) -> anyhow::Result<Vec<Cost>> {
    let mut costs = Vec::new();
    for Use { name, settings, event, answer } in uses(&services.url)? {
        let mut program = endpoint.clone();
        program.env.extend(settings);
        services.answer(&answer);
        let one = || -> anyhow::Result<u32> {
            let instance = api.run(&program)?;
            for _ in 0..EVENTS {
                done(&instance, &event)?;
            }
            instance.peak_memory()
        };
        let peaks = (0..rounds).map(|_| one().context(name)).collect::<Result<_, _>>()?;
        costs.push(Cost { name, memory: median(peaks) });
    }
    services.say(1);
    Ok(costs)
}

fn uses(url: &str) -> anyhow::Result<Vec<Use>> {
    let text = events::webhook(1, 40)?;
    let agent = |name, protocol: &str, address: &str, answer: Value| Use {
        name,
        settings: vec![("AGENT_PROTOCOL", protocol.to_owned()), ("AGENT_URL", address.to_owned())],
        event: text.clone(),
        answer,
    };
    let (rest, model_url) = (format!("{url}/rest"), format!("{url}/v1"));
    let cognigy = |name, outputs: Value| agent(name, "cognigy", &rest, json!({ "outputStack": outputs }));
    let says = json!({ "outputs": ["An answer."] });
    let model = json!({ "choices": [{ "message": { "role": "assistant", "content": "An answer." } }] });
    let message = json!({ "role": "ROLE_AGENT", "messageId": "m", "parts": [{ "text": "An answer." }] });
    let lex = json!({ "messages": [{ "contentType": "PlainText", "content": "An answer." }], "sessionState": {} });
    let runtime = "arn:aws:bedrock-agentcore:eu-central-1:123456789012:runtime/agent-0123456789";
    let markdown = "# A title\n\nWith **bold** words, `code`, [a link](https://example.com) and\n\n1. one\n2. two\n";
    let mut uses = vec![
        Use { name: "demo: a greeting", settings: Vec::new(), event: text.clone(), answer: Value::Null },
        cognigy("cognigy: a text", json!([{ "text": "An answer." }])),
        agent("http", "http", &rest, says.clone()),
        with("AGENT_MODEL", "benchmark", agent("openai", "openai", &model_url, model.clone())),
        agent("a2a", "a2a", url, json!({ "jsonrpc": "2.0", "id": "1", "result": { "message": message } })),
        agent("rasa", "rasa", &rest, json!([{ "text": "An answer." }])),
        agent("lambda", "lambda", "agent", says),
        agent("agentcore", "agentcore", runtime, json!({ "response": "An answer." })),
        with("AGENT_LOCALE", "de-DE", agent("lex", "lex", "ABCDE12345/TSTALIASID", lex)),
        cognigy("cognigy: buttons", json!([output("buttons_mixed")?])),
        cognigy("cognigy: a list", json!([output("list")?])),
        cognigy("cognigy: a carousel", json!([output("gallery")?])),
        cognigy("cognigy: a text of 20 kB", json!([{ "text": "Words in a sentence. ".repeat(1_000) }])),
        with("TEXT_FORMAT", "markdown", cognigy("cognigy: Markdown", json!([{ "text": markdown }]))),
    ];
    for (name, file) in [
        ("cognigy: an image from a person", "image"),
        ("cognigy: a choice of a person", "interactive_list_reply"),
        ("cognigy: a form from a person", "interactive_nfm_reply_flow"),
    ] {
        let event = events::received_from(1, file)?;
        uses.push(Use { event, ..cognigy(name, json!([{ "text": "An answer." }])) });
    }
    let image =
        json!({ "_cognigy": { "_default": { "_image": { "type": "image", "imageUrl": format!("{url}{FILE}") } } } });
    for (people, uploads, sees) in [
        (1, "cognigy: a file of 5 MB, uploaded", "openai: a picture of 5 MB"),
        (10, "cognigy: ten at once", "openai: ten at once"),
    ] {
        let upload = with("UPLOAD_MEDIA", "true", cognigy(uploads, json!([{ "data": image }])));
        uses.push(Use { event: events::received_from(people, "text")?, ..upload });
        let seen = with("AGENT_MODEL", "benchmark", agent(sees, "openai", &model_url, model.clone()));
        uses.push(Use { event: events::received_from(people, "image_without_url")?, ..seen });
    }
    Ok(uses)
}

/// The same with one more setting.
fn with(setting: &'static str, value: &str, mut used: Use) -> Use {
    used.settings.push((setting, value.to_owned()));
    used
}

/// What Cognigy.AI says, from the fixtures of the tests.
fn output(name: &str) -> anyhow::Result<Value> {
    let path = programs::project(&format!("tests/fixtures/cognigy/{name}.json"));
    let file = fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    Ok(serde_json::from_slice(&file)?)
}
