//! The simulated Cloud API takes every message that Meta documents, and nothing that breaks a rule.

use serde_json::{Value, json};
use whatsapp_endpoint::{
    credentials::Secret,
    https,
    simulator::{Bubble, DEVELOPMENT_SECRET, Simulator, Status},
    whatsapp::signature::appsecret_proof,
};

use crate::support::{
    endpoint::{ADA, NUMBER, start_meta},
    project, serve,
};

mod media;
mod refusals;

/// A business that talks to the simulated Meta with the development secret.
pub struct Business {
    pub meta: Simulator,
    pub url: String,
    pub http: reqwest::Client,
    token: String,
    proof: String,
}

impl Business {
    /// With a file of each kind that the fixtures name.
    pub async fn start() -> Self {
        let (meta, url) = start_meta(DEVELOPMENT_SECRET).await;
        let files = [
            (1, "image/jpeg"),
            (3, "audio/mpeg"),
            (4, "audio/ogg"),
            (5, "video/mp4"),
            (6, "application/pdf"),
            (7, "image/webp"),
        ];
        for (number, mime) in files {
            meta.keep_media(&format!("70000000000000{number}"), mime, &b"a file"[..]);
        }
        let secret: Value = serde_json::from_str(DEVELOPMENT_SECRET).expect("JSON");
        let field = |name: &str| secret[name].as_str().expect("text").to_owned();
        let proof = appsecret_proof(&Secret::from(field("app_secret")), &Secret::from(field("access_token")));
        Self { meta, url, http: https::client().expect("a client"), token: field("access_token"), proof }
    }

    /// A call of the Graph API with token and proof.
    pub fn call(&self, method: http::Method, path: &str) -> reqwest::RequestBuilder {
        let url = format!("{}/v26.0/{path}?appsecret_proof={}", self.url, self.proof);
        self.http.request(method, url).bearer_auth(&self.token)
    }

    /// Sends a body; returns the status and what Meta says.
    pub async fn send(&self, body: &Value) -> (u16, Value) {
        answer(self.call(http::Method::POST, &format!("{NUMBER}/messages")).json(body)).await
    }

    /// Sends what must be taken; returns its wamid.
    pub async fn sent(&self, body: &Value) -> String {
        let (status, said) = self.send(body).await;
        assert_eq!(status, 200, "{said}");
        said["messages"][0]["id"].as_str().expect("an id").to_owned()
    }
}

pub async fn answer(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = request.send().await.expect("an answer");
    (response.status().as_u16(), response.json().await.expect("JSON"))
}

pub fn fixture(name: &str) -> Value {
    let file = project(&format!("tests/fixtures/outbound/{name}.json"));
    let text = std::fs::read(&file).unwrap_or_else(|error| panic!("{name}: {error}"));
    serde_json::from_slice(&text).expect("JSON")
}

/// The names of all messages that Meta documents.
fn fixtures() -> Vec<String> {
    let files = std::fs::read_dir(project("tests/fixtures/outbound")).expect("fixtures");
    let paths = files.map(|file| file.expect("an entry").path());
    paths.map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned()).collect()
}

#[tokio::test]
async fn every_documented_message_is_taken_and_shown_with_words() {
    let business = Business::start().await;
    let names = fixtures();
    assert_eq!(names.len(), 43);
    for name in names {
        let body = fixture(&name);
        let (status, said) = business.send(&body).await;
        assert_eq!(status, 200, "{name}: {said}");
        assert_eq!(business.meta.calls().last(), Some(&body));
        if body["type"].is_string() {
            let shown = bubble(&business.meta, said["messages"][0]["id"].as_str().expect("an id"));
            assert!(shown.text.is_some_and(|text| !text.trim().is_empty()), "{name} is shown with words");
        }
    }
}

fn bubble(meta: &Simulator, id: &str) -> Bubble {
    meta.bubble(id).expect("a bubble")
}

#[tokio::test]
async fn the_answer_names_whom_it_went_to() {
    let business = Business::start().await;
    let contact = async |name: &str| business.send(&fixture(name)).await.1["contacts"][0].clone();
    assert_eq!(contact("text").await, json!({ "input": "+15550100200", "wa_id": "15550100200" }));
    let bsuid = "US.90000000000000000001";
    assert_eq!(contact("text_bsuid").await, json!({ "input": bsuid, "user_id": bsuid }));
    let (_, said) = business.send(&fixture("text_group")).await;
    assert_eq!(said["contacts"][0]["input"], said["messages"][0]["group_id"]);
}

#[tokio::test]
async fn what_became_of_a_message_is_reported_as_meta_does() {
    let business = Business::start().await;
    let wamid = business.sent(&fixture("text_opaque")).await;
    let status = |wamid: &str, status| {
        business.meta.status(wamid, status).map(|webhook| webhook["entry"][0]["changes"][0]["value"].clone())
    };
    let sent = status(&wamid, Status::Sent).expect("a webhook");
    let report = &sent["statuses"][0];
    assert_eq!((&report["id"], &report["status"]), (&json!(wamid), &json!("sent")));
    assert_eq!((&report["recipient_id"], &report["biz_opaque_callback_data"]), (&json!(ADA), &json!("job:42")));
    assert_eq!(
        report["pricing"],
        json!({ "billable": true, "pricing_model": "PMP", "type": "regular", "category": "service" })
    );
    assert_eq!(sent["contacts"][0]["wa_id"], json!(ADA));
    assert!(status(&wamid, Status::Delivered).expect("a webhook")["statuses"][0]["pricing"].is_object());
    let read = status(&wamid, Status::Read).expect("a webhook");
    assert!(read["statuses"][0]["pricing"].is_null(), "delivered told the price");

    let failed = status(&wamid, Status::Failed(131_047)).expect("a webhook");
    assert_eq!(failed["statuses"][0]["errors"][0]["code"], json!(131_047));
    assert!(failed["contacts"].is_null() && failed["statuses"][0]["recipient_user_id"].is_null(), "{failed}");

    let hidden = business.sent(&fixture("text_bsuid")).await;
    let delivered = status(&hidden, Status::Delivered).expect("a webhook");
    assert!(delivered["statuses"][0]["recipient_id"].is_null() && delivered["contacts"][0]["wa_id"].is_null());
    assert_eq!(business.meta.wamids(), [wamid.clone(), hidden]);

    let reaction = business.sent(&fixture("reaction")).await;
    assert!(status(&reaction, Status::Read).is_err() && status(&wamid, Status::Played).is_err());
    let voice = business.sent(&fixture("audio_voice")).await;
    assert_eq!(status(&voice, Status::Played).expect("a webhook")["statuses"][0]["status"], json!("played"));
}

/// An endpoint that hands over the values of the webhooks it gets.
async fn listen(meta: &Simulator) -> tokio::sync::mpsc::UnboundedReceiver<Value> {
    let (sender, received) = tokio::sync::mpsc::unbounded_channel();
    let take = async move |axum::Json(webhook): axum::Json<Value>| {
        sender.send(webhook["entry"][0]["changes"][0]["value"].clone()).expect("somebody listens");
    };
    let url = serve(axum::Router::new().route("/", axum::routing::post(take))).await;
    meta.connect(&url);
    received
}

#[tokio::test]
async fn what_is_tapped_comes_back_as_the_kind_that_it_is() {
    let business = Business::start().await;
    let mut webhooks = listen(&business.meta).await;
    let list = business.sent(&fixture("interactive_list")).await;
    let carousel = business.sent(&fixture("interactive_carousel_quick_reply")).await;
    let template = business.sent(&fixture("template_media_header_and_buttons")).await;
    let expected = [
        (
            &list,
            "row-1",
            json!({ "type": "list_reply", "list_reply": { "id": "row-1", "title": "First row", "description": "About row one" } }),
        ),
        (&list, "row-2", json!({ "type": "list_reply", "list_reply": { "id": "row-2", "title": "Second row" } })),
        (&carousel, "more-1", json!({ "type": "button_reply", "button_reply": { "id": "more-1", "title": "More" } })),
    ];
    for (wamid, id, reply) in expected {
        let buttons = bubble(&business.meta, wamid).buttons;
        let button = buttons.iter().find(|button| button.id == id).expect("a button");
        let _id = business.meta.tap(id, &button.title, wamid);
        let value = webhooks.recv().await.expect("a webhook");
        let message = &value["messages"][0];
        assert_eq!((&message["interactive"], &message["context"]["id"]), (&reply, &json!(wamid)));
        assert_eq!(bubble(&business.meta, wamid).tapped.as_deref(), Some(id));
    }
    let _id = business.meta.tap("unsubscribe-v1", "Unsubscribe", &template);
    let message = webhooks.recv().await.expect("a webhook")["messages"][0].clone();
    assert_eq!(message["button"], json!({ "payload": "unsubscribe-v1", "text": "Unsubscribe" }));
}

#[tokio::test]
async fn a_status_is_delivered_to_the_endpoint() {
    let business = Business::start().await;
    let mut webhooks = listen(&business.meta).await;
    let wamid = business.sent(&fixture("text")).await;
    business.meta.report(&wamid, Status::Read).await.expect("taken");
    assert_eq!(webhooks.recv().await.expect("a webhook")["statuses"][0]["status"], json!("read"));
    assert!(business.meta.report("wamid.NEVER", Status::Read).await.is_err());
}
