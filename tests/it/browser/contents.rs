//! What agents send is drawn and can be tapped, and what people send arrives: pictures, lists, places, reactions.

use fantoccini::Locator;
use serde_json::{Value, json};

use super::{
    bubble,
    keyboard::{Page, Screen},
};
use crate::support::{eventually, project};

/// A list of two sections.
pub fn menu_of_the_day() -> Value {
    let row =
        |id: &str, title: &str, description: &str| json!({ "id": id, "title": title, "description": description });
    json!({
        "type": "list", "header": { "type": "text", "text": "Today" }, "body": { "text": "What will it *be*?" },
        "action": { "button": "Dishes", "sections": [
            { "title": "Soups", "rows": [row("garden", "Soup of the garden", "Peas"), row("sea", "Soup of the sea", "Fish")] },
            { "title": "Sweets", "rows": [row("cake", "Cake", "With plums")] },
        ] },
    })
}

#[tokio::test]
async fn a_row_is_picked_from_a_list() {
    let page = Page::open(Screen::Phone, &[]).await;
    page.say("hello").await;
    page.bubbles(2).await;
    page.business_offers(menu_of_the_day()).await;
    page.shows(&bubble(3, "strong"), "be").await;
    page.click("Dishes").await;
    page.shows("dialog[open] h3", "Sweets").await;
    page.click_css("dialog[open] input[value=cake]").await;
    page.click_css("dialog[open] footer button").await;
    let texts = page.bubbles(5).await;
    assert!(texts[3].contains("Cake") && texts[3].contains("With plums"), "{texts:?}");
    assert!(texts[4].contains("You said: cake"), "the agent hears the id of the row: {texts:?}");
    page.close().await;
}

#[tokio::test]
async fn a_picture_is_sent_with_words() {
    let page = Page::open(Screen::Phone, &[]).await;
    page.click("Attach").await;
    page.click("Photo or video").await;
    let file = project("docs/chat.png").display().to_string();
    page.browser.find(Locator::Css("#file")).await.expect("a file chooser").send_keys(&file).await.expect("chosen");
    page.shows("#above", "chat.png").await;
    page.say("Look at *this*").await;
    page.shows(&bubble(1, ""), "Look at this").await;
    let is_drawn = "const image = document.querySelector('[role=log] li img'); return Boolean(image?.naturalWidth);";
    eventually("the picture is drawn", async || (page.ask(is_drawn).await == true).then_some(())).await;
    page.bubbles(2).await;
    page.close().await;
}

#[tokio::test]
async fn a_voice_note_is_recorded_and_sent() {
    let page = Page::open(Screen::Phone, &[]).await;
    page.click("Record a voice note").await;
    page.click("Stop recording").await;
    page.shows("#above", "Voice note").await;
    page.click("Send").await;
    page.there(&bubble(1, "[aria-label='Play voice note']")).await;
    page.there(&bubble(1, "[aria-label=Read]")).await;
    page.bubbles(2).await;
    page.close().await;
}

#[tokio::test]
async fn a_place_a_contact_a_quote_and_a_reaction_are_sent() {
    let page = Page::open(Screen::Desk, &[]).await;
    page.click("Attach").await;
    page.click("Location").await;
    page.click("Central Park").await;
    page.click_css("dialog[open] footer button").await;
    page.shows(&bubble(1, ".place"), "Central Park").await;
    page.bubbles(2).await;
    page.click("Attach").await;
    page.click("Contact").await;
    page.click_css("dialog[open] footer button").await;
    page.shows(&bubble(3, ".contact"), "Bob Example").await;
    page.bubbles(4).await;

    options(&page, 2).await;
    page.click("Reply").await;
    page.say("What do you mean?").await;
    page.shows(&bubble(5, ".quote"), "Agent").await;
    page.bubbles(6).await;

    options(&page, 6).await;
    page.click("React with 👍").await;
    page.shows(&bubble(6, ".reactions"), "👍").await;
    options(&page, 6).await;
    page.click("Take back 👍").await;
    eventually("the reaction is gone", async || (page.count(".reactions").await == 0).then_some(())).await;
    page.close().await;
}

/// Opens the options of a bubble.
async fn options(page: &Page, number: usize) {
    page.click_css(&bubble(number, ".options")).await;
    page.there(".menu:popover-open").await;
}

#[tokio::test]
async fn a_sample_event_is_taken_from_the_menu() {
    let page = Page::open(Screen::Desk, &[]).await;
    page.click("Attach").await;
    page.click("Sample event…").await;
    page.named("input", "Find a sample event").await.send_keys("order").await.expect("typed");
    page.click_css(".samples li:not([hidden]) button").await;
    page.bubbles(1).await;
    page.close().await;
}

#[tokio::test]
async fn marks_are_drawn_and_foreign_markup_stays_text() {
    let page = Page::open(Screen::Desk, &[]).await;
    page.say("hello").await;
    page.bubbles(2).await;
    let said = "*b* _i_ ~s~ `c`\n```\nblock\n```\n- one\n- two\n1. first\n> quoted\nhttps://example.com/a_b_c, javascript:alert(1) <img src=x onerror=alert(1)>";
    let body =
        json!({ "messaging_product": "whatsapp", "to": "+15550100200", "type": "text", "text": { "body": said } });
    page.business_sends(&body).await;
    page.bubbles(3).await;
    for (tag, text) in [
        ("strong", "b"),
        ("em", "i"),
        ("s", "s"),
        ("code", "c"),
        ("pre", "block"),
        ("ul li", "one"),
        ("ol li", "first"),
    ] {
        assert_eq!(page.shows(&bubble(3, &format!(".text {tag}")), text).await, text, "{tag}");
    }
    page.shows(&bubble(3, ".text blockquote"), "quoted").await;
    assert_eq!(page.shows(&bubble(3, ".text a"), "").await, "https://example.com/a_b_c");
    assert_eq!(page.count(&bubble(3, ".text a")).await, 1, "javascript: is no link");
    page.shows(&bubble(3, ".text"), "<img src=x onerror=alert(1)>").await;
    assert_eq!(page.count(&bubble(3, "img")).await, 0);
    page.close().await;
}

#[tokio::test]
async fn every_message_that_meta_documents_is_drawn() {
    let page = Page::open(Screen::Desk, &[]).await;
    page.say("hello").await;
    page.bubbles(2).await;
    let mut drawn = 2;
    for (kind, shown) in [
        ("interactive_cta_url", "a.offer"),
        ("interactive_carousel_url", ".card .offer"),
        ("interactive_carousel_quick_reply", ".card .replies button"),
        ("interactive_location_request", ".offer"),
        ("interactive_flow_navigate", ".offer"),
        ("interactive_product", ".offer"),
        ("image_link", ".picture, .absent"),
        ("location", ".place .map"),
        ("contacts", ".contact"),
        ("template_positional", ".parameters li"),
        ("template_auth_copy_code", ".offer"),
    ] {
        let text = std::fs::read(project(&format!("tests/fixtures/outbound/{kind}.json"))).expect(kind);
        page.business_sends(&serde_json::from_slice(&text).expect("JSON")).await;
        drawn += 1;
        page.bubbles(drawn).await;
        page.there(&bubble(drawn, shown)).await;
    }
    page.close().await;
}
