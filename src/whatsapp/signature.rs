//! The signature of a webhook, and the proof that goes with every Graph call.
//!
//! Meta signs the bytes that it sends, with non-ASCII characters as `\uXXXX` and some slashes as `\/`. So the signature is checked
//! against the raw bytes, and not against JSON that was parsed and printed again.
//! <https://developers.facebook.com/docs/graph-api/webhooks/getting-started#validate-payloads>,
//! <https://developers.facebook.com/docs/graph-api/guides/secure-requests#appsecret_proof>

use bytes::Bytes;
use hmac::Mac;

use crate::credentials::{Keys, Secret, digest};

/// The header that carries the signature: `sha256=` and 64 hex digits.
pub const HEADER: &str = "x-hub-signature-256";

/// A webhook body that is known to come from Meta: the only thing that can be parsed.
#[derive(Debug, Clone)]
pub struct SignedBody {
    bytes: Bytes,
    is_checked: bool,
}

/// Why a body is not accepted as Meta's. None of these contains the right signature.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SignatureError {
    /// The header is missing.
    #[error("the header X-Hub-Signature-256 is missing: only Meta's own webhooks are accepted")]
    Missing,
    /// The header is not a signature.
    #[error("the header X-Hub-Signature-256 is not \"sha256=\" and 64 hex digits")]
    Malformed,
    /// A signature, of other bytes or with another secret.
    #[error(
        "the signature does not match: app_secret in the secret must be the app secret of the app that sends the webhook, and nothing may change the body on its way"
    )]
    Mismatch,
    /// There is no app secret to check it with.
    #[error(
        "app_secret is empty in the secret: fill it in (or set REQUIRE_SIGNATURE=false where no app secret exists)"
    )]
    NoAppSecret,
}

impl SignedBody {
    /// Checks `body` against the signature in `header` with the app secret in force, then with the one before it.
    ///
    /// If there is no app secret, `required` decides: refuse, or trust.
    ///
    /// # Errors
    /// The situation, which is the same for all wrong signatures.
    pub fn verify(body: Bytes, header: Option<&[u8]>, keys: &Keys, required: bool) -> Result<Self, SignatureError> {
        let mut secrets =
            [&keys.app_secret, &keys.app_secret_previous].into_iter().filter_map(Secret::present).peekable();
        if secrets.peek().is_none() {
            return if required {
                Err(SignatureError::NoAppSecret)
            } else {
                Ok(Self { bytes: body, is_checked: false })
            };
        }
        let given = digest(header.ok_or(SignatureError::Missing)?).ok_or(SignatureError::Malformed)?;
        let matches = secrets.any(|secret| secret.has_signed(&body, &given));
        if matches { Ok(Self { bytes: body, is_checked: true }) } else { Err(SignatureError::Mismatch) }
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether it was checked; otherwise it is trusted because the operator wants that.
    #[must_use]
    pub fn is_checked(&self) -> bool {
        self.is_checked
    }
}

/// The value of the signature header for `body`.
#[must_use]
pub fn sign(secret: &Secret, body: &[u8]) -> String {
    secret.sign(body)
}

/// The value of the parameter `appsecret_proof` for calls with `token`.
#[must_use]
pub fn appsecret_proof(secret: &Secret, token: &Secret) -> String {
    hex::encode(secret.mac(token.expose().as_bytes()).finalize().into_bytes())
}
