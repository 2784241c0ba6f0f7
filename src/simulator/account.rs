//! The app and its business number, as Meta knows them, and what only the holder of their keys can make.

use serde_json::Value;

use super::Simulator;
use crate::{credentials::Secret, whatsapp::signature};

/// The app and its business number, as Meta knows them.
#[derive(Debug, Clone)]
pub struct Account {
    /// Id of the app.
    pub app_id: String,
    /// The only token that is accepted.
    pub access_token: String,
    /// Key of signatures and proofs.
    pub app_secret: String,
    /// Id of the business number.
    pub phone_number_id: String,
    /// Key of the systems that call the endpoint. Meta does not know it.
    pub(super) api_key: String,
}

impl Account {
    /// The phone number of the business.
    pub(super) const DISPLAY_PHONE_NUMBER: &str = "15550009001";
    /// The WhatsApp Business Account that the number belongs to.
    pub(super) const WABA_ID: &str = "900000000000001";

    /// Reads the fields of a secret.
    ///
    /// # Errors
    /// When it is not JSON. A missing field becomes empty.
    pub fn from_secret(json: &str) -> serde_json::Result<Self> {
        let secret: Value = serde_json::from_str(json)?;
        let field = |name: &str| secret[name].as_str().unwrap_or_default().trim().to_owned();
        Ok(Self {
            app_id: field("app_id"),
            access_token: field("access_token"),
            app_secret: field("app_secret"),
            phone_number_id: field("phone_number_id"),
            api_key: field("api_key"),
        })
    }

    /// Returns the signature of these bytes, as a webhook's header contains it.
    pub(super) fn signature(&self, bytes: &[u8]) -> String {
        signature::sign(&Secret::from(self.app_secret.clone()), bytes)
    }

    /// Returns the proof that a caller with this token also knows the app secret.
    pub(super) fn proof(&self) -> String {
        signature::appsecret_proof(&Secret::from(self.app_secret.clone()), &Secret::from(self.access_token.clone()))
    }

    /// Returns the token of the app, which is made of its id and its secret.
    pub(super) fn app_token(&self) -> String {
        format!("{}|{}", self.app_id, self.app_secret)
    }
}

impl Simulator {
    /// From now on only this token is accepted, as after a rotation.
    pub fn rotate_token(&self, token: &str) {
        self.change(|state| token.clone_into(&mut state.account.access_token));
    }

    /// From now on webhooks are signed with this secret, and proofs must be made with it.
    pub fn rotate_app_secret(&self, secret: &str) {
        self.change(|state| secret.clone_into(&mut state.account.app_secret));
    }
}
