//! Recordings from bytes that may be anybody's.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

use super::{
    FORMAT,
    entry::{Entry, Header},
    form::BadValue,
    line::{EndLine, FirstLine, Line},
};

/// Longest line, in bytes.
pub const MAX_LINE: usize = 1 << 25;
/// Most bytes of lines in a recording: 4 GiB.
pub const MAX_SIZE: u64 = 1 << 32;
/// Most entries that are held in memory at once.
pub const MAX_ENTRIES: usize = 1 << 24;
/// A frame may ask for 2^23 bytes of memory to be read with: ours need less.
const WINDOW_LOG: u32 = 23;

/// Why something is no recording, or one that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file cannot be read.
    #[error("cannot read the recording {}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is nothing, or not even a whole first line.
    #[error("no recording: there is no first line")]
    Empty,
    /// The first line is none of a recording.
    #[error("no recording: the first line is not that of one")]
    Foreign,
    /// It is of another version.
    #[error("the recording is of format {found}, but this version reads format {FORMAT}")]
    Format {
        /// The format that it says it is of.
        found: u32,
    },
    /// What follows a line cannot be unpacked.
    #[error("line {line}: cannot be unpacked: {source}")]
    Packed {
        /// The number of the line, from 1.
        line: u64,
        /// Why.
        source: io::Error,
    },
    /// A line is longer than lines may be.
    #[error("line {line}: longer than {MAX_LINE} bytes")]
    LongLine {
        /// The number of the line, from 1.
        line: u64,
    },
    /// There is more than there may be.
    #[error(
        "line {line}: a recording has at most {MAX_SIZE} bytes and {MAX_ENTRIES} entries in memory"
    )]
    TooLong {
        /// The number of the line, from 1.
        line: u64,
    },
    /// A line is no JSON, or says something that no line says.
    #[error("line {line}: {source}")]
    Json {
        /// The number of the line, from 1.
        line: u64,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A line holds a value that there is not.
    #[error("line {line}: {source}")]
    Value {
        /// The number of the line, from 1.
        line: u64,
        /// Which.
        source: BadValue,
    },
    /// Time goes back.
    #[error("line {line}: time goes back, from {from} ns to {to} ns")]
    Backwards {
        /// The number of the line, from 1.
        line: u64,
        /// The time before.
        from: u64,
        /// The time of this line.
        to: u64,
    },
    /// The first line comes again, or something comes after the last one.
    #[error("line {line}: out of place")]
    OutOfPlace {
        /// The number of the line, from 1.
        line: u64,
    },
    /// The last line counts other lines than there are.
    #[error("line {line}: the end counts {counted} lines before it, but there are {found}")]
    Count {
        /// The number of the line, from 1.
        line: u64,
        /// What it says.
        counted: u64,
        /// What there is.
        found: u64,
    },
}

/// How a recording ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// As it should.
    Complete {
        /// The digest of the run, 16 hexadecimal digits; `None` of one that was cut off.
        digest: Option<String>,
    },
    /// In the middle: whoever wrote it did not get to the end.
    Cut,
}

/// A whole recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// What it is of.
    pub header: Header,
    /// What was said, in order.
    pub entries: Vec<Entry>,
    /// How it ends.
    pub ending: Ending,
}

/// Reads a recording.
///
/// # Errors
/// Whatever is not understood, with the number of its line. A recording that breaks off is none: see
/// [`Ending::Cut`].
pub fn read(bytes: &[u8]) -> Result<Recording, ReadError> {
    whole(Reader::new(bytes)?)
}

/// Reads the recording in a file.
///
/// # Errors
/// As [`read`].
pub fn read_file(path: &Path) -> Result<Recording, ReadError> {
    whole(Reader::open(path)?)
}

fn whole<R: BufRead>(mut reader: Reader<R>) -> Result<Recording, ReadError> {
    let mut entries = Vec::new();
    for entry in reader.by_ref() {
        entries.push(entry?);
        if entries.len() > MAX_ENTRIES {
            return Err(ReadError::TooLong { line: reader.line });
        }
    }
    let ending = reader.ending.unwrap_or(Ending::Cut);
    Ok(Recording { header: reader.header, entries, ending })
}

/// Whether there is a recording in a file, of whatever format.
pub(super) fn is_recording(path: &Path) -> bool {
    let Ok(mut lines) = File::open(path).and_then(|file| Lines::new(BufReader::new(file))) else {
        return false;
    };
    let first = lines.next();
    let first = first.ok().flatten();
    first.is_some_and(|line| serde_json::from_slice::<FirstLine>(line).is_ok())
}

/// Reads a recording entry by entry: an iterator that ends with the recording, or with an error.
pub struct Reader<R: BufRead> {
    lines: Lines<R>,
    header: Header,
    /// Connectors that there are.
    connectors: u32,
    /// Lines so far.
    line: u64,
    latest: u64,
    ending: Option<Ending>,
}

impl Reader<BufReader<File>> {
    /// Of the recording in a file.
    ///
    /// # Errors
    /// As [`Reader::new`], or if the file cannot be read.
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        let file = File::open(path);
        let file = file.map_err(|source| ReadError::Io { path: path.to_owned(), source })?;
        Self::new(BufReader::new(file))
    }
}

impl<R: BufRead> Reader<R> {
    /// Of these bytes; the first line is read at once.
    ///
    /// # Errors
    /// If it is not that of a recording that this version reads.
    pub fn new(bytes: R) -> Result<Self, ReadError> {
        let packed = |source| ReadError::Packed { line: 1, source };
        let mut lines = Lines::new(bytes).map_err(packed)?;
        let first = match lines.next() {
            Ok(Some(first)) => first,
            Ok(None) => return Err(ReadError::Empty),
            Err(Unread::TooLong) => return Err(ReadError::LongLine { line: 1 }),
            Err(Unread::Packed(_)) => return Err(ReadError::Foreign),
        };
        let known: FirstLine = serde_json::from_slice(first).map_err(|_| ReadError::Foreign)?;
        if known.recording.format != FORMAT {
            return Err(ReadError::Format { found: known.recording.format });
        }
        let line = serde_json::from_slice::<Line>(first);
        let line = line.map_err(|source| ReadError::Json { line: 1, source })?;
        let Line::Recording(header) = line else { return Err(ReadError::Foreign) };
        let header = header.read().map_err(|source| ReadError::Value { line: 1, source })?;
        let connectors = header.cables.iter().max().map_or(1, |last| last + 1);
        Ok(Self { lines, header, connectors, line: 1, latest: 0, ending: None })
    }

    /// What the recording is of.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// How it ends; `None` as long as it has not.
    pub const fn ending(&self) -> Option<&Ending> {
        self.ending.as_ref()
    }

    fn entry(&mut self) -> Result<Option<Entry>, ReadError> {
        let next = self.lines.next();
        let line = self.line + 1;
        let text = match next {
            Ok(Some(text)) => text,
            Ok(None) => {
                self.ending = Some(Ending::Cut);
                return Ok(None);
            }
            Err(Unread::TooLong) => return Err(ReadError::LongLine { line }),
            Err(Unread::Packed(source)) => return Err(ReadError::Packed { line, source }),
        };
        let read = serde_json::from_slice::<Line>(text);
        self.line = line;
        if self.lines.taken > MAX_SIZE {
            return Err(ReadError::TooLong { line });
        }
        let entry = match read.map_err(|source| ReadError::Json { line, source })? {
            Line::Recording(_) => return Err(ReadError::OutOfPlace { line }),
            Line::Asked(asked) => asked.read(),
            Line::Told(told) => told.read(),
            Line::Seen(seen) => seen.read(),
            Line::Lost(count) => Ok(Entry::Lost(count)),
            Line::End(end) => return self.end(end),
        };
        let entry = entry.map_err(|source| ReadError::Value { line, source })?;
        self.check_place(&entry)?;
        Ok(Some(entry))
    }

    fn check_place(&mut self, entry: &Entry) -> Result<(), ReadError> {
        let (to, connector) = match entry {
            Entry::Asked { at, connector, .. } => (Some(at), *connector),
            Entry::Told { polled, connector, .. } => (Some(polled), *connector),
            // Looks are told of the instant that they are for, which may have passed.
            Entry::Seen { connector, .. } => (None, *connector),
            Entry::Lost(_) => return Ok(()),
        };
        if connector >= self.connectors {
            let source = BadValue::new("connector that a cable leads to", &connector);
            return Err(ReadError::Value { line: self.line, source });
        }
        let (from, to) = (self.latest, to.map_or(self.latest, |to| to.as_nanos()));
        if to < from {
            return Err(ReadError::Backwards { line: self.line, from, to });
        }
        self.latest = to;
        Ok(())
    }

    fn end(&mut self, end: EndLine) -> Result<Option<Entry>, ReadError> {
        let (line, found) = (self.line, self.line - 1);
        if end.lines != found {
            return Err(ReadError::Count { line, counted: end.lines, found });
        }
        let is_digest = |text: &String| text.len() == 16 && u64::from_str_radix(text, 16).is_ok();
        if let Some(digest) = end.digest.as_ref().filter(|digest| !is_digest(digest)) {
            let source = BadValue::new("digest", digest);
            return Err(ReadError::Value { line, source });
        }
        if !matches!(self.lines.next(), Ok(None)) {
            return Err(ReadError::OutOfPlace { line: line + 1 });
        }
        if self.lines.broken {
            // The last frame has no whole checksum, so nothing vouches for what it says.
            self.ending = Some(Ending::Cut);
            return Ok(None);
        }
        self.ending = Some(Ending::Complete { digest: end.digest });
        Ok(None)
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<Entry, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ending.is_some() {
            return None;
        }
        let entry = self.entry();
        if entry.is_err() {
            self.ending = Some(Ending::Cut);
        }
        entry.transpose()
    }
}

impl<R: BufRead> std::fmt::Debug for Reader<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut fields = f.debug_struct("Reader");
        fields.field("header", &self.header).field("line", &self.line).finish_non_exhaustive()
    }
}

/// Complete lines of what is unpacked.
struct Lines<R: BufRead> {
    unpacked: BufReader<zstd::Decoder<'static, R>>,
    line: Vec<u8>,
    taken: u64,
    /// Whether the last frame broke off.
    broken: bool,
}

/// Why there is no further line.
enum Unread {
    TooLong,
    Packed(io::Error),
}

impl<R: BufRead> Lines<R> {
    fn new(bytes: R) -> io::Result<Self> {
        let mut decoder = zstd::Decoder::with_buffer(bytes)?;
        decoder.window_log_max(WINDOW_LOG)?;
        Ok(Self { unpacked: BufReader::new(decoder), line: Vec::new(), taken: 0, broken: false })
    }

    /// The next line, without its end; `None` at the end, or where the bytes break off.
    fn next(&mut self) -> Result<Option<&[u8]>, Unread> {
        self.line.clear();
        let mut bounded = self.unpacked.by_ref().take(MAX_LINE as u64 + 1);
        match bounded.read_until(b'\n', &mut self.line) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                self.broken = true;
                return Ok(None);
            }
            Err(error) => return Err(Unread::Packed(error)),
        }
        self.taken += self.line.len() as u64;
        match self.line.split_last() {
            Some((b'\n', line)) => Ok(Some(line)),
            Some(_) if self.line.len() > MAX_LINE => Err(Unread::TooLong),
            Some(_) | None => Ok(None),
        }
    }
}
