//! Template messages: components and parameters. Only Meta knows which templates exist; here every name is accepted.
//!
//! <https://developers.facebook.com/documentation/business-messaging/whatsapp/templates/components>

use super::{
    body::{Checked, Field, INVALID, Object, UNDOCUMENTED, UNSUPPORTED, refuse, unique},
    media::{Kind, MediaStore, check as media},
};

const NAME: usize = 512;
const HEADER: usize = 60;
const BODY: usize = 1024;
const BUTTONS: u64 = 10;
const PAYLOAD: usize = 256;
const URL: usize = 2000;
const COUPON: usize = 20;
/// Parameters of the right kind whose text Meta refuses.
const PARAMETER: i64 = 132_018;
/// Parameters of another kind than the component has.
const FORMAT: i64 = 132_012;

pub(super) fn check(content: &Field<'_>, store: &MediaStore) -> Checked {
    let template = content.object(&["name", "language", "components"])?;
    let name = |name: &str| {
        name.len() <= NAME
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    template.required("name")?.shaped(name, "small letters, digits and underscores")?;
    let language = template.required("language")?.object(&["code", "policy"])?;
    language.required("code")?.shaped(is_language, "a language such as en or en_US")?;
    if let Some(policy) = language.optional("policy") {
        policy.one_of(&["deterministic"])?;
    }
    template.optional("components").map_or(Ok(()), |components| check_components(&components, true, store))
}

fn check_components(components: &Field<'_>, cards: bool, store: &MediaStore) -> Checked {
    let mut places = Vec::new();
    for component in components.list(0..=20)? {
        let kind = component.any_object()?.required("type")?;
        let place = match kind.one_of(&["header", "body", "button", "carousel", "limited_time_offer"])? {
            "header" => check_header(&component, store).map(|()| "header".to_owned())?,
            "body" => check_body(&component).map(|()| "body".to_owned())?,
            "button" => check_button(&component)?,
            "carousel" if cards => check_cards(&component, store).map(|()| "carousel".to_owned())?,
            "limited_time_offer" if cards => check_offer(&component).map(|()| "limited_time_offer".to_owned())?,
            _ => return kind.invalid("cards have no cards"),
        };
        places.push(place);
    }
    unique(places.iter().map(String::as_str).collect(), "components")
}

fn is_language(code: &str) -> bool {
    let (language, country) =
        code.split_once('_').map_or((code, None), |(language, country)| (language, Some(country)));
    (2..=3).contains(&language.len())
        && language.bytes().all(|byte| byte.is_ascii_lowercase())
        && country.is_none_or(|country| {
            (2..=3).contains(&country.len()) && country.bytes().all(|byte| byte.is_ascii_uppercase())
        })
}

fn check_header(component: &Field<'_>, store: &MediaStore) -> Checked {
    let component = component.object(&["type", "parameters"])?;
    for parameter in component.required("parameters")?.list(1..=1)? {
        let kind = parameter.any_object()?.required("type")?;
        let file = match kind.text(UNDOCUMENTED)? {
            "text" => {
                check_text(&parameter, HEADER)?;
                continue;
            }
            "location" => {
                let known = ["latitude", "longitude", "name", "address"];
                let location = parameter.object(&["type", "location"])?.required("location")?.object(&known)?;
                location.required("latitude")?.degrees(90.0)?;
                location.required("longitude")?.degrees(180.0)?;
                location.required("name")?.text(UNDOCUMENTED)?;
                location.required("address")?.text(UNDOCUMENTED)?;
                continue;
            }
            "image" => Kind::Image,
            "video" => Kind::Video,
            "document" => Kind::Document,
            _ => return kind.refused(FORMAT, "not a parameter of a header"),
        };
        let name = kind.text(UNDOCUMENTED)?;
        let beside: &[&str] = if file == Kind::Document { &["filename"] } else { &[] };
        media(&parameter.object(&["type", name])?.required(name)?, file, beside, store)?;
    }
    Ok(())
}

fn check_body(component: &Field<'_>) -> Checked {
    let component = component.object(&["type", "parameters"])?;
    let (mut names, mut positional) = (Vec::new(), 0);
    for parameter in component.required("parameters")?.list(1..=UNDOCUMENTED)? {
        let kind = parameter.any_object()?.required("type")?;
        let name = match kind.text(UNDOCUMENTED)? {
            "text" => check_text(&parameter, BODY)?,
            "currency" => {
                let amount = parameter.object(&["type", "currency"])?.required("currency")?;
                let amount = amount.object(&["fallback_value", "code", "amount_1000"])?;
                amount.required("fallback_value")?.text(BODY)?;
                let code = |code: &str| code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase());
                amount.required("code")?.shaped(code, "a currency's code")?;
                amount.required("amount_1000")?.whole(0..=u64::MAX)?;
                None
            }
            "date_time" => {
                let date = parameter.object(&["type", "date_time"])?.required("date_time")?;
                date.object(&["fallback_value"])?.required("fallback_value")?.text(BODY)?;
                None
            }
            _ => return kind.refused(FORMAT, "not a parameter of a body"),
        };
        match name {
            Some(name) => names.push(name),
            None => positional += 1,
        }
    }
    if positional > 0 && !names.is_empty() {
        return refuse(UNSUPPORTED, "parameters are named or positional, not both");
    }
    unique(names, "names of parameters")
}

/// Checks a text parameter. Returns its name if it has one.
fn check_text<'a>(parameter: &Field<'a>, most: usize) -> Checked<Option<&'a str>> {
    let parameter = parameter.object(&["type", "parameter_name", "text"])?;
    let words = parameter.required("text")?;
    let text = words.text(most)?;
    if text.contains(['\n', '\r', '\t']) || text.contains("     ") {
        return words.refused(PARAMETER, "no line ends, tabs, or more than four spaces in a row");
    }
    parameter.optional("parameter_name").map(|name| name.text(UNDOCUMENTED)).transpose()
}

/// Checks a button. Returns its place, which must be unique.
fn check_button(component: &Field<'_>) -> Checked<String> {
    let component = component.object(&["type", "sub_type", "index", "parameters"])?;
    let field = component.required("index")?;
    let place = match field.is_string() {
        true => field.text(2)?.parse().ok().filter(|place| *place < BUTTONS),
        false => Some(field.whole(0..=BUTTONS - 1)?),
    };
    let Some(place) = place else { return field.invalid("buttons are counted from 0 to 9") };
    let sub_type = component.required("sub_type")?;
    let (kind, most) = match sub_type.text(UNDOCUMENTED)? {
        "quick_reply" => ("payload", PAYLOAD),
        "url" => ("text", URL),
        "copy_code" => ("coupon_code", COUPON),
        "flow" | "catalog" | "mpm" => ("action", 0),
        other => return sub_type.invalid(other),
    };
    let parameters = component.required("parameters")?;
    for parameter in parameters.list(1..=1)? {
        let parameter = parameter.object(&["type", kind])?;
        let found = parameter.required("type")?;
        if found.text(UNDOCUMENTED)? != kind {
            return found.refused(FORMAT, &format!("this button takes {kind}"));
        }
        let value = parameter.required(kind)?;
        match kind {
            "action" => check_action(&value)?,
            "text" => {
                let suffix = value.text(most)?;
                if suffix.contains(char::is_whitespace) {
                    return value.refused(PARAMETER, "must be percent-encoded");
                }
            }
            _ => value.text(most).map(drop)?,
        }
    }
    Ok(format!("button {place}"))
}

fn check_action(action: &Field<'_>) -> Checked {
    let action = action.object(&["flow_token", "flow_action_data", "thumbnail_product_retailer_id", "sections"])?;
    for name in ["flow_token", "thumbnail_product_retailer_id"] {
        if let Some(field) = action.optional(name) {
            field.text(UNDOCUMENTED)?;
        }
    }
    if let Some(data) = action.optional("flow_action_data") {
        data.any_object()?;
    }
    action.optional("sections").map_or(Ok(()), |sections| sections.list(1..=10).map(drop))
}

fn check_cards(component: &Field<'_>, store: &MediaStore) -> Checked {
    let component = component.object(&["type", "cards"])?;
    for (place, card) in (0..).zip(component.required("cards")?.list(2..=10)?) {
        let card: Object<'_> = card.object(&["card_index", "components"])?;
        if card.required("card_index")?.whole(0..=9)? != place {
            return refuse(INVALID, "cards are counted from 0, in their order");
        }
        check_components(&card.required("components")?, false, store)?;
    }
    Ok(())
}

fn check_offer(component: &Field<'_>) -> Checked {
    let component = component.object(&["type", "parameters"])?;
    component.required("parameters")?.list(1..=1)?.iter().try_for_each(|parameter| {
        let parameter = parameter.object(&["type", "limited_time_offer"])?;
        parameter.required("type")?.one_of(&["limited_time_offer"])?;
        let offer = parameter.required("limited_time_offer")?.object(&["expiration_time_ms"])?;
        offer.required("expiration_time_ms")?.whole(1..=u64::MAX).map(drop)
    })
}
