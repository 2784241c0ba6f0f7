//! Only Meta's bytes get in.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};
use whatsapp_endpoint::{
    credentials::Keys,
    whatsapp::signature::{SignatureError, SignedBody, appsecret_proof, sign},
};

use crate::support::{
    endpoint::{Endpoint, signed, webhook},
    project,
};

fn keys(secret: &str) -> Keys {
    serde_json::from_value(json!({ "app_secret": secret })).expect("keys")
}

#[test]
fn the_signature_vectors_hold() {
    let text = std::fs::read_to_string(project("tests/fixtures/signature_vectors.json")).expect("vectors");
    let vectors: Value = serde_json::from_str(&text).expect("JSON");
    let keys = keys(vectors["app_secret"].as_str().expect("text"));
    for vector in vectors["vectors"].as_array().expect("a list") {
        let file = vector["file"].as_str().or(vector["for_file"].as_str());
        let body = match file {
            Some(file) => std::fs::read(project("tests/fixtures/inbound").join(file)).expect("a fixture"),
            None => vector["body"].as_str().expect("text").as_bytes().to_vec(),
        };
        let header = vector["header"].as_str().expect("text");
        let verified = SignedBody::verify(body.into(), Some(header.as_bytes()), &keys, true);
        assert_eq!(verified.is_ok(), vector["valid"].as_bool().expect("a bool"), "{}", vector["case"]);
    }
    let proof = &vectors["appsecret_proof"];
    let token = proof["access_token"].as_str().expect("text").to_owned().into();
    assert_eq!(appsecret_proof(&keys.app_secret, &token), proof["appsecret_proof"].as_str().expect("text"));
}

#[test]
fn what_is_no_signature_is_told_apart_from_a_wrong_one() {
    let keys = keys("secret");
    let verify = |header: Option<&str>| {
        SignedBody::verify(Bytes::from_static(b"{}"), header.map(str::as_bytes), &keys, true).map(|_| ())
    };
    assert_eq!(verify(None), Err(SignatureError::Missing));
    for header in [
        "",
        "sha256=",
        "sha1=00",
        "sha256=zz",
        &sign(&keys.app_secret, b"{}")[..70],
        &format!("{}00", sign(&keys.app_secret, b"{}")),
    ] {
        assert_eq!(verify(Some(header)), Err(SignatureError::Malformed), "{header}");
    }
    assert_eq!(verify(Some(&sign(&keys.app_secret, b"{ }"))), Err(SignatureError::Mismatch));
    assert_eq!(verify(Some(&sign(&keys.app_secret, b"{}"))), Ok(()));
}

#[test]
fn wa_sign_prints_the_header_of_a_body() {
    let body = project("tests/fixtures/inbound/raw_escaped_unicode.json");
    let printed = std::process::Command::new(env!("CARGO_BIN_EXE_wa")).arg("sign").arg(&body).output().expect("run");
    let signature = signed(&std::fs::read_to_string(&body).expect("a fixture"));
    assert_eq!(String::from_utf8_lossy(&printed.stdout), format!("X-Hub-Signature-256: {signature}\n"));
}

proptest! {
    #[test]
    fn a_changed_byte_breaks_the_signature(body in proptest::collection::vec(any::<u8>(), 1..200), at in any::<prop::sample::Index>(), change in 1_u8..) {
        let keys = keys("secret");
        let header = sign(&keys.app_secret, &body);
        let mut changed = body.clone();
        changed[at.index(body.len())] ^= change;
        prop_assert!(SignedBody::verify(body.into(), Some(header.as_bytes()), &keys, true).is_ok());
        prop_assert_eq!(SignedBody::verify(changed.into(), Some(header.as_bytes()), &keys, true).map(|_| ()), Err(SignatureError::Mismatch));
    }
}

#[tokio::test]
async fn unsigned_wrongly_signed_and_altered_webhooks_are_refused() {
    let endpoint = Endpoint::start(&[]).await;
    let body = webhook([endpoint.message(&crate::support::endpoint::Person("15550100200"), "hello")]).to_string();
    let right = signed(&body);
    let wrong = sign(&"another secret".to_owned().into(), body.as_bytes());
    for (body, signature) in
        [(body.clone(), None), (body.clone(), Some(&wrong)), (body.replace("hello", "hullo"), Some(&right))]
    {
        let response = endpoint.post(body, signature.map(String::as_str)).await;
        assert_eq!(response.status(), 401);
        assert!(!response.body().contains(&right[7..]), "the right signature is never told");
    }
    assert!(endpoint.meta.calls().is_empty());
    assert_eq!(endpoint.post(body, Some(&right)).await.status(), 200);
    assert_eq!(endpoint.replies().len(), 1);
}

#[tokio::test]
async fn the_previous_app_secret_is_accepted_during_a_rotation() {
    let endpoint = Endpoint::start(&[]).await;
    endpoint.change_secret(&[("app_secret", "new secret"), ("app_secret_previous", "development-app-secret")]);
    let body = webhook([]).to_string();
    let new = sign(&"new secret".to_owned().into(), body.as_bytes());
    assert_eq!(
        endpoint.post(body.clone(), Some(&new)).await.status(),
        200,
        "the new secret was fetched when it was needed"
    );
    assert_eq!(endpoint.post(body.clone(), Some(&signed(&body))).await.status(), 200);
    let other = sign(&"third".to_owned().into(), body.as_bytes());
    assert_eq!(endpoint.post(body, Some(&other)).await.status(), 401);
}

#[tokio::test]
async fn without_an_app_secret_webhooks_are_refused_unless_the_operator_says_otherwise() {
    for (require, expected) in [("true", 401), ("false", 200)] {
        let endpoint = Endpoint::start(&[("REQUIRE_SIGNATURE", require)]).await;
        let body = webhook([]).to_string();
        // Where there is an app secret, it is used whatever the setting says.
        assert_eq!(endpoint.post(body.clone(), None).await.status(), 401);
        endpoint.change_secret(&[("app_secret", "")]);
        // The wrong signature makes the endpoint read the secret again.
        assert_eq!(
            endpoint
                .post(body.clone(), Some("sha256=0000000000000000000000000000000000000000000000000000000000000000"))
                .await
                .status(),
            expected
        );
        assert_eq!(endpoint.post(body, None).await.status(), expected);
    }
}
