//! What is more than a text between a number and a number, on the deployed stack.

use serde_json::{Value, json};

use super::message;
use crate::support::{project, stack::Stack};

const BSUID: &str = "US.90000000000000000041";
const NEXT_BSUID: &str = "US.90000000000000000042";

pub async fn a_person_without_a_number_is_answered_and_keeps_the_session_under_a_new_name(stack: &Stack) {
    stack.deliver([from(BSUID, "k1", "zebra hidden")]).await;
    assert_eq!(stack.replies(BSUID, 1).await, ["zebra hidden!"]);
    let mut notice = message("k2", "", "");
    notice.as_object_mut().expect("an object").remove("from");
    notice["type"] = json!("system");
    notice["system"] = json!({ "type": "user_changed_user_id", "user_id": NEXT_BSUID, "previous_user_id": BSUID });
    stack.deliver([notice]).await;
    stack.deliver([from(NEXT_BSUID, "k3", "zebra renamed")]).await;
    assert_eq!(stack.replies(NEXT_BSUID, 1).await, ["zebra renamed!"]);
    let sessions: Vec<_> = stack.agent.asked().into_iter().filter(|asked| asked.body["userId"] == BSUID).collect();
    assert!(sessions.len() == 2 && sessions[0].body["sessionId"] == sessions[1].body["sessionId"], "{sessions:?}");
}

pub async fn rich_outputs_go_out_in_their_native_form(stack: &Stack) {
    let items = ["gallery", "list", "image"].map(fixture);
    stack.agent.will_answer(200, json!({ "outputStack": items }));
    stack.deliver([message("k4", "15550100041", "zebra shop")]).await;
    stack.replies("+15550100041", 3).await;
    let calls = stack.meta.calls().into_iter().filter(|call| call["type"].is_string() && call["to"] == "+15550100041");
    let kinds: Vec<_> =
        calls.map(|call| call["interactive"]["type"].as_str().or(call["type"].as_str()).map(str::to_owned)).collect();
    assert_eq!(kinds, ["carousel", "list", "image"].map(|kind| Some(kind.to_owned())));
}

pub async fn forms_taps_and_voice_messages_reach_the_agent(stack: &Stack) {
    for (kind, id) in [("interactive_nfm_reply_flow", "k5"), ("interactive_list_reply", "k6"), ("audio_voice", "k7")] {
        let path = project(&format!("tests/fixtures/inbound/{kind}.json"));
        let webhook: Value = serde_json::from_str(&std::fs::read_to_string(path).expect("a fixture")).expect("JSON");
        let mut sent = webhook["entry"][0]["changes"][0]["value"]["messages"][0].clone();
        let head = message(id, "15550100042", "");
        for name in ["from", "id", "timestamp"] {
            sent[name] = head[name].clone();
        }
        sent["from_user_id"] = Value::Null;
        stack.deliver([sent]).await;
    }
    stack.replies("+15550100042", 3).await;
    let asked: Vec<_> = stack.agent.asked().into_iter().filter(|asked| asked.body["userId"] == "15550100042").collect();
    let data = |index: usize| &asked[index].body["data"];
    assert_eq!(data(0)["flow"]["response"]["rating"], "5");
    assert_eq!(data(1)["tap"], json!({ "id": "row-2", "title": "Second row" }));
    assert_eq!(data(2)["attachments"][0]["voice"], true);
}

fn from(bsuid: &str, id: &str, text: &str) -> Value {
    let mut message = message(id, "", text);
    message.as_object_mut().expect("an object").remove("from");
    message["from_user_id"] = json!(bsuid);
    message
}

fn fixture(name: &str) -> Value {
    let path = project(&format!("tests/fixtures/cognigy/{name}.json"));
    serde_json::from_str(&std::fs::read_to_string(path).expect("a fixture")).expect("JSON")
}
