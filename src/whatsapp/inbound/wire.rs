//! The objects that messages have for their types, as Meta writes them: the only place that names their fields.
//!
//! A value of another type counts as absent: it must not make the text beside it unreadable.
//! <https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages>

use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use crate::json::{lenient, lenient_text};

/// `text`
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Text {
    #[serde(deserialize_with = "lenient_text")]
    pub(super) body: Option<String>,
}

/// `edit`
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Edit {
    #[serde(deserialize_with = "lenient")]
    pub(super) message: Edited,
}

/// The message in an [`Edit`].
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Edited {
    #[serde(deserialize_with = "lenient")]
    pub(super) text: Text,
}

/// `image`, `audio`, `video`, `document`, `sticker`
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct File {
    /// Id under which Graph serves it, for 7 days; absent if Meta could not fetch the file itself.
    #[serde(deserialize_with = "lenient_text")]
    pub(super) id: Option<String>,
    #[serde(deserialize_with = "lenient_text")]
    pub(super) caption: Option<String>,
    #[serde(deserialize_with = "lenient_text")]
    pub(super) mime_type: Option<String>,
    #[serde(deserialize_with = "lenient_text")]
    pub(super) filename: Option<String>,
    #[serde(deserialize_with = "lenient_text")]
    pub(super) url: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(super) voice: bool,
}

/// `button`: a quick reply of a template.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Button {
    #[serde(deserialize_with = "lenient_text")]
    pub(super) payload: Option<String>,
    #[serde(deserialize_with = "lenient_text")]
    pub(super) text: Option<String>,
}

/// `interactive`: a tap, or the answer to a form.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Interactive<'a> {
    #[serde(rename = "type", deserialize_with = "lenient_text")]
    pub(super) kind: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(super) button_reply: ChoiceReply,
    #[serde(deserialize_with = "lenient")]
    pub(super) list_reply: ChoiceReply,
    #[serde(borrow)]
    pub(super) nfm_reply: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) call_permission_reply: Option<&'a RawValue>,
}

/// The choice in an [`Interactive`].
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ChoiceReply {
    #[serde(deserialize_with = "lenient_text")]
    pub(super) id: Option<String>,
    #[serde(deserialize_with = "lenient_text")]
    pub(super) title: Option<String>,
}

/// The answer to a Flow or an address form in an [`Interactive`].
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct FlowReply<'a> {
    #[serde(deserialize_with = "lenient_text")]
    pub(super) name: Option<String>,
    #[serde(borrow)]
    pub(super) response_json: Option<&'a RawValue>,
}

/// `location`
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Location {
    pub(super) latitude: Value,
    pub(super) longitude: Value,
    #[serde(deserialize_with = "lenient_text")]
    pub(super) name: Option<String>,
    #[serde(deserialize_with = "lenient_text")]
    pub(super) address: Option<String>,
}

/// One of `contacts`
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ContactCard {
    #[serde(deserialize_with = "lenient")]
    pub(super) name: ContactName,
    #[serde(deserialize_with = "lenient")]
    pub(super) phones: Vec<ContactPhone>,
}

/// The name on a [`ContactCard`].
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ContactName {
    #[serde(deserialize_with = "lenient_text")]
    pub(super) formatted_name: Option<String>,
}

/// A number on a [`ContactCard`].
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ContactPhone {
    #[serde(deserialize_with = "lenient_text")]
    pub(super) phone: Option<String>,
}

/// `order`
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Order {
    #[serde(deserialize_with = "lenient_text")]
    pub(super) text: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(super) product_items: Vec<OrderItem>,
}

/// A product in an [`Order`].
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct OrderItem {
    #[serde(deserialize_with = "lenient_text")]
    pub(super) product_retailer_id: Option<String>,
    pub(super) quantity: Value,
    pub(super) item_price: Value,
    #[serde(deserialize_with = "lenient_text")]
    pub(super) currency: Option<String>,
}

/// `reaction`
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Reaction {
    #[serde(deserialize_with = "lenient_text")]
    pub(super) emoji: Option<String>,
}

/// `unsupported`
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Unsupported {
    #[serde(rename = "type", deserialize_with = "lenient_text")]
    pub(super) kind: Option<String>,
}

/// `context`, which a message of any type may have.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Context {
    #[serde(deserialize_with = "lenient_text")]
    pub(super) id: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(super) forwarded: bool,
    #[serde(deserialize_with = "lenient")]
    pub(super) frequently_forwarded: bool,
    #[serde(deserialize_with = "lenient")]
    pub(super) referred_product: Option<ReferredProduct>,
}

/// The product that a message is about.
#[derive(Deserialize)]
pub(super) struct ReferredProduct {
    pub(super) product_retailer_id: String,
}

/// `referral`, which a message of any type may have.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Referral {
    #[serde(deserialize_with = "lenient_text")]
    pub(super) headline: Option<String>,
    #[serde(deserialize_with = "lenient_text")]
    pub(super) body: Option<String>,
}
