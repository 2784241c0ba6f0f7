//! What hooks return, as types.

use serde::Deserialize;
use serde_json::{Map, Value, value::RawValue};

use crate::json;

/// Most characters of a user id and of a session id.
pub(super) const MAX_ID_CHARS: usize = 256;
/// Most characters of a text for the agent.
pub(super) const MAX_TEXT_CHARS: usize = 10_000;
/// Most bytes of what a hook returns, as JSON. A conversation has room for a little more.
pub(super) const MAX_RETURN_BYTES: usize = 256 * 1024;

/// What `handleInput`, `handleInject` or `handleNotify` returned. `None`: the endpoint's own value stays.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Input {
    /// The name by which the agent knows the person from here on; never empty.
    pub user_id: Option<String>,
    /// The session id that the agent gets; never empty.
    pub session_id: Option<String>,
    /// The text; may be empty.
    pub text: Option<String>,
    /// The data, which replaces the endpoint's own as a whole.
    pub data: Option<Map<String, Value>>,
}

/// What `handleOutput` returned.
#[derive(Debug, Clone, PartialEq)]
pub enum OutputReturn {
    /// What would have been sent without the hook.
    Unchanged,
    /// Something else; no shape is asked for.
    Replaced(Value),
}

/// Why a return counts as an error of the script.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReturnError {
    /// It is a function or a symbol.
    #[error("it returned a function or a symbol")]
    NoJson,
    /// It has too many bytes or values, or is nested too deep.
    #[error("what it returned is larger than {} KiB or {} values", MAX_RETURN_BYTES / 1024, json::MAX_VALUES)]
    TooLarge,
    /// It is a number, a text or a list.
    #[error("it returned something else than an object with userId, sessionId, text and data")]
    NoObject,
    /// A field has another type.
    #[error("{0} is not {1}")]
    WrongType(&'static str, &'static str),
    /// A text is too long.
    #[error("{0} has more than {1} characters")]
    TooLong(&'static str, usize),
    /// The response has a status or a header that HTTP does not know.
    #[error("its response has a status or a header that HTTP does not allow")]
    Response,
}

/// As it comes: every field may be anything.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawInput<'a> {
    #[serde(borrow, default)]
    user_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    session_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    text: Option<&'a RawValue>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
}

/// Reads what `handleInput`, `handleInject` or `handleNotify` returned.
pub(super) fn input(text: &str) -> Result<Input, ReturnError> {
    let text = bounded(text)?;
    if !text.starts_with('{') {
        return Err(ReturnError::NoObject);
    }
    let raw: RawInput<'_> = serde_json::from_str(&text).map_err(|_| ReturnError::TooLarge)?;
    let id = |name, raw| Ok(words(name, raw, MAX_ID_CHARS)?.filter(|id| !id.is_empty()));
    Ok(Input {
        user_id: id("userId", raw.user_id)?,
        session_id: id("sessionId", raw.session_id)?,
        text: words("text", raw.text, MAX_TEXT_CHARS)?,
        data: match raw.data {
            Some(raw) if raw.get().starts_with('{') => {
                Some(serde_json::from_str(raw.get()).map_err(|_| ReturnError::TooLarge)?)
            }
            Some(_) => return Err(ReturnError::WrongType("data", "an object")),
            None => None,
        },
    })
}

/// Reads what `handleOutput` returned.
pub(super) fn output(text: &str, processed: &str) -> Result<OutputReturn, ReturnError> {
    let returned: Value = serde_json::from_str(&bounded(text)?).map_err(|_| ReturnError::TooLarge)?;
    let is_same = serde_json::from_str::<Value>(processed).is_ok_and(|processed| processed == returned);
    Ok(if is_same { OutputReturn::Unchanged } else { OutputReturn::Replaced(returned) })
}

fn words(name: &'static str, raw: Option<&RawValue>, max: usize) -> Result<Option<String>, ReturnError> {
    let Some(raw) = raw else { return Ok(None) };
    let text: String = serde_json::from_str(raw.get()).map_err(|_| ReturnError::WrongType(name, "a text"))?;
    if text.chars().count() > max {
        return Err(ReturnError::TooLong(name, max));
    }
    Ok(Some(text))
}

/// JSON of a script: half of an emoji is repaired, and what could not be held in memory is refused.
fn bounded(text: &str) -> Result<String, ReturnError> {
    let is_small = text.len() <= MAX_RETURN_BYTES && json::values(text.as_bytes()) <= json::MAX_VALUES;
    let text = is_small.then(|| json::repaired(text.as_bytes())).ok_or(ReturnError::TooLarge)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_field_that_is_absent_or_null_keeps_the_endpoints_own_value() {
        assert_eq!(input("{}"), Ok(Input::default()));
        assert_eq!(input(r#"{"userId":null,"text":null,"data":null,"sessionId":""}"#), Ok(Input::default()));
        let returned = input(r#"{"userId":"u","sessionId":"s","text":"","data":{"a":[1]},"other":7}"#).expect("valid");
        assert_eq!((returned.user_id.as_deref(), returned.session_id.as_deref()), (Some("u"), Some("s")));
        assert_eq!((returned.text.as_deref(), returned.data), (Some(""), json!({ "a": [1] }).as_object().cloned()));
    }

    #[test]
    fn a_wrong_type_and_a_text_that_is_too_long_are_errors_of_the_script() {
        use ReturnError::{NoObject, TooLarge, TooLong, WrongType};
        let long = |count: usize| "é".repeat(count);
        for (returned, expected) in [
            ("7".to_owned(), NoObject),
            ("\"text\"".to_owned(), NoObject),
            ("[]".to_owned(), NoObject),
            (json!({ "text": 7 }).to_string(), WrongType("text", "a text")),
            (json!({ "data": "text" }).to_string(), WrongType("data", "an object")),
            (json!({ "data": [] }).to_string(), WrongType("data", "an object")),
            (json!({ "userId": 491_701_234_567_u64 }).to_string(), WrongType("userId", "a text")),
            (json!({ "text": long(10_001) }).to_string(), TooLong("text", 10_000)),
            (json!({ "userId": long(257) }).to_string(), TooLong("userId", 256)),
            (json!({ "sessionId": long(257) }).to_string(), TooLong("sessionId", 256)),
            (json!({ "data": { "a": "x".repeat(MAX_RETURN_BYTES) } }).to_string(), TooLarge),
            (json!({ "data": { "a": vec![0; 10_000] } }).to_string(), TooLarge),
            (format!("{{\"data\":{}{}}}", "{\"a\":".repeat(5000), "}".repeat(5000)), TooLarge),
        ] {
            assert_eq!(input(&returned), Err(expected), "{}", &returned[..returned.len().min(60)]);
        }
        assert!(input(&json!({ "text": long(10_000), "userId": long(256) }).to_string()).is_ok());
    }

    #[test]
    fn an_output_that_comes_back_as_it_was_is_unchanged() {
        let processed = r#"{"type":"text","text":{"body":"Hi"}}"#;
        assert_eq!(output(r#"{"text":{"body":"Hi"},"type":"text"}"#, processed), Ok(OutputReturn::Unchanged));
        assert_eq!(output("\"Hi\"", processed), Ok(OutputReturn::Replaced(json!("Hi"))));
        assert_eq!(output(r#""cut \ud83d""#, processed), Ok(OutputReturn::Replaced(json!("cut \u{FFFD}"))));
    }

    proptest! {
        #[test]
        fn whatever_is_returned_is_read_or_refused(text in "\\PC*", json in "[\\[\\]{}:,\"a-z0-9.eE+\\\\-]{0,60}") {
            for text in [text, json] {
                let _ = input(&text);
                let _ = output(&text, &text);
            }
        }
    }
}
