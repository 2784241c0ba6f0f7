//! People of every kind, and everything that they can say.

use serde_json::{Value, json};
use whatsapp_endpoint::simulator::{Newcomer, Tick, UserAction};

use super::{Chat, text};

#[tokio::test]
async fn people_of_every_kind_are_answered_by_the_name_that_meta_shows_of_them() {
    let chat = Chat::start().await;
    for person in ["ada", "bob", "carol", "dan"] {
        chat.says(person, text("hello")).await;
        assert_eq!(chat.heard(person)[0].text.as_deref(), Some("hello!"), "{person}");
    }
    let sent = |person: &str| chat.heard(person)[0].message.clone();
    assert_eq!((&sent("ada")["to"], &sent("ada")["recipient"]), (&json!("+15550100200"), &Value::Null));
    assert_eq!((&sent("bob")["to"], &sent("bob")["recipient"]), (&Value::Null, &json!("US.90000000000000000002")));
    assert_eq!(sent("carol")["recipient"], json!("US.90000000000000000003"));
    assert_eq!(sent("dan")["to"], json!("+15550100400"));
    let asked = chat.agent.asked();
    assert_eq!(asked[2].body["data"]["profile"]["username"], json!("carol.example"));
    assert_eq!(asked[3].body["data"]["profile"]["user_id"], Value::Null);
}

#[tokio::test]
async fn somebody_new_gets_what_is_missing_and_nobody_gets_another_ones_number() {
    let chat = Chat::start().await;
    let newcomer = |person: Value| serde_json::from_value::<Newcomer>(person).expect("a newcomer");
    let eve = chat.meta.add_person(newcomer(json!({ "name": "Eve", "username": "eve" }))).expect("a person");
    assert!(eve.phone.is_some() && eve.user_id.is_some());
    let hidden = chat.meta.add_person(newcomer(json!({ "name": "Eve", "hide_number": true }))).expect("a person");
    assert_eq!((hidden.id.as_str(), &hidden.phone), ("eve-2", &None));
    chat.says("eve-2", text("hello")).await;
    assert_eq!(chat.heard("eve-2").len(), 1);
    for wrong in [
        json!({ "name": " " }),
        json!({ "name": "Ada again", "number": "+1 555 010 0200" }),
        json!({ "name": "Odd", "user_id": "nobody" }),
        json!({ "name": "Short", "number": "12" }),
        json!({ "name": "Nobody", "hide_number": true, "number_only": true }),
    ] {
        assert!(chat.meta.add_person(newcomer(wrong.clone())).is_err(), "{wrong}");
    }
    assert!(chat.meta.speak("nobody", &text("hello"), None).is_err());
}

#[tokio::test]
async fn everything_that_a_person_can_say_is_understood_by_the_endpoint() {
    let chat = Chat::start().await;
    chat.agent.will_say(&["first"]);
    chat.says("ada", text("hello")).await;
    let first = chat.heard("ada")[0].id.clone();
    let picture = upload(&chat, "image/jpeg", b"\xff\xd8\xff\xe0 a picture").await;
    let media = |id: &str, kind: &str| UserAction::Media {
        id: id.to_owned(),
        kind: kind.to_owned(),
        caption: Some("Look".into()),
        voice: false,
        filename: Some("a.jpg".into()),
    };
    let (name, address) = (Some("Museum".into()), None);
    let said = [
        ("location", UserAction::Location { latitude: 48.2, longitude: 16.37, name, address }),
        ("contacts", UserAction::Contact { name: "Bob Example".into(), phone: "+1 555 010 0300".into() }),
        ("image", media(&picture, "image")),
        ("document", media(&picture, "document")),
        ("interactive", UserAction::Tap { id: "yes".into(), title: "Yes".into(), message_id: first.clone() }),
    ];
    for (kind, said) in said {
        let id = chat.says("ada", said).await;
        let asked = chat.agent.asked().pop().expect("asked");
        let whatsapp = &asked.body["data"]["whatsapp"];
        assert_eq!((&whatsapp["type"], &whatsapp["id"]), (&json!(kind), &json!(id)), "{asked:?}");
        let shown = chat.meta.bubble(&id).expect("shown");
        assert!(shown.text.is_some_and(|text| !text.trim().is_empty()), "{kind} is shown with words");
    }
    let asked = chat.agent.asked();
    let image = &asked[3].body["data"]["whatsapp"]["image"];
    assert_eq!((&image["caption"], &image["id"]), (&json!("Look"), &json!(picture)));
    assert!(image["url"].as_str().is_some_and(|url| url.starts_with(&chat.url)), "{image}");

    let quoting = chat.meta.speak("ada", &text("what?"), Some(&first)).expect("sayable");
    let quoting = chat.until(&quoting, |bubble| bubble.status == Tick::Read).await;
    assert_eq!(quoting.quoted.as_deref(), Some(first.as_str()));
    let unsayable = [
        text("  "),
        UserAction::Location { latitude: 91.0, longitude: 0.0, name: None, address: None },
        UserAction::Contact { name: "Bob".into(), phone: "none".into() },
        media("1", "image"),
        media(&picture, "video"),
        UserAction::Sample("nothing".into()),
    ];
    for said in unsayable {
        assert!(chat.meta.speak("ada", &said, None).is_err(), "{said:?}");
    }
}

async fn upload(chat: &Chat, mime: &str, bytes: &'static [u8]) -> String {
    let http = whatsapp_endpoint::https::client().expect("a client");
    let request = http.post(format!("{}/api/media", chat.url)).header("content-type", mime).body(bytes);
    let (status, picked) = crate::cloud_api::answer(request).await;
    assert_eq!(status, 201, "{picked}");
    let id = picked["id"].as_str().expect("an id").to_owned();
    let shown = http.get(format!("{}/api/media/{id}", chat.url)).send().await.expect("an answer");
    assert_eq!(shown.headers()["content-type"], mime);
    assert_eq!(shown.bytes().await.expect("bytes"), bytes);
    id
}

#[tokio::test]
async fn a_file_that_no_phone_would_send_is_not_picked() {
    let chat = Chat::start().await;
    let http = whatsapp_endpoint::https::client().expect("a client");
    for (mime, bytes) in [("image/png", &b"no picture"[..]), ("audio/webm", b"noise"), ("image/jpeg", b"")] {
        let request = http.post(format!("{}/api/media", chat.url)).header("content-type", mime).body(bytes);
        let (status, said) = crate::cloud_api::answer(request).await;
        assert!(status == 400 && said["error"].is_string(), "{mime}: {said}");
    }
    let id = upload(&chat, "application/x-anything", b"anything").await;
    let kind = "document".to_owned();
    chat.says("ada", UserAction::Media { id, kind, caption: None, voice: false, filename: None }).await;
}

#[tokio::test]
async fn every_sample_is_taken_and_shown() {
    let chat = Chat::start().await;
    for sample in whatsapp_endpoint::simulator::samples() {
        let id = chat.says("bob", UserAction::Sample(sample.name.to_owned())).await;
        assert_ne!(chat.meta.bubble(&id).expect("shown").text, None, "{sample:?}");
    }
}

#[tokio::test]
async fn a_new_number_changes_the_person_and_not_the_session() {
    let chat = Chat::start().await;
    for person in ["ada", "bob", "dan"] {
        chat.says(person, text("before")).await;
        chat.says(person, UserAction::Sample("new-number".into())).await;
        chat.says(person, text("after")).await;
        let to = chat.heard(person).pop().expect("answered").message;
        let first = chat.heard(person)[0].message.clone();
        assert!(to["to"] != first["to"] || to["recipient"] != first["recipient"], "{person}: {to}");
    }
    let sessions: Vec<_> = chat.agent.asked().iter().map(|asked| asked.body["sessionId"].clone()).collect();
    assert_eq!((&sessions[0], &sessions[2]), (&sessions[1], &sessions[3]), "with a BSUID the session goes on");
}
