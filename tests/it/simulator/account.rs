//! The account answers as a doctor asks it.

use http::Method;
use serde_json::{Value, json};

use crate::{
    cloud_api::{Business, answer},
    support::{endpoint::NUMBER, serve},
};

const APP: &str = "700000000000001";
const APP_TOKEN: &str = "700000000000001|development-app-secret";
const WABA: &str = "900000000000001";

#[tokio::test]
async fn a_token_is_looked_into() {
    let business = Business::start().await;
    let debug = async |token: &str, with: &str| {
        let query = [("input_token", token), ("access_token", with)];
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        answer(business.http.get(format!("{}/v26.0/debug_token?{query}", business.url))).await
    };
    let (status, said) = debug("EAADEVELOPMENTTOKEN", APP_TOKEN).await;
    assert_eq!((status, &said["data"]["is_valid"], &said["data"]["app_id"]), (200, &json!(true), &json!(APP)));
    assert!(
        said["data"]["scopes"].as_array().is_some_and(|scopes| scopes.contains(&json!("whatsapp_business_messaging")))
    );
    assert_eq!(debug("EAAOTHER", APP_TOKEN).await.1["data"]["is_valid"], json!(false));
    assert_eq!(debug("EAADEVELOPMENTTOKEN", "nobody").await.0, 401);
}

#[tokio::test]
async fn the_app_subscribes_an_endpoint_that_answers_the_handshake_and_no_other() {
    let business = Business::start().await;
    let challenge = async |axum::extract::Query(query): axum::extract::Query<Value>| {
        let is_right = query["hub.verify_token"] == "right";
        if is_right { query["hub.challenge"].as_str().unwrap_or_default().to_owned() } else { "no".to_owned() }
    };
    let endpoint = serve(axum::Router::new().route("/webhook", axum::routing::get(challenge))).await;
    let url = format!("{}/v26.0/{APP}/subscriptions", business.url);
    let subscribe = async |token: &str, verify_token: &str| {
        let form = [
            ("object", "whatsapp_business_account"),
            ("callback_url", &format!("{endpoint}/webhook")),
            ("verify_token", verify_token),
            ("fields", "messages"),
        ];
        let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = business.http.post(&url).bearer_auth(token);
        answer(request.header("content-type", "application/x-www-form-urlencoded").body(form)).await
    };
    assert_eq!(subscribe("EAADEVELOPMENTTOKEN", "right").await.0, 401, "only the app may");
    assert_eq!(subscribe(APP_TOKEN, "wrong").await.0, 400);
    assert_eq!(answer(business.http.get(&url).bearer_auth(APP_TOKEN)).await.1, json!({ "data": [] }));
    assert_eq!(subscribe(APP_TOKEN, "right").await, (200, json!({ "success": true })));
    let (_, said) = answer(business.http.get(&url).bearer_auth(APP_TOKEN)).await;
    assert_eq!(said["data"][0]["callback_url"], json!(format!("{endpoint}/webhook")));
}

#[tokio::test]
async fn an_account_that_is_not_subscribed_to_the_app_sends_nothing() {
    let business = Business::start().await;
    business.meta.connect(&serve(axum::Router::new().fallback(async || ())).await);
    let apps = format!("{WABA}/subscribed_apps");
    let (_, said) = answer(business.call(Method::GET, &apps)).await;
    assert_eq!(said["data"][0]["whatsapp_business_api_data"]["id"], json!(APP));
    assert!(business.meta.deliver(&json!({})).await.is_ok());
    assert_eq!(answer(business.call(Method::DELETE, &apps)).await.0, 200);
    assert_eq!(answer(business.call(Method::GET, &apps)).await.1, json!({ "data": [] }));
    assert!(business.meta.deliver(&json!({})).await.is_err_and(|why| why.contains("subscribed")));
    assert_eq!(answer(business.call(Method::POST, &apps)).await.0, 200);
    assert!(business.meta.deliver(&json!({})).await.is_ok());
    assert_eq!(answer(business.call(Method::GET, "1/subscribed_apps")).await.0, 400);
}

#[tokio::test]
async fn the_number_tells_its_details_to_whoever_has_the_token_and_the_proof() {
    let business = Business::start().await;
    let (_, number) = answer(business.call(Method::GET, NUMBER)).await;
    assert_eq!((&number["quality_rating"], &number["id"]), (&json!("GREEN"), &json!(NUMBER)));
    let (_, numbers) = answer(business.call(Method::GET, &format!("{WABA}/phone_numbers"))).await;
    assert_eq!(numbers["data"][0]["id"], json!(NUMBER));
    let bare = business.http.get(format!("{}/v26.0/{NUMBER}", business.url));
    assert_eq!(answer(bare).await.0, 401);
    let unproven = business.http.get(format!("{}/v26.0/{NUMBER}", business.url)).bearer_auth("EAADEVELOPMENTTOKEN");
    assert_eq!(answer(unproven).await.0, 400);
}
