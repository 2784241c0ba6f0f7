//! Lambda events: each gets an answer that the README names, or the one documented error.
//!
//! Graph cannot be reached here, so every turn ends at the last step; time stands still and jumps over every pause.

#![no_main]

use std::{cell::RefCell, collections::BTreeSet, sync::Arc, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use lambda_http::{aws_lambda_events::sqs::SqsEvent, request::LambdaRequest};
use lambda_runtime::{Context, LambdaEvent};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json, value::RawValue};
use tokio::{net::TcpSocket, runtime::Runtime};
use whatsapp_endpoint::{
    app::App,
    ingress::{self, IngressError},
    outbox::Outbox,
    queue::DeadLetters,
    settings::{DeliverySettings, Settings},
    simulator::local_secret,
    store::Embedded,
    whatsapp::signature::{HEADER, sign},
};

/// Statuses of the HTTP door.
const STATUSES: &[u64] = &[200, 202, 400, 401, 403, 404, 405, 409, 413, 503];
/// What the invocation has left, in milliseconds: short enough to be told from a moment since 1970.
const TIME_LEFT_MS: u64 = 90_000;

struct Endpoint {
    runtime: Runtime,
    app: App,
    /// Bound and not listening: whoever connects is refused.
    _closed: TcpSocket,
}

thread_local! {
    static ENDPOINT: RefCell<Endpoint> = RefCell::new(Endpoint::start());
}

fuzz_target!(|event: &[u8]| {
    let Ok(event) = serde_json::from_slice::<Box<RawValue>>(event) else { return };
    ENDPOINT.with_borrow_mut(|endpoint| {
        endpoint.give(&event);
        if let Some(signed) = signed(&event, endpoint) {
            endpoint.give(&signed);
        }
    });
});

impl Endpoint {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
        let runtime = runtime.expect("a runtime");
        // Log lines are written like those of the Lambda and then dropped: writing them must not fail either.
        tracing_subscriber::fmt().json().with_writer(std::io::sink).init();
        let closed = TcpSocket::new_v4().expect("a socket");
        closed.bind(([127, 0, 0, 1], 0).into()).expect("a free port");
        let graph = format!("http://{}", closed.local_addr().expect("bound"));
        let secret = std::env::temp_dir().join(format!("wa-fuzz-{}.json", std::process::id()));
        std::fs::write(&secret, local_secret()).expect("a writable temporary folder");
        let secret = secret.display().to_string();
        let vars = [("WHATSAPP_SECRET_FILE", secret.as_str()), ("STORE_FILE", ":memory:"), ("GRAPH_BASE_URL", &graph)];
        let settings = Settings::from_vars(vars.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let app = runtime.block_on(App::new(settings.expect("settings"))).expect("an app");
        Self { runtime, app, _closed: closed }
    }

    /// Gives one event to an endpoint that remembers nothing, and checks the answer.
    fn give(&mut self, event: &RawValue) {
        if never_sent(event) {
            return;
        }
        let store = Arc::new(Embedded::in_memory().expect("a store"));
        let delivery = DeliverySettings { message_delay: Duration::ZERO, ..self.app.settings.delivery.clone() };
        let settings = Settings { delivery, ..self.app.settings.clone() };
        self.app.outbox = Outbox::new(
            store,
            self.app.graph.clone(),
            DeadLetters::default(),
            Arc::clone(&self.app.credentials),
            &settings,
        );
        let mut context = Context::default();
        context.deadline = TIME_LEFT_MS;
        match self.runtime.block_on(ingress::handle(&self.app, LambdaEvent::new(event.to_owned(), context))) {
            Ok(answer) => assert_documented(event, &answer),
            Err(IngressError::Unknown(_)) => {}
            Err(error @ IngressError::Unwritable(_)) => panic!("{error}"),
        }
    }
}

/// Fails unless the answer is an HTTP status that we document, or names records of the batch.
fn assert_documented(event: &RawValue, answer: &RawValue) {
    let answer: Value = serde_json::from_str(answer.get()).expect("an answer is JSON");
    match answer["batchItemFailures"].as_array() {
        Some(failures) => {
            let batch: SqsEvent = serde_json::from_str(event.get()).expect("a batch");
            let ids: BTreeSet<_> =
                batch.records.iter().map(|record| record.message_id.as_deref().unwrap_or_default()).collect();
            let failed = |failure: &Value| ids.contains(failure["itemIdentifier"].as_str().expect("an id"));
            assert!(failures.len() <= batch.records.len() && failures.iter().all(failed), "{answer}");
        }
        None => assert!(answer["statusCode"].as_u64().is_some_and(|status| STATUSES.contains(&status)), "{answer}"),
    }
}

/// The event with the right signature of its body and the key of other systems, so that more than these is tried.
fn signed(event: &RawValue, endpoint: &Endpoint) -> Option<Box<RawValue>> {
    let mut event: Value = serde_json::from_str(event.get()).ok()?;
    let body = event.get("body")?.as_str()?;
    let body = if event["isBase64Encoded"] == true { BASE64_STANDARD.decode(body).ok()? } else { body.into() };
    let keys = endpoint.runtime.block_on(endpoint.app.credentials.keys()).expect("the development secret");
    let headers = event.get_mut("headers")?.as_object_mut()?;
    headers.insert(HEADER.to_owned(), json!(sign(&keys.app_secret, &body)));
    headers.insert("x-api-key".to_owned(), json!(keys.api_key.expose()));
    serde_json::value::to_raw_value(&event).ok()
}

/// Whether the body is none that API Gateway or a Function URL can send: they encode it themselves, and `lambda_http` relies on it.
fn never_sent(event: &RawValue) -> bool {
    let (encoded, body) = match serde_json::from_str(event.get()) {
        Ok(LambdaRequest::ApiGatewayV1(request)) => (request.is_base64_encoded, request.body),
        Ok(LambdaRequest::ApiGatewayV2(request)) => (request.is_base64_encoded, request.body),
        _ => return false,
    };
    encoded && BASE64_STANDARD.decode(body.unwrap_or_default()).is_err()
}
