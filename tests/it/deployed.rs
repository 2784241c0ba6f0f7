//! The deployed truth: the package that `sam build` made, deployed from `template.yaml`, answering through API Gateway and SQS.

mod kinds;
mod proactive;

use std::time::Duration;

use serde_json::{Value, json};
use whatsapp_endpoint::{
    conversation::ConversationId,
    credentials::Secret,
    simulator::{DEVELOPMENT_API_KEY, DEVELOPMENT_SECRET, FeedEvent},
    whatsapp::signature::{HEADER, sign},
};

use crate::support::{
    endpoint::{NUMBER, replies, signed, webhook},
    eventually, now,
    stack::{DELAY, Stack, deploy, run},
};

#[tokio::test]
async fn the_stack_of_the_template_answers_whatsapp_messages() {
    let stack = deploy().await;
    let verify_token = a_fresh_stack_can_be_connected_with_the_verify_token_it_made(&stack).await;
    the_secret_is_filled_in_without_a_deployment(&stack, &verify_token).await;
    what_is_not_metas_is_refused(&stack).await;
    a_text_is_answered_by_the_agent_after_a_read_receipt(&stack).await;
    a_repeat_changes_nothing(&stack).await;
    a_batch_is_answered_in_order_per_person(&stack).await;
    a_message_too_large_for_the_queue_is_answered_all_the_same(&stack).await;
    the_delay_is_kept_between_two_replies(&stack).await;
    a_rotated_token_is_picked_up(&stack, &verify_token).await;
    a_new_session_begins_after_the_expiration(&stack).await;
    kinds::a_person_without_a_number_is_answered_and_keeps_the_session_under_a_new_name(&stack).await;
    kinds::rich_outputs_go_out_in_their_native_form(&stack).await;
    kinds::forms_taps_and_voice_messages_reach_the_agent(&stack).await;
    proactive::other_systems_speak_to_the_agent_and_the_person_in_order(&stack).await;
    a_job_that_failed_comes_again_soon(&stack).await;
    what_cannot_be_done_is_in_the_dead_letter_queue_with_its_reason(&stack).await;
    cargo_lambda_deploys_the_same_package_without_a_queue(&stack).await;
    a_queue_that_refuses_makes_meta_repeat(&stack).await;
    the_logs_tell_what_happened_and_no_secret_and_no_message(&stack, &verify_token).await;
}

async fn a_fresh_stack_can_be_connected_with_the_verify_token_it_made(stack: &Stack) -> String {
    let secret = stack.secret().await;
    let verify_token = secret["verify_token"].as_str().expect("generated").to_owned();
    assert!(verify_token.len() >= 32 && secret["access_token"] == "");
    let encoded: String = url::form_urlencoded::byte_serialize(verify_token.as_bytes()).collect();
    let query = format!("hub.mode=subscribe&hub.challenge=%F0%9F%91%8B%20a%26b&hub.verify_token={encoded}");
    assert_eq!(stack.get(&query).await, (200, "👋 a&b".to_owned()));
    verify_token
}

async fn the_secret_is_filled_in_without_a_deployment(stack: &Stack, verify_token: &str) {
    stack.put_secret(&[("verify_token", verify_token)]).await;
    let body = webhook([]).to_string();
    assert_eq!(stack.post(&body, Some(&signed(&body))).await.0, 200, "the warm instance has read the secret again");
}

async fn what_is_not_metas_is_refused(stack: &Stack) {
    let body = webhook([message("refused", "15550100001", "zebra refused")]).to_string();
    let wrong = sign(&Secret::from("another".to_owned()), body.as_bytes());
    for (body, signature) in
        [(body.clone(), None), (body.clone(), Some(&wrong)), (body.replace("zebra", "horse"), Some(&signed(&body)))]
    {
        assert_eq!(stack.post(&body, signature.map(String::as_str)).await.0, 401);
    }
    let status = async |method: &str, path: &str| {
        let method = method.parse().expect("a method");
        stack.request(method, path).send().await.expect("an answer").status().as_u16()
    };
    assert_eq!(
        (status("GET", "/nowhere").await, status("PUT", "/webhook").await, status("GET", "/a%20b").await),
        (404, 405, 404)
    );
    assert_eq!((status("POST", "/agent/reply").await, status("GET", "/agent/reply").await), (401, 405));
    assert_eq!(stack.get("hub.mode=subscribe&hub.challenge=1&hub.verify_token=wrong").await.0, 403);
    assert!(stack.agent.asked().is_empty() && stack.meta.calls().is_empty());
}

async fn a_text_is_answered_by_the_agent_after_a_read_receipt(stack: &Stack) {
    stack.deliver([message("text", "15550100002", "zebra hello")]).await;
    assert_eq!(stack.replies("+15550100002", 1).await, ["zebra hello!"]);
    let calls = stack.meta.calls();
    assert_eq!((&calls[0]["status"], &calls[0]["typing_indicator"]["type"]), (&json!("read"), &json!("text")));
    let asked = &stack.agent.asked()[0];
    assert_eq!(
        (&asked.body["userId"], &asked.body["data"]["whatsapp"]["id"]),
        (&json!("15550100002"), &json!("wamid.DEPLOYEDtext=="))
    );
}

async fn a_repeat_changes_nothing(stack: &Stack) {
    let first = message("repeat", "15550100003", "zebra once");
    for _ in 0..3 {
        stack.deliver([first.clone()]).await;
    }
    // Whatever the repeats would have done is done before the next message of the same person.
    stack.deliver([message("after", "15550100003", "zebra after")]).await;
    assert_eq!(stack.replies("+15550100003", 2).await, ["zebra once!", "zebra after!"]);
    let asked = stack.agent.heard().into_iter().filter(|text| text == "zebra once").count();
    assert_eq!(asked, 1);
}

async fn a_batch_is_answered_in_order_per_person(stack: &Stack) {
    let batch = [
        message("b1", "15550100004", "zebra one"),
        message("b2", "15550100005", "zebra other"),
        message("b3", "15550100004", "zebra two"),
    ];
    stack.deliver(batch).await;
    assert_eq!(stack.replies("+15550100004", 2).await, ["zebra one!", "zebra two!"]);
    assert_eq!(stack.replies("+15550100005", 1).await, ["zebra other!"]);
}

async fn a_message_too_large_for_the_queue_is_answered_all_the_same(stack: &Stack) {
    stack.agent.will_say(&["zebra long"]);
    stack.deliver([message("long", "15550100011", &"zebra ".repeat(50_000))]).await;
    assert_eq!(stack.replies("+15550100011", 1).await, ["zebra long"]);
}

async fn the_delay_is_kept_between_two_replies(stack: &Stack) {
    stack.agent.will_say(&["zebra first", "zebra second"]);
    stack.deliver([message("delay", "15550100006", "zebra two please")]).await;
    assert_eq!(stack.replies("+15550100006", 2).await, ["zebra first", "zebra second"]);
    let at = |words: &str| {
        let bubbles = stack
            .meta
            .feed()
            .into_iter()
            .filter_map(|line| if let FeedEvent::Bubble(bubble) = line { Some(bubble) } else { None });
        bubbles.into_iter().find(|bubble| bubble.text.as_deref() == Some(words)).expect("shown").at
    };
    assert!(at("zebra second").duration_since(at("zebra first")) >= DELAY);
}

async fn a_rotated_token_is_picked_up(stack: &Stack, verify_token: &str) {
    stack.put_secret(&[("verify_token", verify_token), ("access_token", "EAAROTATEDTOKEN")]).await;
    stack.meta.rotate_token("EAAROTATEDTOKEN");
    stack.deliver([message("rotated", "15550100007", "zebra rotated")]).await;
    assert_eq!(stack.replies("+15550100007", 1).await, ["zebra rotated!"]);
}

async fn a_new_session_begins_after_the_expiration(stack: &Stack) {
    let person = "15550100008";
    stack.deliver([message("s1", person, "zebra s1")]).await;
    stack.replies("+15550100008", 1).await;
    stack.deliver([message("s2", person, "zebra s2")]).await;
    stack.replies("+15550100008", 2).await;
    stack.let_pass(person, Duration::from_mins(31)).await;
    stack.deliver([message("s3", person, "zebra s3")]).await;
    stack.replies("+15550100008", 3).await;
    let asked = stack.agent.asked().into_iter().filter(|asked| asked.body["userId"] == person);
    let [first, second, third] = &asked.map(|asked| asked.body).collect::<Vec<_>>()[..] else {
        panic!("three questions")
    };
    assert_eq!(first["sessionId"], second["sessionId"]);
    assert_ne!(second["sessionId"], third["sessionId"]);
    assert_eq!((&second["data"]["newSession"], &third["data"]["newSession"]), (&json!(false), &json!(true)));
}

async fn a_job_that_failed_comes_again_soon(stack: &Stack) {
    stack.agent.will_answer(500, json!({}));
    stack.deliver([message("again", "15550100012", "zebra again")]).await;
    // Well before the visibility timeout of the queue, which is 150 s.
    assert_eq!(stack.replies("+15550100012", 1).await, ["zebra again!"]);
}

async fn what_cannot_be_done_is_in_the_dead_letter_queue_with_its_reason(stack: &Stack) {
    let id = ConversationId { number: NUMBER.into(), user: "15550100013".into() };
    let poison = aws_sdk_sqs::Client::new(&stack.aws)
        .send_message()
        .queue_url(&stack.outputs["QueueUrl"])
        .message_body("zebra poison");
    poison.message_group_id(id.group()).message_deduplication_id("poison").send().await.expect("taken");
    let mut late = message("late", "15550100013", "zebra late");
    late["timestamp"] = json!((now().as_second() - 25 * 3600).to_string());
    let mut odd = message("odd", "1", "zebra odd");
    odd["from"] = json!("1");
    stack.deliver([late, odd, message("behind", "15550100013", "zebra behind")]).await;
    assert_eq!(stack.replies("+15550100013", 1).await, ["zebra behind!"], "nobody waits for what cannot be done");
    let tag = stack.meta.calls().pop().expect("a call")["biz_opaque_callback_data"].clone();
    let error = json!({ "code": 131_026, "title": "Message undeliverable" });
    let status = json!({ "id": "wamid.X", "status": "failed", "biz_opaque_callback_data": tag, "errors": [error] });
    let value = json!({ "metadata": { "phone_number_id": NUMBER }, "statuses": [status] });
    let body = json!({ "entry": [{ "changes": [{ "field": "messages", "value": value }] }] }).to_string();
    assert_eq!(stack.post(&body, Some(&signed(&body))).await.0, 200);

    let letters = async || {
        let printed = stack.wa(&["dead-letters"]);
        assert!(!printed.contains("zebra") && !printed.contains("155501"), "{printed}");
        printed.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON")).collect::<Vec<_>>()
    };
    let all =
        eventually("four dead letters", async || Some(letters().await).filter(|letters| letters.len() == 4)).await;
    let with =
        |reason: &str| all.iter().find(|letter| letter["reason"].as_str().is_some_and(|told| told.contains(reason)));
    assert_eq!(with("not a job").expect("the record")["record"], "12 bytes");
    assert!(with("older than 24 hours").expect("the late message")["turn"].is_string());
    assert_eq!(with("Graph refused").expect("the reply")["code"], 131_009);
    let undelivered = with("not delivered").expect("the status");
    assert_eq!((&undelivered["code"], &undelivered["class"]), (&json!(131_026), &json!("user")));

    let printed = stack.wa(&["redrive", "--queue-url", &stack.outputs["QueueUrl"]]);
    assert!(printed.starts_with("1 jobs are back in the queue; 3 letters stay"), "{printed}");
    eventually("the late message is given up once more", async || {
        Some(letters().await).filter(|letters| letters.len() == 4)
    })
    .await;
}

async fn cargo_lambda_deploys_the_same_package_without_a_queue(stack: &Stack) {
    let mut command = stack.tool("cargo-lambda");
    command.args([
        "lambda",
        "deploy",
        "without-queue",
        "--binary-name",
        "whatsapp-endpoint",
        "--enable-function-url",
        "--output-format",
        "json",
    ]);
    let variables = [
        ("WHATSAPP_SECRET_ID", stack.outputs["SecretId"].as_str()),
        ("TABLE_NAME", &stack.outputs["TableName"]),
        ("GRAPH_BASE_URL", &stack.meta_url),
        ("AGENT_PROTOCOL", "cognigy"),
        ("AGENT_URL", &stack.agent_url),
    ];
    for (name, value) in variables {
        command.arg("--env-var").arg(format!("{name}={value}"));
    }
    let printed = run(command);
    // Its progress stands before the JSON.
    let json = printed.find('{').map(|start| &printed[start..]);
    let deployed: Value =
        serde_json::from_str(json.unwrap_or_default()).unwrap_or_else(|_| panic!("no JSON: {printed}"));
    let url =
        deployed["url"].as_str().or(deployed["function_url"].as_str()).unwrap_or_else(|| panic!("a URL in {deployed}"));
    let host =
        url.trim_start_matches("https://").trim_start_matches("http://").split('/').next().expect("a host").to_owned();
    let body = webhook([message("direct", "15550100009", "zebra direct")]).to_string();
    let request = stack.client.post(format!("http://127.0.0.1:{}/webhook", stack.port)).header("host", host);
    let response =
        request.header("content-type", "application/json").header(HEADER, signed(&body)).body(body).send().await;
    assert_eq!(response.expect("an answer").status(), 200);
    assert_eq!(
        replies(&stack.meta.calls(), Some("+15550100009")),
        ["zebra direct!"],
        "answered before the webhook was"
    );
}

async fn a_queue_that_refuses_makes_meta_repeat(stack: &Stack) {
    let queue = &stack.outputs["QueueUrl"];
    aws_sdk_sqs::Client::new(&stack.aws).delete_queue().queue_url(queue).send().await.expect("deleted");
    let body = webhook([message("refused", "15550100010", "zebra refused")]).to_string();
    assert_eq!(stack.post(&body, Some(&signed(&body))).await.0, 503);
    let notice = json!({ "userId": "+15550100051", "text": "zebra refused" });
    assert_eq!(proactive::call(stack, "/notify", Some("development-api-key"), "late", &notice).await.0, 503);
    let nothing = webhook([]).to_string();
    assert_eq!(stack.post(&nothing, Some(&signed(&nothing))).await.0, 200, "what needs no queue is acknowledged");
}

async fn the_logs_tell_what_happened_and_no_secret_and_no_message(stack: &Stack, verify_token: &str) {
    let logs = eventually("the logs are complete", async || {
        let logs = stack.logs().await;
        logs.contains("the queue did not take")
            .then_some(())
            .or(logs.contains("webhook refused: Meta repeats it").then_some(()))?;
        Some(logs)
    })
    .await;
    for expected in ["\"turn\"", "handshake", "webhook refused", "\"outcome\":\"answered\"", "the secret has changed"] {
        assert!(logs.contains(expected), "{expected} is not in the logs:\n{logs}");
    }
    let secret: Value = serde_json::from_str(DEVELOPMENT_SECRET).expect("JSON");
    let mut hidden = vec![
        DEVELOPMENT_API_KEY,
        "zebra",
        "EAAROTATEDTOKEN",
        "155501000",
        "Ada Example",
        verify_token,
        "appsecret_proof",
    ];
    hidden.extend(["access_token", "app_secret"].map(|name| secret[name].as_str().expect("text")));
    for hidden in hidden {
        let line = logs.lines().find(|line| line.contains(hidden));
        assert!(line.is_none(), "a log line shows what it must not: {}", line.unwrap_or_default());
    }
}

fn message(id: &str, from: &str, text: &str) -> Value {
    let timestamp = now().as_second().to_string();
    json!({ "from": from, "id": format!("wamid.DEPLOYED{id}=="), "timestamp": timestamp, "type": "text", "text": { "body": text } })
}
