//! The thread that writes, and the queue that leads to it.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use connector::{Event, Operation, Ticket, Timestamp};
use secrecy::SecretString;

use super::{
    entry::{Entry, Header, Sight, event_without_texts, without_texts},
    line::{EndLine, Line},
    reader::{MAX_LINE, is_recording},
    scrub::Scrubber,
};

/// Bytes of lines after which a frame ends.
const FRAME: usize = 1 << 18;
/// How long a line of a live run is kept from the disk.
const LONGEST_FRAME: Duration = Duration::from_secs(1);
/// The level that zstd's authors chose as the default.
const LEVEL: i32 = 3;

/// What becomes of an entry when the queue is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// Whoever hands it over waits. Frames end by size alone, so that the same run makes the same bytes.
    Wait,
    /// It is lost, and counted. A frame is never longer than a second under way.
    Lose,
}

/// How to record.
#[derive(Clone, Debug)]
pub struct TapeOptions {
    /// What becomes of entries that come too fast.
    pub when_full: WhenFull,
    /// Entries that wait to be written, at most; at least 1.
    pub queue: usize,
    /// What must not be in the recording.
    pub secrets: Vec<SecretString>,
}

impl TapeOptions {
    /// Of a simulation or of a live run: a queue of 65,536 entries, no secrets.
    pub const fn new(live: bool) -> Self {
        let when_full = if live { WhenFull::Lose } else { WhenFull::Wait };
        Self { when_full, queue: 65_536, secrets: Vec::new() }
    }
}

/// Why there is no recording, or only a part of one.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The file cannot be written.
    #[error("cannot write the recording {}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is something else at this place.
    #[error("{} is there already, and is no recording", path.display())]
    Foreign {
        /// Which file.
        path: PathBuf,
    },
}

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Lines, the first and the last included.
    pub lines: u64,
    /// Entries that came too fast and are not in it.
    pub lost: u64,
}

enum Message {
    Entry(Entry),
    End { digest: Option<String> },
    Stop,
}

/// Where entries go to be written. Its clones lead to the same recording.
#[derive(Clone, Debug)]
pub struct Tape {
    messages: SyncSender<Message>,
    lost: Arc<Lost>,
    when_full: WhenFull,
    texts: bool,
}

/// Entries that are not in the recording: all of them, and those that no line tells of yet.
#[derive(Debug, Default)]
struct Lost {
    all: AtomicU64,
    untold: AtomicU64,
}

impl Tape {
    pub(super) fn asked(&self, at: Timestamp, connector: u32, ticket: Ticket, asked: &Operation) {
        let operation = if self.texts { asked.clone() } else { without_texts(asked) };
        self.put(Entry::Asked { at, connector, ticket, operation });
    }

    pub(super) fn told(&self, polled: Timestamp, connector: u32, event: &Event) {
        let event = if self.texts { event.clone() } else { event_without_texts(event) };
        self.put(Entry::Told { polled, connector, event });
    }

    pub(super) fn seen(&self, at: Timestamp, connector: u32, sight: Sight) {
        if !sight.is_empty() {
            self.put(Entry::Seen { at, connector, sight });
        }
    }

    /// A writer that is gone takes nothing more; how it ended is told when it is finished.
    fn put(&self, entry: Entry) {
        match self.when_full {
            WhenFull::Wait => drop(self.messages.send(Message::Entry(entry))),
            WhenFull::Lose => self.put_if_possible(entry),
        }
    }

    fn put_if_possible(&self, entry: Entry) {
        let untold = self.lost.untold.load(Ordering::Relaxed);
        if untold > 0 {
            if self.is_full(Entry::Lost(untold)) {
                return self.lose();
            }
            self.lost.untold.store(0, Ordering::Relaxed);
        }
        if self.is_full(entry) {
            self.lose();
        }
    }

    fn is_full(&self, entry: Entry) -> bool {
        let sent = self.messages.try_send(Message::Entry(entry));
        matches!(sent, Err(TrySendError::Full(_)))
    }

    fn lose(&self) {
        self.lost.all.fetch_add(1, Ordering::Relaxed);
        self.lost.untold.fetch_add(1, Ordering::Relaxed);
    }
}

/// A recording that is being written. Dropped without [`finish`](Self::finish) it ends as one that was
/// cut off.
#[derive(Debug)]
pub struct TapeWriter {
    tape: Tape,
    path: PathBuf,
    thread: Option<JoinHandle<io::Result<u64>>>,
}

impl TapeWriter {
    /// Begins a recording at this place, over an earlier one if there is one.
    ///
    /// # Errors
    /// If the file cannot be written, or is something else.
    pub fn create(
        path: &Path,
        header: &Header,
        options: &TapeOptions,
    ) -> Result<Self, RecordError> {
        let foreign = path.metadata().is_ok_and(|known| known.len() > 0) && !is_recording(path);
        if foreign {
            return Err(RecordError::Foreign { path: path.to_owned() });
        }
        let scrubber = Scrubber::new(&options.secrets);
        let begun = || {
            let file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
            let mut frames = Frames::new(file, options.when_full == WhenFull::Lose);
            frames.put(&Line::of_header(header, &scrubber))?;
            frames.end_frame()?;
            Ok(frames)
        };
        let frames = begun().map_err(|source| RecordError::Io { path: path.to_owned(), source })?;
        let (messages, inbox) = sync_channel(options.queue.max(1));
        let thread = std::thread::spawn(move || write(frames, &inbox, &scrubber));
        let lost = Arc::default();
        let (when_full, texts) = (options.when_full, header.texts);
        let tape = Tape { messages, lost, when_full, texts };
        Ok(Self { tape, path: path.to_owned(), thread: Some(thread) })
    }

    /// Where connectors write to.
    pub fn tape(&self) -> Tape {
        self.tape.clone()
    }

    /// Ends the recording; `digest`: that of the run, if it was not cut off.
    ///
    /// # Errors
    /// If it could not be written to its end.
    pub fn finish(mut self, digest: Option<String>) -> Result<Written, RecordError> {
        let lost = self.tape.lost.all.load(Ordering::Relaxed);
        let untold = self.tape.lost.untold.swap(0, Ordering::Relaxed);
        if untold > 0 {
            drop(self.tape.messages.send(Message::Entry(Entry::Lost(untold))));
        }
        let ended = self.end(Message::End { digest });
        let lines = ended.map_err(|source| RecordError::Io { path: self.path.clone(), source })?;
        Ok(Written { lines, lost })
    }

    fn end(&mut self, last: Message) -> io::Result<u64> {
        let Some(thread) = self.thread.take() else { return Ok(0) };
        // A thread that ended by itself says below why it did.
        drop(self.tape.messages.send(last));
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

impl Drop for TapeWriter {
    /// What was handed over is written.
    fn drop(&mut self) {
        drop(self.end(Message::Stop));
    }
}

fn write(mut frames: Frames, inbox: &Receiver<Message>, scrubber: &Scrubber) -> io::Result<u64> {
    loop {
        match inbox.recv_timeout(frames.patience()) {
            Ok(Message::Entry(entry)) => frames.put(&Line::of_entry(&entry, scrubber))?,
            Ok(Message::End { digest }) => {
                let lines = frames.lines;
                frames.put(&Line::End(EndLine { lines, digest }))?;
                return frames.finish();
            }
            Err(RecvTimeoutError::Timeout) => frames.end_frame()?,
            Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => return frames.finish(),
        }
        if frames.is_due() {
            frames.end_frame()?;
        }
    }
}

/// Lines, gathered into frames.
struct Frames {
    file: File,
    /// Whether frames end by time as well.
    timed: bool,
    lines: u64,
    frame: Vec<u8>,
    begun: Option<Instant>,
}

impl Frames {
    fn new(file: File, timed: bool) -> Self {
        Self { file, timed, lines: 0, frame: Vec::new(), begun: None }
    }

    fn put(&mut self, line: &Line) -> io::Result<()> {
        let before = self.frame.len();
        serde_json::to_writer(&mut self.frame, line)?;
        if self.frame.len() - before >= MAX_LINE {
            // No reader would take it. It is as if it had come too fast.
            self.frame.truncate(before);
            serde_json::to_writer(&mut self.frame, &Line::Lost(1))?;
        }
        self.frame.push(b'\n');
        self.lines += 1;
        if self.timed {
            self.begun.get_or_insert_with(Instant::now);
        }
        Ok(())
    }

    fn is_due(&self) -> bool {
        self.frame.len() >= FRAME
            || self.begun.is_some_and(|begun| begun.elapsed() >= LONGEST_FRAME)
    }

    /// How long to wait for the next line.
    fn patience(&self) -> Duration {
        let age = self.begun.map(|begun| begun.elapsed());
        age.map_or(Duration::MAX, |age| LONGEST_FRAME.saturating_sub(age))
    }

    fn end_frame(&mut self) -> io::Result<()> {
        self.begun = None;
        if self.frame.is_empty() {
            return Ok(());
        }
        let mut encoder = zstd::Encoder::new(&mut self.file, LEVEL)?;
        encoder.include_checksum(true)?;
        encoder.write_all(&self.frame)?;
        encoder.finish()?.flush()?;
        self.frame.clear();
        Ok(())
    }

    fn finish(mut self) -> io::Result<u64> {
        self.end_frame()?;
        Ok(self.lines)
    }
}
