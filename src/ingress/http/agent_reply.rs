//! Answers of the agent that come later: each is matched to its turn and becomes a job like any other.

use std::{sync::Arc, time::Duration};

use ::http::{HeaderValue, Request, Response, StatusCode};
use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::{Safe, Unsafe, answer, make_safe, no_credentials};
use crate::{
    agents::{self, MAX_ANSWER_BYTES, PostedAnswer, SIGNATURE},
    app::App,
    conversation::{Answer, ConversationId, DeferredAnswer, Job, PhoneNumberId, Task, TurnId},
    credentials::{CredentialsError, Keys, RejectedBy},
    outbox::{AwaitedAnswer, OutboxError},
    retry::Clock,
    telemetry::Chain,
};

/// Pauses before the turn is looked for again: an agent may be faster with its answer than we are with noting that it will come.
const LOOK_AGAIN: [Duration; 4] =
    [Duration::from_millis(100), Duration::from_millis(200), Duration::from_millis(400), Duration::from_millis(800)];

/// Who brings an answer.
enum Caller {
    /// The agent of the number with this id.
    Agent(PhoneNumberId),
    /// Somebody else, or nobody can tell.
    Stranger(&'static str),
}

/// Takes in one answer.
pub(super) async fn take(app: &App, request: Request<Bytes>, clock: &Clock) -> Response<String> {
    if request.body().len() > MAX_ANSWER_BYTES {
        tracing::warn!(
            bytes = request.body().len(),
            max = MAX_ANSWER_BYTES,
            "an answer of the agent is refused: too large"
        );
        return answer(StatusCode::PAYLOAD_TOO_LARGE, &format!("an answer has {MAX_ANSWER_BYTES} bytes at most"));
    }
    let (parts, body) = request.into_parts();
    let number = match identify(app, &body, parts.headers.get(SIGNATURE)).await {
        Ok(Caller::Agent(number)) => number,
        Ok(Caller::Stranger(why)) => {
            tracing::warn!(bytes = body.len(), why, "an answer of the agent is refused");
            return answer(StatusCode::UNAUTHORIZED, why);
        }
        Err(error) => return no_credentials(&error),
    };
    let late = match agents::read_posted(&body) {
        Ok(late) => late,
        Err(why) => {
            tracing::error!(why, "an answer of the agent cannot be read");
            return answer(StatusCode::BAD_REQUEST, &why);
        }
    };
    let turn = late.turn.clone();
    let awaited = match find(app, &number, &turn, clock).await {
        Ok(Some(awaited)) => awaited,
        Ok(None) => {
            tracing::warn!("an answer of the agent is for a turn that waits for none");
            return answer(
                StatusCode::NOT_FOUND,
                "no turn with this turnId has waited for an answer in the last 24 hours",
            );
        }
        Err(error) => {
            tracing::error!(error = %Chain(&error), "an answer of the agent is refused: it has to come again");
            return answer(StatusCode::SERVICE_UNAVAILABLE, "the store cannot be read; send the answer again");
        }
    };
    let job = job(number, late, awaited, &body);
    tracing::info!(turn = %job.id, answers = %turn, "the agent brings an answer that was promised");
    match make_safe(app, vec![job], clock).await {
        Ok(Safe::Kept) => answer(StatusCode::ACCEPTED, ""),
        // One that is too large for the queue is looked at here and now, and is too large for the conversation as well.
        Ok(Safe::GivenUp) => answer(
            StatusCode::PAYLOAD_TOO_LARGE,
            "the answer is given up: it is more than can be kept; the log says how large it is",
        ),
        Err(Unsafe::NotQueued(error)) => {
            tracing::error!(error = %Chain(&error), "an answer of the agent is refused: it has to come again");
            answer(StatusCode::SERVICE_UNAVAILABLE, "the queue did not take the answer; send it again")
        }
        Err(Unsafe::NotDone) => answer(StatusCode::SERVICE_UNAVAILABLE, "the answer is not out; send it again"),
    }
}

/// Checks the signature, once more with a newer token if there is one.
async fn identify(app: &App, body: &[u8], signature: Option<&HeaderValue>) -> Result<Caller, CredentialsError> {
    let Some(signature) = signature else {
        return Ok(Caller::Stranger("the header X-Signature-256 is missing"));
    };
    let check = |keys: Arc<Keys>| {
        std::future::ready(Ok::<_, CredentialsError>(match keys.agent_token.present() {
            Some(token) if agents::is_signed(token, body, signature.as_bytes()) => {
                Caller::Agent(keys.phone_number_id.clone())
            }
            Some(_) => Caller::Stranger(
                "X-Signature-256 is not \"sha256=\" and the HMAC-SHA256 of this body with agent_token in hex",
            ),
            None => Caller::Stranger("agent_token is empty in the secret"),
        }))
    };
    let is_stranger = |caller: &Result<Caller, CredentialsError>| matches!(caller, Ok(Caller::Stranger(_)));
    app.credentials.with_keys(RejectedBy::Door, is_stranger, check).await
}

async fn find(
    app: &App,
    number: &PhoneNumberId,
    turn: &TurnId,
    clock: &Clock,
) -> Result<Option<AwaitedAnswer>, OutboxError> {
    for pause in LOOK_AGAIN {
        if let Some(awaited) = app.outbox.awaited(number, turn, clock).await? {
            return Ok(Some(awaited));
        }
        if !clock.pause(pause).await {
            return Ok(None);
        }
    }
    app.outbox.awaited(number, turn, clock).await
}

/// The job of an answer. A copy of the answer has the same id; without one of its own, the same bytes are a copy.
fn job(number: PhoneNumberId, late: PostedAnswer, awaited: AwaitedAnswer, body: &[u8]) -> Job {
    let PostedAnswer { turn, id, answer } = late;
    let name = id.map_or_else(|| hex::encode(Sha256::digest(body)), |id| format!("id {id}"));
    let answer = Answer { outputs: agents::without_thoughts(answer.outputs), ..answer };
    let AwaitedAnswer { user, message_id, session } = awaited;
    Job {
        id: TurnId::of(&number, &format!("{turn} later {name}")),
        conversation: ConversationId { number, user },
        task: Task::Deferred(DeferredAnswer { message_id, session, answer }),
        redrives: 0,
    }
}
