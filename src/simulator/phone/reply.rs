//! Every kind of message of the business as text, and its buttons.

use serde_json::Value;

use crate::simulator::feed::{Button, TapKind};

/// Returns a message as text: a part that a phone would draw is named in brackets.
pub(super) fn as_text(message: &Value) -> String {
    let kind = message["type"].as_str().unwrap_or_default();
    let content = &message[kind];
    match kind {
        "text" => text(&content["body"]).to_owned(),
        "image" | "video" | "audio" | "document" | "sticker" => file(kind, content),
        "location" => {
            let place = join(" · ", [text(&content["name"]), text(&content["address"])]);
            let degrees = format!("{}, {}", plain(&content["latitude"]), plain(&content["longitude"]));
            format!("[location] {}", if place.is_empty() { degrees } else { place })
        }
        "contacts" => {
            let names = items(content).map(|contact| text(&contact["name"]["formatted_name"]));
            format!("[contact] {}", join(", ", names))
        }
        "reaction" if content["emoji"] == "" => "[reaction taken back]".to_owned(),
        "reaction" => format!("[reaction] {}", text(&content["emoji"])),
        "template" => {
            let parameters = items(&content["components"])
                .filter(|component| component["type"] == "body")
                .flat_map(|component| items(&component["parameters"]))
                .map(|parameter| text(&parameter["text"]));
            let name = format!("[template {}]", text(&content["name"]));
            join(" ", [name.as_str(), &join(" · ", parameters)])
        }
        "interactive" => interactive(content),
        other => format!("[{other}]"),
    }
}

/// Returns everything that sends a message when it is tapped.
pub(super) fn buttons(message: &Value) -> Vec<Button> {
    let action = &message["interactive"]["action"];
    let replies = items(&action["buttons"]).map(|button| (&button["reply"], TapKind::Button));
    let cards = items(&action["cards"])
        .flat_map(|card| items(&card["action"]["buttons"]))
        .map(|button| (&button["quick_reply"], TapKind::Button));
    let rows = items(&action["sections"]).flat_map(|section| items(&section["rows"])).map(|row| {
        let description = row["description"].as_str().map(str::to_owned);
        (row, TapKind::Row { description })
    });
    let tappable = replies.chain(cards).chain(rows).map(|(shown, tap)| Button {
        id: text(&shown["id"]).to_owned(),
        title: text(&shown["title"]).to_owned(),
        tap,
    });
    // Only Meta knows a template's labels, so its payloads are shown.
    let payloads = items(&message["template"]["components"])
        .filter(|component| component["sub_type"] == "quick_reply")
        .map(|component| text(&component["parameters"][0]["payload"]).to_owned())
        .map(|payload| Button { id: payload.clone(), title: payload, tap: TapKind::Template });
    tappable.chain(payloads).collect()
}

fn interactive(content: &Value) -> String {
    let (header, action) = (&content["header"], &content["action"]);
    let parameters = &action["parameters"];
    let kind = text(&content["type"]);
    let header = match text(&header["type"]) {
        "" => String::new(),
        "text" => format!("*{}*", text(&header["text"])),
        kind => file(kind, &header[kind]),
    };
    let offer = match kind {
        "cta_url" => format!("{}: {}", text(&parameters["display_text"]), text(&parameters["url"])),
        "list" => {
            let rows = items(&action["sections"]).flat_map(|section| items(&section["rows"]));
            let described = rows.filter(|row| row["description"].is_string());
            let rows: Vec<_> =
                described.map(|row| format!("{}: {}", text(&row["title"]), text(&row["description"]))).collect();
            join("\n", rows.iter().map(String::as_str))
        }
        "carousel" => {
            let cards: Vec<_> = items(&action["cards"]).map(card).collect();
            join("\n\n", cards.iter().map(String::as_str))
        }
        "flow" => format!("[flow] {}", text(&parameters["flow_cta"])),
        "voice_call" => join(" ", ["[call]", text(&parameters["display_text"])]),
        "location_request_message" => "[send location]".to_owned(),
        "address_message" => "[give address]".to_owned(),
        "call_permission_request" => "[allow calls]".to_owned(),
        "request_contact_info" => "[share contact info]".to_owned(),
        "product" => format!("[product] {}", text(&action["product_retailer_id"])),
        "product_list" => {
            let products = items(&action["sections"]).flat_map(|section| items(&section["product_items"]));
            let products = products.map(|product| text(&product["product_retailer_id"]));
            format!("[products] {}", join(", ", products))
        }
        "catalog_message" => "[view catalog]".to_owned(),
        _ => String::new(),
    };
    let footer = match text(&content["footer"]["text"]) {
        "" => String::new(),
        footer => format!("_{footer}_"),
    };
    join("\n", [&header, text(&content["body"]["text"]), &offer, &footer])
}

fn card(card: &Value) -> String {
    let kind = text(&card["header"]["type"]);
    let (action, parameters) = (&card["action"], &card["action"]["parameters"]);
    let header = if kind.is_empty() { String::new() } else { file(kind, &card["header"][kind]) };
    let link = match text(&parameters["url"]) {
        "" => String::new(),
        url => format!("{}: {url}", text(&parameters["display_text"])),
    };
    let product = match text(&action["product_retailer_id"]) {
        "" => String::new(),
        product => format!("[product] {product}"),
    };
    join("\n", [&header, text(&card["body"]["text"]), &link, &product])
}

fn file(kind: &str, file: &Value) -> String {
    let kind = if file["voice"] == true { "voice message" } else { kind };
    join(" ", [&format!("[{kind}]"), text(&file["filename"]), text(&file["caption"]), text(&file["link"])])
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Joins the parts that are not empty.
fn join<'a>(between: &str, parts: impl IntoIterator<Item = &'a str>) -> String {
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(between)
}
