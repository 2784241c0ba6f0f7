//! JSON at the border: what we write for others, and what others write for us.
//!
//! Output is ASCII, so that every queue accepts it. Input is read leniently in its characters and strictly in its size: half of an
//! emoji or a byte that is not UTF-8 costs one character and not the message, and no text can grow into a tree that is larger than
//! the memory of a function.

use std::{borrow::Cow, io};

use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
use serde_json::{
    ser::{Formatter, Serializer},
    value::RawValue,
};

/// Most values in one text that is read into a tree.
///
/// The largest values for their length are objects with one field: eight bytes of text become 700 bytes of memory. Ten answers of
/// this size at once take 70 MB, and the smallest function has 128.
pub const MAX_VALUES: usize = 10_000;
/// Replaces a character that cannot be read, as JSON escapes it.
const REPLACEMENT: &[u8] = b"\\ufffd";
/// The halves of surrogate pairs. A half is kept in a private-use plane, which nothing else uses, until the next piece of the text
/// comes: half `U+D83D` is `U+10D83D`.
const HALVES: std::ops::RangeInclusive<u16> = 0xD800..=0xDFFF;
/// The offset from a half to its place in that plane.
const HALVES_FROM: u32 = 0x10_0000;
/// The byte order mark that some editors and servers put in front of a text.
pub const BYTE_ORDER_MARK: &[u8] = "\u{FEFF}".as_bytes();

/// Why a text could not be read. It never repeats the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// It has more values than we read.
    #[error("it has more than {MAX_VALUES} values")]
    TooManyValues,
    /// It is not JSON, or not in the expected shape.
    #[error("{what} at line {line}, column {column}")]
    Unexpected {
        /// What is wrong: the JSON, or a field.
        what: String,
        /// Counts from 1.
        line: usize,
        /// Counts from 1; 0 if the text has ended.
        column: usize,
    },
}

impl From<serde_json::Error> for JsonError {
    fn from(error: serde_json::Error) -> Self {
        let text = error.to_string();
        // The only detail that is ours: the name of a field that our type wants.
        let missing = text.strip_prefix("missing field ").and_then(|rest| rest.split(" at ").next());
        let what = match (error.is_data(), missing) {
            (true, Some(field)) => format!("{field} is missing"),
            (true, None) => "a value of another type than documented".to_owned(),
            (false, _) => "not JSON".to_owned(),
        };
        Self::Unexpected { what, line: error.line(), column: error.column() }
    }
}

/// Reads a field that may be anything: a value of another type counts as absent. For `#[serde(default, deserialize_with)]`.
///
/// # Errors
/// Only if the JSON itself is broken.
pub fn lenient<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(from: D) -> Result<T, D::Error> {
    let raw = <&RawValue>::deserialize(from)?;
    Ok(serde_json::from_str(raw.get()).unwrap_or_default())
}

/// As [`lenient`], for a text: a number counts as one, because many ids are numbers.
///
/// # Errors
/// As [`lenient`].
pub fn lenient_text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let raw = <&RawValue>::deserialize(from)?;
    Ok(text(raw))
}

/// Returns `raw` if it is a text, or a number as it is written.
#[must_use]
pub fn text(raw: &RawValue) -> Option<String> {
    match raw.get().as_bytes().first() {
        Some(b'"') => serde_json::from_str(raw.get()).ok(),
        Some(b'-' | b'0'..=b'9') => Some(raw.get().to_owned()),
        Some(_) | None => None,
    }
}

/// The entries of a list; null is an empty list, as many programs write it. `None`: it is not a list.
#[must_use]
pub fn list(raw: &RawValue) -> Option<Vec<&RawValue>> {
    if raw.get() == "null" {
        return Some(Vec::new());
    }
    serde_json::from_str(raw.get()).ok()
}

/// For `#[serde(skip_serializing_if)]`: a count that is usually zero.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
pub(crate) fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// Prints `value` as JSON in ASCII: other characters are escaped, as Meta does, and read back the same.
///
/// SQS refuses bodies with some characters that JSON and UTF-8 allow, such as U+FFFF.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>
///
/// # Errors
/// When the value cannot be JSON.
pub fn ascii(value: &impl Serialize) -> serde_json::Result<String> {
    let mut bytes = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut bytes, Ascii))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The number of bytes of `value` as JSON, without keeping them.
#[must_use]
pub fn size(value: &impl Serialize) -> usize {
    struct Counter(usize);
    impl io::Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut counter = Counter(0);
    // A value that cannot be printed has no size, and cannot be stored either.
    serde_json::to_writer(&mut counter, value).map_or(usize::MAX, |()| counter.0)
}

/// Reads foreign JSON, repaired as [`repaired`] does, of at most [`MAX_VALUES`] values.
///
/// # Errors
/// Why it cannot be read.
pub fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, JsonError> {
    let text = repaired(bytes);
    if values(&text) > MAX_VALUES {
        return Err(JsonError::TooManyValues);
    }
    Ok(serde_json::from_slice(&text)?)
}

/// As [`read`], for a piece of a stream: the halves of an emoji that is cut between two pieces are kept, for [`join`].
///
/// # Errors
/// As [`read`].
pub fn read_piece<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, JsonError> {
    if lone_surrogates(bytes).next().is_none() {
        return read(bytes);
    }
    let mut whole = Vec::with_capacity(bytes.len() + 12);
    let mut from = 0;
    for at in lone_surrogates(bytes) {
        whole.extend_from_slice(&bytes[from..at]);
        if let Some(half) = escaped(bytes, at).and_then(|half| char::from_u32(HALVES_FROM + u32::from(half))) {
            whole.extend_from_slice(half.encode_utf8(&mut [0; 4]).as_bytes());
        }
        from = at + REPLACEMENT.len();
    }
    whole.extend_from_slice(&bytes[from..]);
    read(&whole)
}

/// Joins pieces that [`read_piece`] has read: two halves that meet become one character, and a lone half becomes U+FFFD.
#[must_use]
pub fn join(text: String) -> String {
    let half =
        |sign: char| u16::try_from(u32::from(sign).checked_sub(HALVES_FROM)?).ok().filter(|half| HALVES.contains(half));
    if text.chars().all(|sign| half(sign).is_none()) {
        return text;
    }
    let units = text.chars().flat_map(|sign| match half(sign) {
        Some(half) => vec![half],
        None => sign.encode_utf16(&mut [0; 2]).to_vec(),
    });
    char::decode_utf16(units).map(|sign| sign.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// Foreign JSON without what would make all of it unreadable: a byte order mark in front, bytes that are not UTF-8, and lone
/// surrogates, which some programs leave when they cut a text in the middle of an emoji.
#[must_use]
pub fn repaired(bytes: &[u8]) -> Cow<'_, [u8]> {
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    let text = match String::from_utf8_lossy(bytes) {
        Cow::Borrowed(_) => Cow::Borrowed(bytes),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    };
    if lone_surrogates(&text).next().is_none() {
        return text;
    }
    let mut whole = text.to_vec();
    for at in lone_surrogates(&text) {
        // Both are six bytes long.
        whole[at..at + REPLACEMENT.len()].copy_from_slice(REPLACEMENT);
    }
    Cow::Owned(whole)
}

/// The positions of lone surrogates.
fn lone_surrogates(text: &[u8]) -> impl Iterator<Item = usize> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            at += text.get(at..)?.iter().position(|byte| *byte == b'\\')?;
            let here = at;
            match escaped(text, here) {
                Some(0xD800..=0xDBFF) if matches!(escaped(text, here + 6), Some(0xDC00..=0xDFFF)) => at += 12,
                Some(0xD800..=0xDFFF) => {
                    at += 6;
                    return Some(here);
                }
                Some(_) => at += 6,
                // `\n`, `\"`, `\\`.
                None => at += 2,
            }
        }
    })
}

/// The UTF-16 unit that is escaped as `\uXXXX` at this position.
fn escaped(text: &[u8], at: usize) -> Option<u16> {
    let digits = text.get(at..at + 6)?.strip_prefix(b"\\u")?;
    u16::from_str_radix(std::str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'))?, 16).ok()
}

/// An upper bound of the number of values in a text: one, plus one for each comma and each opening bracket.
pub(crate) fn values(text: &[u8]) -> usize {
    let (mut count, mut in_string, mut is_escaped) = (1, false, false);
    for byte in text {
        match (in_string, byte) {
            (true, _) if is_escaped => is_escaped = false,
            (true, b'\\') => is_escaped = true,
            (_, b'"') => in_string = !in_string,
            (false, b',' | b'[' | b'{') => count += 1,
            (true | false, _) => {}
        }
    }
    count
}

/// Prints non-ASCII characters as `\uXXXX`, in our own texts and in JSON that is passed on as it came.
struct Ascii;

impl Formatter for Ascii {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(|sign: char| !sign.is_ascii()) {
            let (plain, from) = rest.split_at(at);
            writer.write_all(plain.as_bytes())?;
            let Some(sign) = from.chars().next() else { break };
            for unit in sign.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = &from[sign.len_utf8()..];
        }
        writer.write_all(rest.as_bytes())
    }

    fn write_raw_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        // In JSON, non-ASCII characters are in texts only.
        self.write_string_fragment(writer, fragment)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn an_emoji_that_was_cut_between_two_pieces_is_whole_again() {
        let piece = |text: &str| read_piece::<String>(text.as_bytes()).expect("JSON");
        let text = [r#""Great \ud83d""#, r#""\ude00 done \ud83e""#, r#""!""#].map(piece).concat();
        assert_eq!(join(text), "Great 😀 done \u{FFFD}!");
        assert_eq!(join(piece("\"é🦀\"")), "é🦀");
    }

    #[test]
    fn what_is_printed_is_ascii_and_reads_back_the_same() {
        let value = json!({ "é": "U+FFFF \u{FFFF} 🦀 \u{7f} \n \"", "deep": [{ "漢": "字" }] });
        let printed = ascii(&value).expect("JSON");
        assert!(printed.is_ascii(), "{printed}");
        assert_eq!(serde_json::from_str::<Value>(&printed).expect("JSON"), value);
        let raw = RawValue::from_string("{\"a\": \"漢🦀\"}".to_owned()).expect("JSON");
        assert_eq!(ascii(&raw).expect("JSON"), "{\"a\": \"\\u6f22\\ud83e\\udd80\"}");
    }

    #[test]
    fn a_half_of_an_emoji_costs_one_sign() {
        for (given, expected) in [
            (r#""a\ud83db""#, "a\u{FFFD}b"),
            (r#""\udc00\ud83d\ude00\ud83d""#, "\u{FFFD}😀\u{FFFD}"),
            (r#""\ud83d\ud83d\ude00""#, "\u{FFFD}😀"),
            (r#""\\ud83d \ud83d\n\u0041""#, "\\ud83d \u{FFFD}\nA"),
        ] {
            assert_eq!(read::<String>(given.as_bytes()).expect("readable"), expected, "{given}");
        }
        assert_eq!(read::<String>(b"\xef\xbb\xbf\"a\xffb\"").expect("readable"), "a\u{FFFD}b");
        assert!(matches!(repaired(br#"{"a":"\ud83d\ude00"}"#), Cow::Borrowed(_)), "what is whole is not copied");
        assert!(read::<String>(br#""\ud8""#).is_err());
    }

    #[test]
    fn more_values_than_fit_into_memory_are_refused_before_they_are_read() {
        let of = |count: usize| format!("[{}0]", r#"{"a":0},"#.repeat(count));
        assert!(read::<Value>(of(MAX_VALUES / 2 - 2).as_bytes()).is_ok());
        assert_eq!(read::<Value>(of(MAX_VALUES / 2).as_bytes()), Err(JsonError::TooManyValues));
        let words = format!("[\"{}\"]", ",[{".repeat(MAX_VALUES));
        assert!(read::<Value>(words.as_bytes()).is_ok(), "what is said is one value");
    }

    #[test]
    fn an_error_repeats_nothing_of_the_text() {
        let error = read::<Vec<u8>>(b"[\"15550100200\"]").expect_err("no number").to_string();
        assert_eq!(error, "a value of another type than documented at line 1, column 14");
    }

    proptest! {
        #[test]
        fn repairing_changes_nothing_that_can_be_read(value in "\\PC*") {
            let text = json!({ "a": value }).to_string();
            prop_assert_eq!(repaired(text.as_bytes()), text.as_bytes());
            let printed = ascii(&value).expect("JSON");
            prop_assert!(printed.is_ascii());
            prop_assert_eq!(read::<String>(printed.as_bytes()).expect("JSON"), value);
        }

        #[test]
        fn whatever_stands_in_a_text_can_be_repaired(text in "(\\\\u[dD][89abAB0-9][0-9a-f]{2}|\\\\\\\\|[a-z\"]){0,20}") {
            let whole = repaired(text.as_bytes()).into_owned();
            prop_assert_eq!(whole.len(), text.len());
            prop_assert_eq!(lone_surrogates(&whole).count(), 0);
        }

        #[test]
        fn the_size_is_that_of_the_text(value in "\\PC*") {
            prop_assert_eq!(size(&value), serde_json::to_string(&value).expect("JSON").len());
        }
    }
}
