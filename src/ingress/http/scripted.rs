//! `handleInject` and `handleNotify`: the operator's script looks at a call before anything of it is read.

use ::http::{HeaderValue, Response, StatusCode, header};
use bytes::Bytes;
use futures_util::FutureExt;
use serde_json::{Map, Value, json};

use super::{answer, caller::Call};
use crate::{
    app::App,
    conversation::ScriptStorage,
    hooks::{Hook, Outcome, Recall, Run, SentResponse, Storage, StoragePair},
    json,
    retry::{Clock, USEFUL_REST},
    turn,
};

/// What becomes of a call.
pub(super) enum Scripted {
    /// It goes on.
    On(Go),
    /// It ends here, with this answer.
    End(Response<String>),
}

/// A call that goes on.
pub(super) struct Go {
    /// Its body, perhaps another one.
    pub body: Bytes,
    /// What the script has changed in storages.
    pub storages: Vec<ScriptStorage>,
    /// The answer that the script has sent, if it is accepted.
    pub sent: Option<Response<String>>,
}

/// Headers that show who the caller is.
const CREDENTIALS: [&str; 3] = ["authorization", "x-api-key", "cookie"];

/// Runs the hook, if the script has it.
pub(super) async fn run(app: &App, call: &Call, hook: Hook, clock: &Clock) -> Scripted {
    let untouched = || Scripted::On(Go { body: call.body.clone(), storages: Vec::new(), sent: None });
    let Some(hooks) = app.hooks.as_ref().filter(|hooks| hooks.has(hook)) else { return untouched() };
    let secrets = app.credentials.transformer_secrets().await;
    let mut run = hooks.begin(format!("{}-{}", hook.name(), uuid::Uuid::now_v7()), secrets, Vec::new());
    let argument = json!({ "endpoint": turn::hooks::endpoint(app, &call.number), "request": request(call, hook) });
    let recall = recall(app, call, clock);
    let (ended, sent) = run.input(hook, &argument, clock.left().saturating_sub(USEFUL_REST), &*recall).await;
    drop(recall);
    let sent = sent.map(response);
    match ended {
        Ok(Outcome::Absent) => untouched(),
        Ok(Outcome::Returned(returned)) => {
            let mut body: Map<String, Value> = json::read(&call.body).unwrap_or_default();
            for (name, text) in
                [("userId", returned.user_id), ("sessionId", returned.session_id), ("text", returned.text)]
            {
                body.extend(text.map(|text| (name.to_owned(), Value::String(text))));
            }
            body.extend(returned.data.map(|data| ("data".to_owned(), Value::Object(data))));
            let storages = changed(&mut run);
            Scripted::On(Go { body: Value::Object(body).to_string().into(), storages, sent })
        }
        Ok(Outcome::Falsy) => {
            tracing::info!(hook = hook.name(), "the transformer ends a call");
            for ScriptStorage { user_id, session_id, content } in changed(&mut run) {
                let kept = app.outbox.keep_storage(&call.number, (&user_id, &session_id), &content, clock).await;
                if let Err(error) = kept {
                    return Scripted::End(call.unreadable(&error));
                }
            }
            Scripted::End(sent.unwrap_or_else(|| answer(StatusCode::OK, "")))
        }
        Err(error) if app.settings.hooks.aborts => {
            tracing::error!(error = %error, "the transformer is at fault, and ABORT_ON_TRANSFORMER_ERROR is true: a call is refused");
            Scripted::End(answer(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the transformer of this endpoint is at fault; its log says more",
            ))
        }
        Err(error) => {
            tracing::warn!(error = %error, "the transformer is at fault: the call is taken as it came");
            untouched()
        }
    }
}

fn changed(run: &mut Run<'_>) -> Vec<ScriptStorage> {
    let kept = |Storage { pair: StoragePair { user_id, session_id }, content, .. }| ScriptStorage {
        user_id,
        session_id,
        content,
    };
    run.changed().into_iter().map(kept).collect()
}

/// The call, as Express would show it.
fn request(call: &Call, hook: Hook) -> Value {
    let uri = &call.parts.uri;
    let query: Map<String, Value> = pairs(uri.query().unwrap_or_default().as_bytes());
    let shown = call.parts.headers.iter().filter(|(name, _)| !CREDENTIALS.contains(&name.as_str()));
    let headers: Map<String, Value> =
        shown.map(|(name, value)| (name.to_string(), json!(String::from_utf8_lossy(value.as_bytes())))).collect();
    let kind = call.parts.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let body = if kind.starts_with("application/x-www-form-urlencoded") {
        Value::Object(pairs(&call.body))
    } else {
        json::read(&call.body).unwrap_or_else(|_| json!(String::from_utf8_lossy(&call.body)))
    };
    // The key may be a part of the path.
    let path = if hook == Hook::Inject { "/inject" } else { "/notify" };
    json!({ "method": "POST", "path": path, "query": query, "headers": headers, "body": body })
}

fn pairs(text: &[u8]) -> Map<String, Value> {
    url::form_urlencoded::parse(text).map(|(name, value)| (name.into_owned(), json!(value))).collect()
}

/// The storages of the conversation with the person of that name, and others.
fn recall<'a>(app: &'a App, call: &'a Call, clock: &'a Clock) -> Box<Recall<'a>> {
    Box::new(move |StoragePair { user_id, session_id }| {
        async move {
            let found = app.outbox.find(&call.number, &user_id, clock).await.ok().flatten();
            let session = found.and_then(|(_, conversation)| conversation.session);
            match session.filter(|session| session.id.to_string() == session_id) {
                Some(session) => Some(session.storage),
                None => app.outbox.kept_storage(&call.number, (&user_id, &session_id), clock).await,
            }
        }
        .boxed()
    })
}

fn response(sent: SentResponse) -> Response<String> {
    let SentResponse { status, headers, body } = sent;
    let mut response = Response::new(String::from_utf8_lossy(&body).into_owned());
    *response.status_mut() = status;
    for (name, value) in headers {
        response.headers_mut().append(name, value);
    }
    response.headers_mut().entry(header::CONTENT_TYPE).or_insert(HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
