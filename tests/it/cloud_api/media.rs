//! Files are uploaded, looked up, fetched and deleted as at Meta.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use super::{Business, answer};
use crate::support::endpoint::NUMBER;

const JPEG: &[u8] = b"\xff\xd8\xff\xe0 a picture";

/// The parts of an upload, written by hand: a file of this type with these bytes.
fn form(kind: &str, mime: &str, bytes: &[u8]) -> Vec<u8> {
    let mut form = format!(
        "--cut\r\nContent-Disposition: form-data; name=\"messaging_product\"\r\n\r\nwhatsapp\r\n\
         --cut\r\nContent-Disposition: form-data; name=\"type\"\r\n\r\n{kind}\r\n\
         --cut\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\nContent-Type: {mime}\r\n\r\n"
    )
    .into_bytes();
    form.extend_from_slice(bytes);
    form.extend_from_slice(b"\r\n--cut--\r\n");
    form
}

impl Business {
    async fn upload(&self, form: Vec<u8>) -> (u16, Value) {
        let request = self.call(Method::POST, &format!("{NUMBER}/media"));
        answer(request.header("content-type", "multipart/form-data; boundary=cut").body(form)).await
    }

    async fn uploaded(&self) -> String {
        let (status, said) = self.upload(form("image/jpeg", "image/jpeg", JPEG)).await;
        assert_eq!(status, 200, "{said}");
        said["id"].as_str().expect("an id").to_owned()
    }

    async fn fetch(&self, url: &str, token: &str) -> (u16, Vec<u8>) {
        let response = self.http.get(url).bearer_auth(token).send().await.expect("an answer");
        (response.status().as_u16(), response.bytes().await.expect("bytes").to_vec())
    }
}

#[tokio::test]
async fn a_file_is_uploaded_sent_looked_up_fetched_and_deleted() {
    let business = Business::start().await;
    let id = business.uploaded().await;
    business
        .sent(&json!({ "messaging_product": "whatsapp", "to": "+15550100200", "type": "image", "image": { "id": id } }))
        .await;

    let (_, found) = answer(business.call(Method::GET, &id)).await;
    assert_eq!(
        (&found["id"], &found["mime_type"], &found["file_size"], &found["messaging_product"]),
        (&json!(id), &json!("image/jpeg"), &json!(JPEG.len().to_string()), &json!("whatsapp"))
    );
    assert_eq!(found["sha256"].as_str().map(str::len), Some(44), "base64 of 32 bytes");
    let url = found["url"].as_str().expect("a URL");
    assert_eq!(business.fetch(url, &business.token).await, (200, JPEG.to_vec()));

    assert_eq!(answer(business.call(Method::DELETE, &id)).await, (200, json!({ "success": true })));
    assert_eq!(business.fetch(url, &business.token).await.0, 404);
    assert_eq!(answer(business.call(Method::GET, &id)).await.0, 400);
}

#[tokio::test]
async fn an_address_of_a_file_lives_five_minutes_and_wants_the_token() {
    let business = Business::start().await;
    let id = business.uploaded().await;
    let url = business.meta.media_url(&business.url, &id);
    assert_eq!(business.fetch(&url, &business.token).await.0, 200);
    assert_eq!(business.fetch(&url, "another").await.0, 404);
    assert_eq!(business.fetch(&url.replace("ext=", "ext=9"), &business.token).await.0, 404, "the hash is of the time");
    business.meta.let_time_pass(Duration::from_mins(5));
    assert_eq!(business.fetch(&url, &business.token).await.0, 404);
    assert_eq!(business.fetch(&business.meta.media_url(&business.url, &id), &business.token).await.0, 200);
    business.meta.let_time_pass(Duration::from_hours(30 * 24));
    assert_eq!(answer(business.call(Method::GET, &id)).await.1["error"]["code"], json!(100), "kept for 30 days");
}

#[tokio::test]
async fn a_file_that_is_not_what_it_says_or_too_large_is_refused() {
    let business = Business::start().await;
    let mut opus = b"OggS".to_vec();
    opus.resize(28, 0);
    opus.extend_from_slice(b"OpusHead\x01\x02 two channels");
    let mut large = JPEG.to_vec();
    large.resize(5_000_001, 0);
    let mut sticker = b"RIFF....WEBPVP8 ".to_vec();
    sticker.resize(100_001, 0);
    let rows: [(&str, &str, &[u8]); 8] = [
        ("image/jpeg", "image/png", JPEG),
        ("image/png", "image/png", JPEG),
        ("image/gif", "image/gif", b"GIF89a"),
        ("application/octet-stream", "application/octet-stream", JPEG),
        ("audio/ogg", "audio/ogg; codecs=opus", &opus),
        ("image/jpeg", "image/jpeg", &large),
        ("image/webp", "image/webp", &sticker),
        ("text/plain", "text/plain", b""),
    ];
    for (kind, mime, bytes) in rows {
        let (status, said) = business.upload(form(kind, mime, bytes)).await;
        assert_eq!((status, &said["error"]["code"]), (400, &json!(131_053)), "{kind} {mime}: {said}");
    }
    let animated = [b"RIFF....WEBPVP8X....\x02".to_vec(), vec![0; 100_000]].concat();
    assert_eq!(business.upload(form("image/webp", "image/webp", &animated)).await.0, 200);

    let without_product = String::from_utf8_lossy(&form("text/plain", "text/plain", b"x"))
        .replace("name=\"messaging_product\"", "name=\"product\"");
    let (_, said) = business.upload(without_product.into_bytes()).await;
    assert_eq!(said["error"]["code"], json!(100));
}
