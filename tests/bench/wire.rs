//! As much of HTTP as the benchmark needs, and no more: its own time must not show in the figures.

use std::{
    io::{self, Read as _, Write as _},
    net::TcpStream,
    time::Instant,
};

/// One connection of a program that is measured.
pub struct Connection {
    stream: TcpStream,
    /// Bytes that arrived and belong to no request yet.
    arrived: Vec<u8>,
}

/// One request.
pub struct Request {
    /// When its last byte was there.
    pub at: Instant,
    /// Request line and headers.
    head: String,
    /// The body.
    pub body: Vec<u8>,
}

impl Connection {
    /// Takes over an accepted connection.
    pub fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream, arrived: Vec::with_capacity(16 * 1024) })
    }

    /// Waits for the next request; `None` when the other side has closed.
    pub fn request(&mut self) -> io::Result<Option<Request>> {
        let mut chunk = [0; 16 * 1024];
        loop {
            let count = self.stream.read(&mut chunk)?;
            // The clock stops here, before anything is parsed.
            let at = Instant::now();
            if count == 0 {
                return Ok(None);
            }
            self.arrived.extend_from_slice(&chunk[..count]);
            if let Some(request) = self.take(at)? {
                return Ok(Some(request));
            }
        }
    }

    /// The request at the front of what arrived, if it is complete.
    fn take(&mut self, at: Instant) -> io::Result<Option<Request>> {
        let Some(end) = self.arrived.windows(4).position(|window| window == b"\r\n\r\n").map(|start| start + 4) else {
            return Ok(None);
        };
        let head = String::from_utf8_lossy(&self.arrived[..end]).into_owned();
        let mut request = Request { at, head, body: Vec::new() };
        if request.header("transfer-encoding").is_some() {
            return Err(io::Error::other("a request without content-length"));
        }
        let length = request.header("content-length").unwrap_or("0").parse().map_err(io::Error::other)?;
        if self.arrived.len() - end < length {
            return Ok(None);
        }
        let rest = self.arrived.split_off(end + length);
        request.body = self.arrived.split_off(end);
        self.arrived = rest;
        Ok(Some(request))
    }

    /// Sends an answer; the result is the moment before its first byte went out.
    pub fn answer(&mut self, status: &str, headers: &str, body: &str) -> io::Result<Instant> {
        let answer = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{headers}content-length: {}\r\n\r\n{body}",
            body.len()
        );
        let at = Instant::now();
        self.stream.write_all(answer.as_bytes())?;
        Ok(at)
    }
}

impl Request {
    /// Path and query.
    pub fn target(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    /// A header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }
}
