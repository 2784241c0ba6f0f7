//! Interactive messages: the parts of each kind.
//!
//! <https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/interactive-list-messages> and its neighbours.

use super::{
    body::{Checked, Field, INVALID, MISSING, Object, UNDOCUMENTED, UNSUPPORTED, refuse, unique},
    media::{Kind, MediaStore, check as media},
};

const HEADER: usize = 60;
const BODY: usize = 1024;
const LIST_BODY: usize = 4096;
const FOOTER: usize = 60;
/// Longest label of a button.
const LABEL: usize = 20;
const BUTTON_ID: usize = 256;
const ROWS: usize = 10;
const ROW_ID: usize = 200;
const ROW_TITLE: usize = 24;
const ROW_DESCRIPTION: usize = 72;
const CARD_BODY: usize = 160;
const CARD_BREAKS: usize = 2;
/// The page says "one or more"; we have not seen more than two.
const CARD_BUTTONS: usize = 2;
const PRODUCTS: usize = 30;

/// The parts around the action that a kind may have.
struct Frame {
    header: &'static [&'static str],
    header_required: bool,
    body: Option<usize>,
    footer: bool,
}

const ANY_HEADER: &[&str] = &["text", "image", "video", "document"];
const BODY_ONLY: Frame = Frame { header: &[], header_required: false, body: Some(BODY), footer: false };
const FULL: Frame = Frame { header: ANY_HEADER, header_required: false, body: Some(BODY), footer: true };

pub(super) fn check(content: &Field<'_>, store: &MediaStore) -> Checked {
    let message = content.object(&["type", "header", "body", "footer", "action"])?;
    let kind = message.required("type")?;
    let (frame, check): (Frame, fn(&Field<'_>, &MediaStore) -> Checked) = match kind.text(UNDOCUMENTED)? {
        "button" => (FULL, |action, _| reply_buttons(action)),
        "list" => (Frame { header: &["text"], body: Some(LIST_BODY), ..FULL }, |action, _| list(action)),
        "cta_url" => (FULL, |action, _| url_button(&named(action, "cta_url", true)?)),
        "flow" => (FULL, |action, _| flow(&named(action, "flow", true)?)),
        "location_request_message" => (BODY_ONLY, |action, _| named(action, "send_location", false).map(drop)),
        "address_message" => (BODY_ONLY, |action, _| address(&named(action, "address_message", true)?)),
        "call_permission_request" => (BODY_ONLY, |action, _| named(action, "call_permission_request", false).map(drop)),
        "request_contact_info" => (BODY_ONLY, |action, _| named(action, "request_contact_info", false).map(drop)),
        "voice_call" => (BODY_ONLY, |action, _| voice_call(&named(action, "voice_call", true)?)),
        "product" => (Frame { header: &[], body: None, ..FULL }, |action, _| product(action)),
        "product_list" => {
            (Frame { header: &["text"], header_required: true, ..FULL }, |action, _| product_list(action))
        }
        "catalog_message" => (Frame { header: &[], ..FULL }, |action, _| {
            let parameters = named(action, "catalog_message", true)?.object(&["thumbnail_product_retailer_id"])?;
            parameters.required("thumbnail_product_retailer_id")?.text(UNDOCUMENTED).map(drop)
        }),
        "carousel" => (BODY_ONLY, carousel),
        other => return kind.refused(INVALID, &format!("Unsupported Interactive Message type {other}")),
    };
    frame.check(&message, store)?;
    check(&message.required("action")?, store)
}

impl Frame {
    fn check(&self, message: &Object<'_>, files: &MediaStore) -> Checked {
        if self.header.is_empty() {
            message.without("header", "this kind has no header")?;
        }
        if self.header_required {
            message.required("header")?;
        }
        if let Some(field) = message.optional("header") {
            header(&field, self.header, files)?;
        }
        match self.body {
            Some(most) => check_text(&message.required("body")?, most)?,
            None => message.optional("body").map_or(Ok(()), |body| check_text(&body, BODY))?,
        }
        if !self.footer {
            message.without("footer", "this kind has no footer")?;
        }
        message.optional("footer").map_or(Ok(()), |footer| check_text(&footer, FOOTER))
    }
}

fn check_text(field: &Field<'_>, most: usize) -> Checked {
    field.object(&["text"])?.required("text")?.text(most).map(drop)
}

fn header(field: &Field<'_>, kinds: &[&str], store: &MediaStore) -> Checked {
    let kind = field.any_object()?.required("type")?.one_of(kinds)?;
    let header = field.object(&["type", kind])?;
    let content = header.required(kind)?;
    match kind {
        "image" => media(&content, Kind::Image, &[], store),
        "video" => media(&content, Kind::Video, &[], store),
        "document" => media(&content, Kind::Document, &["filename"], store),
        _ => content.line(HEADER).map(drop),
    }
}

/// Checks the name of an action. Returns its parameters, or the action if it has none.
fn named<'a>(action: &Field<'a>, name: &str, parameters: bool) -> Checked<Field<'a>> {
    let known: &[&str] = if parameters { &["name", "parameters"] } else { &["name"] };
    let object = action.object(known)?;
    object.required("name")?.one_of(&[name])?;
    if parameters { object.required("parameters") } else { Ok(action.clone()) }
}

fn reply_buttons(action: &Field<'_>) -> Checked {
    replies(&action.object(&["buttons"])?.required("buttons")?, "reply", 3).map(drop)
}

/// Checks buttons that send their id. Returns their number.
fn replies(buttons: &Field<'_>, kind: &str, most: usize) -> Checked<usize> {
    let (mut ids, mut titles) = (Vec::new(), Vec::new());
    for button in buttons.list(1..=most)? {
        let button = button.object(&["type", kind])?;
        button.required("type")?.one_of(&[kind])?;
        let reply = button.required(kind)?.object(&["id", "title"])?;
        ids.push(reply.required("id")?.key(BUTTON_ID)?);
        titles.push(reply.required("title")?.key(LABEL)?);
    }
    let count = ids.len();
    unique(ids, "ids of buttons")?;
    unique(titles, "titles of buttons")?;
    Ok(count)
}

fn list(action: &Field<'_>) -> Checked {
    let action = action.object(&["button", "sections"])?;
    action.required("button")?.line(LABEL)?;
    let sections = action.required("sections")?.list(1..=ROWS)?;
    let several = sections.len() > 1;
    let mut ids = Vec::new();
    for section in sections {
        let section = section.object(&["title", "rows"])?;
        match section.optional("title") {
            Some(title) => title.line(ROW_TITLE).map(drop)?,
            None if several => section.required("title").map(drop)?,
            None => {}
        }
        for row in section.required("rows")?.list(1..=ROWS)? {
            let row = row.object(&["id", "title", "description"])?;
            ids.push(row.required("id")?.key(ROW_ID)?);
            row.required("title")?.line(ROW_TITLE)?;
            if let Some(description) = row.optional("description") {
                description.text(ROW_DESCRIPTION)?;
            }
        }
    }
    if ids.len() > ROWS {
        return refuse(INVALID, format!("{} rows in all sections; {ROWS} are allowed", ids.len()));
    }
    unique(ids, "ids of rows")
}

fn url_button(parameters: &Field<'_>) -> Checked {
    let parameters = parameters.object(&["display_text", "url"])?;
    parameters.required("display_text")?.line(LABEL)?;
    parameters.required("url")?.link()
}

/// <https://developers.facebook.com/documentation/business-messaging/whatsapp/flows/guides/sendingaflow>
fn flow(parameters: &Field<'_>) -> Checked {
    let flow = parameters.object(&[
        "flow_message_version",
        "flow_token",
        "flow_id",
        "flow_name",
        "flow_cta",
        "mode",
        "flow_action",
        "flow_action_payload",
    ])?;
    flow.required("flow_message_version")?.one_of(&["3"])?;
    flow.either("flow_id", "flow_name")?.text(UNDOCUMENTED)?;
    flow.required("flow_cta")?.line(LABEL)?;
    if let Some(token) = flow.optional("flow_token") {
        token.text(UNDOCUMENTED)?;
    }
    if let Some(mode) = flow.optional("mode") {
        mode.one_of(&["draft", "published"])?;
    }
    let action =
        flow.optional("flow_action").map(|action| action.one_of(&["navigate", "data_exchange"])).transpose()?;
    if action == Some("data_exchange") {
        return flow.without("flow_action_payload", "the Flow's endpoint says what comes first");
    }
    let payload = flow.required("flow_action_payload")?.object(&["screen", "data"])?;
    payload.required("screen")?.text(UNDOCUMENTED)?;
    match payload.optional("data") {
        Some(data) if data.any_object()?.is_empty() => data.invalid("must not be empty"),
        Some(_) | None => Ok(()),
    }
}

/// For businesses in India and Singapore only.
fn address(parameters: &Field<'_>) -> Checked {
    let address = parameters.object(&["country", "values", "saved_addresses", "validation_errors"])?;
    address.required("country")?.one_of(&["IN", "SG"])?;
    for name in ["values", "validation_errors"] {
        if let Some(field) = address.optional(name) {
            field.any_object()?;
        }
    }
    match address.optional("saved_addresses") {
        Some(saved) => saved.list(0..=usize::MAX)?.iter().try_for_each(|saved| {
            let saved = saved.object(&["id", "value"])?;
            saved.required("id")?.text(UNDOCUMENTED)?;
            saved.required("value")?.any_object().map(drop)
        }),
        None => Ok(()),
    }
}

/// <https://developers.facebook.com/documentation/business-messaging/whatsapp/calling/call-button-messages-deep-links>
fn voice_call(parameters: &Field<'_>) -> Checked {
    let call = parameters.object(&["display_text", "ttl_minutes", "payload"])?;
    if let Some(label) = call.optional("display_text") {
        label.line(LABEL)?;
    }
    if let Some(minutes) = call.optional("ttl_minutes") {
        minutes.whole(1..=43_200)?;
    }
    call.optional("payload").map_or(Ok(()), |payload| payload.text(512).map(drop))
}

fn product(action: &Field<'_>) -> Checked {
    let product = action.object(&["catalog_id", "product_retailer_id"])?;
    product.required("catalog_id")?.text(UNDOCUMENTED)?;
    product.required("product_retailer_id")?.text(UNDOCUMENTED).map(drop)
}

fn product_list(action: &Field<'_>) -> Checked {
    let action = action.object(&["catalog_id", "sections"])?;
    action.required("catalog_id")?.text(UNDOCUMENTED)?;
    let sections = action.required("sections")?.list(1..=ROWS)?;
    let several = sections.len() > 1;
    let mut products = 0;
    for section in sections {
        let section = section.object(&["title", "product_items"])?;
        match section.optional("title") {
            Some(title) => title.line(ROW_TITLE).map(drop)?,
            None if several => section.required("title").map(drop)?,
            None => {}
        }
        for item in section.required("product_items")?.list(1..=PRODUCTS)? {
            item.object(&["product_retailer_id"])?.required("product_retailer_id")?.text(UNDOCUMENTED)?;
            products += 1;
        }
    }
    if products > PRODUCTS {
        return refuse(INVALID, format!("{products} products in all sections; {PRODUCTS} are allowed"));
    }
    Ok(())
}

/// <https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/interactive-media-carousel-messages>
fn carousel(action: &Field<'_>, store: &MediaStore) -> Checked {
    let mut looks = Vec::new();
    let mut ids = Vec::new();
    for (place, card) in (0..).zip(action.object(&["cards"])?.required("cards")?.list(2..=10)?) {
        let card = card.object(&["card_index", "type", "header", "body", "action"])?;
        let index = card.required("card_index")?;
        if index.whole(0..=9)? != place {
            return index.invalid("cards are counted from 0, in their order");
        }
        if let Some(body) = card.optional("body") {
            let text = body.object(&["text"])?.required("text")?;
            if text.text(CARD_BODY)?.matches('\n').count() > CARD_BREAKS {
                return text.refused(UNSUPPORTED, &format!("more than {CARD_BREAKS} line breaks"));
            }
        }
        looks.push(look(&card, &mut ids, store)?);
    }
    unique(ids, "ids of buttons")?;
    if looks.windows(2).any(|pair| pair[0] != pair[1]) {
        return refuse(INVALID, "all cards need the same kind of header and the same kind and number of buttons");
    }
    Ok(())
}

/// Returns the kind of header, the kind of button and the number of buttons of a card, and adds the ids of its buttons to `ids`.
fn look<'a>(card: &Object<'a>, ids: &mut Vec<&'a str>, store: &MediaStore) -> Checked<(&'a str, &'a str, usize)> {
    let kind = card.optional("type").map(|kind| kind.one_of(&["cta_url", "product"])).transpose()?;
    let action = card.required("action")?;
    if kind == Some("product") {
        card.without("header", "the catalog has the picture")?;
        card.without("body", "the catalog has the words")?;
        product(&action)?;
        return Ok(("", "product", 1));
    }
    let field = card.required("header")?;
    header(&field, &["image", "video"], store)?;
    let header = field.any_object()?.required("type")?.text(UNDOCUMENTED)?;
    if kind == Some("cta_url") {
        url_button(&named(&action, "cta_url", true)?)?;
        return Ok((header, "cta_url", 1));
    }
    // Meta's page shows such a card without a type.
    let action = action.any_object()?;
    if action.has("name") {
        return refuse(MISSING, "a card with a link needs the type cta_url");
    }
    let buttons = action.only(&["buttons"])?.required("buttons")?;
    let count = replies(&buttons, "quick_reply", CARD_BUTTONS)?;
    for button in buttons.list(1..=CARD_BUTTONS)? {
        ids.push(button.any_object()?.required("quick_reply")?.any_object()?.required("id")?.text(BUTTON_ID)?);
    }
    Ok((header, "quick_reply", count))
}
