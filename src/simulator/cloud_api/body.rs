//! Reads a body as strictly as Meta does: each property by name and type, and no unknown ones.

use std::ops::RangeInclusive;

use serde_json::{Map, Value, json};
use url::Url;

/// Why Meta refuses a call: its code and the details.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub code: i64,
    pub details: String,
}

pub(super) type Checked<T = ()> = Result<T, Refusal>;

/// <https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes>
pub(super) const UNSUPPORTED: i64 = 100;
pub(super) const MISSING: i64 = 131_008;
pub(super) const INVALID: i64 = 131_009;
pub(super) const UNKNOWN_TYPE: i64 = 131_051;
pub(super) const MEDIA: i64 = 131_053;

/// For texts without a documented limit: anything longer is a mistake of ours.
pub(super) const UNDOCUMENTED: usize = 1024;

pub(super) fn refuse<T>(code: i64, details: impl Into<String>) -> Checked<T> {
    Err(Refusal { code, details: details.into() })
}

impl Refusal {
    /// The answer's body.
    pub(crate) fn json(&self) -> Value {
        let Self { code, details } = self;
        json!({ "error": {
            "message": format!("(#{code}) {details}"),
            "type": "OAuthException",
            "code": code,
            "error_data": { "messaging_product": "whatsapp", "details": details },
            "fbtrace_id": "SIMULATED",
        } })
    }
}

/// A value and its path in the body.
#[derive(Debug, Clone)]
pub(super) struct Field<'a> {
    value: &'a Value,
    path: String,
}

/// An object of which every property is known.
#[derive(Debug, Clone)]
pub(super) struct Object<'a> {
    fields: &'a Map<String, Value>,
    path: String,
}

impl<'a> Object<'a> {
    /// Returns the whole body; [`Object::only`] checks its properties later.
    pub(crate) fn body(value: &'a Value) -> Checked<Self> {
        let field = Field { value, path: String::new() };
        field.map().map(|fields| Self { fields, path: String::new() })
    }

    /// Refuses every other property.
    pub(crate) fn only(self, known: &[&str]) -> Checked<Self> {
        match self.fields.keys().find(|name| !known.contains(&name.as_str())) {
            Some(name) => refuse(UNSUPPORTED, format!("Unexpected key \"{}\"", self.path_of(name))),
            None => Ok(self),
        }
    }

    pub(crate) fn required(&self, name: &str) -> Checked<Field<'a>> {
        match self.optional(name) {
            Some(field) => Ok(field),
            None => refuse(MISSING, format!("Required parameter is missing: {}", self.path_of(name))),
        }
    }

    pub(crate) fn optional(&self, name: &str) -> Option<Field<'a>> {
        self.fields.get(name).map(|value| Field { value, path: self.path_of(name) })
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    /// Refuses this property, which other objects of the kind may have.
    pub(crate) fn without(&self, name: &str, why: &str) -> Checked {
        if self.has(name) { refuse(UNSUPPORTED, format!("{}: {why}", self.path_of(name))) } else { Ok(()) }
    }

    /// Returns one of two properties, and refuses both.
    pub(crate) fn either(&self, one: &str, other: &str) -> Checked<Field<'a>> {
        match (self.optional(one), self.optional(other)) {
            (Some(field), None) | (None, Some(field)) => Ok(field),
            (None, None) => refuse(MISSING, format!("{} or {other} is needed", self.path_of(one))),
            (Some(_), Some(_)) => refuse(UNSUPPORTED, format!("{} and {other} exclude each other", self.path_of(one))),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }
}

impl<'a> Field<'a> {
    fn map(&self) -> Checked<&'a Map<String, Value>> {
        match self.value.as_object() {
            Some(fields) => Ok(fields),
            None => self.wrong_type("an object"),
        }
    }

    /// An object with no other properties than these.
    pub(crate) fn object(&self, known: &[&str]) -> Checked<Object<'a>> {
        self.any_object()?.only(known)
    }

    pub(crate) fn any_object(&self) -> Checked<Object<'a>> {
        self.map().map(|fields| Object { fields, path: self.path.clone() })
    }

    /// Returns the items of a list whose length is allowed.
    pub(crate) fn list(&self, count: RangeInclusive<usize>) -> Checked<Vec<Field<'a>>> {
        let Some(items) = self.value.as_array() else { return self.wrong_type("an array") };
        if !count.contains(&items.len()) {
            return self.invalid(&format!("{} items; {count:?} are allowed", items.len()));
        }
        Ok(items
            .iter()
            .enumerate()
            .map(|(place, value)| Field { value, path: format!("{}[{place}]", self.path) })
            .collect())
    }

    /// Returns a text with visible characters.
    pub(crate) fn text(&self, most: usize) -> Checked<&'a str> {
        let text = self.possibly_empty(most)?;
        if text.chars().any(is_visible) { Ok(text) } else { self.invalid("no visible characters") }
    }

    /// UTF-16 units are the strictest way to count characters that Meta may mean.
    pub(crate) fn possibly_empty(&self, most: usize) -> Checked<&'a str> {
        let Some(text) = self.value.as_str() else { return self.wrong_type("a string") };
        let length = text.encode_utf16().count();
        if length > most {
            return refuse(UNSUPPORTED, format!("{} has {length} characters; {most} are allowed", self.path));
        }
        Ok(text)
    }

    /// Returns a text of one line: a header, a button, a row.
    pub(crate) fn line(&self, most: usize) -> Checked<&'a str> {
        let text = self.text(most)?;
        if text.contains(['\n', '\r']) { self.invalid("has one line") } else { Ok(text) }
    }

    /// Returns an id that comes back with a tap.
    pub(crate) fn key(&self, most: usize) -> Checked<&'a str> {
        let key = self.line(most)?;
        if key.trim() == key { Ok(key) } else { self.invalid("leading or trailing spaces") }
    }

    pub(crate) fn one_of(&self, values: &[&str]) -> Checked<&'a str> {
        let value = self.possibly_empty(usize::MAX)?;
        if values.contains(&value) { Ok(value) } else { self.invalid(&format!("must be one of {values:?}")) }
    }

    pub(crate) fn flag(&self) -> Checked<bool> {
        match self.value.as_bool() {
            Some(flag) => Ok(flag),
            None => self.wrong_type("a boolean"),
        }
    }

    pub(crate) fn whole(&self, range: RangeInclusive<u64>) -> Checked<u64> {
        match self.value.as_u64() {
            Some(number) if range.contains(&number) => Ok(number),
            Some(_) => self.invalid(&format!("must be in {range:?}")),
            None => self.wrong_type("a whole number"),
        }
    }

    /// Checks a number, or as in Meta's examples a string with one.
    pub(crate) fn degrees(&self, most: f64) -> Checked {
        let degrees = match self.value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.parse().ok(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return self.wrong_type("a number"),
        };
        match degrees {
            Some(degrees) if degrees.abs() <= most => Ok(()),
            Some(_) | None => self.invalid(&format!("must be between -{most} and {most}")),
        }
    }

    /// Checks a URL that Meta or a phone can open.
    pub(crate) fn link(&self) -> Checked {
        let text = self.text(usize::MAX)?;
        let web = Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        // The parser repairs what Meta refuses: spaces around, tabs within, backslashes and missing slashes.
        let exact = (text.starts_with("https://") || text.starts_with("http://"))
            && !text.contains(|sign: char| sign.is_whitespace() || sign == '\\');
        if web && exact { Ok(()) } else { self.invalid("must be a http or https URL") }
    }

    pub(crate) fn wamid(&self) -> Checked {
        let id = self.text(1024)?;
        match id.strip_prefix("wamid.") {
            Some(rest) if !rest.is_empty() && !rest.contains(char::is_whitespace) => Ok(()),
            Some(_) | None => self.invalid("must be the id of a message"),
        }
    }

    /// Returns a text that follows a rule.
    pub(crate) fn shaped(&self, rule: impl Fn(&str) -> bool, what: &str) -> Checked<&'a str> {
        let text = self.text(usize::MAX)?;
        if rule(text) { Ok(text) } else { self.invalid(&format!("must be {what}")) }
    }

    pub(crate) fn is_string(&self) -> bool {
        self.value.is_string()
    }

    pub(crate) fn invalid<T>(&self, why: &str) -> Checked<T> {
        refuse(INVALID, format!("Parameter value is not valid: {}: {why}", self.path))
    }

    pub(crate) fn refused<T>(&self, code: i64, why: &str) -> Checked<T> {
        refuse(code, format!("{}: {why}", self.path))
    }

    fn wrong_type<T>(&self, wanted: &str) -> Checked<T> {
        refuse(UNSUPPORTED, format!("Param {} must be {wanted}", self.path))
    }
}

/// Refuses those of these properties that are present and not texts.
pub(super) fn texts(object: &Object<'_>, names: &[&str]) -> Checked {
    names.iter().filter_map(|name| object.optional(name)).try_for_each(|field| field.text(UNDOCUMENTED).map(drop))
}

/// Refuses duplicates.
pub(super) fn unique(mut values: Vec<&str>, what: &str) -> Checked {
    values.sort_unstable();
    match values.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => refuse(INVALID, format!("{what} must be unique; {} is there twice", pair[0])),
        None => Ok(()),
    }
}

/// Whether a character draws something: not a space, a control character or an invisible one.
fn is_visible(sign: char) -> bool {
    !sign.is_whitespace()
        && !sign.is_control()
        && !matches!(sign,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}')
}
