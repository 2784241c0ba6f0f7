//! The limits of messages, with the page that names them.

use std::time::Duration;

/// How long after a person's last message free messages may be sent; after that, only templates.
/// <https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/send-messages#customer-service-windows>
pub const WINDOW: Duration = Duration::from_hours(24);
/// Most characters of a text.
/// <https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/text-messages>
pub const MAX_TEXT: usize = 4096;
/// Most characters below a picture, a video or a document.
/// <https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/image-messages>
pub const MAX_CAPTION: usize = 1024;
/// Most characters of the text above buttons.
/// <https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/interactive-reply-buttons-messages>
pub const MAX_BODY: usize = 1024;
/// Most characters of a header or a footer.
pub const MAX_SMALL_PRINT: usize = 60;
/// Most reply buttons of one message.
pub const MAX_BUTTONS: usize = 3;
/// Most characters on a button of any kind.
pub const MAX_BUTTON_TITLE: usize = 20;
/// Most characters of a reply button's id.
pub const MAX_BUTTON_ID: usize = 256;
/// Most characters of the text above a list.
/// <https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/interactive-list-messages>
pub const MAX_LIST_BODY: usize = 4096;
/// Most rows of a list, over all its sections; also the most sections.
pub const MAX_ROWS: usize = 10;
/// Most characters of a row's title, and of a section's.
pub const MAX_ROW_TITLE: usize = 24;
/// Most characters of a row's description.
pub const MAX_ROW_DESCRIPTION: usize = 72;
/// Most characters of a row's id.
pub const MAX_ROW_ID: usize = 200;
/// Least and most cards of a carousel.
/// <https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/interactive-media-carousel-messages>
pub const CARDS: std::ops::RangeInclusive<usize> = 2..=10;
/// Most characters of a card's text.
pub const MAX_CARD_BODY: usize = 160;
/// Most line ends in a card's text.
pub const MAX_CARD_LINE_ENDS: usize = 2;
/// Most quick replies of a card. The page names no number; templates take two.
pub const MAX_CARD_BUTTONS: usize = 2;
/// Most cards of one contacts message.
/// <https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/contacts-messages>
pub const MAX_CONTACTS: usize = 257;
