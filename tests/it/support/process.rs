//! The real program under a Runtime API of its own, with one way out: every call it makes is counted there and what it costs is
//! noted, and at one of them the program may be killed.

use std::{
    fmt,
    fs::File,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use uuid::Uuid;
use whatsapp_endpoint::https;

use super::{now, parts::REGION, project, serve};

/// A program that takes longer than any deadline is given up.
const PATIENCE: Duration = Duration::from_mins(2);

/// What the program finds outside, by the URLs of the real parts.
#[derive(Clone)]
pub struct Outside {
    pub table: &'static str,
    pub store: String,
    /// Every other service of AWS.
    pub services: String,
    pub meta: String,
    pub agent: String,
}

/// Whom a call is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    Secrets,
    Queue,
    Store,
    Reading,
    Agent,
    Send,
}

/// The `nth` call to a part, from 1. Calls to different parts may overtake each other, so they are not counted through.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call(pub Part, pub usize);

/// A call that was answered.
#[derive(Debug, Clone)]
pub struct Answered {
    pub part: Part,
    /// AWS's name of what was asked; empty for the others.
    pub operation: String,
    /// The capacity units that the store counted for it.
    pub units: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The call has come and is not passed on.
    Before,
    /// The call was passed on and answered, and the answer does not go back.
    After,
}

/// When the program dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Death(pub Moment, pub Call);

/// How an invocation ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Ended {
    Answered(Value),
    Failed(String),
    Killed,
}

/// One process; it ends with this value.
pub struct Process {
    world: Arc<World>,
    events: UnboundedSender<(String, Duration)>,
    ends: UnboundedReceiver<Ended>,
    log: PathBuf,
}

/// All that one process can reach.
struct World {
    outside: Outside,
    death: Option<Death>,
    client: reqwest::Client,
    child: Mutex<Option<Child>>,
    calls: Mutex<Vec<Call>>,
    answered: Mutex<Vec<Answered>>,
    events: tokio::sync::Mutex<UnboundedReceiver<(String, Duration)>>,
    ends: UnboundedSender<Ended>,
}

impl Process {
    /// Starts the program with the secret in a file and no queue; it dies at `death`.
    pub async fn start(outside: &Outside, death: Option<Death>, settings: &[(&str, &str)]) -> Self {
        let secret = project("src/simulator/development-secret.json").display().to_string();
        let ours = [("WHATSAPP_SECRET_FILE", secret.as_str()), ("RESEND_AFTER_SECONDS", "1")];
        Self::start_with(outside, death, &[&ours, settings].concat()).await
    }

    /// Starts the program with these settings beside those that say where everything is.
    pub async fn start_with(outside: &Outside, death: Option<Death>, settings: &[(&str, &str)]) -> Self {
        let (events, to_give) = unbounded_channel();
        let (to_tell, ends) = unbounded_channel();
        let world = Arc::new(World {
            outside: outside.clone(),
            death,
            client: https::client().expect("a client"),
            child: Mutex::default(),
            calls: Mutex::default(),
            answered: Mutex::default(),
            events: to_give.into(),
            ends: to_tell,
        });
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(answered))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(failed))
            .fallback(pass_on)
            .with_state(Arc::clone(&world));
        let url = serve(router).await;

        let log = std::env::temp_dir().join(format!("wa-test-{}.log", Uuid::now_v7()));
        let mut command = Command::new(env!("CARGO_BIN_EXE_whatsapp-endpoint"));
        command.env_clear().envs([
            ("AWS_LAMBDA_RUNTIME_API", url.trim_start_matches("http://")),
            ("AWS_LAMBDA_FUNCTION_NAME", "fault-matrix"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/fault-matrix"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "fault-matrix"),
            ("AWS_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_ENDPOINT_URL", &url),
            ("TABLE_NAME", outside.table),
            ("GRAPH_BASE_URL", &url),
            ("AGENT_PROTOCOL", "cognigy"),
            ("AGENT_URL", &format!("{url}/rest")),
        ]);
        command.envs(settings.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&log).expect("writable"));
        *world.child.lock().expect("not poisoned") = Some(command.spawn().expect("the program"));
        Self { world, events, ends, log }
    }

    /// Gives it an event that has to be answered within `left`, and waits for the end of the invocation or of the program.
    pub async fn invoke(&mut self, event: &Value, left: Duration) -> Ended {
        self.events.send((event.to_string(), left)).expect("somebody asks for events");
        let ended = tokio::time::timeout(PATIENCE, self.ends.recv()).await;
        ended.ok().flatten().unwrap_or_else(|| panic!("the program does not answer:\n{}", self.log()))
    }

    /// The calls it has made so far.
    pub fn calls(&self) -> Vec<Call> {
        self.world.calls.lock().expect("not poisoned").clone()
    }

    /// The calls that were answered since somebody last asked.
    pub fn take_answered(&self) -> Vec<Answered> {
        std::mem::take(&mut self.world.answered.lock().expect("not poisoned"))
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).expect("a log")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.world.kill();
        let _gone = std::fs::remove_file(&self.log);
    }
}

impl World {
    /// SIGKILL; the program is gone when this returns.
    fn kill(&self) {
        if let Some(mut child) = self.child.lock().expect("not poisoned").take() {
            child.kill().expect("killed");
            child.wait().expect("gone");
        }
    }

    fn dies(&self, moment: Moment, call: Call) -> bool {
        let dies = self.death == Some(Death(moment, call));
        if dies {
            self.kill();
            self.end(Ended::Killed);
        }
        dies
    }

    fn end(&self, ended: Ended) {
        // A test that has failed does not listen any more.
        let _nobody_listens = self.ends.send(ended);
    }

    /// Which call this is, and where it goes.
    fn count(&self, path: &str, service: &str, body: &Value) -> (Call, &str) {
        let (part, base) = match path {
            "/" if service.starts_with("DynamoDB") => (Part::Store, &self.outside.store),
            "/" if service == "secretsmanager" => (Part::Secrets, &self.outside.services),
            "/" => (Part::Queue, &self.outside.services),
            "/rest" => (Part::Agent, &self.outside.agent),
            _ if body["status"] == "read" => (Part::Reading, &self.outside.meta),
            _ => (Part::Send, &self.outside.meta),
        };
        let mut calls = self.calls.lock().expect("not poisoned");
        let call = Call(part, 1 + calls.iter().filter(|Call(before, _)| *before == part).count());
        calls.push(call);
        (call, base)
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(part, nth) = self;
        write!(f, "{part:?} {nth}")
    }
}

async fn next(State(world): State<Arc<World>>) -> Response {
    let Some((event, left)) = world.events.lock().await.recv().await else { return StatusCode::GONE.into_response() };
    let headers = [
        ("lambda-runtime-aws-request-id", Uuid::now_v7().to_string()),
        ("lambda-runtime-invoked-function-arn", format!("arn:aws:lambda:{REGION}:123456789012:function:fault-matrix")),
        ("lambda-runtime-deadline-ms", (now() + left).as_millisecond().to_string()),
    ];
    (headers, event).into_response()
}

async fn answered(State(world): State<Arc<World>>, body: Bytes) -> StatusCode {
    world.end(Ended::Answered(serde_json::from_slice(&body).expect("JSON")));
    StatusCode::ACCEPTED
}

async fn failed(State(world): State<Arc<World>>, body: String) -> StatusCode {
    world.end(Ended::Failed(body));
    StatusCode::ACCEPTED
}

/// Passes a call on, and its answer back, unless the program dies of it. The store is asked what the call costs; else nothing is
/// changed.
async fn pass_on(
    State(world): State<Arc<World>>,
    method: Method,
    uri: Uri,
    mut headers: HeaderMap,
    body: Bytes,
) -> Response {
    let target =
        headers.get("x-amz-target").map(|target| target.to_str().expect("text").to_owned()).unwrap_or_default();
    let (service, operation) = target.split_once('.').unwrap_or_default();
    let mut asked: Value = serde_json::from_slice(&body).expect("all calls are JSON");
    let (call, base) = world.count(uri.path(), service, &asked);
    if world.dies(Moment::Before, call) {
        return StatusCode::GONE.into_response();
    }
    let body = if call.0 == Part::Store {
        asked["ReturnConsumedCapacity"] = "TOTAL".into();
        asked.to_string().into()
    } else {
        body
    };
    headers.remove(header::TRANSFER_ENCODING);
    headers.remove(header::CONTENT_LENGTH);
    let request = world.client.request(method, format!("{base}{uri}")).headers(headers).body(body);
    let answer = request.send().await.expect("the real part answers");
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    let body = answer.bytes().await.expect("a whole answer");
    if world.dies(Moment::After, call) {
        return StatusCode::GONE.into_response();
    }
    let told: Value = serde_json::from_slice(&body).unwrap_or_default();
    let units = told["ConsumedCapacity"]["CapacityUnits"].as_f64().unwrap_or_default();
    let answered = Answered { part: call.0, operation: operation.to_owned(), units };
    world.answered.lock().expect("not poisoned").push(answered);
    headers.remove(header::TRANSFER_ENCODING);
    (status, headers, Body::from(body)).into_response()
}
