//! Repairs addresses of pages and files for Meta, which refuses what browsers repair.

use std::borrow::Cow;

use url::Url;

/// Characters that RFC 3986 does not allow and that the URL parser does not encode in a query or a fragment.
const UNSAFE: &[char] = &['"', '<', '>', '\\', '^', '`', '{', '|', '}'];
/// Extensions of the program behind a page and not of the file that it sends.
const PROGRAMS: &[&str] = &["asp", "aspx", "cgi", "do", "jsp", "php"];
/// Most characters of a file extension.
const MAX_EXTENSION: usize = 8;

/// The address of a page or a file, as Meta accepts it; `None` if it is not a web address.
///
/// A correct address stays byte for byte: it may be signed as it is written.
pub(crate) fn address(text: &str) -> Option<String> {
    let text = bare(text);
    let text = match text.starts_with("//") {
        true => Cow::Owned(format!("https:{text}")),
        false => Cow::Borrowed(text),
    };
    let url = Url::parse(&text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())?;
    Some(if is_right(&text) { text.into_owned() } else { encoded(url.as_str()) })
}

/// Whether it is a `data:` URL, which contains the file itself.
#[must_use]
pub fn is_data(text: &str) -> bool {
    data(text).is_some()
}

/// The part after `data:` in a `data:` URL.
#[must_use]
pub fn data(text: &str) -> Option<&str> {
    let (scheme, file) = bare(text).split_at_checked(5)?;
    scheme.eq_ignore_ascii_case("data:").then_some(file)
}

/// Encodes a text as the end of an address, as template buttons need it.
pub(crate) fn part(text: &str) -> String {
    encoded(bare(text))
}

/// The name of the file at an address: the last part of its path, if that has an extension.
pub(crate) fn file_name(address: &str) -> Option<String> {
    let url = Url::parse(address).ok()?;
    let name = decoded(url.path_segments()?.next_back()?)?;
    let name = name.rsplit(['/', '\\']).next()?.trim();
    let (stem, extension) = name.rsplit_once('.')?;
    let is_extension = (1..=MAX_EXTENSION).contains(&extension.len())
        && extension.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && !PROGRAMS.iter().any(|program| extension.eq_ignore_ascii_case(program));
    let is_name = is_extension && !stem.trim().is_empty() && !name.contains(char::is_control);
    is_name.then(|| name.to_owned())
}

/// Removes invisible characters that are copied along with an address.
fn bare(text: &str) -> &str {
    text.trim_matches(|sign: char| {
        sign.is_whitespace()
            || sign.is_control()
            || matches!(sign, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}' | '\u{feff}')
    })
}

fn is_right(address: &str) -> bool {
    let rest = address.strip_prefix("https://").or_else(|| address.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.starts_with('/') && encoded(rest) == rest)
}

/// Percent-encodes characters that an address must not contain, and a percent sign that encodes nothing.
fn encoded(address: &str) -> String {
    let mut encoded = String::with_capacity(address.len());
    for (at, sign) in address.char_indices() {
        let is_code =
            || address.as_bytes().get(at + 1..at + 3).is_some_and(|code| code.iter().all(u8::is_ascii_hexdigit));
        let is_fit = sign.is_ascii_graphic() && !UNSAFE.contains(&sign) && (sign != '%' || is_code());
        if is_fit {
            encoded.push(sign);
        } else {
            encoded.extend(sign.encode_utf8(&mut [0; 4]).bytes().map(|byte| format!("%{byte:02X}")));
        }
    }
    encoded
}

fn decoded(text: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).filter(|_| *first == b'%').and_then(|code| hex::decode(code).ok());
        if let Some(code) = code {
            bytes.extend(code);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok()
}

pub(crate) fn no_address(part: &str) {
    tracing::warn!(part, "a part of an answer has no address that can be opened: the rest is said");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_address_that_browsers_repair_is_repaired_and_a_right_one_is_not_touched() {
        for (written, sent) in [
            ("https://files.example.com/my photo.jpg", "https://files.example.com/my%20photo.jpg"),
            (" https://example.com/a.jpg \n", "https://example.com/a.jpg"),
            ("\u{feff}https://example.com/a.jpg\u{200b}", "https://example.com/a.jpg"),
            ("HTTPS://Example.com/A.jpg", "https://example.com/A.jpg"),
            ("https://example.com/Übersicht.pdf", "https://example.com/%C3%9Cbersicht.pdf"),
            ("https://münchen.example/a", "https://xn--mnchen-3ya.example/a"),
            ("https://example.com/?q={\"a\":1}", "https://example.com/?q=%7B%22a%22:1%7D"),
            (
                "https://example.com/a b?q=hello world#top of it",
                "https://example.com/a%20b?q=hello%20world#top%20of%20it",
            ),
            ("https://example.com/a?q=x|y^z", "https://example.com/a?q=x%7Cy%5Ez"),
            ("https://example.com/100%.jpg", "https://example.com/100%25.jpg"),
            ("https:\\\\example.com\\a", "https://example.com/a"),
            ("https:example.com", "https://example.com/"),
            ("//example.com/a.jpg", "https://example.com/a.jpg"),
            ("https://exam\nple.com/a", "https://example.com/a"),
            ("https://example.com", "https://example.com"),
            ("http://example.com:80/a/../b?c=%20+[1]&d='e'", "http://example.com:80/a/../b?c=%20+[1]&d='e'"),
        ] {
            assert_eq!(address(written).as_deref(), Some(sent), "{written}");
        }
    }

    #[test]
    fn what_is_not_of_the_web_is_no_address() {
        for text in [
            "",
            "no url",
            "/a.jpg",
            "a.jpg",
            "https://",
            "https:// /a",
            "mailto:a@example.com",
            "javascript:0",
            "data:image/png;base64,AA==",
        ] {
            assert_eq!(address(text), None, "{text}");
        }
        assert!(is_data(" DATA:image/png;base64,AA==") && !is_data("https://example.com/data:") && !is_data("dät"));
    }

    #[test]
    fn a_file_has_the_name_that_its_address_ends_with() {
        for (address, name) in [
            ("https://example.com/files/invoice-4711.pdf?x=1#p", Some("invoice-4711.pdf")),
            ("https://example.com/R%C3%A9sum%C3%A9%20%282%29.docx", Some("Résumé (2).docx")),
            ("https://example.com/a/folder%2Fb.tar.gz", Some("b.tar.gz")),
            ("https://example.com/a.pdf/", None),
            ("https://example.com/", None),
            ("https://example.com/invoice", None),
            ("https://example.com/.pdf", None),
            ("https://example.com/a.", None),
            ("https://example.com/v1.2 final", None),
            ("https://example.com/download.php?file=a.pdf", None),
            ("https://example.com/%FF.pdf", None),
            ("https://example.com/a%0A.pdf", None),
        ] {
            assert_eq!(file_name(address).as_deref(), name, "{address}");
        }
    }

    proptest! {
        #[test]
        fn what_is_repaired_is_right_and_leads_to_the_same_place(rest in "(?s).{0,40}") {
            let written = format!("https://example.com/{rest}");
            let repaired = address(&written).expect("an address");
            prop_assert!(is_right(&repaired), "{repaired}");
            prop_assert_eq!(address(&repaired), Some(repaired.clone()));
            prop_assert!(repaired.starts_with("https://example.com/") && repaired.is_ascii());
        }

        #[test]
        fn no_text_makes_it_stumble(text in "(?s).{0,60}") {
            let repaired = address(&text);
            prop_assert!(repaired.iter().all(|repaired| is_right(repaired)));
            let _ = file_name(&text);
        }
    }
}
