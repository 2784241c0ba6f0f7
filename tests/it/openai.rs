//! A language model through the whole turn.

use serde_json::{Value, json};

use crate::support::{
    endpoint::{ADA, Endpoint, Person, signed, webhook},
    model::{End, Model, chunk, response},
    project,
};

/// The beginning of a picture, which is enough for everybody here.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n a very small picture";

async fn start(path: &str, settings: &[(&str, &str)]) -> (Endpoint, Model) {
    let (model, url) = Model::start().await;
    let url = format!("{url}{path}");
    let ours =
        [("AGENT_PROTOCOL", "openai"), ("AGENT_URL", &url), ("AGENT_MODEL", "small-1"), ("AGENT_TIMEOUT_SECONDS", "1")];
    let settings: Vec<_> = ours.iter().chain(settings).copied().collect();
    (Endpoint::start(&settings).await, model)
}

/// Delivers a message that has no answer yet; returns the status and the replies.
async fn deliver(endpoint: &Endpoint, text: &str) -> (u16, Vec<String>) {
    let status = endpoint.deliver(&webhook([endpoint.message(&Person(ADA), text)])).await;
    (status, endpoint.replies())
}

#[tokio::test]
async fn a_chat_goes_on_with_all_that_was_said_and_the_instructions_first() {
    let instructions = ("AGENT_INSTRUCTIONS", "Be brief with {name}, in {locale}.");
    let (endpoint, model) = start("/v1", &[instructions, ("AGENT_LOCALE", "en-GB")]).await;
    endpoint.change_secret(&[("agent_token", "agent-secret")]);
    model.will_answer(401, json!({}));
    assert_eq!(endpoint.say("one").await, ["one!"]);
    assert_eq!(endpoint.say("two").await, ["two!"]);
    let asked = model.asked().split_off(1);
    assert_eq!(asked[1].path, "/v1/chat/completions");
    assert_eq!(
        asked[1].body["messages"],
        json!([
            { "role": "system", "content": "Be brief with Ada Example, in en-GB." },
            { "role": "user", "content": "one" },
            { "role": "assistant", "content": "one!" },
            { "role": "user", "content": "two" },
        ])
    );
    assert_eq!((&asked[0].body["model"], &asked[0].body["stream"]), (&json!("small-1"), &json!(true)));
    assert_eq!(asked[0].headers["authorization"], "Bearer agent-secret");
    assert_ne!(asked[0].headers["idempotency-key"], asked[1].headers["idempotency-key"]);
    let user = asked[0].body["user"].as_str().expect("a name");
    assert!(user.len() == 32 && !user.contains(ADA) && asked[1].body["user"] == user);
    assert!(asked[0].body.get("temperature").is_none());
}

#[tokio::test]
async fn an_azure_deployment_needs_no_model_and_takes_the_key_in_a_header() {
    let (model, url) = Model::start().await;
    let url = format!("{url}/openai/deployments/mine/chat/completions?api-version=2024-10-21");
    let settings = [("AGENT_PROTOCOL", "openai"), ("AGENT_URL", url.as_str()), ("AGENT_AUTH", "header:api-key")];
    let endpoint = Endpoint::start(&settings).await;
    endpoint.change_secret(&[("agent_token", "azure-key")]);
    model.will_answer(401, json!({}));
    assert_eq!(endpoint.say("hello").await, ["hello!"]);
    let asked = model.asked().remove(1);
    assert_eq!(asked.path, "/openai/deployments/mine/chat/completions?api-version=2024-10-21");
    assert_eq!(asked.headers["api-key"], "azure-key");
    assert!(asked.body.get("model").is_none() && !asked.headers.contains_key("authorization"));
}

#[tokio::test]
async fn responses_go_on_from_the_last_one_and_begin_anew_when_the_server_has_forgotten_it() {
    let (endpoint, model) = start("/v1/responses", &[("AGENT_INSTRUCTIONS", "Be brief.")]).await;
    assert_eq!(endpoint.say("one").await, ["one!"]);
    assert_eq!(endpoint.say("two").await, ["two!"]);
    let second = model.last();
    assert_eq!((&second["previous_response_id"], &second["instructions"]), (&json!("resp_one"), &json!("Be brief.")));
    assert_eq!(second["input"], json!([{ "role": "user", "content": [{ "type": "input_text", "text": "two" }] }]));
    let unknown = json!({ "error": { "code": "previous_response_not_found", "message": "resp_two" } });
    model.will_answer(400, unknown.clone());
    assert_eq!(endpoint.say("three").await, ["three!"], "in the same turn");
    assert_eq!(model.asked()[2].body["previous_response_id"], "resp_two");
    assert!(model.last().get("previous_response_id").is_none());
    endpoint.say("four").await;
    assert_eq!(model.last()["previous_response_id"], "resp_three");
    model.will_answer(200, response("resp_9", "in one piece"));
    assert_eq!(endpoint.say("five").await, ["in one piece"]);
    model.will_stream(&[json!({ "type": "error", "error": unknown["error"] })], End::Closed);
    assert_eq!(endpoint.say("six").await, ["six!"], "also when the server finds out late");
    assert!(model.last().get("previous_response_id").is_none());
}

#[tokio::test]
async fn an_answer_that_is_cut_off_is_used_as_far_as_it_has_come() {
    for end in [End::Broken, End::Silent, End::Closed] {
        let (endpoint, model) = start("/v1", &[]).await;
        model.will_stream(&[chunk("The first half", None), chunk(" and ", None)], end);
        assert_eq!(endpoint.say("talk").await, ["The first half and…"], "{end:?}");
        endpoint.say("go on").await;
        assert_eq!(model.last()["messages"][1]["content"], "The first half and…", "{end:?}");
        // Without a word of an answer there is nothing to lose, and the turn is done again.
        model.will_stream(&[chunk(" ", None)], end);
        assert_eq!(deliver(&endpoint, "again").await.0, 503, "{end:?}");
    }
}

#[tokio::test]
async fn a_response_that_is_cut_off_or_fails_is_not_gone_on_from() {
    let (endpoint, model) = start("/v1/responses", &[]).await;
    endpoint.say("one").await;
    let delta = |words: &str| json!({ "type": "response.output_text.delta", "output_index": 0, "delta": words });
    let failed = json!({ "id": "resp_failed", "status": "failed", "error": { "code": "server_error" }, "output": [] });
    model.will_stream(&[delta("Half an"), delta(" answer")], End::Broken);
    assert_eq!(endpoint.say("two").await, ["Half an answer…"]);
    model.will_stream(&[delta("Half"), json!({ "type": "response.failed", "response": failed })], End::Closed);
    assert_eq!(endpoint.say("three").await, ["Half…"]);
    let message = webhook([endpoint.message(&Person(ADA), "four")]);
    model.will_answer(200, failed.clone());
    model.will_stream(&[json!({ "type": "response.failed", "response": failed })], End::Closed);
    model.will_stream(&[json!({ "type": "error", "code": "rate_limit_exceeded", "message": "a secret" })], End::Closed);
    for round in 0..3 {
        assert_eq!(endpoint.deliver(&message).await, 503, "round {round}");
    }
    assert_eq!(endpoint.deliver(&message).await, 200);
    assert_eq!(model.last()["previous_response_id"], "resp_one");
}

#[tokio::test]
async fn a_stream_that_stays_open_after_its_end_is_not_waited_for() {
    let (endpoint, model) = start("/v1", &[("AGENT_TIMEOUT_SECONDS", "60")]).await;
    let words = [format!("data: {}\n\n", chunk("whole", Some("stop"))), "data: [DONE]\n\n".to_owned()];
    model.will_send(words.to_vec(), End::Silent);
    assert_eq!(endpoint.say("talk").await, ["whole"]);
}

#[tokio::test]
async fn a_truncated_answer_says_so_and_a_refusal_is_said() {
    let (endpoint, model) = start("/v1", &[]).await;
    let whole = |message: Value, reason: &str| json!({ "choices": [{ "message": message, "finish_reason": reason }] });
    model.will_answer(200, whole(json!({ "content": "It is long and" }), "length"));
    model.will_answer(200, whole(json!({ "content": "It is" }), "content_filter"));
    model.will_answer(200, whole(json!({ "content": null, "refusal": "I cannot help with that." }), "stop"));
    model.will_answer(200, whole(json!({ "content": [{ "type": "text", "text": "in parts" }] }), "stop"));
    for expected in ["It is long and…", "It is…", "I cannot help with that.", "in parts"] {
        assert_eq!(endpoint.say("talk").await, [expected]);
    }
    let (endpoint, model) = start("/responses", &[]).await;
    let refusal = json!({ "type": "message", "content": [{ "type": "refusal", "refusal": "No." }] });
    let mut incomplete = response("resp_1", "Half");
    incomplete["status"] = json!("incomplete");
    incomplete["incomplete_details"] = json!({ "reason": "max_output_tokens" });
    model.will_stream(&[json!({ "type": "response.incomplete", "response": incomplete })], End::Closed);
    model.will_answer(200, json!({ "id": "resp_2", "status": "completed", "output": [refusal] }));
    assert_eq!(endpoint.say("talk").await, ["Half…"]);
    assert_eq!(endpoint.say("talk").await, ["No."]);
}

#[tokio::test]
async fn an_answer_without_words_is_asked_for_again() {
    let (endpoint, model) = start("/v1", &[]).await;
    let message = webhook([endpoint.message(&Person(ADA), "hello")]);
    let call = json!([{ "id": "call_1", "type": "function", "function": { "name": "x", "arguments": "{}" } }]);
    let delta = json!({ "choices": [{ "delta": { "tool_calls": call }, "finish_reason": "tool_calls" }] });
    model.will_stream(&[delta], End::Closed);
    model.will_stream(&[chunk("", Some("length"))], End::Closed);
    model.will_stream(&[json!({ "error": { "message": "overloaded", "type": "server_error" } })], End::Closed);
    for body in [json!({}), json!({ "choices": [] }), json!({ "error": { "message": "no" } }), json!([1])] {
        model.will_answer(200, body);
    }
    for status in [502, 429, 500] {
        model.will_answer(status, json!({ "error": { "message": "a secret" } }));
    }
    model.will_send(vec!["data: {\"choices\":\n\n".to_owned()], End::Closed);
    model.will_send(vec!["data: no JSON\n\n".to_owned()], End::Closed);
    for round in 0..4 {
        assert_eq!(endpoint.deliver(&message).await, 503, "round {round}");
    }
    for text in ["two", "three"] {
        let message = webhook([endpoint.message(&Person(ADA), text)]);
        for round in 0..4 {
            assert_eq!(endpoint.deliver(&message).await, 503, "{text} {round}");
        }
    }
    assert_eq!(endpoint.replies(), [""; 0]);
    assert_eq!(endpoint.say("four").await, ["four!"]);
    let roles = model.last()["messages"].as_array().expect("messages").len();
    assert_eq!(roles, 1, "what was not answered is not in the history");
}

#[tokio::test]
async fn a_stream_without_end_is_ended() {
    let (endpoint, model) = start("/v1", &[("AGENT_TIMEOUT_SECONDS", "20")]).await;
    let huge = format!("data: {}\n\n", chunk(&"word ".repeat(200_000), None));
    model.will_send(vec![huge; 2], End::Silent);
    assert_eq!(deliver(&endpoint, "talk").await, (503, Vec::new()));
}

#[tokio::test]
async fn every_kind_of_message_is_told_in_words() {
    let mut told = serde_json::Map::new();
    for kind in [
        "image",
        "audio",
        "audio_voice",
        "video",
        "document",
        "sticker",
        "location",
        "contacts",
        "contacts_contact_request",
        "order",
        "interactive_list_reply",
        "interactive_nfm_reply_flow",
        "interactive_nfm_reply_address",
        "interactive_call_permission_accept",
        "interactive_new_type",
        "image_without_id",
        "unknown_with_errors",
        "button_template_quick_reply",
        "text_reply",
        "text_forwarded",
        "text_referral_ctwa",
        "text_referred_product",
        "unknown_type",
        "unsupported_poll",
        "reaction",
        "reaction_removed",
        "edit_text",
        "revoke",
        "system_user_changed_number",
    ] {
        let (endpoint, model) = start("/v1", &[("ALSO_ANSWER", "reaction,edit,revoke,system")]).await;
        let body = std::fs::read_to_string(project(&format!("tests/fixtures/inbound/{kind}.json"))).expect("a fixture");
        let signature = signed(&body);
        assert_eq!(endpoint.post(body, Some(&signature)).await.status(), 200, "{kind}");
        told.insert(kind.to_owned(), model.last()["messages"][0]["content"].clone());
    }
    insta::assert_json_snapshot!(told);
}

#[tokio::test]
async fn a_picture_goes_along_and_a_model_that_cannot_see_is_told_in_words() {
    let (endpoint, model) = start("/v1", &[]).await;
    endpoint.meta.keep_media("710000000000001", "image/png", PNG);
    let picture = || {
        let mut message = endpoint.message(&Person(ADA), "");
        message["type"] = json!("image");
        message["image"] = json!({ "id": "710000000000001", "mime_type": "image/png", "caption": "what is this?" });
        webhook([message])
    };
    assert_eq!(endpoint.deliver(&picture()).await, 200);
    let content = model.asked()[0].body["messages"][0]["content"].clone();
    let url = content[1]["image_url"]["url"].as_str().expect("a picture");
    assert!(url.starts_with("data:image/png;base64,iVBOR") && content[0]["text"].to_string().contains("what is this?"));

    model.will_answer(400, json!({ "error": { "message": "this model takes no images" } }));
    assert_eq!(endpoint.deliver(&picture()).await, 200);
    let asked = model.asked();
    assert!(asked[1].body.to_string().contains("data:image/png"));
    let again = asked[2].body["messages"].to_string();
    assert!(
        again.contains("what is this?") && !again.contains("base64"),
        "nor does the history keep pictures: {again}"
    );

    let mut gone = picture();
    gone["entry"][0]["changes"][0]["value"]["messages"][0]["image"]["id"] = json!("710000000000009");
    assert_eq!(endpoint.deliver(&gone).await, 200, "a picture that Meta does not have is told in words as well");
}

#[tokio::test]
async fn thoughts_reach_neither_the_person_nor_the_next_question() {
    let (endpoint, model) = start("/v1", &[]).await;
    let thoughts = ["<think>\nThey must not hear of ", "SECRET42.\n</think>", "\n\nHello! How can I help?"];
    let events: Vec<_> = thoughts.iter().map(|words| chunk(words, None)).chain([chunk("", Some("stop"))]).collect();
    model.will_stream(&events, End::Closed);
    assert_eq!(endpoint.say("hello").await, ["Hello! How can I help?"]);
    endpoint.say("and now").await;
    assert!(!model.last().to_string().contains("SECRET42"));
    model.will_stream(&[chunk("<think>nothing else</think>", Some("stop"))], End::Closed);
    assert_eq!(deliver(&endpoint, "again").await.0, 503, "only thoughts are no answer");
}

#[tokio::test]
async fn an_answer_is_read_however_a_server_writes_it() {
    let whole = json!({ "choices": [{ "message": { "content": "Hello" }, "finish_reason": "stop" }], "error": {} });
    let halves = r#"data: {"choices":[{"delta":{"content":"Great \ud83d"}}]}

data: {"choices":[{"delta":{"content":"\ude00 done"}}]}

data: [DONE]"#;
    for (media_type, body, said) in [
        ("text/event-stream", halves.to_owned(), "Great 😀 done"),
        ("Text/Event-Stream", format!("data: {}\n\n", chunk("Hello", Some("stop"))), "Hello"),
        ("application/json", format!(": ping\n\ndata: {}\n\ndata: [DONE]\n\n", chunk("Hello", None)), "Hello"),
        ("text/event-stream", format!("\u{FEFF}data: {whole}\n\n"), "Hello"),
        ("text/event-stream", whole.to_string(), "Hello"),
        ("application/json", format!("\u{FEFF}{whole}"), "Hello"),
        ("text/event-stream", format!("data: {}\r\rdata: [DONE]\r\r", chunk("Hello", None)), "Hello"),
        ("text/event-stream", format!("data: {}\n\n", chunk("Hello", Some(""))), "Hello…"),
    ] {
        let (endpoint, model) = start("/v1", &[]).await;
        model.will_send_as(media_type, body.clone());
        assert_eq!(endpoint.say("hello").await, [said], "{body}");
    }
}

#[tokio::test]
async fn a_model_that_takes_less_is_asked_with_less_of_what_was_said_before() {
    let (endpoint, model) = start("/v1", &[]).await;
    for turn in 0..8 {
        model.will_answer(
            200,
            json!({ "choices": [{ "message": { "content": format!("{turn} {}", "long ".repeat(100)) } }] }),
        );
        endpoint.say("tell me more").await;
    }
    model.will_take(1500);
    assert_eq!(endpoint.say("ok thanks").await, ["ok thanks!"], "in the same turn");
    let kept = model.last();
    assert!(kept["messages"].as_array().expect("messages").len() >= 3, "half of it is enough: {kept}");
    let asked = model.asked().len();
    assert_eq!(endpoint.say("bye").await, ["bye!"]);
    assert_eq!(model.asked().len(), asked + 1, "what was forgotten stays so");
    // Even the question alone is too much.
    model.will_take(150);
    assert_eq!(endpoint.say(&"x".repeat(500)).await, [""; 0], "to ask again cannot help");
}

#[tokio::test]
async fn what_a_filter_refuses_is_final_at_once() {
    let fallback = ("FALLBACK_TEXT", "Sorry, I cannot answer that.");
    for path in ["/v1", "/v1/responses"] {
        let (endpoint, model) = start(path, &[fallback]).await;
        endpoint.say("hello").await;
        let refusal = json!({ "error": { "code": "content_filter", "message": "hello again", "status": 400 } });
        model.will_answer(400, refusal);
        assert_eq!(endpoint.say("hello again").await, ["Sorry, I cannot answer that."], "{path}");
        assert_eq!(model.asked().len(), 2, "{path}");
    }
}
