use std::{
    collections::{BTreeMap, VecDeque},
    fmt::Write as _,
};

use connector::{
    Connector, Error, ErrorKind, Event, EventKind, Operation, PoolGauge, ProviderUsage,
    StatementLine, Ticket, Timestamp, TokenGaps,
};

use crate::recording::{Ending, Entry, Recording, Sight, without_texts};

/// Longest description of an operation, in characters.
const MAX_WORDS: usize = 300;

/// Where a run went another way than the one that was recorded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Divergence {
    /// Another operation was asked.
    #[error(
        "operation {number} at {} s is {came}, but in the recording it is {expected}",
        at.as_secs_f64()
    )]
    Another {
        /// Its number among the operations of its connector, from 1.
        number: u64,
        /// When it was asked.
        at: Timestamp,
        /// What is in the recording.
        expected: String,
        /// What was asked.
        came: String,
    },
    /// An operation was asked after the last one of the recording.
    #[error(
        "operation {number} at {} s is {came}, but the recording {} before it", at.as_secs_f64(),
        if *cut { "breaks off" } else { "ends" }
    )]
    Beyond {
        /// Its number among the operations of its connector, from 1.
        number: u64,
        /// When it was asked.
        at: Timestamp,
        /// What was asked.
        came: String,
        /// Whether the recording was cut off.
        cut: bool,
    },
    /// The run ended early.
    #[error(
        "the run ended after {asked} operations, but the recording has {left} more; the next is {expected}"
    )]
    Missing {
        /// Operations that were asked.
        asked: u64,
        /// Operations that were not.
        left: usize,
        /// The first of these.
        expected: String,
    },
}

/// A recording that cannot be replayed strictly: entries are missing in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{lost} entries are missing in the recording: they came faster than they could be written")]
pub struct Gap {
    /// How many.
    pub lost: u64,
}

/// A recorded conversation, once more.
#[derive(Debug)]
pub struct Strict {
    asked: VecDeque<(Ticket, Operation)>,
    told: VecDeque<Told>,
    seen: Seen,
    texts: bool,
    cut: bool,
    /// Operations asked so far.
    count: u64,
    /// When each question that is not answered was asked.
    open: BTreeMap<Ticket, Timestamp>,
    latest: Timestamp,
    divergence: Option<Divergence>,
    /// Answers to what was asked since the divergence.
    refused: VecDeque<Event>,
}

/// An event of the recording.
#[derive(Debug)]
struct Told {
    /// Operations that were asked before it.
    after: u64,
    polled: Timestamp,
    event: Event,
}

#[derive(Debug, Default)]
struct Seen {
    gauges: Looks<PoolGauge>,
    token_gaps: Looks<TokenGaps>,
    provider_usage: Looks<ProviderUsage>,
    statement: Looks<StatementLine>,
    statement_of_held: Looks<StatementLine>,
}

type Looks<T> = VecDeque<(Timestamp, Vec<T>)>;

impl Strict {
    /// The connectors of a recording, by number.
    ///
    /// # Errors
    /// If entries are missing in it.
    pub fn of(recording: Recording) -> Result<Vec<Self>, Gap> {
        let Recording { header, entries, ending } = recording;
        let lost = |entry: &Entry| if let Entry::Lost(count) = entry { *count } else { 0 };
        let lost = entries.iter().map(lost).fold(0, u64::saturating_add);
        if lost > 0 {
            return Err(Gap { lost });
        }
        let count = header.cables.iter().max().map_or(1, |&last| last as usize + 1);
        let cut = ending == Ending::Cut;
        let mut all: Vec<_> = (0..count).map(|_| Self::empty(header.texts, cut)).collect();
        for entry in entries {
            let (Entry::Asked { connector, .. }
            | Entry::Told { connector, .. }
            | Entry::Seen { connector, .. }) = entry
            else {
                continue;
            };
            // The reader has seen to it that there is one of this number.
            all[connector as usize].put(entry);
        }
        Ok(all)
    }

    fn empty(texts: bool, cut: bool) -> Self {
        Self {
            asked: VecDeque::new(),
            told: VecDeque::new(),
            seen: Seen::default(),
            texts,
            cut,
            count: 0,
            open: BTreeMap::new(),
            latest: Timestamp::ZERO,
            divergence: None,
            refused: VecDeque::new(),
        }
    }

    fn put(&mut self, entry: Entry) {
        match entry {
            Entry::Asked { ticket, operation, .. } => self.asked.push_back((ticket, operation)),
            Entry::Told { polled, event, .. } => {
                self.told.push_back(Told { after: self.asked.len() as u64, polled, event });
            }
            Entry::Seen { at, sight, .. } => match sight {
                Sight::Gauges(rows) => self.seen.gauges.push_back((at, rows)),
                Sight::TokenGaps(rows) => self.seen.token_gaps.push_back((at, rows)),
                Sight::ProviderUsage(rows) => self.seen.provider_usage.push_back((at, rows)),
                Sight::Statement(rows) => self.seen.statement.push_back((at, rows)),
                Sight::StatementOfHeld(rows) => self.seen.statement_of_held.push_back((at, rows)),
            },
            Entry::Lost(_) => {}
        }
    }

    /// Where the run went another way, if it did.
    pub const fn divergence(&self) -> Option<&Divergence> {
        self.divergence.as_ref()
    }

    /// Whether the run that is over went the recorded way to its end.
    ///
    /// # Errors
    /// Where it did not.
    pub fn verdict(&self) -> Result<(), Divergence> {
        match (&self.divergence, self.asked.front()) {
            (Some(divergence), _) => Err(divergence.clone()),
            (None, Some((ticket, operation))) => Err(Divergence::Missing {
                asked: self.count,
                left: self.asked.len(),
                expected: words(*ticket, operation),
            }),
            (None, None) => Ok(()),
        }
    }

    /// Whether this is the next operation; it is taken to have been asked.
    fn meet(
        &mut self,
        at: Timestamp,
        ticket: Ticket,
        operation: &Operation,
    ) -> Result<(), Divergence> {
        self.count += 1;
        let number = self.count;
        let Some((expected_ticket, expected)) = self.asked.pop_front() else {
            let came = words(ticket, operation);
            return Err(Divergence::Beyond { number, at, came, cut: self.cut });
        };
        if expected_ticket == ticket && expected == *operation {
            return Ok(());
        }
        let (expected, came) = (words(expected_ticket, &expected), words(ticket, operation));
        Err(Divergence::Another { number, at, expected, came })
    }

    fn refuse(&mut self, at: Timestamp, ticket: Ticket) {
        let error = Error::new(ErrorKind::Invalid, "the run went another way than the recording");
        let kind = EventKind::Completed { ticket, result: Err(error) };
        self.refused.push_back(Event { at: at.max(self.latest), kind });
    }

    /// The event as it comes now: not before its question, nor before what came last.
    fn take(&mut self, mut event: Event) -> Event {
        let asked = match &event.kind {
            EventKind::Completed { ticket, .. } => self.open.remove(ticket),
            EventKind::FirstToken { ticket } | EventKind::Progress { ticket, .. } => {
                self.open.get(ticket).copied()
            }
            EventKind::Preempted { .. } => None,
        };
        event.at = event.at.max(self.latest).max(asked.unwrap_or(Timestamp::ZERO));
        self.latest = event.at;
        event
    }
}

/// An operation in so many words, without the words of its prompt.
fn words(ticket: Ticket, operation: &Operation) -> String {
    let mut words = format!("#{ticket} ");
    let _ = write!(words, "{:?}", without_texts(operation));
    match words.char_indices().nth(MAX_WORDS) {
        Some((end, _)) => format!("{}...", &words[..end]),
        None => words,
    }
}

/// Hands out what was seen at this instant.
fn look<T>(looks: &mut Looks<T>, now: Timestamp, report: &mut dyn FnMut(T)) {
    while let Some((at, rows)) = looks.pop_front_if(|(at, _)| *at <= now) {
        if at == now {
            return rows.into_iter().for_each(report);
        }
    }
}

impl Connector for Strict {
    fn submit(&mut self, now: Timestamp, ticket: Ticket, operation: Operation) {
        let operation = if self.texts { operation } else { without_texts(&operation) };
        if self.divergence.is_none() {
            match self.meet(now, ticket, &operation) {
                Ok(()) => {
                    self.open.insert(ticket, now);
                    return;
                }
                Err(divergence) => {
                    self.divergence = Some(divergence);
                    self.told.clear();
                    let open = std::mem::take(&mut self.open);
                    for ticket in open.into_keys() {
                        self.refuse(now, ticket);
                    }
                }
            }
        }
        self.refuse(now, ticket);
    }

    fn poll(&mut self, now: Timestamp) -> Option<Event> {
        if let Some(refused) = self.refused.pop_front() {
            return Some(refused);
        }
        let count = self.count;
        let is_due = |told: &mut Told| told.after <= count && told.polled <= now;
        let told = self.told.pop_front_if(is_due)?;
        Some(self.take(told.event))
    }

    /// When the next event was taken; never, as long as there is an operation that comes before it.
    fn deadline(&self) -> Option<Timestamp> {
        let refused = self.refused.front().map(|event| event.at);
        refused.or_else(|| {
            let told = self.told.front().filter(|told| told.after <= self.count)?;
            Some(told.polled)
        })
    }

    fn gauges(&mut self, now: Timestamp, report: &mut dyn FnMut(PoolGauge)) {
        look(&mut self.seen.gauges, now, report);
    }

    fn token_gaps(&mut self, now: Timestamp, report: &mut dyn FnMut(TokenGaps)) {
        look(&mut self.seen.token_gaps, now, report);
    }

    fn provider_usage(&mut self, now: Timestamp, report: &mut dyn FnMut(ProviderUsage)) {
        look(&mut self.seen.provider_usage, now, report);
    }

    fn statement(&mut self, now: Timestamp, report: &mut dyn FnMut(StatementLine)) {
        look(&mut self.seen.statement, now, report);
    }

    fn statement_of_held(&mut self, now: Timestamp, report: &mut dyn FnMut(StatementLine)) {
        look(&mut self.seen.statement_of_held, now, report);
    }
}
