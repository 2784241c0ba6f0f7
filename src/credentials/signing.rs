//! HMAC-SHA256 with a secret, and the form in which it travels: `sha256=` and 64 hex digits, for Meta and for agents alike.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::Secret;

impl Secret {
    /// The code of `message` with this secret as the key, still to be finished or compared.
    #[must_use]
    pub fn mac(&self, message: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.expose().as_bytes())
            .unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"));
        mac.update(message);
        mac
    }

    /// 32 hex digits that follow from `parts` and this key: a name for what must not be named.
    #[must_use]
    pub fn pseudonym(&self, parts: &[&str]) -> String {
        hex::encode(&self.mac(parts.join("\0").as_bytes()).finalize().into_bytes()[..16])
    }

    /// The signature of `body`, as it travels.
    #[must_use]
    pub fn sign(&self, body: &[u8]) -> String {
        format!("sha256={}", hex::encode(self.mac(body).finalize().into_bytes()))
    }

    /// Whether `digest`, which came as a signature, is that of `body`; takes the same time for every wrong one.
    #[must_use]
    pub fn has_signed(&self, body: &[u8], digest: &[u8; 32]) -> bool {
        self.mac(body).verify_slice(digest).is_ok()
    }
}

/// What a signature says; `None` where it is none.
#[must_use]
pub fn digest(signature: &[u8]) -> Option<[u8; 32]> {
    let mut digest = [0; 32];
    hex::decode_to_slice(signature.strip_prefix(b"sha256=")?, &mut digest).ok()?;
    Some(digest)
}
