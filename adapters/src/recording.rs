//! What was said between the platform and a far side, written down as it is said.
//!
//! # Problem
//!
//! A run against a real endpoint cannot be had again: it costs money, and the endpoint is another one
//! tomorrow. Written down, it can be replayed ([`replay`](crate::replay)), and the simulator can be
//! fitted to it.
//!
//! # Mechanism
//!
//! [`Recorded`] is a [`Connector`](connector::Connector) around another one. Whatever passes goes to a
//! [`Tape`], a bounded queue; a thread writes it, one line of JSON for each operation, each event and each
//! look at the far side, in frames of zstd that can each be read by itself. [`read`] and [`Reader`] read
//! it. The format is described in `docs/live/recordings.md`.
//!
//! # Edges
//!
//! * *A crash* leaves what was written until then: complete frames, and of the last one as many complete
//!   lines as can be had. [`Ending::Cut`] says so; it is no error.
//! * *A full queue.* A simulation waits for the disk. A live run must not: it loses lines, and the
//!   recording says how many, and where ([`Entry::Lost`]).
//! * *A full disk* ends the recording, not the run; [`TapeWriter::finish`] tells.
//! * *Secrets.* Operations hold none. Whatever text comes from outside is searched for the secrets that
//!   [`TapeOptions::secrets`] names.
//! * *Texts* of prompts and answers are other people's: they are left out unless
//!   [`Header::texts`] asks for them. A provider's words about an error are kept.
//! * *Hostile bytes.* Lines, frames and the whole are bounded; whatever is not understood is an error
//!   with the number of its line.

mod entry;
mod form;
mod line;
mod reader;
mod recorded;
mod scrub;
mod writer;

pub use entry::{Entry, Header, Sight};
pub use form::BadValue;
pub use reader::{
    Ending, MAX_ENTRIES, MAX_LINE, MAX_SIZE, ReadError, Reader, Recording, read, read_file,
};
pub use recorded::Recorded;
pub use writer::{RecordError, Tape, TapeOptions, TapeWriter, WhenFull, Written};

pub(crate) use entry::without_texts;

/// The version of the format that is written, and the only one that is read.
pub const FORMAT: u32 = 1;
