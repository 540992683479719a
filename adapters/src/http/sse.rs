//! Server-sent events, as much of them as the dialect needs, in bounded memory.
//!
//! Lines end in LF, CRLF or CR; an event is the `data` lines up to an empty line, joined by LF
//! (WHATWG HTML, section 9.2.6, "Interpreting an event stream"). Other fields and comments are
//! skipped. Only one line and one event are held at a time. Both dialects end a stream with an event
//! of its own; what follows means nothing.

use std::mem;

use connector::{Error, ErrorKind};
use memchr::memchr2;

use crate::harpoon_v1::DONE;

/// Takes bytes in pieces of any size, gives out the data of events.
#[derive(Debug)]
pub(super) struct Events {
    limit: usize,
    /// The beginning of a line that was cut.
    line: Vec<u8>,
    data: String,
    /// There was a `data` line, though perhaps an empty one.
    has_data: bool,
    /// The line before ended in CR: an LF that follows belongs to it.
    after_cr: bool,
    over: bool,
}

impl Events {
    /// `limit` bounds the bytes of a line and of an event's data.
    pub(super) const fn new(limit: usize) -> Self {
        Self {
            limit,
            line: Vec::new(),
            data: String::new(),
            has_data: false,
            after_cr: false,
            over: false,
        }
    }

    /// Whether the stream has said that it is over.
    pub(super) const fn is_over(&self) -> bool {
        self.over
    }

    /// Takes the next bytes and hands every event that they complete to `on_event`, until it
    /// returns an error or the stream is over.
    ///
    /// # Errors
    /// `Protocol` for a line or event beyond the limit or not UTF-8, and those of `on_event`.
    pub(super) fn push(
        &mut self,
        mut bytes: &[u8],
        on_event: &mut dyn FnMut(&str) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if self.over {
            return Ok(());
        }
        if self.after_cr && !bytes.is_empty() {
            bytes = bytes.strip_prefix(b"\n").unwrap_or(bytes);
            self.after_cr = false;
        }
        while let Some(end) = memchr2(b'\n', b'\r', bytes) {
            let completes = self.end_line(&bytes[..end])?;
            let carriage_return = bytes[end] == b'\r';
            bytes = &bytes[end + 1..];
            if carriage_return {
                self.after_cr = bytes.is_empty();
                bytes = bytes.strip_prefix(b"\n").unwrap_or(bytes);
            }
            if completes {
                if self.data == DONE {
                    self.over = true;
                    return Ok(());
                }
                on_event(&self.data)?;
                self.data.clear();
            }
        }
        self.check_line(bytes)?;
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    /// Whether this end of a line completes an event.
    fn end_line(&mut self, end: &[u8]) -> Result<bool, Error> {
        self.check_line(end)?;
        if self.line.is_empty() {
            return self.read_line(end);
        }
        let mut line = mem::take(&mut self.line);
        line.extend_from_slice(end);
        let completes = self.read_line(&line);
        line.clear();
        self.line = line;
        completes
    }

    fn read_line(&mut self, line: &[u8]) -> Result<bool, Error> {
        if line.is_empty() {
            return Ok(mem::take(&mut self.has_data));
        }
        let Some(value) = line.strip_prefix(b"data").and_then(field_value) else {
            return Ok(false);
        };
        let value = std::str::from_utf8(value)
            .map_err(|_| Error::new(ErrorKind::Protocol, "the stream is not UTF-8"))?;
        if mem::replace(&mut self.has_data, true) {
            if self.data.len() + value.len() >= self.limit {
                return Err(self.too_long("event"));
            }
            self.data.push('\n');
        }
        self.data.push_str(value);
        Ok(false)
    }

    fn check_line(&self, more: &[u8]) -> Result<(), Error> {
        let fits = self.line.len() + more.len() <= self.limit;
        if fits { Ok(()) } else { Err(self.too_long("line")) }
    }

    fn too_long(&self, what: &str) -> Error {
        let words = format!("a {what} of the stream is longer than {} bytes", self.limit);
        Error::new(ErrorKind::Protocol, words)
    }
}

/// What follows a field's name; `None` if the name goes on.
fn field_value(rest: &[u8]) -> Option<&[u8]> {
    match rest.split_first() {
        None => Some(rest),
        Some((b':', value)) => Some(value.strip_prefix(b" ").unwrap_or(value)),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_read_alike_however_the_bytes_are_cut() {
        let stream = b"data: a\n\n: comment\r\nevent: x\r\ndata:b\r\ndata\r\ndata:  c\r\n\r\n\
            database: no\n\rdata: d\r\r\n\ndata: unfinished";
        for size in 1..=stream.len() {
            assert_eq!(read(stream, size, 64).unwrap(), ["a", "b\n\n c", "d"], "cut at {size}");
        }
    }

    #[test]
    fn what_follows_the_end_means_nothing() {
        let stream = b"data: a\n\ndata: [DONE]\n\ndata: b\n\ndata: \xff\n\n";
        for size in 1..=stream.len() {
            assert_eq!(read(stream, size, 64).unwrap(), ["a"], "cut at {size}");
        }
    }

    #[test]
    fn a_line_without_end_is_refused_at_the_limit() {
        let mut events = Events::new(100);
        let mut pushed = 0;
        let error = loop {
            match events.push(b"data: xxxx", &mut |_| Ok(())) {
                Ok(()) => pushed += 10,
                Err(error) => break error,
            }
        };
        assert_eq!((pushed, error.kind), (100, ErrorKind::Protocol));
    }

    #[test]
    fn an_event_of_endless_lines_is_refused_at_the_limit() {
        let stream = b"data: 0123456789\n".repeat(100);
        assert_eq!(read(&stream, 7, 64).unwrap_err().kind, ErrorKind::Protocol);
    }

    #[test]
    fn bytes_that_are_not_utf8_are_refused() {
        assert_eq!(read(b"data: \xff\n\n", 3, 64).unwrap_err().kind, ErrorKind::Protocol);
    }

    fn read(stream: &[u8], piece: usize, limit: usize) -> Result<Vec<String>, Error> {
        let mut events = Events::new(limit);
        let mut seen = Vec::new();
        for bytes in stream.chunks(piece) {
            events.push(bytes, &mut |data| {
                seen.push(data.to_owned());
                Ok(())
            })?;
        }
        Ok(seen)
    }
}
