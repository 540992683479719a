//! The program that is killed: this test binary, called anew.

use std::{
    collections::VecDeque,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
};

use adapters::ledger::{LedgerWriter, SqliteStore, WriteError, WriterLimits, wall_clock};
use platform::billing::ledger::{DurableLedger, LedgerStore, TransactionId};

use super::story;

const PLACE: &str = "HARPOON_LEDGER_TEST_PLACE";
const ROUND: &str = "HARPOON_LEDGER_TEST_ROUND";
const AGAIN: &str = "HARPOON_LEDGER_TEST_AGAIN";

/// Most transactions of one child, so that it ends whatever becomes of its parent.
pub(super) const MOST: u32 = 2_000;
/// How many of the round before are asked for again: all that can be in doubt, and some that are not.
pub(super) const DOUBTFUL: u32 = 400;
/// Most transactions without an answer.
const IN_FLIGHT: usize = 200;

/// Where a child books.
#[derive(Clone, Debug)]
pub(super) enum Place {
    File(String),
    #[cfg(feature = "postgres")]
    Url(String),
}

/// What a child has said.
pub(super) enum Word {
    Opened,
    /// It was told that this is booked, as entry so and so.
    Booked(TransactionId, u64),
}

/// Starts a child that books the transactions of a round, after those of the round before from
/// number `again` on.
pub(super) fn spawn(place: &Place, round: u32, again: u32) -> (Child, Receiver<Word>) {
    let place = match place {
        Place::File(path) => format!("file {path}"),
        #[cfg(feature = "postgres")]
        Place::Url(url) => format!("url {url}"),
    };
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "ledger::child::child", "--ignored", "--nocapture"])
        .env(PLACE, place)
        .env(ROUND, round.to_string())
        .env(AGAIN, again.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (sender, words) = channel();
    let lines = BufReader::new(child.stdout.take().unwrap()).split(b'\n');
    std::thread::spawn(move || {
        for word in lines.map_while(Result::ok).filter_map(|line| read(&line)) {
            if sender.send(word).is_err() {
                break;
            }
        }
    });
    (child, words)
}

/// A line that was cut off says nothing: it ends in no full stop.
fn read(line: &[u8]) -> Option<Word> {
    let line = std::str::from_utf8(line).ok()?.strip_suffix('.')?;
    if line == "opened" {
        return Some(Word::Opened);
    }
    let (id, sequence) = line.strip_prefix("booked ")?.split_once(' ')?;
    let id = u128::from_str_radix(id, 16).ok()?;
    Some(Word::Booked(TransactionId(id), sequence.parse().ok()?))
}

#[test]
#[ignore = "it is the program that other tests kill"]
fn child() {
    let Ok(place) = std::env::var(PLACE) else { return };
    match place.split_once(' ').unwrap() {
        ("file", path) => run(SqliteStore::open(Path::new(path)).unwrap()),
        #[cfg(feature = "postgres")]
        (_, url) => {
            let url = secrecy::SecretString::from(url);
            run(adapters::ledger::PostgresStore::connect(&url).unwrap());
        }
        #[cfg(not(feature = "postgres"))]
        (other, _) => panic!("no place {other}"),
    }
}

fn run<S: LedgerStore + Send + 'static>(store: S) {
    let number = |name| std::env::var(name).unwrap().parse::<u32>().unwrap();
    let (round, again) = (number(ROUND), number(AGAIN));
    let ledger = DurableLedger::open(store, None).unwrap();
    let mut out = std::io::stdout();
    // The first line goes after what the test harness has printed without an end.
    write!(out, "\nopened.\n").unwrap();
    let writer =
        LedgerWriter::start(ledger, WriterLimits { batch: 64, queue: IN_FLIGHT }, wall_clock);
    let before = (again..again + DOUBTFUL).map(|number| (round - 1, number));
    let asked = before.chain((0..MOST).map(|number| (round, number)));
    let mut open = VecDeque::new();
    for (round, number) in asked {
        while open.len() >= IN_FLIGHT {
            tell(open.pop_front().unwrap(), &mut out);
        }
        let transaction = story::transaction(round, number);
        open.push_back((transaction.id, writer.post(transaction).unwrap()));
    }
    for one in open {
        tell(one, &mut out);
    }
    // Waits to be killed; if the parent is gone there is nothing to wait for.
    std::io::stdin().read_exact(&mut [0]).unwrap_err();
}

fn tell((id, answer): (TransactionId, adapters::ledger::Answer), out: &mut std::io::Stdout) {
    match answer.wait_blocking() {
        Ok(receipt) => writeln!(out, "booked {id} {}.", receipt.sequence).unwrap(),
        Err(WriteError::Unknown) => panic!("the store failed"),
        Err(error) => panic!("{error}"),
    }
}
