//! What other systems say: the bodies of `POST /inject` and `POST /notify`.

use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::{cognigy, contract};
use crate::{
    conversation::{Content, Output},
    json,
};

/// What another system says to the agent.
#[derive(Debug)]
pub(crate) struct InjectBody {
    /// A name of the person.
    pub user_id: String,
    /// The session that it is meant for.
    pub session_id: Option<String>,
    /// The text.
    pub text: Option<String>,
    /// Whatever the agent is to get, as it was written.
    pub data: Option<Box<RawValue>>,
}

/// What another system says to a person.
#[derive(Debug)]
pub(crate) struct NotifyBody {
    /// A name of the person.
    pub user_id: String,
    /// What, not yet fitted to the channel.
    pub outputs: Vec<Output>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    user_id: Option<Value>,
    session_id: Option<Value>,
    text: Option<Value>,
    data: Option<Box<RawValue>>,
    outputs: Option<Value>,
}

/// Reads the body of `POST /inject`.
///
/// # Errors
/// What is wrong with it, and where, without quoting it.
pub(crate) fn read_inject(bytes: &[u8]) -> Result<InjectBody, String> {
    let body = Body::read(bytes)?;
    let data = body.data.filter(|data| !matches!(data.get().trim(), "null" | "\"\""));
    let text = text("text", body.text)?;
    if text.is_none() && data.is_none() {
        return Err("\"text\" or \"data\" must be there".to_owned());
    }
    Ok(InjectBody {
        user_id: user_id(body.user_id)?,
        session_id: text_of_id("sessionId", body.session_id)?,
        text,
        data,
    })
}

/// Reads the body of `POST /notify`: first the text, then `data` in Cognigy's form, then `outputs` in ours.
///
/// # Errors
/// As [`read_inject`]. All of it must be readable: nobody would miss the part that was left out.
pub(crate) fn read_notify(bytes: &[u8]) -> Result<NotifyBody, String> {
    let body = Body::read(bytes)?;
    let user_id = user_id(body.user_id)?;
    text_of_id("sessionId", body.session_id)?;
    let mut outputs: Vec<Output> =
        text("text", body.text)?.map(|text| Content::Text(text).into()).into_iter().collect();
    if let Some(data) = body.data {
        let data: Value = json::read(data.get().as_bytes()).map_err(|error| format!("\"data\": {error}"))?;
        let found = cognigy::read_item(&Value::Null, &data);
        let is_empty = data == "" || data.as_object().is_some_and(serde_json::Map::is_empty);
        if found.is_empty() && !is_empty {
            return Err("\"data\" holds nothing of Cognigy's that can be sent".to_owned());
        }
        outputs.extend(found);
    }
    match body.outputs {
        None | Some(Value::Null) => {}
        Some(Value::Array(items)) => {
            for (index, item) in items.into_iter().enumerate() {
                outputs.push(contract::output(&format!("outputs[{index}]"), item)?);
            }
        }
        Some(_) => return Err("\"outputs\" is not a list".to_owned()),
    }
    if outputs.is_empty() {
        return Err("\"text\", \"data\" or \"outputs\" must be there".to_owned());
    }
    Ok(NotifyBody { user_id, outputs })
}

impl Body {
    fn read(bytes: &[u8]) -> Result<Self, String> {
        json::read(bytes).map_err(|error| format!("the body is not a JSON object: {error}"))
    }
}

fn user_id(value: Option<Value>) -> Result<String, String> {
    text_of_id("userId", value)?.ok_or_else(|| "\"userId\" is missing".to_owned())
}

/// A text, or a number, because many ids are numbers. Nothing but spaces counts as missing.
fn text_of_id(name: &str, value: Option<Value>) -> Result<Option<String>, String> {
    match value {
        Some(Value::Number(number)) => Ok(Some(number.to_string())),
        value => Ok(text(name, value)?.map(|text| text.trim().to_owned())),
    }
}

fn text(name: &str, value: Option<Value>) -> Result<Option<String>, String> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text).filter(|text| !text.trim().is_empty())),
        Some(_) => Err(format!("\"{name}\" is not a text")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_is_read_whole_or_refused_with_its_place() {
        let outputs = |body: &str| read_notify(body.as_bytes()).map(|notice| notice.outputs.len());
        assert_eq!(outputs(r#"{"userId":4915,"text":"Hi","outputs":["a",{"type":"text","text":"b"}]}"#), Ok(3));
        assert_eq!(
            outputs(
                r#"{"userId":"1","text":"","data":{"_cognigy":{"_default":{"_quickReplies":{"type":"quick_replies","text":"Pick","quickReplies":[{"id":1,"contentType":"postback","payload":"p","title":"T"}]}}}}}"#
            ),
            Ok(1)
        );
        for (body, place) in [
            ("", "not a JSON object"),
            ("[]", "not a JSON object"),
            (r#"{"text":"Hi"}"#, "userId"),
            (r#"{"userId":"","text":"Hi"}"#, "userId"),
            (r#"{"userId":"1"}"#, "outputs"),
            (r#"{"userId":"1","text":{}}"#, "\"text\""),
            (r#"{"userId":"1","data":{"a":1}}"#, "data"),
            (r#"{"userId":"1","outputs":{}}"#, "outputs"),
            (r#"{"userId":"1","outputs":["a",{"type":"media"}]}"#, "outputs[1]"),
        ] {
            let fault = outputs(body).expect_err(body);
            assert!(fault.contains(place), "{body}: {fault}");
        }
    }

    #[test]
    fn what_is_injected_keeps_its_digits() {
        let body =
            read_inject(br#"{"userId":" +1555 ","sessionId":"","text":" ","data":{"order":12345678901234567890123}}"#);
        let body = body.expect("readable");
        assert_eq!((body.user_id.as_str(), body.session_id, body.text), ("+1555", None, None));
        assert_eq!(body.data.expect("data").get(), r#"{"order":12345678901234567890123}"#);
        for body in [r#"{"userId":"1"}"#, r#"{"userId":"1","text":"","data":null}"#] {
            assert!(read_inject(body.as_bytes()).is_err(), "{body}");
        }
    }
}
