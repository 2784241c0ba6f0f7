//! The file formats of WhatsApp: the kind of message, the size limit and the signature of each.
//!
//! <https://developers.facebook.com/documentation/business-messaging/whatsapp/business-phone-numbers/media>

use crate::simulator::cloud_api::body::{Checked, MEDIA, refuse};

/// Megabytes and kilobytes of 1000, which is the stricter reading.
pub(super) const MB: usize = 1_000_000;
const KB: usize = 1_000;
const OFFICE: [&str; 3] = ["wordprocessingml.document", "spreadsheetml.sheet", "presentationml.presentation"];

/// The kind of message that a file is sent as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::simulator::cloud_api) enum Kind {
    Image,
    Video,
    Audio,
    Document,
    Sticker,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Document => "document",
            Self::Sticker => "sticker",
        }
    }
}

/// Checks the type, the size and the content of a file.
pub(super) fn examine(mime: &str, bytes: &[u8]) -> Checked {
    let Some(most) = limit(mime, bytes) else {
        return refuse(MEDIA, format!("file of type {mime} is not supported"));
    };
    if bytes.is_empty() || bytes.len() > most {
        return refuse(MEDIA, format!("{} bytes of {mime}; {most} are allowed", bytes.len()));
    }
    if !is_what_it_says(mime, bytes) {
        return refuse(MEDIA, format!("the file's content is not {mime}"));
    }
    Ok(())
}

/// Returns the MIME type without its parameters.
pub(super) fn essence(mime: &str) -> String {
    mime.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

pub(super) fn kind_of(mime: &str) -> Option<Kind> {
    match mime {
        "image/jpeg" | "image/png" => Some(Kind::Image),
        "image/webp" => Some(Kind::Sticker),
        "video/mp4" | "video/3gpp" => Some(Kind::Video),
        "audio/aac" | "audio/amr" | "audio/mpeg" | "audio/mp4" | "audio/ogg" => Some(Kind::Audio),
        "text/plain"
        | "application/pdf"
        | "application/msword"
        | "application/vnd.ms-excel"
        | "application/vnd.ms-powerpoint" => Some(Kind::Document),
        office => OFFICE
            .contains(&office.strip_prefix("application/vnd.openxmlformats-officedocument.")?)
            .then_some(Kind::Document),
    }
}

fn limit(mime: &str, bytes: &[u8]) -> Option<usize> {
    Some(match kind_of(mime)? {
        Kind::Image => 5 * MB,
        Kind::Video | Kind::Audio => 16 * MB,
        Kind::Document => 100 * MB,
        // The flags of an extended WebP say whether it is animated.
        Kind::Sticker if bytes.get(12..16) == Some(b"VP8X") && bytes.get(20).is_some_and(|flags| flags & 2 > 0) => {
            500 * KB
        }
        Kind::Sticker => 100 * KB,
    })
}

/// Meta checks the content of files: a wrong MIME type is its most frequent refusal.
fn is_what_it_says(mime: &str, bytes: &[u8]) -> bool {
    let at = |place: usize, sign: &[u8]| bytes.get(place..).is_some_and(|rest| rest.starts_with(sign));
    match mime {
        "image/jpeg" => at(0, b"\xff\xd8\xff"),
        "image/png" => at(0, b"\x89PNG\r\n\x1a\n"),
        "image/webp" => at(0, b"RIFF") && at(8, b"WEBP"),
        "video/mp4" | "video/3gpp" | "audio/mp4" => at(4, b"ftyp"),
        "audio/aac" => at(0, b"\xff\xf1") || at(0, b"\xff\xf9"),
        "audio/amr" => at(0, b"#!AMR"),
        "audio/mpeg" => at(0, b"ID3") || (at(0, b"\xff") && bytes.get(1).is_some_and(|byte| byte & 0xe0 == 0xe0)),
        // One page of Ogg, then the head of Opus: version 1, one channel.
        "audio/ogg" => at(0, b"OggS") && at(28, b"OpusHead\x01\x01"),
        "application/pdf" => at(0, b"%PDF-"),
        "text/plain" => std::str::from_utf8(bytes).is_ok(),
        office if office.starts_with("application/vnd.openxmlformats") => at(0, b"PK\x03\x04"),
        _ => at(0, b"\xd0\xcf\x11\xe0"),
    }
}
