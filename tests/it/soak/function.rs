//! One process of the real program under a Runtime API of its own, which gives it events, and may kill it at a call.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use serde_json::Value;
use tokio::sync::{
    Notify,
    mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
};
use uuid::Uuid;
use whatsapp_endpoint::simulator::local_secret;

use super::outside::Outside;
use crate::support::{now, parts::REGION, serve};

/// When the process dies: at the `call`-th call of an invocation, from 1.
#[derive(Debug, Clone, Copy)]
pub struct Death {
    pub call: usize,
    /// Whether the call is passed on and answered before, and only the answer does not go back.
    pub answered: bool,
}

/// How an invocation ended.
#[derive(Debug)]
pub enum Ended {
    Answered(Value),
    Failed(String),
    /// At a call.
    Killed,
    /// At the deadline, as Lambda ends it.
    Overdue,
}

/// A process; when it has died, there is another one in its place.
pub struct Function(Arc<Instance>, UnboundedReceiver<Ended>);

struct Instance {
    outside: Arc<Outside>,
    death: Mutex<Option<Death>>,
    child: Mutex<Option<Child>>,
    give: UnboundedSender<(String, Duration)>,
    events: tokio::sync::Mutex<UnboundedReceiver<(String, Duration)>>,
    asks: Notify,
    ends: UnboundedSender<Ended>,
}

impl Function {
    /// Starts the program and waits until it asks for an event.
    pub async fn start(outside: &Arc<Outside>) -> Self {
        let (give, events) = unbounded_channel();
        let (tell, ends) = unbounded_channel();
        let instance = Arc::new(Instance {
            outside: Arc::clone(outside),
            death: Mutex::default(),
            child: Mutex::default(),
            give,
            events: events.into(),
            asks: Notify::new(),
            ends: tell,
        });
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(answered))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(failed))
            .fallback(call)
            .with_state(Arc::clone(&instance));
        let url = serve(router).await;

        let mut command = Command::new(env!("CARGO_BIN_EXE_whatsapp-endpoint"));
        command.env_clear().envs([
            ("AWS_LAMBDA_RUNTIME_API", url.trim_start_matches("http://")),
            ("AWS_LAMBDA_FUNCTION_NAME", "soak"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/soak"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "soak"),
            ("AWS_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_ENDPOINT_URL", &url),
            ("GRAPH_BASE_URL", &url),
            ("AGENT_PROTOCOL", "cognigy"),
            ("AGENT_URL", &format!("{url}/rest")),
            ("RESEND_AFTER_SECONDS", "8"),
        ]);
        command.env("WHATSAPP_SECRET_FILE", secret_file()).envs(outside.settings());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(outside.log_file());
        *instance.child.lock().expect("not poisoned") = Some(command.spawn().expect("the program"));
        instance.asks.notified().await;
        Self(instance, ends)
    }

    /// Gives it an event that has to be answered within `left`, and waits for the end of the invocation or of the process.
    pub async fn invoke(&mut self, event: &Value, left: Duration, death: Option<Death>) -> Ended {
        let Self(instance, ends) = self;
        *instance.death.lock().expect("not poisoned") = death;
        instance.give.send((event.to_string(), left)).expect("somebody asks for events");
        let ended = tokio::time::timeout(left, ends.recv()).await;
        let ended = ended.map_or(Ended::Overdue, |ended| ended.expect("the instance can tell"));
        if matches!(ended, Ended::Killed | Ended::Overdue) {
            instance.kill();
            *self = Self::start(&Arc::clone(&self.0.outside)).await;
        }
        ended
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        self.0.kill();
    }
}

impl Instance {
    /// SIGKILL; the process is gone when this returns.
    fn kill(&self) {
        if let Some(mut child) = self.child.lock().expect("not poisoned").take() {
            child.kill().expect("killed");
            child.wait().expect("gone");
        }
    }

    fn die(&self) -> Response {
        self.kill();
        self.end(Ended::Killed);
        StatusCode::GONE.into_response()
    }

    fn end(&self, ended: Ended) {
        // A function that was replaced does not listen any more.
        let _nobody_listens = self.ends.send(ended);
    }

    /// Counts a call; returns whether it is the deadly one, and when it kills.
    fn count(&self) -> Option<Death> {
        let mut death = self.death.lock().expect("not poisoned");
        let due = death.take()?;
        if due.call == 1 {
            return Some(due);
        }
        *death = Some(Death { call: due.call - 1, ..due });
        None
    }
}

async fn next(State(instance): State<Arc<Instance>>) -> Response {
    instance.asks.notify_one();
    let Some((event, left)) = instance.events.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    let headers = [
        ("lambda-runtime-aws-request-id", Uuid::now_v7().to_string()),
        ("lambda-runtime-invoked-function-arn", format!("arn:aws:lambda:{REGION}:123456789012:function:soak")),
        ("lambda-runtime-deadline-ms", (now() + left).as_millisecond().to_string()),
    ];
    (headers, event).into_response()
}

async fn answered(State(instance): State<Arc<Instance>>, body: Bytes) -> StatusCode {
    instance.end(Ended::Answered(serde_json::from_slice(&body).expect("JSON")));
    StatusCode::ACCEPTED
}

async fn failed(State(instance): State<Arc<Instance>>, body: String) -> StatusCode {
    instance.end(Ended::Failed(body));
    StatusCode::ACCEPTED
}

/// A call of the process; one that was passed on goes its way when the process is gone.
#[expect(clippy::disallowed_methods, reason = "what is outside goes on when the process is gone")]
async fn call(
    State(instance): State<Arc<Instance>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let death = instance.count();
    if death.is_some_and(|death| !death.answered) {
        return instance.die();
    }
    let outside = Arc::clone(&instance.outside);
    let answer = tokio::spawn(async move { outside.answer(method, &uri, headers, body).await }).await;
    if death.is_some() {
        return instance.die();
    }
    answer.expect("an answer")
}

/// The file with the secret that the processes share: with a key of other systems.
fn secret_file() -> &'static Path {
    static FILE: OnceLock<PathBuf> = OnceLock::new();
    FILE.get_or_init(|| {
        let path = std::env::temp_dir().join(format!("wa-soak-{}.json", Uuid::now_v7()));
        std::fs::write(&path, local_secret()).expect("a writable temporary folder");
        path
    })
}
