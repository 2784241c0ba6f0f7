//! The chat page in Chromium, as a person uses it: `wa simulate`, a message typed, a button tapped.

use std::{collections::BTreeMap, process::Command};

use fantoccini::{Client, ClientBuilder, Locator, elements::Element, key::Key};
use serde_json::{Value, json};

use crate::support::{eventually, parts};

/// Roles and names are found as a screen reader finds them, not by the page's own ids.
const BUBBLES: Locator<'static> = Locator::Css("[role=log] li");

#[tokio::test]
async fn a_message_typed_on_the_page_is_answered_and_survives_a_reload() {
    let page = simulate(&[]).await;
    let browser = browser().await;
    browser.goto(&page).await.expect("the page");
    assert_eq!(
        browser
            .find(Locator::Css("[role=log]"))
            .await
            .expect("a log")
            .attr("aria-label")
            .await
            .expect("asked")
            .as_deref(),
        Some("Conversation")
    );

    let message = named(&browser, "textarea, input", "Message").await;
    message.send_keys("Good *morning*").await.expect("typed");
    named(&browser, "button", "Send").await.click().await.expect("sent");
    let texts = bubbles(&browser, 2).await;
    assert!(texts[0].contains("Good morning"), "bold is shown, not its marks: {texts:?}");
    assert!(texts[1].contains("Hello Ada Example") && texts[1].contains("You said: Good morning"), "{texts:?}");

    let enter = char::from(Key::Enter);
    message.send_keys(&format!("menu{enter}")).await.expect("typed and sent");
    assert!(bubbles(&browser, 4).await[3].contains("What would you like to see?"));
    named(&browser, "button", "Count messages").await.click().await.expect("tapped");
    let texts = bubbles(&browser, 6).await;
    assert!(
        texts[4].contains("Count messages") && texts[5].contains("This is message 3 of this session."),
        "{texts:?}"
    );

    browser.refresh().await.expect("reloaded");
    assert_eq!(bubbles(&browser, 6).await.len(), 6);
    assert!(
        !named(&browser, "button", "Count messages").await.is_enabled().await.expect("asked"),
        "what was tapped stays tapped"
    );
    browser.close().await.expect("closed");
}

#[tokio::test]
async fn a_message_that_is_not_answered_says_why_on_the_page() {
    let nowhere = format!("http://127.0.0.1:{}/", parts::free_port());
    let page = simulate(&[("AGENT_PROTOCOL", "cognigy"), ("AGENT_URL", &nowhere)]).await;
    let browser = browser().await;
    browser.goto(&page).await.expect("the page");
    let enter = char::from(Key::Enter);
    named(&browser, "textarea, input", "Message")
        .await
        .send_keys(&format!("hello{enter}"))
        .await
        .expect("typed and sent");
    let alert =
        browser.wait().for_element(Locator::Css("[role=alert]")).await.expect("an alert").text().await.expect("text");
    assert!(alert.contains("503") && alert.contains("log"), "{alert}");
    browser.close().await.expect("closed");
}

/// Starts `wa simulate` with these settings; answers the address of its page.
async fn simulate(settings: &[(&str, &str)]) -> String {
    let (port, endpoint_port) = (parts::free_port(), parts::free_port());
    let mut command = Command::new(env!("CARGO_BIN_EXE_wa"));
    command.args(["simulate", "--port", &port.to_string(), "--endpoint-port", &endpoint_port.to_string()]);
    command.envs(settings.iter().copied().collect::<BTreeMap<_, _>>());
    parts::end_with_us(&command);
    let page = format!("http://127.0.0.1:{port}/");
    parts::ready(&format!("http://127.0.0.1:{endpoint_port}/"), "wa simulate").await;
    page
}

async fn browser() -> Client {
    let port = parts::free_port();
    let mut driver = Command::new("chromedriver");
    driver.arg(format!("--port={port}"));
    parts::end_with_us(&driver);
    let url = format!("http://127.0.0.1:{port}");
    parts::ready(&format!("{url}/status"), "chromedriver (run `make tools`)").await;
    let options = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-dev-shm-usage",
    ];
    let capabilities = json!({ "goog:chromeOptions": { "args": options } });
    let Value::Object(capabilities) = capabilities else { panic!("an object") };
    let mut builder = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new());
    builder.capabilities(capabilities).connect(&url).await.expect("a browser")
}

/// The element with this accessible name, once it is there.
async fn named(browser: &Client, css: &str, name: &str) -> Element {
    eventually(&format!("{name} is on the page"), async || {
        for element in browser.find_all(Locator::Css(css)).await.ok()? {
            let label = element.attr("aria-label").await.ok()?.or(element.text().await.ok());
            if label.as_deref() == Some(name) {
                return Some(element);
            }
        }
        None
    })
    .await
}

/// The texts of the bubbles, once there are so many.
async fn bubbles(browser: &Client, count: usize) -> Vec<String> {
    eventually(&format!("{count} bubbles"), async || {
        let mut texts = Vec::new();
        for bubble in browser.find_all(BUBBLES).await.ok()? {
            texts.push(bubble.text().await.ok()?);
        }
        (texts.len() >= count).then_some(texts)
    })
    .await
}
