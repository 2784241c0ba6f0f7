//! A strict reader of JSON objects: faults and unknown fields are named by their place, never by their text.

use serde_json::{Map, Value};

/// What is wrong, and where, such as `outputs[2].options[0]: "title" is missing`.
pub(crate) type Fault = String;

/// The fields of an object that have not been read yet.
#[derive(Debug)]
pub(crate) struct Fields {
    /// Empty for the answer itself.
    place: String,
    left: Map<String, Value>,
}

impl Fields {
    /// The fields of the object at `place`.
    pub(crate) fn of(place: impl Into<String>, value: Value) -> Result<Self, Fault> {
        let place = place.into();
        match value {
            Value::Object(left) => Ok(Self { place, left }),
            _ => Err(format!("{} is not an object", named(&place))),
        }
    }

    /// A fault of this object.
    pub(crate) fn fault(&self, what: impl std::fmt::Display) -> Fault {
        format!("{}: {what}", named(&self.place))
    }

    fn within(&self, name: &str) -> String {
        if self.place.is_empty() { name.to_owned() } else { format!("{}.{name}", self.place) }
    }

    /// A required text.
    pub(crate) fn text(&mut self, name: &str) -> Result<String, Fault> {
        self.maybe_text(name)?.ok_or_else(|| self.fault(format_args!("\"{name}\" is missing or empty")))
    }

    /// An optional text. A number counts as one, because many ids are numbers.
    pub(crate) fn maybe_text(&mut self, name: &str) -> Result<Option<String>, Fault> {
        match self.any(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok((!text.trim().is_empty()).then_some(text)),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(_) => Err(self.fault(format_args!("\"{name}\" is not a text"))),
        }
    }

    /// The required address of a page.
    pub(crate) fn link(&mut self, name: &str) -> Result<String, Fault> {
        self.address(name, &["https://", "http://"])
    }

    /// The required address of a file, which may be the file itself.
    pub(crate) fn file(&mut self, name: &str) -> Result<String, Fault> {
        self.address(name, &["https://", "http://", "data:"])
    }

    fn address(&mut self, name: &str, schemes: &[&str]) -> Result<String, Fault> {
        let text = self.text(name)?.trim().to_owned();
        let begins = |scheme: &&str| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
        let is_one = schemes.iter().any(begins);
        is_one.then_some(text).ok_or_else(|| self.fault(format_args!("\"{name}\" does not start with https://")))
    }

    /// An optional flag; false if it is absent.
    pub(crate) fn flag(&mut self, name: &str) -> Result<bool, Fault> {
        match self.any(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(flag),
            Some(_) => Err(self.fault(format_args!("\"{name}\" is neither true nor false"))),
        }
    }

    /// Degrees, from `-most` to `most`.
    pub(crate) fn degrees(&mut self, name: &str, most: f64) -> Result<f64, Fault> {
        let number = self.any(name).and_then(|value| value.as_f64());
        number
            .filter(|number| number.abs() <= most)
            .ok_or_else(|| self.fault(format_args!("\"{name}\" is not a number from -{most} to {most}")))
    }

    /// An optional object.
    pub(crate) fn object(&mut self, name: &str) -> Result<Option<Self>, Fault> {
        let place = self.within(name);
        self.any(name).map(|value| Self::of(place, value)).transpose()
    }

    /// The entries of an optional list, each read by `read`, which gets its place.
    ///
    /// An entry that cannot be read does not spoil the others: it is named in the log and left out.
    pub(crate) fn items<T>(
        &mut self,
        name: &str,
        read: impl Fn(&str, Value) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        let list = self.within(name);
        readable(self.all(name)?.into_iter().enumerate().map(|(index, value)| read(&format!("{list}[{index}]"), value)))
    }

    /// As [`Fields::items`], for a list with at least one entry.
    pub(crate) fn some<T>(
        &mut self,
        name: &str,
        read: impl Fn(&str, Value) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        let items = self.items(name, read)?;
        if items.is_empty() { Err(self.fault(format_args!("\"{name}\" is missing or empty"))) } else { Ok(items) }
    }

    /// As [`Fields::items`], for a list in which a missing entry would change the meaning of the others.
    pub(crate) fn each<T>(
        &mut self,
        name: &str,
        read: impl Fn(&str, Value) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        let list = self.within(name);
        let read = |(index, value)| read(&format!("{list}[{index}]"), value);
        self.all(name)?.into_iter().enumerate().map(read).collect()
    }

    fn all(&mut self, name: &str) -> Result<Vec<Value>, Fault> {
        match self.any(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(values)) => Ok(values),
            Some(_) => Err(self.fault(format_args!("\"{name}\" is not a list"))),
        }
    }

    /// Any value; null counts as absent.
    pub(crate) fn any(&mut self, name: &str) -> Option<Value> {
        self.left.remove(name).filter(|value| !value.is_null())
    }

    /// Whether this field is present.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.left.get(name).is_some_and(|value| !value.is_null())
    }

    /// Whether this field is present and not an empty text.
    pub(crate) fn fills(&self, name: &str) -> bool {
        self.has(name) && self.left.get(name).and_then(Value::as_str).is_none_or(|text| !text.trim().is_empty())
    }

    /// The remaining fields.
    pub(crate) fn rest(self) -> Value {
        Value::Object(self.left)
    }

    /// Logs the names of unknown fields: they were written for a reason.
    pub(crate) fn end(self) {
        for name in self.left.keys() {
            let place = named(&self.place);
            tracing::warn!(place, field = shown(name), "a field of the agent's answer is unknown: it is left out");
        }
    }
}

/// The readable ones of several; faults are logged, unless nothing can be read.
pub(crate) fn readable<T>(items: impl Iterator<Item = Result<T, Fault>>) -> Result<Vec<T>, Fault> {
    let (mut read, mut faults) = (Vec::new(), Vec::new());
    for item in items {
        match item {
            Ok(item) => read.push(item),
            Err(fault) => faults.push(fault),
        }
    }
    if read.is_empty() && !faults.is_empty() {
        return Err(faults.swap_remove(0));
    }
    for fault in faults {
        tracing::warn!(fault, "a part of the agent's answer cannot be read: the rest is sent");
    }
    Ok(read)
}

fn named(place: &str) -> &str {
    if place.is_empty() { "the answer" } else { place }
}

/// A name, if it looks like one that a programmer wrote: others may contain a person's text.
pub(crate) fn shown(name: &str) -> String {
    let is_name = name.len() <= 32 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    if is_name { format!("\"{name}\"") } else { "a long or odd name".to_owned() }
}
