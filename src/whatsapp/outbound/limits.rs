//! The limits of messages, with the page that names them.

use std::time::Duration;

/// How long after a person's last message free words may be sent; after that, only templates.
/// <https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/send-messages#customer-service-windows>
pub const WINDOW: Duration = Duration::from_hours(24);
/// Most characters of a text.
/// <https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/text-messages>
pub const TEXT_MOST: usize = 4096;
/// Most characters below a picture, a video or a document.
/// <https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/image-messages>
pub const CAPTION_MOST: usize = 1024;
/// Most characters of the words above buttons.
/// <https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/interactive-reply-buttons-messages>
pub const BODY_MOST: usize = 1024;
/// Most characters of a header or a footer.
pub const SMALL_PRINT_MOST: usize = 60;
/// Most reply buttons of one message.
pub const BUTTONS_MOST: usize = 3;
/// Most characters on a button of any kind.
pub const BUTTON_TITLE_MOST: usize = 20;
/// Most characters of a reply button's id.
pub const BUTTON_ID_MOST: usize = 256;
/// Most characters of the words above a list.
/// <https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/interactive-list-messages>
pub const LIST_BODY_MOST: usize = 4096;
/// Most rows of a list, over all its sections; also the most sections.
pub const ROWS_MOST: usize = 10;
/// Most characters of a row's title, and of a section's.
pub const ROW_TITLE_MOST: usize = 24;
/// Most characters of the words below a row's title.
pub const ROW_DESCRIPTION_MOST: usize = 72;
/// Most characters of a row's id.
pub const ROW_ID_MOST: usize = 200;
/// Least and most cards of a carousel.
/// <https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/interactive-media-carousel-messages>
pub const CARDS: std::ops::RangeInclusive<usize> = 2..=10;
/// Most characters of a card's words.
pub const CARD_BODY_MOST: usize = 160;
/// Most line ends in a card's words.
pub const CARD_LINE_ENDS_MOST: usize = 2;
/// Most quick replies of a card. The page names no number; templates take two.
pub const CARD_BUTTONS_MOST: usize = 2;
/// Most cards of one contacts message.
/// <https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/contacts-messages>
pub const CONTACTS_MOST: usize = 257;
