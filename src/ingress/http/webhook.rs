//! Meta's handshake and Meta's webhooks.

use std::{collections::BTreeMap, sync::Arc};

use ::http::{HeaderValue, Request, Response, StatusCode};
use bytes::Bytes;
use futures_util::future;
use subtle::ConstantTimeEq;

use super::{
    MAX_BODY, Unsafe, answer, make_safe, no_credentials,
    sorting::{Sorted, sort},
    statuses,
};
use crate::{
    app::App,
    credentials::{CredentialsError, Keys, RejectedBy},
    queue::{DeadLetter, QueueError},
    retry::Clock,
    telemetry::Chain,
    whatsapp::{
        inbound,
        signature::{self, SignatureError, SignedBody},
    },
};

/// Meta's handshake.
pub(super) async fn handshake(app: &App, query: &str) -> Response<String> {
    let parameters: BTreeMap<_, _> = url::form_urlencoded::parse(query.as_bytes()).collect();
    let parameter = |name| parameters.get(name).map(AsRef::as_ref).unwrap_or_default();
    let given: &str = parameter("hub.verify_token");
    let matches = |keys: &Keys| {
        keys.verify_token.present().is_some_and(|token| bool::from(token.expose().as_bytes().ct_eq(given.as_bytes())))
    };
    let check = |keys: Arc<Keys>| std::future::ready(Ok::<_, CredentialsError>(matches(&keys)));
    let verified = app.credentials.with_keys(RejectedBy::Door, |verified| matches!(verified, Ok(false)), check).await;
    match verified {
        Ok(true) if parameter("hub.mode") == "subscribe" => {
            tracing::info!("handshake: the webhook is connected");
            answer(StatusCode::OK, parameter("hub.challenge"))
        }
        Ok(_) => {
            tracing::warn!(
                "handshake refused: hub.verify_token is not verify_token of the secret, or hub.mode is not subscribe"
            );
            answer(
                StatusCode::FORBIDDEN,
                "hub.mode must be subscribe and hub.verify_token the verify_token of the secret",
            )
        }
        Err(error) => no_credentials(&error),
    }
}

/// One webhook: every job in it is safe before it is acknowledged.
pub(super) async fn receive(app: &App, request: Request<Bytes>, clock: &Clock) -> Response<String> {
    if request.body().len() > MAX_BODY {
        tracing::warn!(bytes = request.body().len(), "webhook refused: larger than 4 MB");
        return answer(StatusCode::PAYLOAD_TOO_LARGE, "a webhook has 4 MB at most");
    }
    let (parts, body) = request.into_parts();
    let header = parts.headers.get(signature::HEADER).map(HeaderValue::as_bytes);
    let signed = match verify(app, &body, header).await {
        Ok(Ok(signed)) => signed,
        Ok(Err(error)) => {
            tracing::warn!(error = %error, bytes = body.len(), "webhook refused");
            return answer(StatusCode::UNAUTHORIZED, &error.to_string());
        }
        Err(error) => return no_credentials(&error),
    };
    if !signed.is_checked() {
        tracing::warn!(
            "a webhook is believed without a signature, as REQUIRE_SIGNATURE=false allows while app_secret is empty: whoever knows this address can write as anybody"
        );
    }
    let events = inbound::parse(&signed);
    if !app.settings.webhook.enabled {
        tracing::info!(
            events = events.len(),
            "the endpoint is disabled (ENDPOINT_ENABLED): acknowledged and not answered"
        );
        return answer(StatusCode::OK, "");
    }
    let Sorted { mut jobs, statuses, letters } = match sort(app, events, clock).await {
        Ok(sorted) => sorted,
        Err(refused) => return refused,
    };
    jobs.extend(statuses.iter().filter_map(inbound::Status::job));
    // Side by side, each to its end: what cannot be kept of one must not hold up the others, and a turn of this very webhook may be
    // waiting for what a status tells.
    let (written, (settled, safe)) = future::join(
        send_letters(app, letters),
        future::join(statuses::settle(app, statuses), make_safe(app, jobs, clock)),
    )
    .await;
    if let Err(error) = settled {
        tracing::error!(error = %Chain(&error), "webhook refused: Meta repeats its statuses");
        return answer(StatusCode::SERVICE_UNAVAILABLE, "a status could not be kept; send it again");
    }
    if let Err(error) = written {
        tracing::error!(error = %Chain(&error), "webhook refused: the dead-letter queue did not take what cannot be read");
        return answer(StatusCode::SERVICE_UNAVAILABLE, "what cannot be read could not be kept; send it again");
    }
    match safe {
        Ok(_) => answer(StatusCode::OK, ""),
        Err(Unsafe::NotQueued(error)) => {
            tracing::error!(error = %Chain(&error), "webhook refused: Meta repeats it");
            answer(StatusCode::SERVICE_UNAVAILABLE, "the queue did not take the messages; send them again")
        }
        Err(Unsafe::NotDone) => {
            answer(StatusCode::SERVICE_UNAVAILABLE, "not every message is answered; send them again")
        }
    }
}

/// Writes down what cannot be read, all of it, whatever becomes of one.
async fn send_letters(app: &App, letters: Vec<DeadLetter>) -> Result<(), QueueError> {
    let mut result = Ok(());
    for letter in letters {
        result = result.and(app.dead_letters.send(&letter).await);
    }
    result
}

/// Checks the signature, once more with a newer secret if there is one.
async fn verify(
    app: &App,
    body: &Bytes,
    header: Option<&[u8]>,
) -> Result<Result<SignedBody, SignatureError>, CredentialsError> {
    let check = |keys: Arc<Keys>| {
        let signed = SignedBody::verify(body.clone(), header, &keys, app.settings.webhook.require_signature);
        std::future::ready(Ok(signed))
    };
    let is_rejected = |signed: &Result<Result<SignedBody, SignatureError>, CredentialsError>| {
        matches!(signed, Ok(Err(SignatureError::Mismatch | SignatureError::NoAppSecret)))
    };
    app.credentials.with_keys(RejectedBy::Door, is_rejected, check).await
}
