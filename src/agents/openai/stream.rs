//! Server-sent events: the data of each, in order, from pieces of any size.
//!
//! <https://html.spec.whatwg.org/multipage/server-sent-events.html>

use crate::agents::{AgentError, MAX_ANSWER_BYTES};

/// What has come of an event that is not whole.
#[derive(Debug, Default)]
pub struct Events {
    line: Vec<u8>,
    data: Vec<u8>,
}

impl Events {
    /// Takes in the next bytes and hands over the data of the events that are whole.
    ///
    /// # Errors
    /// What `take` says; the rest of the bytes is left out.
    pub fn feed(
        &mut self,
        bytes: &[u8],
        mut take: impl FnMut(&str) -> Result<(), AgentError>,
    ) -> Result<(), AgentError> {
        for byte in bytes {
            match byte {
                b'\r' => {}
                b'\n' => self.end_line(&mut take)?,
                _ if self.line.len() + self.data.len() >= MAX_ANSWER_BYTES => {
                    return Err(AgentError::TooLarge { max: MAX_ANSWER_BYTES });
                }
                byte => self.line.push(*byte),
            }
        }
        Ok(())
    }

    /// Comments keep the connection open; names, ids and the time of a new try are in the data too, or of no use.
    fn end_line(&mut self, take: &mut impl FnMut(&str) -> Result<(), AgentError>) -> Result<(), AgentError> {
        let line = std::mem::take(&mut self.line);
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

    proptest! {
        #[test]
        fn events_are_the_same_however_the_bytes_are_cut(
            stream in "(data: ?[é🦀{}]{0,3}|event: x|:|\\PC|\r?\n){0,30}",
            size in 1_usize..40,
        ) {
            prop_assert_eq!(events(stream.as_bytes().chunks(size)), events([stream.as_bytes()]));
        }
    }
}
