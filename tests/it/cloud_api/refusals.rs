//! One broken body per rule, each refused with the code that Meta gives it.

use serde_json::{Value, json};

use super::{Business, fixture};

mod interactive;

const UNSUPPORTED: i64 = 100;
const MISSING: i64 = 131_008;
const INVALID: i64 = 131_009;
const UNKNOWN_TYPE: i64 = 131_051;
const MEDIA: i64 = 131_053;

/// A rule, the message that keeps it, what is set or taken away in it, and the code.
struct Row {
    rule: &'static str,
    fixture: String,
    pointer: String,
    value: Option<Value>,
    code: i64,
}

fn set(rule: &'static str, fixture: &str, pointer: &str, value: impl Into<Value>, code: i64) -> Row {
    Row { rule, fixture: fixture.to_owned(), pointer: pointer.to_owned(), value: Some(value.into()), code }
}

fn gone(rule: &'static str, fixture: &str, pointer: &str) -> Row {
    Row { rule, fixture: fixture.to_owned(), pointer: pointer.to_owned(), value: None, code: MISSING }
}

fn common() -> Vec<Row> {
    vec![
        gone("the product is named", "text", "/messaging_product"),
        set("the product is WhatsApp", "text", "/messaging_product", "messenger", INVALID),
        gone("the type is named", "text", "/type"),
        set("the type is known", "text", "/type", "poll", UNKNOWN_TYPE),
        gone("the content is there", "text", "/text"),
        set("no property is unknown", "text", "/txet", json!({}), UNSUPPORTED),
        set("no content of another type", "text", "/image", json!({ "id": "1" }), UNSUPPORTED),
        gone("somebody is addressed", "text", "/to"),
        set("a number has a plus", "text", "/to", "15550100200", INVALID),
        set("a number has digits only", "text", "/to", "+1 555 0100200", INVALID),
        set("a number is a string", "text", "/to", 15_550_100_200_i64, UNSUPPORTED),
        set("no BSUID stands in to", "text", "/to", "US.90000000000000000001", INVALID),
        set("one address, not two", "text", "/recipient", "US.90000000000000000001", UNSUPPORTED),
        set("a BSUID has a country", "text_bsuid", "/recipient", "90000000000000000001", INVALID),
        set("a country has capitals", "text_bsuid", "/recipient", "us.9000", INVALID),
        set("a BSUID has letters and digits", "text_bsuid", "/recipient", "US.9000-1", INVALID),
        set("a BSUID is not too long", "text_bsuid", "/recipient", format!("US.{}", "9".repeat(129)), INVALID),
        set("a recipient is of a known type", "text", "/recipient_type", "channel", INVALID),
        set("a group is marked as one", "text_group", "/recipient_type", "individual", INVALID),
        set("a group is no person", "text_group", "/to", "+15550100200", INVALID),
        set("a group takes nothing interactive", "interactive_button", "/recipient_type", "group", INVALID),
        set("a pin is for groups", "group_pin", "/recipient_type", "individual", INVALID),
        set("the tag is short enough", "text", "/biz_opaque_callback_data", "x".repeat(513), UNSUPPORTED),
        gone("a quote names the message", "text_reply", "/context/message_id"),
        set("a quote names a wamid", "text_reply", "/context/message_id", "mid.1", INVALID),
        set("read is the only status", "mark_read", "/status", "delivered", INVALID),
        gone("what was read is named", "mark_read", "/message_id"),
        set("only writing is shown", "mark_read_typing", "/typing_indicator/type", "voice", INVALID),
        set("marking takes no text", "mark_read", "/text", json!({ "body": "x" }), UNSUPPORTED),
    ]
}

fn contents() -> Vec<Row> {
    vec![
        gone("a text has words", "text", "/text/body"),
        set("a text is short enough", "text", "/text/body", "x".repeat(4097), UNSUPPORTED),
        set("characters are UTF-16 units", "text", "/text/body", "😀".repeat(2049), UNSUPPORTED),
        set("a text can be seen", "text", "/text/body", " \u{200b}\u{feff}\n", INVALID),
        set("a text is a string", "text", "/text/body", 5, UNSUPPORTED),
        set("a text is not null", "text", "/text/body", Value::Null, UNSUPPORTED),
        set("a flag is a boolean", "text", "/text/preview_url", "true", UNSUPPORTED),
        gone("a file is somewhere", "image_link", "/image/link"),
        set("a file is at one place", "image_link", "/image/id", "700000000000001", UNSUPPORTED),
        set("a link is of the web", "image_link", "/image/link", "data:image/png;base64,AA", INVALID),
        set("a link has a scheme", "image_link", "/image/link", "example.invalid/a.png", INVALID),
        set("a link has no spaces", "image_link", "/image/link", "https://example.invalid/a b.png", INVALID),
        set("an id was uploaded", "image_id", "/image/id", "1", UNSUPPORTED),
        set("an id is of the kind", "image_id", "/image/id", "700000000000003", MEDIA),
        set("a voice message is Ogg", "audio_voice", "/audio/id", "700000000000003", MEDIA),
        set("a caption is short enough", "video", "/video/caption", "x".repeat(1025), UNSUPPORTED),
        set("audio has no caption", "audio", "/audio/caption", "x", UNSUPPORTED),
        set("a sticker has no caption", "sticker", "/sticker/caption", "x", UNSUPPORTED),
        set("an image has no file name", "image_id", "/image/filename", "a.jpg", UNSUPPORTED),
        gone("a place has a latitude", "location", "/location/latitude"),
        set("a latitude is on Earth", "location", "/location/latitude", "90.1", INVALID),
        set("a longitude is a number", "location", "/location/longitude", "east", INVALID),
        set("there is a contact", "contacts", "/contacts", json!([]), INVALID),
        gone("a contact has a name", "contacts", "/contacts/0/name/formatted_name"),
        gone("a name has a part", "contacts", "/contacts/0/name/first_name"),
        set("a phone's id has digits", "contacts", "/contacts/0/phones/0/wa_id", "+15550100300", INVALID),
        set("a birthday is a day", "contacts", "/contacts/0/birthday", "1990-02-30", INVALID),
        set("a contact has no more", "contacts", "/contacts/0/nickname", "Bo", UNSUPPORTED),
        set("a reaction is to a message", "reaction", "/reaction/message_id", "1", INVALID),
        gone("a reaction has an emoji", "reaction", "/reaction/emoji"),
        set("a reaction is no word", "reaction", "/reaction/emoji", "ok", INVALID),
        set("a reaction is one emoji", "reaction", "/reaction/emoji", "👍👍", INVALID),
        set("a reaction is no reply", "reaction", "/context", json!({ "message_id": "wamid.A" }), UNSUPPORTED),
    ]
}

fn templates() -> Vec<Row> {
    vec![
        gone("a template has a name", "template_plain", "/template/name"),
        set("a name has small letters", "template_plain", "/template/name", "Hello World", INVALID),
        gone("a template has a language", "template_plain", "/template/language"),
        set("a language is a code", "template_plain", "/template/language/code", "English", INVALID),
        set("a component is known", "template_positional", "/template/components/0/type", "BODY", INVALID),
        set(
            "a parameter is short enough",
            "template_positional",
            "/template/components/0/parameters/0/text",
            "x".repeat(1025),
            UNSUPPORTED,
        ),
        set(
            "a parameter has one line",
            "template_positional",
            "/template/components/0/parameters/0/text",
            "a\nb",
            132_018,
        ),
        set(
            "a body has no payload",
            "template_positional",
            "/template/components/0/parameters/0/type",
            "payload",
            132_012,
        ),
        set(
            "all parameters are named, or none",
            "template_positional",
            "/template/components/0/parameters/0/parameter_name",
            "a",
            UNSUPPORTED,
        ),
        set(
            "a header's file is known",
            "template_media_header_and_buttons",
            "/template/components/0/parameters/0/image/id",
            "1",
            UNSUPPORTED,
        ),
        set(
            "a button is one of ten",
            "template_media_header_and_buttons",
            "/template/components/2/index",
            "10",
            INVALID,
        ),
        set(
            "a place has one button",
            "template_media_header_and_buttons",
            "/template/components/3/index",
            "0",
            INVALID,
        ),
        set(
            "a quick reply has a payload",
            "template_media_header_and_buttons",
            "/template/components/2/parameters/0",
            json!({ "type": "text", "text": "x" }),
            UNSUPPORTED,
        ),
        set(
            "a link is percent-encoded",
            "template_media_header_and_buttons",
            "/template/components/3/parameters/0/text",
            "a b",
            132_018,
        ),
    ]
}

#[tokio::test]
async fn every_rule_is_kept_with_the_code_that_belongs_to_it() {
    let business = Business::start().await;
    let tables = [
        common(),
        contents(),
        templates(),
        interactive::frames(),
        interactive::buttons_and_lists(),
        interactive::others(),
        interactive::carousels(),
    ];
    let mut wrong = Vec::new();
    for Row { rule, fixture: name, pointer, value, code } in tables.into_iter().flatten() {
        let mut body = fixture(&name);
        change(&mut body, &pointer, value);
        let (status, said) = business.send(&body).await;
        let error = &said["error"];
        if status != 400 || error["code"] != code || !error["error_data"]["details"].is_string() {
            wrong.push(format!("{rule} ({name}): {status}, not {code}: {said}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(business.meta.calls().is_empty(), "what is refused is not kept");
}

/// Sets or removes what the JSON pointer names; a place after the last item of an array is added.
fn change(body: &mut Value, pointer: &str, value: Option<Value>) {
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
    match (body.pointer_mut(parent).expect("the parent is there"), value) {
        (Value::Object(object), Some(value)) => drop(object.insert(name.to_owned(), value)),
        (Value::Object(object), None) => assert!(object.remove(name).is_some(), "{pointer} is there"),
        (Value::Array(items), Some(value)) => {
            let place: usize = name.parse().expect("a place");
            items.truncate(place.max(items.len().min(place + 1)));
            if place < items.len() { items[place] = value } else { items.push(value) }
        }
        _ => panic!("nothing can be changed at {pointer}"),
    }
}

#[tokio::test]
async fn nothing_unknown_and_nothing_of_a_wrong_type_is_passed_over_anywhere() {
    /// What Meta hands on as it is.
    const FREE: [&str; 2] = ["/parameters/values", "/flow_action_payload/data"];
    let business = Business::start().await;
    let mut count = 0;
    for name in super::fixtures() {
        let whole = fixture(&name);
        for pointer in pointers(&whole) {
            if FREE.iter().any(|free| pointer.contains(free)) {
                continue;
            }
            let mut body = whole.clone();
            let value = body.pointer_mut(&pointer).expect("there");
            match value {
                Value::Object(object) => drop(object.insert("unexpected".into(), json!("x"))),
                Value::Array(items) => items.push(json!("x")),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => *value = json!([]),
            }
            let (status, said) = business.send(&body).await;
            assert_eq!(status, 400, "{name} with something odd at {pointer}");
            // The type decides what else may be there.
            let known = [100, 131_051].contains(&said["error"]["code"].as_i64().expect("a code"));
            assert!(known || value_is_counted(&whole, &pointer), "{name} {pointer}: {said}");
            count += 1;
        }
    }
    assert!(count > 500, "{count} places");
}

/// Lists of a fixed length are counted before their items are read.
fn value_is_counted(body: &Value, pointer: &str) -> bool {
    body.pointer(pointer).is_some_and(Value::is_array)
}

/// Every place in a body, the body included.
fn pointers(value: &Value) -> Vec<String> {
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(object) => object.iter().map(|(name, value)| (name.clone(), value)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(place, value)| (place.to_string(), value)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    };
    let below = inner
        .into_iter()
        .flat_map(|(name, value)| pointers(value).into_iter().map(move |pointer| format!("/{name}{pointer}")));
    std::iter::once(String::new()).chain(below).collect()
}

#[tokio::test]
async fn what_is_no_json_or_has_no_token_is_refused_as_graph_does() {
    let mut business = Business::start().await;
    let path = format!("{}/messages", crate::support::endpoint::NUMBER);
    let broken = business.call(http::Method::POST, &path).header("content-type", "application/json").body("{");
    let (status, said) = super::answer(broken).await;
    assert_eq!((status, &said["error"]["code"]), (400, &json!(100)));
    let (_, said) = business.send(&json!([])).await;
    assert_eq!(said["error"]["code"], json!(100));
    let (_, said) =
        business.send(&json!({ "messaging_product": "whatsapp", "to": "+15550100200", "type": "text" })).await;
    assert_eq!(
        said,
        json!({ "error": {
            "message": "(#131008) Required parameter is missing: text", "type": "OAuthException", "code": 131_008,
            "error_data": { "messaging_product": "whatsapp", "details": "Required parameter is missing: text" },
            "fbtrace_id": "SIMULATED",
        } })
    );
    business.token = "another".to_owned();
    let (status, said) = business.send(&fixture("text")).await;
    assert_eq!((status, &said["error"]["code"]), (401, &json!(190)));
}
