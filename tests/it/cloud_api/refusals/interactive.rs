//! The rules of interactive messages.

use serde_json::{Value, json};

use super::{INVALID, MISSING, Row, UNSUPPORTED, fixture};

/// Sets something inside the interactive object of this kind.
fn set(rule: &'static str, kind: &str, pointer: &str, value: impl Into<Value>, code: i64) -> Row {
    super::set(rule, &format!("interactive_{kind}"), &format!("/interactive{pointer}"), value, code)
}

fn gone(rule: &'static str, kind: &str, pointer: &str) -> Row {
    super::gone(rule, &format!("interactive_{kind}"), &format!("/interactive{pointer}"))
}

pub(super) fn frames() -> Vec<Row> {
    vec![
        set("the kind is known", "button", "/type", "buttons", INVALID),
        gone("there is an action", "button", "/action"),
        gone("there is a body", "button", "/body"),
        set("a body is short enough", "button", "/body/text", "x".repeat(1025), UNSUPPORTED),
        set("a header is short enough", "button", "/header/text", "x".repeat(61), UNSUPPORTED),
        set("a header has its content", "button", "/header/type", "image", UNSUPPORTED),
        set("a footer is short enough", "button", "/footer/text", "x".repeat(61), UNSUPPORTED),
    ]
}

pub(super) fn buttons_and_lists() -> Vec<Row> {
    let button = |id: &str, title: &str| json!({ "type": "reply", "reply": { "id": id, "title": title } });
    let row = |id: usize| json!({ "id": id.to_string(), "title": "Row" });
    let rows = |ids: std::ops::Range<usize>| json!({ "title": "S", "rows": ids.map(row).collect::<Vec<_>>() });
    vec![
        set(
            "at most three buttons",
            "button",
            "/action/buttons",
            json!([button("1", "1"), button("2", "2"), button("3", "3"), button("4", "4")]),
            INVALID,
        ),
        set("at least one button", "button", "/action/buttons", json!([]), INVALID),
        set("ids are unique", "button", "/action/buttons/1/reply/id", "yes", INVALID),
        set("titles are unique", "button", "/action/buttons/1/reply/title", "Yes", INVALID),
        set("no spaces around an id", "button", "/action/buttons/0/reply/id", "yes ", INVALID),
        set("a label is short enough", "button", "/action/buttons/0/reply/title", "x".repeat(21), UNSUPPORTED),
        set("an id is short enough", "button", "/action/buttons/0/reply/id", "x".repeat(257), UNSUPPORTED),
        set("a button is a reply", "button", "/action/buttons/0/type", "url", INVALID),
        set(
            "a list's header is text",
            "list",
            "/header",
            json!({ "type": "image", "image": { "link": "https://example.invalid/a.png" } }),
            INVALID,
        ),
        set("a list's body may be long", "list", "/body/text", "x".repeat(4097), UNSUPPORTED),
        gone("a list has a button", "list", "/action/button"),
        set("ten rows in all", "list", "/action/sections", json!([rows(0..6), rows(6..11)]), INVALID),
        set(
            "row ids are unique over all sections",
            "list",
            "/action/sections",
            json!([rows(0..2), rows(1..3)]),
            INVALID,
        ),
        set(
            "several sections have titles",
            "list",
            "/action/sections",
            json!([rows(0..2), { "rows": [row(5)] }]),
            MISSING,
        ),
        set("a row's title is short enough", "list", "/action/sections/0/rows/0/title", "x".repeat(25), UNSUPPORTED),
        set(
            "a row's words are short enough",
            "list",
            "/action/sections/0/rows/0/description",
            "x".repeat(73),
            UNSUPPORTED,
        ),
        set("a row's id is short enough", "list", "/action/sections/0/rows/0/id", "x".repeat(201), UNSUPPORTED),
    ]
}

pub(super) fn others() -> Vec<Row> {
    vec![
        set("a link's label fits", "cta_url", "/action/parameters/display_text", "x".repeat(21), UNSUPPORTED),
        set("a link leads to the web", "cta_url", "/action/parameters/url", "tel:+15550100200", INVALID),
        set("an action has its name", "cta_url", "/action/name", "url", INVALID),
        set(
            "a location is asked for with words only",
            "location_request",
            "/footer",
            json!({ "text": "x" }),
            UNSUPPORTED,
        ),
        set("an address is in India or Singapore", "address", "/action/parameters/country", "DE", INVALID),
        set("a Flow has an id or a name", "flow_navigate", "/action/parameters/flow_name", "x", UNSUPPORTED),
        gone("a Flow has a first screen", "flow_navigate", "/action/parameters/flow_action_payload/screen"),
        set(
            "an endpoint names the first screen",
            "flow_data_exchange",
            "/action/parameters/flow_action_payload",
            json!({ "screen": "A" }),
            UNSUPPORTED,
        ),
        set(
            "a Flow's data is not empty",
            "flow_navigate",
            "/action/parameters/flow_action_payload/data",
            json!({}),
            INVALID,
        ),
        set("a product has no header", "product", "/header", json!({ "type": "text", "text": "x" }), UNSUPPORTED),
        gone("products have a header", "product_list", "/header"),
        gone("a catalog has a picture", "catalog_message", "/action/parameters/thumbnail_product_retailer_id"),
        set("a call's label fits", "voice_call", "/action/parameters/display_text", "x".repeat(21), UNSUPPORTED),
        set("a permission has no parameters", "call_permission_request", "/action/parameters", json!({}), UNSUPPORTED),
        set("contact info has its name", "request_contact_info", "/action/name", "contact", INVALID),
    ]
}

pub(super) fn carousels() -> Vec<Row> {
    const CARDS: &str = "/action/cards";
    let cards = fixture("interactive_carousel_url")["interactive"]["action"]["cards"].clone();
    let (url, reply) = (&cards[0], &fixture("interactive_carousel_quick_reply")["interactive"]["action"]["cards"][1]);
    vec![
        set("a carousel has two cards", "carousel_url", CARDS, json!([url]), INVALID),
        set("a carousel has no header", "carousel_url", "/header", json!({ "type": "text", "text": "x" }), UNSUPPORTED),
        set("cards are counted", "carousel_url", "/action/cards/1/card_index", 0, INVALID),
        set("a card's body fits", "carousel_url", "/action/cards/0/body/text", "x".repeat(161), UNSUPPORTED),
        set("a card has three lines", "carousel_url", "/action/cards/0/body/text", "1\n2\n3\n4", UNSUPPORTED),
        gone("a card has a picture", "carousel_url", "/action/cards/0/header"),
        set("cards have buttons of one kind", "carousel_url", CARDS, json!([url, reply]), INVALID),
        set(
            "cards have as many buttons",
            "carousel_quick_reply",
            "/action/cards/0/action/buttons/1",
            json!({ "type": "quick_reply", "quick_reply": { "id": "b", "title": "B" } }),
            INVALID,
        ),
        set(
            "a card's button fits",
            "carousel_quick_reply",
            "/action/cards/0/action/buttons/0/quick_reply/title",
            "x".repeat(21),
            UNSUPPORTED,
        ),
    ]
}
