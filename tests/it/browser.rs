//! The chat page in Chromium, as a person uses it: `wa simulate`, a message typed, a button tapped.

use fantoccini::key::Key;

use crate::support::{eventually, parts};

mod contents;
mod keyboard;

use keyboard::{Page, Screen};

/// The bubble with this place, counted from one.
fn bubble(number: usize, inside: &str) -> String {
    format!("[role=log] li[class]:nth-child({number} of li[class]) {inside}")
}

#[tokio::test]
async fn a_message_typed_on_the_page_is_answered_and_survives_a_reload() {
    let page = Page::open(Screen::Phone, &[]).await;
    page.press_in_message("Good *morning*").await;
    page.click("Send").await;
    let texts = page.bubbles(2).await;
    assert!(texts[0].contains("Good morning"), "bold is shown, not its marks: {texts:?}");
    assert!(texts[1].contains("Hello Ada Example") && texts[1].contains("You said: Good morning"), "{texts:?}");

    page.say("menu").await;
    assert!(page.bubbles(4).await[3].contains("What would you like to see?"));
    page.click("Count messages").await;
    let texts = page.bubbles(6).await;
    assert!(texts[4].contains("Count messages"), "{texts:?}");
    assert!(texts[5].contains("This is message 3 of this session."), "{texts:?}");

    page.browser.refresh().await.expect("reloaded");
    assert_eq!(page.bubbles(6).await, texts, "nothing is lost, nothing is new");
    let tapped = page.named("button", "Count messages").await;
    assert!(!tapped.is_enabled().await.expect("asked"), "what was tapped stays tapped");
    page.close().await;
}

#[tokio::test]
async fn ticks_turn_blue_when_the_business_has_read() {
    let page = Page::open(Screen::Phone, &[]).await;
    page.say("hello").await;
    page.there(&bubble(1, ".tick.read [role=img][aria-label=Read]")).await;
    let colour = page.ask("return getComputedStyle(document.querySelector('.tick.read')).color").await;
    let ink = page.ask("return getComputedStyle(document.querySelector('.meta')).color").await;
    assert_ne!(colour, ink, "read ticks have a colour of their own");
    page.close().await;
}

#[tokio::test]
async fn a_message_that_is_not_answered_says_why_on_the_page() {
    let nowhere = format!("http://127.0.0.1:{}/", parts::free_port());
    let page = Page::open(Screen::Phone, &[("AGENT_PROTOCOL", "cognigy"), ("AGENT_URL", &nowhere)]).await;
    page.say("hello").await;
    let alert = page.shows("[role=alert]", "503").await;
    assert!(alert.contains("log"), "{alert}");
    page.close().await;
}

#[tokio::test]
async fn a_reply_that_fails_shows_its_reason_on_a_tap() {
    let page = Page::open(Screen::Desk, &[]).await;
    page.click("Faults").await;
    page.named("select", "Fail later").await.select_by_label("once").await.expect("chosen");
    page.click("Faults (1 on)").await;
    page.say("hello").await;
    page.shows(&bubble(2, ".failure"), "Not delivered").await;
    assert_eq!(page.shows(&bubble(2, ".failure"), "").await, "Not delivered", "the reason waits for a tap");
    page.click_css(&bubble(2, ".failure")).await;
    let reason = page.shows(&bubble(2, ".failure"), "131026").await;
    assert!(reason.len() > "Not delivered 131026".len(), "{reason}");
    page.there("#tab-faults:not(:empty)").await;
    page.click("Faults").await;
    page.close().await;
}

#[tokio::test]
async fn another_person_has_a_conversation_of_their_own() {
    let page = Page::open(Screen::Phone, &[]).await;
    page.say("I am Ada").await;
    page.bubbles(2).await;
    page.click("Chats").await;
    page.click_css("nav a[data-person=bob]").await;
    page.shows("#connection", "Bob").await;
    assert_eq!(page.count("[role=log] li[class]").await, 0);
    page.say("I am Bob").await;
    let texts = page.bubbles(2).await;
    assert!(texts[0].contains("I am Bob") && texts[1].contains("Hello Bob"), "{texts:?}");
    page.browser.refresh().await.expect("reloaded");
    assert!(page.bubbles(2).await[0].contains("I am Bob"), "the address knows whose phone it is");
    page.click("Chats").await;
    page.shows("nav a[data-person=ada]", "You said: I am Ada").await;
    page.click_css("nav a[data-person=ada]").await;
    assert!(page.bubbles(2).await[0].contains("I am Ada"));
    page.close().await;
}

#[tokio::test]
async fn a_new_person_can_join() {
    let page = Page::open(Screen::Desk, &[]).await;
    page.click("Add a person").await;
    page.named("input[name=name]", "").await.send_keys("Grace Example").await.expect("typed");
    page.click("Add").await;
    page.shows("#connection", "Grace Example").await;
    page.say("hello").await;
    assert!(page.bubbles(2).await[1].contains("Hello Grace Example"));
    page.close().await;
}

#[tokio::test]
async fn two_tabs_stay_in_step() {
    let page = Page::open(Screen::Desk, &[]).await;
    page.say("from the first").await;
    let texts = page.bubbles(2).await;
    let first = page.browser.window().await.expect("a window");
    let second = page.browser.new_window(true).await.expect("a tab").handle;
    page.browser.switch_to_window(second).await.expect("switched");
    page.browser.goto(&page.url).await.expect("the page");
    assert_eq!(page.bubbles(2).await, texts);
    page.say("from the second").await;
    let texts = page.bubbles(4).await;
    page.browser.switch_to_window(first).await.expect("switched");
    assert_eq!(page.bubbles(4).await, texts);
    page.close().await;
}

#[tokio::test]
async fn everything_can_be_done_with_the_keyboard_alone() {
    let page = Page::open(Screen::Desk, &[]).await;
    page.bubbles(0).await;
    page.tab_to("Message", true).await;
    let enter = char::from(Key::Enter).to_string();
    page.press(&format!("menu{enter}")).await;
    page.bubbles(2).await;
    page.tab_to("Count messages", false).await;
    page.press(&enter).await;
    assert!(page.bubbles(4).await[3].contains("This is message 2"));
    eventually("the focus is back at the message", async || {
        let label = page.browser.active_element().await.ok()?.attr("aria-label").await.ok()?;
        (label.as_deref() == Some("Message")).then_some(())
    })
    .await;

    page.business_offers(contents::menu_of_the_day()).await;
    page.bubbles(5).await;
    page.tab_to("Dishes", false).await;
    page.press(&enter).await;
    page.there("dialog[open] input:focus").await;
    page.press(&char::from(Key::Escape).to_string()).await;
    eventually("Escape closes the sheet", async || (page.count("dialog").await == 0).then_some(())).await;
    page.press(&enter).await;
    page.there("dialog[open] input:focus").await;
    let space_down_enter = format!(" {}{enter}", char::from(Key::Down));
    page.press(&space_down_enter).await;
    let texts = page.bubbles(6).await;
    assert!(texts[5].contains("Soup of the sea"), "{texts:?}");
    page.close().await;
}

#[tokio::test]
async fn the_inspector_shows_what_went_over_the_wire() {
    let page = Page::open(Screen::Desk, &[]).await;
    page.say("hello").await;
    page.bubbles(2).await;
    page.shows("#wire .exchange summary", "Webhook").await;
    page.shows("#wire .exchange summary", "read, typing").await;
    page.shows("#wire .exchange summary", "send text").await;
    page.click_css("#wire summary").await;
    let wire = page.shows("#wire details[open]", "x-hub-signature-256").await;
    assert!(wire.contains("\"object\": \"whatsapp_business_account\"") && wire.contains("200"), "{wire}");
    page.close().await;
}

#[tokio::test]
async fn what_came_while_another_chat_was_open_is_counted_until_it_is_seen() {
    let page = Page::open(Screen::Desk, &[]).await;
    page.say("hello").await;
    page.bubbles(2).await;
    page.click_css("nav a[data-person=bob]").await;
    page.shows("#connection", "Bob").await;
    page.business_offers(contents::menu_of_the_day()).await;
    page.there("nav a[data-person=ada] .unread[aria-label='1 unread']").await;
    assert!(page.browser.title().await.expect("a title").starts_with("(1)"));
    page.click_css("nav a[data-person=ada]").await;
    page.bubbles(3).await;
    eventually("nothing is unread", async || (page.count(".unread").await == 0).then_some(())).await;
    page.shows("#wire .looked-at", "read").await;
    page.close().await;
}

#[tokio::test]
async fn a_screen_reader_finds_its_way() {
    let page = Page::open(Screen::Phone, &[]).await;
    page.say("hello").await;
    page.bubbles(2).await;
    page.there("[role=log][aria-label=Conversation]").await;
    for role in ["status", "tablist"] {
        page.there(&format!("[role={role}]")).await;
    }
    let listed = page.ask("return [...document.querySelectorAll('.bubble')].every((bubble) => bubble.closest('li')?.closest('ol[role=list]'))");
    assert_eq!(listed.await, true, "every bubble is an item of a list");
    let nameless = page.ask(
        "return [...document.querySelectorAll('button, a, input, textarea, select, [role=img]')]
           .filter((element) => !(element.ariaLabel || element.textContent.trim() || element.closest('label')))
           .map((element) => element.outerHTML)",
    );
    assert_eq!(nameless.await, serde_json::json!([]), "everything that can be used has a name");
    page.close().await;
}
