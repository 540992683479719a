//! Recordings: what is written is read, whatever is cut off or garbled, and holds no secrets.

mod garbled;
mod parrot;
mod secrets;

use std::{fs, path::PathBuf};

use adapters::recording::{
    self, Ending, Entry, Header, RecordError, Recorded, Recording, TapeOptions, TapeWriter,
    WhenFull, Written,
};
use connector::{Connector, Content, EventKind, Names, Operation, Reply, Ticket, Timestamp};
use proptest::prelude::*;
use tempfile::TempDir;

use self::parrot::{Parrot, Said, said};

pub(crate) fn header(texts: bool) -> Header {
    let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    Header {
        version: "0.0.0".to_owned(),
        scenario: "a \"scenario\"".to_owned(),
        scenario_hash: 0xc0_ffee,
        seed: u64::MAX,
        live: false,
        texts,
        cables: vec![0, 1, 1],
        regions: vec!["eu".to_owned(), "us".to_owned()],
        names: Names {
            pools: names(&["cheap", "good"]),
            models: names(&["small"]),
            tenants: names(&["acme"]),
            classes: names(&[]),
        },
    }
}

/// A place for a recording of its own.
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.0.path().join("recording")
    }

    /// Has all this said and recorded; returns what was written as bytes.
    pub(crate) fn record(&self, header: &Header, all: &[Said], digest: Option<&str>) -> Vec<u8> {
        let writer = TapeWriter::create(&self.file(), header, &TapeOptions::new(false)).unwrap();
        let mut lines =
            [0, 1].map(|number| Recorded::new(Parrot::default(), writer.tape(), number));
        for (index, one) in all.iter().enumerate() {
            one.say(&mut lines[index % 2]);
        }
        writer.finish(digest.map(str::to_owned)).unwrap();
        fs::read(self.file()).unwrap()
    }
}

/// What a recording of all this holds.
pub(crate) fn entries(all: &[Said]) -> Vec<Entry> {
    all.iter().enumerate().map(|(index, one)| one.entry(index as u32 % 2)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read(all in said()) {
        let header = header(true);
        let bytes = Place::new().record(&header, &all, Some("00c0ffee00c0ffee"));
        let read = recording::read(&bytes).unwrap();
        let digest = Some("00c0ffee00c0ffee".to_owned());
        let ending = Ending::Complete { digest };
        prop_assert_eq!(read, Recording { header, entries: entries(&all), ending });
    }

    #[test]
    fn texts_are_left_out_unless_they_are_asked_for(all in said()) {
        let bytes = Place::new().record(&header(false), &all, None);
        let read = recording::read(&bytes).unwrap();
        prop_assert_eq!(read.entries.len(), all.len());
        for (entry, said) in read.entries.iter().zip(entries(&all)) {
            prop_assert!(!has_text(entry));
            if !has_text(&said) {
                prop_assert_eq!(entry, &said);
            }
        }
    }
}

fn has_text(entry: &Entry) -> bool {
    match entry {
        Entry::Asked { operation: Operation::Infer(infer), .. } => {
            matches!(infer.prompt.content, Content::Text(_))
        }
        Entry::Told { event, .. } => match &event.kind {
            EventKind::Progress { text, .. }
            | EventKind::Completed { result: Ok(Reply::Generated { text, .. }), .. } => {
                text.is_some()
            }
            EventKind::Completed { .. }
            | EventKind::FirstToken { .. }
            | EventKind::Preempted { .. } => false,
        },
        Entry::Asked { .. } | Entry::Seen { .. } | Entry::Lost(_) => false,
    }
}

#[test]
fn the_same_conversation_makes_the_same_bytes() {
    let all = vec![Said::Asked(Timestamp::ZERO, Operation::Pools); 20_000];
    let write = || Place::new().record(&header(false), &all, None);
    assert_eq!(write(), write());
}

#[test]
fn what_comes_too_fast_is_counted_where_it_is_missing() {
    const ASKED: u64 = 200_000;
    let place = Place::new();
    let options = TapeOptions { queue: 1, ..TapeOptions::new(true) };
    let writer = TapeWriter::create(&place.file(), &header(false), &options).unwrap();
    let mut connector = Recorded::new(Parrot::default(), writer.tape(), 0);
    for ticket in 0..ASKED {
        connector.submit(Timestamp::from_nanos(ticket), Ticket(ticket), Operation::Pools);
    }
    let Written { lines, lost } = writer.finish(None).unwrap();
    let read = recording::read_file(&place.file()).unwrap();
    assert_eq!(lines, read.entries.len() as u64 + 2, "with the first and the last line");
    let mut next = 0;
    for entry in read.entries {
        match entry {
            Entry::Asked { ticket, .. } => {
                assert_eq!(ticket.0, next);
                next += 1;
            }
            Entry::Lost(count) => next += count,
            Entry::Told { .. } | Entry::Seen { .. } => panic!("{entry:?} was never said"),
        }
    }
    assert_eq!(next, ASKED);
    assert!(lost < ASKED, "some were written");
}

#[test]
fn a_recording_whose_run_dies_is_cut_off_but_has_everything() {
    let place = Place::new();
    let writer =
        TapeWriter::create(&place.file(), &header(false), &TapeOptions::new(false)).unwrap();
    let mut connector = Recorded::new(Parrot::default(), writer.tape(), 0);
    connector.submit(Timestamp::ZERO, Ticket(1), Operation::Pools);
    drop(writer);
    let read = recording::read_file(&place.file()).unwrap();
    assert_eq!((read.entries.len(), read.ending), (1, Ending::Cut));
}

#[test]
fn only_a_recording_is_written_over() {
    let place = Place::new();
    let create = || TapeWriter::create(&place.file(), &header(false), &TapeOptions::new(false));
    fs::write(place.file(), "a letter").unwrap();
    assert!(matches!(create(), Err(RecordError::Foreign { .. })));
    assert_eq!(fs::read_to_string(place.file()).unwrap(), "a letter");
    fs::write(place.file(), "").unwrap();
    drop(create().unwrap());
    drop(create().unwrap());
    let nowhere = place.file().join("below a file");
    let created = TapeWriter::create(&nowhere, &header(false), &TapeOptions::new(false));
    assert!(matches!(created, Err(RecordError::Io { .. })));
}

#[test]
fn a_full_disk_ends_the_recording_and_nothing_else() {
    let full = PathBuf::from("/dev/full");
    if !full.exists() {
        return;
    }
    let created = TapeWriter::create(&full, &header(false), &TapeOptions::new(false));
    assert!(matches!(created, Err(RecordError::Io { .. })), "the first line is written at once");
}

#[test]
fn a_connector_without_a_tape_is_the_connector() {
    let mut connector = Recorded::unrecorded(Parrot::default());
    connector.submit(Timestamp::ZERO, Ticket(1), Operation::Pools);
    assert_eq!(connector.poll(Timestamp::ZERO), None);
    assert_eq!(TapeOptions::new(true).when_full, WhenFull::Lose);
}
