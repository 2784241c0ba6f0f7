//! The operator's own script in a turn, written as for Cognigy's Transformer Functions.

mod command_line;

use std::{path::PathBuf, time::Duration};

use serde_json::{Value, json};

use crate::{
    proactive::{call, start},
    support::{
        endpoint::{ADA, Endpoint, NUMBER},
        listener::Listener,
    },
};

/// A file with a script, gone with it.
struct Script(PathBuf);

impl Drop for Script {
    fn drop(&mut self) {
        let _gone = std::fs::remove_file(&self.0);
    }
}

/// An endpoint with a script that registers these hooks, and its agent.
async fn with(hooks: &str, settings: &[(&str, &str)]) -> (Endpoint, Listener, Script) {
    let path = std::env::temp_dir().join(format!("wa-transformer-{}.js", uuid::Uuid::now_v7()));
    std::fs::write(&path, format!("createWebhookTransformer({{ {hooks} }});")).expect("a writable temporary folder");
    let file = path.display().to_string();
    let settings: Vec<_> = [("TRANSFORMER_FILE", file.as_str())].iter().chain(settings).copied().collect();
    let (endpoint, agent) = start(&settings).await;
    (endpoint, agent, Script(path))
}

/// What Meta is sent, without addresses.
fn sent(endpoint: &Endpoint) -> Vec<Value> {
    let calls = endpoint.meta.calls().into_iter().filter(|call| call["type"].is_string());
    calls.map(|call| call[call["type"].as_str().expect("a type")].clone()).collect()
}

#[tokio::test]
async fn what_handle_input_returns_is_what_the_agent_gets() {
    let hook = "handleInput: async ({ endpoint, request, response }) => {
        const value = request.body.entry[0].changes[0].value;
        const message = value.messages[0];
        response.status(200).send('ignored');
        if (message.text.body === 'keep') return {};
        if (message.text.body === 'silence') return null;
        return { userId: 'crm-7', sessionId: 'session-7', text: message.text.body.toUpperCase(),
            data: { from: message.from, name: value.contacts[0].profile.name, number: value.metadata.phone_number_id, channel: endpoint.channel } };
    }";
    let (endpoint, agent, _script) = with(hook, &[]).await;
    agent.will_always_say(&json!(["said"]));
    assert_eq!(endpoint.say("hello").await, ["said"]);
    let question = &agent.questions()[0];
    assert_eq!((&question["userId"], &question["sessionId"]), (&json!("crm-7"), &json!("session-7")));
    assert_eq!(question["text"], "HELLO");
    let expected = json!({ "from": ADA, "name": "Ada Example", "number": NUMBER, "channel": "whatsapp" });
    assert_eq!(question["data"], expected, "our data is replaced as a whole");
    assert!(endpoint.say("silence").await.is_empty() && agent.questions().len() == 1, "the agent is not asked");
    assert!(
        endpoint.meta.calls().iter().filter(|call| call["status"] == "read").count() == 1,
        "nor is the person told that it reads"
    );
    endpoint.say("keep").await;
    let question = &agent.questions()[1];
    assert_eq!((&question["text"], &question["userId"]), (&json!("keep"), &json!(ADA)));
    assert!(question["data"]["whatsapp"].is_object(), "an empty object keeps everything of ours");
    // Other systems find the person by the name that the script has given.
    endpoint.say("again").await;
    assert_eq!(call(&endpoint, "notify", &json!({ "userId": "crm-7", "text": "for crm-7" })).await.0, 202);
    assert_eq!(endpoint.replies().last().map(String::as_str), Some("for crm-7"));
}

#[tokio::test]
async fn what_handle_output_returns_is_what_is_sent() {
    let hook = r"handleOutput: async ({ output, processedOutput, userId, sessionId }) => {
        if (processedOutput.to || processedOutput.recipient) throw new Error('an address');
        switch (output.text) {
            case 'same': return processedOutput;
            case 'text': return `${output.text} for ${userId}`;
            case 'nothing': return null;
            case 'raw': return { ...processedOutput, to: '15550100299', text: { body: 'raw, and to nobody else' } };
            case 'several': return [{ type: 'text', text: { body: 'one' } }, 'two'];
            case 'flow': return { text: 'from a flow', data: { _cognigy: { _default: { _quickReplies:
                { type: 'quick_replies', text: 'Pick', quickReplies: [{ id: 1, contentType: 'postback', payload: 'p', title: 'T' }] } } } } };
            case 'odd': return { neither: 1 };
            default: throw new Error(output.text);
        }
    }";
    let (endpoint, agent, _script) = with(hook, &[]).await;
    agent.will_say(&json!(["same", "text", "nothing", "raw", "several", "flow", "odd", "throws"]));
    endpoint.say("hello").await;
    let expected = [
        "same",
        &format!("text for {ADA}"),
        "raw, and to nobody else",
        "one",
        "two",
        "from a flow",
        "Pick",
        "odd",
        "throws",
    ];
    assert_eq!(endpoint.replies(), expected);
    assert!(endpoint.meta.calls().iter().all(|call| call["to"].is_null() || call["to"] == format!("+{ADA}")));
    assert_eq!(sent(&endpoint)[6]["action"]["buttons"][0]["reply"]["id"], "p");
}

#[tokio::test]
async fn data_of_a_flow_that_means_nothing_to_us_reaches_handle_output() {
    let (agent, url) = crate::support::agent::Agent::start().await;
    let path = std::env::temp_dir().join(format!("wa-transformer-{}.js", uuid::Uuid::now_v7()));
    let script = "createRestTransformer({ handleOutput: async ({ output }) => output.data.ticket ? `Ticket ${output.data.ticket}` : `${output.text}!` });";
    std::fs::write(&path, script).expect("a writable temporary folder");
    let script = Script(path);
    let file = script.0.display().to_string();
    let settings = [("AGENT_PROTOCOL", "cognigy"), ("AGENT_URL", url.as_str()), ("TRANSFORMER_FILE", &file)];
    let endpoint = Endpoint::start(&settings).await;
    let stack = json!([{ "text": "hello", "data": {} }, { "text": null, "data": { "ticket": 7 } }]);
    agent.will_answer(200, json!({ "outputStack": stack }));
    assert_eq!(endpoint.say("hello").await, ["hello!", "Ticket 7"]);
}

#[tokio::test]
async fn a_script_at_fault_changes_nothing_unless_the_operator_wants_the_turn_to_end() {
    let hooks = "handleInput: async ({ request }) => {
            const { body } = request.body.entry[0].changes[0].value.messages[0].text;
            const kept = await getSessionStorage('u', 's'); kept.body = body;
            if (body === 'throw') throw new Error('secret words');
            if (body === 'loop') for (;;) {}
            return { text: `${body} ${Object.keys(kept).length}` };
        }";
    let (endpoint, agent, _script) = with(hooks, &[("FALLBACK_TEXT", "sorry")]).await;
    agent.will_always_say(&json!(["said"]));
    for text in ["throw", "loop"] {
        assert_eq!(endpoint.say(text).await, ["said"]);
        assert_eq!(agent.questions().last().expect("asked")["text"], text, "as the person has written it");
    }
    let (endpoint, agent, _script) =
        with(hooks, &[("FALLBACK_TEXT", "sorry"), ("ABORT_ON_TRANSFORMER_ERROR", "true")]).await;
    agent.will_always_say(&json!(["said"]));
    for text in ["throw", "loop"] {
        assert_eq!(endpoint.say(text).await, ["sorry"]);
    }
    assert!(agent.questions().is_empty(), "the agent is not asked");
    assert_eq!(endpoint.say("hello").await, ["said"]);
    let hooks = "handleOutput: async () => { throw new Error(); }";
    let (endpoint, agent, _script) =
        with(hooks, &[("FALLBACK_TEXT", "sorry"), ("ABORT_ON_TRANSFORMER_ERROR", "true")]).await;
    agent.will_say(&json!(["one", "two"]));
    assert_eq!(endpoint.say("hello").await, ["sorry"], "once, and nobody is asked again");
}

#[tokio::test]
async fn a_storage_lasts_as_long_as_its_session_and_another_pair_is_shared() {
    let hooks = "handleInput: async ({ request }) => {
            const { from } = request.body.entry[0].changes[0].value.messages[0];
            const own = await getSessionStorage(from, globalThis.session ?? ''), shared = await getSessionStorage('KEYS', 'all');
            shared.count = (shared.count ?? 0) + 1;
            return { text: `shared ${shared.count}` };
        },
        handleOutput: async ({ userId, sessionId, output }) => {
            const own = await getSessionStorage(userId, sessionId);
            own.count = (own.count ?? 0) + 1;
            return `${output.text} ${own.count}`;
        }";
    let (endpoint, agent, _script) = with(hooks, &[]).await;
    agent.will_always_say(&json!(["own"]));
    for (count, minutes) in [(1, 0), (2, 1), (1, 31), (2, 1)] {
        endpoint.now.set(endpoint.now.get() + Duration::from_mins(minutes));
        assert_eq!(endpoint.say("hello").await, [format!("own {count}")]);
    }
    let texts: Vec<_> = agent.questions().iter().map(|question| question["text"].clone()).collect();
    assert_eq!(texts, ["shared 1", "shared 2", "shared 3", "shared 4"]);
}

#[tokio::test]
async fn what_other_systems_say_goes_through_handle_output_too() {
    let hooks = "handleInput: async () => ({ text: 'never for an inject' }), handleOutput: async ({ output }) => `<${output.text}>`";
    let (endpoint, agent, _script) = with(hooks, &[("OPT_OUT_WORDS", "STOP"), ("OPT_OUT_TEXT", "out")]).await;
    agent.will_always_say(&json!(["said"]));
    endpoint.say("hello").await;
    assert_eq!(call(&endpoint, "inject", &json!({ "userId": ADA, "text": "injected" })).await.0, 202);
    assert_eq!(agent.questions()[1]["text"], "injected");
    assert_eq!(call(&endpoint, "notify", &json!({ "userId": ADA, "text": "notice" })).await.0, 202);
    assert_eq!(endpoint.replies(), ["<said>", "<said>", "<notice>"]);
    assert_eq!(endpoint.say("STOP").await, ["out"], "our own words are ours");
}

#[tokio::test]
async fn the_hooks_of_a_call_see_it_after_its_key_and_answer_it() {
    let hooks = "handleInject: async ({ request, response, endpoint }) => {
            const { action, who } = request.body;
            if (request.headers['x-api-key'] || endpoint.URLToken) throw new Error('a key');
            if (action === 'end') return void response.status(201).set('X-A', 'b').json({ seen: request.query.q });
            if (action === 'throw') throw new Error('secret words');
            const shared = await getSessionStorage('calls', 'all'); shared.count = (shared.count ?? 0) + 1;
            if (action === 'page') response.type('html').send('<p>kept</p>');
            return { userId: who, text: `from a script ${shared.count}`, data: { action } };
        },
        handleNotify: async ({ request }) => ({ userId: request.body.to, text: request.body.message })";
    let (endpoint, agent, _script) = with(hooks, &[]).await;
    agent.will_always_say(&json!(["said"]));
    endpoint.say("hello").await;
    let post = async |path: &str, kind: &str, body: String| {
        let request = http::Request::post(path).header("x-api-key", crate::proactive::KEY).header("content-type", kind);
        endpoint.request(request.body(body.into()).expect("a request")).await
    };
    let json = "application/json";
    let ended = post("/inject?q=7", json, json!({ "action": "end" }).to_string()).await;
    assert_eq!((ended.status().as_u16(), ended.headers()["x-a"].to_str().expect("text")), (201, "b"));
    assert_eq!(ended.body(), r#"{"seen":"7"}"#);
    let taken = post("/inject", "application/x-www-form-urlencoded", format!("action=form&who=%2B{ADA}")).await;
    assert_eq!(taken.status(), 202, "{}", taken.body());
    let page = post("/inject", json, json!({ "action": "page", "who": ADA }).to_string()).await;
    assert_eq!((page.status().as_u16(), page.body().as_str()), (200, "<p>kept</p>"), "what was sent is the answer");
    let asked: Vec<_> =
        agent.questions()[1..].iter().map(|asked| (asked["text"].clone(), asked["data"]["inject"].clone())).collect();
    assert_eq!(
        asked,
        [
            (json!("from a script 1"), json!({ "action": "form" })),
            (json!("from a script 2"), json!({ "action": "page" }))
        ]
    );
    let noticed = post("/notify", json, json!({ "to": ADA, "message": "noticed" }).to_string()).await;
    assert_eq!(noticed.status(), 202, "{}", noticed.body());
    assert_eq!(endpoint.replies().last().map(String::as_str), Some("noticed"));
    // Without abort a body of ours passes on, another does not.
    let own = json!({ "action": "throw", "userId": ADA, "text": "own" }).to_string();
    assert_eq!(post("/inject", json, own).await.status(), 202);
    assert_eq!(agent.questions().last().expect("asked")["text"], "own");
    assert_eq!(post("/inject", json, json!({ "action": "throw" }).to_string()).await.status(), 400);
    let stranger =
        http::Request::post("/inject").body(json!({ "action": "end" }).to_string().into()).expect("a request");
    assert_eq!(endpoint.request(stranger).await.status(), 401);
    let (endpoint, _agent, _script) = with(hooks, &[("ABORT_ON_TRANSFORMER_ERROR", "true")]).await;
    let (status, _) = call(&endpoint, "inject", &json!({ "action": "throw", "userId": ADA, "text": "own" })).await;
    assert_eq!(status, 500);
}

#[tokio::test]
async fn the_names_that_a_script_gives_are_names_for_other_systems_too() {
    let hooks = "handleInput: async ({ request }) => {
            const { body } = request.body.entry[0].changes[0].value.messages[0].text;
            return body === 'hello' ? {} : { userId: `crm-${body}`, sessionId: `case-${body}` };
        }";
    let (endpoint, agent, _script) = with(hooks, &[]).await;
    agent.will_always_say(&json!(["said"]));
    for text in ["hello", "7", "8"] {
        endpoint.say(text).await;
    }
    for (session, status) in [("case-8", 202), ("case-7", 409)] {
        let inject = json!({ "userId": "crm-8", "text": "paid", "sessionId": session });
        assert_eq!(call(&endpoint, "inject", &inject).await.0, status, "{session}");
    }
    assert_eq!(call(&endpoint, "notify", &json!({ "userId": "crm-8", "text": "hi" })).await.0, 202);
}
