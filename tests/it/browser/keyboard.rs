//! A person's hands and eyes: Chromium with the chat page of a `wa simulate` of its own.

use std::{collections::BTreeMap, process::Command};

use fantoccini::{Client, ClientBuilder, Locator, elements::Element, key::Key};
use serde_json::{Value, json};
use whatsapp_endpoint::{
    credentials::Secret, https, simulator::DEVELOPMENT_SECRET, whatsapp::signature::appsecret_proof,
};

use crate::support::{endpoint::NUMBER, eventually, parts};

/// Bubbles are found as a screen reader finds them, not by the page's own ids.
const BUBBLES: &str = "[role=log] li[class]";

/// What holds the page: a phone of 390 × 844, or a desk of 1280 × 800.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Screen {
    Phone,
    Desk,
}

/// A page that is looked at.
pub struct Page {
    pub browser: Client,
    pub url: String,
}

impl Page {
    /// Starts the simulator with these settings and opens its page.
    pub async fn open(screen: Screen, settings: &[(&str, &str)]) -> Self {
        let url = simulate(settings).await;
        let browser = browser(screen).await;
        browser.goto(&url).await.expect("the page");
        let page = Self { browser, url };
        page.named("textarea", "Message").await;
        page
    }

    /// Writes a text and sends it with Enter.
    pub async fn say(&self, text: &str) {
        self.press_in_message(&format!("{text}{}", char::from(Key::Enter))).await;
    }

    /// Types into the message.
    pub async fn press_in_message(&self, keys: &str) {
        self.named("textarea", "Message").await.send_keys(keys).await.expect("typed");
    }

    /// Presses keys wherever the focus is.
    pub async fn press(&self, keys: &str) {
        self.browser.active_element().await.expect("a focus").send_keys(keys).await.expect("pressed");
    }

    /// Moves the focus with Tab, or backwards, until it is on the element with this name.
    pub async fn tab_to(&self, name: &str, forwards: bool) {
        let back = format!("{}{}{}", char::from(Key::Shift), char::from(Key::Tab), char::from(Key::Null));
        let keys = if forwards { char::from(Key::Tab).to_string() } else { back };
        for _ in 0..60 {
            self.press(&keys).await;
            let focused = self.browser.active_element().await.expect("a focus");
            if name_of(&focused).await.as_deref() == Some(name) {
                return;
            }
        }
        panic!("{name} cannot be reached with Tab");
    }

    /// Clicks the button, link, tab or menu item with this name.
    pub async fn click(&self, name: &str) {
        eventually(&format!("{name} can be clicked"), async || self.try_click(name).await).await;
    }

    /// Clicks what `css` finds.
    pub async fn click_css(&self, css: &str) {
        eventually(&format!("{css} can be clicked"), async || {
            self.browser.find(Locator::Css(css)).await.ok()?.click().await.ok()
        })
        .await;
    }

    async fn try_click(&self, name: &str) -> Option<()> {
        for element in self.browser.find_all(Locator::Css("button, a, [role=tab], summary, label")).await.ok()? {
            if name_of(&element).await.as_deref() == Some(name) && element.is_displayed().await.ok()? {
                return element.click().await.ok();
            }
        }
        None
    }

    /// The element with this accessible name, once it is there.
    pub async fn named(&self, css: &str, name: &str) -> Element {
        eventually(&format!("{name} is on the page"), async || {
            for element in self.browser.find_all(Locator::Css(css)).await.ok()? {
                if name_of(&element).await.as_deref() == Some(name) {
                    return Some(element);
                }
            }
            None
        })
        .await
    }

    /// The texts of the bubbles, once there are so many.
    pub async fn bubbles(&self, count: usize) -> Vec<String> {
        eventually(&format!("{count} bubbles"), async || {
            let texts = self.texts(BUBBLES).await?;
            (texts.len() >= count).then_some(texts)
        })
        .await
    }

    /// The text of the first element that `css` finds, once it holds `part`.
    pub async fn shows(&self, css: &str, part: &str) -> String {
        eventually(&format!("{css} shows {part}"), async || {
            self.texts(css).await?.into_iter().find(|text| text.contains(part))
        })
        .await
    }

    async fn texts(&self, css: &str) -> Option<Vec<String>> {
        let mut texts = Vec::new();
        for element in self.browser.find_all(Locator::Css(css)).await.ok()? {
            texts.push(element.text().await.ok()?);
        }
        Some(texts)
    }

    /// Waits until something is on the page, or shown in this state.
    pub async fn there(&self, css: &str) {
        eventually(&format!("{css} is there"), async || self.browser.find(Locator::Css(css)).await.ok()).await;
    }

    /// How many elements `css` finds now.
    pub async fn count(&self, css: &str) -> usize {
        self.browser.find_all(Locator::Css(css)).await.expect("asked").len()
    }

    /// What a script answers.
    pub async fn ask(&self, script: &str) -> Value {
        self.browser.execute(script, Vec::new()).await.expect("an answer")
    }

    /// The business sends a body to the simulated Cloud API, as an agent's reply would be.
    pub async fn business_sends(&self, body: &Value) {
        let secret: Value = serde_json::from_str(DEVELOPMENT_SECRET).expect("JSON");
        let field = |name: &str| secret[name].as_str().expect("text").to_owned();
        let proof = appsecret_proof(&Secret::from(field("app_secret")), &Secret::from(field("access_token")));
        let url = format!("{}v26.0/{NUMBER}/messages?appsecret_proof={proof}", self.url);
        let request = https::client().expect("a client").post(url).bearer_auth(field("access_token")).json(body);
        let response = request.send().await.expect("an answer");
        let (status, text) = (response.status(), response.text().await.expect("text"));
        assert!(status.is_success(), "{status}: {text}");
    }

    /// The business sends Ada something interactive.
    pub async fn business_offers(&self, interactive: Value) {
        let body = json!({
            "messaging_product": "whatsapp", "recipient_type": "individual", "to": "+15550100200",
            "type": "interactive", "interactive": interactive,
        });
        self.business_sends(&body).await;
    }

    pub async fn close(self) {
        self.browser.close().await.expect("closed");
    }
}

/// What a screen reader calls an element: its label, else its words.
async fn name_of(element: &Element) -> Option<String> {
    let label = element.attr("aria-label").await.ok()?;
    label.or(element.text().await.ok().map(|text| text.trim().to_owned()))
}

/// Starts `wa simulate` with these settings; returns the address of its page.
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

async fn browser(screen: Screen) -> Client {
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
        "--window-size=1280,800",
        // A microphone that hums, and nobody is asked whether it may.
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
    ];
    let mut chrome = json!({ "args": options });
    if screen == Screen::Phone {
        let metrics = json!({ "width": 390, "height": 844, "pixelRatio": 1, "touch": true });
        chrome["mobileEmulation"] = json!({ "deviceMetrics": metrics });
    }
    let capabilities = json!({ "goog:chromeOptions": chrome });
    let Value::Object(capabilities) = capabilities else { panic!("an object") };
    let mut builder = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new());
    builder.capabilities(capabilities).connect(&url).await.expect("a browser")
}
