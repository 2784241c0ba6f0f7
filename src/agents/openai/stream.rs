//! Server-sent events: the data of each, in order, from pieces of any size.
//!
//! <https://html.spec.whatwg.org/multipage/server-sent-events.html>

use crate::{
    agents::{AgentError, MAX_ANSWER_BYTES},
    json::BYTE_ORDER_MARK,
};

/// The data of an unfinished event.
#[derive(Debug, Default)]
pub(crate) struct Events {
    line: Vec<u8>,
    data: Vec<u8>,
    /// Whether the last byte was a carriage return, which ends a line alone or together with a line feed.
    after_return: bool,
    has_begun: bool,
}

/// Whether a body is a stream of events, whatever its media type says.
#[must_use]
pub(crate) fn is_stream(body: &[u8]) -> bool {
    let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body).trim_ascii_start();
    [&b"data:"[..], b"event:", b"id:", b"retry:", b":"].iter().any(|start| body.starts_with(start))
}

impl Events {
    /// Reads the next bytes and passes the data of complete events to `take`.
    ///
    /// # Errors
    /// The error of `take`; the rest of the bytes is dropped.
    pub(crate) fn feed(
        &mut self,
        bytes: &[u8],
        mut take: impl FnMut(&str) -> Result<(), AgentError>,
    ) -> Result<(), AgentError> {
        for byte in bytes {
            let after_return = std::mem::replace(&mut self.after_return, *byte == b'\r');
            match byte {
                b'\n' if after_return => {}
                b'\n' | b'\r' => self.end_line(&mut take)?,
                _ if self.line.len() + self.data.len() >= MAX_ANSWER_BYTES => {
                    return Err(AgentError::TooLarge { max: MAX_ANSWER_BYTES });
                }
                byte => self.line.push(*byte),
            }
        }
        Ok(())
    }

    /// Ends the stream. Some servers leave out the blank line after the last event.
    ///
    /// # Errors
    /// The error of `take`.
    pub(crate) fn end(&mut self, mut take: impl FnMut(&str) -> Result<(), AgentError>) -> Result<(), AgentError> {
        self.end_line(&mut take)?;
        self.end_line(&mut take)
    }

    /// Ignored fields: comments keep the connection open; names, ids and retry times are in the data too, or of no use.
    fn end_line(&mut self, take: &mut impl FnMut(&str) -> Result<(), AgentError>) -> Result<(), AgentError> {
        let line = std::mem::take(&mut self.line);
        let is_first = !std::mem::replace(&mut self.has_begun, true);
        let line = line.strip_prefix(BYTE_ORDER_MARK).filter(|_| is_first).unwrap_or(&line);
        if !line.is_empty() {
            if let Some(data) = line.strip_prefix(b"data:") {
                if !self.data.is_empty() {
                    self.data.push(b'\n');
                }
                self.data.extend_from_slice(data.strip_prefix(b" ").unwrap_or(data));
            }
            return Ok(());
        }
        let data = std::mem::take(&mut self.data);
        if data.is_empty() {
            return Ok(());
        }
        take(&String::from_utf8_lossy(&data))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn events<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
        let (mut events, mut found) = (Events::default(), Vec::new());
        for piece in pieces {
            let fed = events.feed(piece, |event| {
                found.push(event.to_owned());
                Ok(())
            });
            fed.expect("nothing is wrong");
        }
        found
    }

    #[test]
    fn the_data_of_whole_events_is_found_and_nothing_else() {
        let stream = ": ping\r\n\r\nevent: a\r\ndata: {\"x\":\"é\"}\r\n\r\ndata:one\ndata: two\n\nid: 3\n\ndata: lost";
        assert_eq!(events([stream.as_bytes()]), ["{\"x\":\"é\"}", "one\ntwo"]);
    }

    #[test]
    fn a_mark_in_front_other_line_ends_and_a_missing_last_line_cost_nothing() {
        assert_eq!(events(["\u{FEFF}data: one\n\ndata: two\n\n".as_bytes()]), ["one", "two"]);
        assert_eq!(events(["data: one\r\rdata: two\r\r".as_bytes()]), ["one", "two"]);
        assert_eq!(events(["data: one\r".as_bytes(), b"\n\r", b"\ndata: two\r\n\r\n"]), ["one", "two"]);
        let (mut events, mut last) = (Events::default(), String::new());
        events.feed(b"data: [DONE]", |_| panic!("not yet")).expect("nothing is wrong");
        let ended = events.end(|event| {
            last.push_str(event);
            Ok(())
        });
        ended.expect("nothing is wrong");
        assert_eq!(last, "[DONE]");
    }

    #[test]
    fn a_stream_is_known_by_its_first_words() {
        for (body, expected) in [
            ("data: {}", true),
            ("\u{FEFF}\n: ping\n", true),
            ("event: x\ndata: {}", true),
            ("{\"data\": 1}", false),
            ("<html>", false),
            ("", false),
        ] {
            assert_eq!(is_stream(body.as_bytes()), expected, "{body}");
        }
    }

    proptest! {
        #[test]
        fn events_are_the_same_however_the_bytes_are_cut(
            stream in "(data: ?[é🦀{}]{0,3}|event: x|:|\\PC|\r|\n){0,30}",
            size in 1_usize..40,
        ) {
            prop_assert_eq!(events(stream.as_bytes().chunks(size)), events([stream.as_bytes()]));
        }
    }
}
