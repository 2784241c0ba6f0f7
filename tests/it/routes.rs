//! What each route answers.

use bytes::Bytes;
use http::Request;

use crate::support::endpoint::Endpoint;

async fn get(endpoint: &Endpoint, query: &str) -> (u16, String) {
    let request = Request::get(format!("/webhook?{query}")).body(Bytes::new()).expect("a request");
    let response = endpoint.request(request).await;
    (response.status().as_u16(), response.into_body())
}

#[tokio::test]
async fn the_handshake_echoes_the_challenge_as_it_came() {
    let endpoint = Endpoint::start(&[]).await;
    let token = "hub.verify_token=development-verify-token";
    for (sent, expected) in [
        ("1158201444", "1158201444"),
        ("a%26b%3Dc%20d+e%2Bf", "a&b=c d e+f"),
        ("%C3%A9%F0%9F%98%80", "é😀"),
        ("", ""),
        ("%3Cb%3E%22", "<b>\""),
    ] {
        let answer = get(&endpoint, &format!("hub.mode=subscribe&hub.challenge={sent}&{token}")).await;
        assert_eq!(answer, (200, expected.to_owned()), "{sent}");
    }
}

#[tokio::test]
async fn a_verify_token_of_letters_digits_and_punctuation_is_compared_decoded() {
    let endpoint = Endpoint::start(&[]).await;
    endpoint.change_secret(&[("verify_token", "a+b&c=d e%\"/é")]);
    let encoded: String = url::form_urlencoded::byte_serialize("a+b&c=d e%\"/é".as_bytes()).collect();
    assert_eq!(
        get(&endpoint, &format!("hub.mode=subscribe&hub.challenge=7&hub.verify_token={encoded}")).await,
        (200, "7".to_owned())
    );
}

#[tokio::test]
async fn a_handshake_that_is_not_right_is_refused() {
    let endpoint = Endpoint::start(&[]).await;
    for query in [
        "",
        "hub.mode=subscribe&hub.challenge=1",
        "hub.mode=subscribe&hub.challenge=1&hub.verify_token=",
        "hub.mode=subscribe&hub.challenge=1&hub.verify_token=development-verify-toke",
        "hub.mode=unsubscribe&hub.challenge=1&hub.verify_token=development-verify-token",
        "hub_mode=subscribe&hub_challenge=1&hub_verify_token=development-verify-token",
    ] {
        assert_eq!(get(&endpoint, query).await.0, 403, "{query}");
    }
    endpoint.change_secret(&[("verify_token", "")]);
    assert_eq!(
        get(&endpoint, "hub.mode=subscribe&hub.challenge=1&hub.verify_token=").await.0,
        403,
        "an empty token opens nothing"
    );
}

#[tokio::test]
async fn other_paths_methods_and_sizes_are_told_apart() {
    let endpoint = Endpoint::start(&[]).await;
    let status = async |request: http::request::Builder, body: Bytes| {
        endpoint.request(request.body(body).expect("a request")).await.status().as_u16()
    };
    assert_eq!(status(Request::get("/"), Bytes::new()).await, 404);
    assert_eq!(status(Request::post("/webhook/more"), Bytes::new()).await, 404);
    assert_eq!(status(Request::put("/webhook"), Bytes::new()).await, 405);
    assert_eq!(status(Request::delete("/webhook"), Bytes::new()).await, 405);
    assert_eq!(status(Request::get("/agent/reply"), Bytes::new()).await, 405);
    assert_eq!(status(Request::post("/agent/reply/more"), Bytes::new()).await, 404);
    assert_eq!(status(Request::post("/agent/reply"), Bytes::new()).await, 401);
    assert_eq!(status(Request::post("/webhook"), vec![b' '; 4 * 1024 * 1024].into()).await, 401);
    assert_eq!(status(Request::post("/webhook"), vec![b' '; 4 * 1024 * 1024 + 1].into()).await, 413);
}

#[tokio::test]
async fn a_signed_body_that_holds_nothing_for_us_is_acknowledged() {
    let endpoint = Endpoint::start(&[]).await;
    for entry in std::fs::read_dir(crate::support::project("tests/fixtures/inbound")).expect("fixtures") {
        let path = entry.expect("an entry").path();
        let body = std::fs::read_to_string(&path).expect("text");
        let webhook: serde_json::Value = whatsapp_endpoint::json::read(body.as_bytes()).expect("JSON");
        let changes = webhook["entry"]
            .as_array()
            .into_iter()
            .flatten()
            .flat_map(|entry| entry["changes"].as_array().into_iter().flatten());
        if changes.filter(|change| change["field"] == "messages").any(|change| change["value"]["messages"].is_array()) {
            continue;
        }
        let signature = crate::support::endpoint::signed(&body);
        let response = endpoint.post(body, Some(&signature)).await;
        assert_eq!((response.status().as_u16(), response.body().as_str()), (200, ""), "{}", path.display());
    }
    for body in ["{}", "[]", "not JSON"] {
        assert_eq!(endpoint.post(body, Some(&crate::support::endpoint::signed(body))).await.status(), 200);
    }
    assert!(endpoint.meta.calls().is_empty(), "nobody was answered");
}

#[tokio::test]
async fn a_secret_that_cannot_be_read_is_no_silence() {
    let endpoint = Endpoint::start(&[("WHATSAPP_SECRET_FILE", "/nowhere/secret.json")]).await;
    assert_eq!(get(&endpoint, "hub.mode=subscribe").await.0, 503);
    assert_eq!(endpoint.post("{}", None).await.status(), 503);
}
