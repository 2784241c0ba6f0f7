//! Sample messages for the page's menu: kinds that the page has no other control for.

use serde::Serialize;
use serde_json::Value;

use super::webhook::values;

/// The sample that is not sent as it is: the person gets a new phone number, and a system message reports it.
pub(super) const NEW_NUMBER: &str = "new-number";

/// Name, title and webhook of each.
const SAMPLES: &[(&str, &str, &str)] = &[
    ("order", "Order", include_str!("../../tests/fixtures/inbound/order.json")),
    ("forwarded", "Forwarded text", include_str!("../../tests/fixtures/inbound/text_forwarded.json")),
    ("ad", "Text after a tap on an ad", include_str!("../../tests/fixtures/inbound/text_referral_ctwa.json")),
    ("product", "Question about a product", include_str!("../../tests/fixtures/inbound/text_referred_product.json")),
    ("flow", "Answer of a flow", include_str!("../../tests/fixtures/inbound/interactive_nfm_reply_flow.json")),
    ("address", "Address", include_str!("../../tests/fixtures/inbound/interactive_nfm_reply_address.json")),
    ("contact-info", "Shared contact info", include_str!("../../tests/fixtures/inbound/contacts_contact_request.json")),
    (
        "call-permission",
        "Permission to call",
        include_str!("../../tests/fixtures/inbound/interactive_call_permission_accept.json"),
    ),
    ("poll", "Unsupported: a poll", include_str!("../../tests/fixtures/inbound/unsupported_poll.json")),
    ("unavailable", "Unsupported: unavailable", include_str!("../../tests/fixtures/inbound/unsupported_131060.json")),
    ("revoked", "Message deleted", include_str!("../../tests/fixtures/inbound/revoke.json")),
    ("edited", "Message edited", include_str!("../../tests/fixtures/inbound/edit_text.json")),
    (NEW_NUMBER, "New number", include_str!("../../tests/fixtures/inbound/system_user_changed_number.json")),
    ("unknown", "Type of tomorrow", include_str!("../../tests/fixtures/inbound/unknown_type.json")),
];

/// A sample as the page's menu shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Sample {
    /// Its name.
    pub name: &'static str,
    /// Its title.
    pub title: &'static str,
}

/// Returns all samples, in the order of the menu.
pub fn all() -> impl Iterator<Item = Sample> {
    SAMPLES.iter().map(|(name, title, _)| Sample { name, title })
}

/// Returns the sample's message, without its sender, id and time.
pub(super) fn message(name: &str) -> Option<Value> {
    let (.., webhook) = SAMPLES.iter().find(|(known, ..)| *known == name)?;
    let webhook: Value = serde_json::from_str(webhook).ok()?;
    let mut message = values(&webhook).find_map(|value| value["messages"].get(0).cloned())?;
    for name in ["from", "from_user_id", "from_parent_user_id", "id", "timestamp"] {
        message.as_object_mut()?.remove(name);
    }
    Some(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_holds_a_message() {
        for Sample { name, .. } in all() {
            assert!(message(name).is_some_and(|message| message["type"].is_string()), "{name}");
        }
    }
}
