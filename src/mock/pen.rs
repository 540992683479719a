//! How far a stream has been written, and in which words.

use std::io::Write;

use connector::{Duration, Error, Tokens, Usage};

use super::shortcut::{Sent, Shortcut};

/// Tokens in one piece of the stream, which bounds what is held of a long answer.
const PIECE: u32 = 1024;

/// How a dialect puts a stream.
pub(super) trait Script: std::fmt::Debug + Send + 'static {
    /// The tokens from one up to another.
    fn tokens(&mut self, from: u32, until: u32, into: &mut Vec<u8>);

    /// The share under the inference will be taken away.
    fn notice(&mut self, grace: Duration, into: &mut Vec<u8>);

    /// The end, after all tokens that there are.
    fn end(&mut self, result: &Result<Usage, Error>, into: &mut Vec<u8>);
}

/// Writes a stream. There is one of each: whoever has it writes, and in order.
#[derive(Debug)]
pub(super) struct Pen {
    pub(super) script: Box<dyn Script>,
    /// Tokens sent.
    pub(super) sent: u32,
    /// The way past the HTTP server, where there is one.
    shortcut: Option<Shortcut>,
}

/// Room for what is written, for use again.
#[derive(Debug, Default)]
pub(super) struct Paper {
    words: Vec<u8>,
    chunk: Vec<u8>,
}

impl Pen {
    pub(super) fn new(script: impl Script, shortcut: Option<Shortcut>) -> Self {
        Self { script: Box::new(script), sent: 0, shortcut }
    }

    /// Whether somebody else than the connection's task could write with it.
    pub(super) const fn has_shortcut(&self) -> bool {
        self.shortcut.is_some()
    }

    /// What is written next goes through the HTTP server.
    pub(super) fn take_the_long_way(&self) {
        if let Some(shortcut) = &self.shortcut {
            shortcut.close();
        }
    }

    /// The next tokens up to this one, or as many of them as one piece holds.
    pub(super) fn tokens_until(&mut self, until: u32) -> Vec<u8> {
        let mut piece = Vec::new();
        self.write_until(until, &mut piece);
        piece
    }

    fn write_until(&mut self, until: u32, into: &mut Vec<u8>) {
        let until = until.min(self.sent.saturating_add(PIECE)).max(self.sent);
        self.script.tokens(self.sent, until, into);
        self.sent = until;
    }

    /// Sends the tokens that are out by the shortcut. `false`: the connection's task has to do something.
    pub(super) fn send(&mut self, made: Tokens, paper: &mut Paper) -> bool {
        let before = self.sent;
        // The first one waits to be told by itself.
        let Some(shortcut) = self.shortcut.clone().filter(|_| before > 0) else { return false };
        if before >= made.get() {
            return true;
        }
        let Paper { words, chunk } = paper;
        words.clear();
        chunk.clear();
        self.write_until(made.get(), words);
        let _ = write!(chunk, "{:X}\r\n", words.len());
        chunk.extend_from_slice(words);
        chunk.extend_from_slice(b"\r\n");
        match shortcut.send(chunk) {
            Sent::Whole => self.sent == made.get(),
            Sent::InPart => false,
            Sent::Refused => {
                self.sent = before;
                false
            }
        }
    }
}
