//! Recorded questions with their answers, and which of them is nearest to another.
//!
//! # Mechanism
//!
//! Questions of one kind are kept by pool and model, and by size in cells: a cell is a quarter of an octave
//! of prompt tokens by a quarter of an octave of tokens asked for. The nearest are those of the same pool
//! and model, else of the same pool, else of the same model, else any; among these, those of the cell that
//! the fewest steps lead to. Within a cell they are taken in turn, in the order of the recording, so that
//! outcomes come as often as they did, and nothing is left to chance.

use std::collections::BTreeMap;

use connector::{
    AllocationId, Duration, Error, ErrorKind, Event, EventKind, ModelId, Names, Operation,
    OperationKind, PoolId, PoolInfo, Reply, Ticket, Timestamp, Tokens, Usage,
};

use crate::recording::{Entry, Recording};

/// A question, as far as others can be like it. Ids are the run's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) kind: OperationKind,
    pub(super) pool: Option<PoolId>,
    pub(super) model: Option<ModelId>,
    pub(super) prompt: Tokens,
    pub(super) most: Tokens,
}

impl Asked {
    pub(super) const fn of_kind(kind: OperationKind) -> Self {
        Self { kind, pool: None, model: None, prompt: Tokens::ZERO, most: Tokens::ZERO }
    }

    pub(super) const fn of_pool(kind: OperationKind, pool: PoolId, model: Option<ModelId>) -> Self {
        Self { pool: Some(pool), model, ..Self::of_kind(kind) }
    }
}

/// How a recorded question was answered.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    pub(super) latency: Duration,
    /// What was counted of an inference, nothing of others; or why it failed.
    pub(super) outcome: Result<Usage, Error>,
    /// When the first token came, after the question.
    pub(super) first: Option<Duration>,
    /// Tokens that were asked for, and those that it told were out.
    pub(super) most: Tokens,
    pub(super) made: Tokens,
    /// When notice was given of the loss of its share, after the question, and for how long.
    pub(super) notice: Option<(Duration, Duration)>,
    /// The pools on offer, as the run names them.
    pub(super) pools: Box<[PoolInfo]>,
}

/// Where a question was, in the recording's ids.
type Place = (Option<PoolId>, Option<ModelId>);
/// A size of a question; see the module text.
type Size = (u32, u32);

/// See the module text.
#[derive(Debug)]
pub(super) struct Library {
    shelves: BTreeMap<(OperationKind, Place), BTreeMap<Size, Cell>>,
    /// The recording's ids of the run's pools and models.
    pools: Vec<Option<PoolId>>,
    models: Vec<Option<ModelId>>,
}

#[derive(Debug, Default)]
struct Cell {
    samples: Vec<Sample>,
    taken: usize,
}

impl Library {
    pub(super) fn new(recording: &Recording, names: &Names) -> Self {
        let there = &recording.header.names;
        let find = |names: &[String], name: &String| names.iter().position(|other| other == name);
        let pools = names.pools.iter().map(|name| Some(PoolId(find(&there.pools, name)? as u32)));
        let models =
            names.models.iter().map(|name| Some(ModelId(find(&there.models, name)? as u32)));
        let here = |pool: &PoolInfo| {
            let name = there.pools.get(pool.pool.index())?;
            Some(PoolInfo { pool: PoolId(find(&names.pools, name)? as u32), ..pool.clone() })
        };
        let mut library =
            Self { shelves: BTreeMap::new(), pools: pools.collect(), models: models.collect() };
        let mut reading = Reading {
            library: &mut library,
            here: &here,
            open: BTreeMap::new(),
            shares: BTreeMap::new(),
        };
        recording.entries.iter().for_each(|entry| reading.take(entry));
        library.forget_stopped();
        library
    }

    /// Whether the recording has this pool of the run.
    pub(super) fn knows(&self, pool: PoolId) -> bool {
        self.pools.get(pool.index()).is_some_and(Option::is_some)
    }

    /// The next of those that are nearest.
    pub(super) fn nearest(&mut self, asked: &Asked) -> Option<&Sample> {
        let pool = asked.pool.and_then(|pool| self.pools.get(pool.index()).copied().flatten());
        let model = asked.model.and_then(|model| self.models.get(model.index()).copied().flatten());
        let size = (step(asked.prompt), step(asked.most));
        let distance = |place: &Place, cell: &Size| {
            let apart = (place.0 != pool, place.1 != model);
            (apart, cell.0.abs_diff(size.0) + cell.1.abs_diff(size.1))
        };
        let shelves = self.shelves.range_mut((asked.kind, (None, None))..);
        let shelves = shelves.take_while(|((kind, _), _)| *kind == asked.kind);
        let cells = shelves.flat_map(|((_, place), cells)| {
            cells.iter_mut().map(move |(size, cell)| (distance(place, size), cell))
        });
        let (_, cell) = cells.min_by_key(|(distance, _)| *distance)?;
        let index = cell.taken % cell.samples.len();
        cell.taken += 1;
        cell.samples.get(index)
    }

    fn put(&mut self, kind: OperationKind, place: Place, size: Size, sample: Sample) {
        let cells = self.shelves.entry((kind, place)).or_default();
        cells.entry(size).or_default().samples.push(sample);
    }

    /// Inferences that their callers stopped stay only where there is no other of pool and model.
    fn forget_stopped(&mut self) {
        let is_stopped = |sample: &Sample| {
            matches!(sample.outcome, Err(Error { kind: ErrorKind::Conflict, .. }))
        };
        for ((kind, _), cells) in &mut self.shelves {
            let of_others = |cell: &Cell| !cell.samples.iter().all(is_stopped);
            if *kind == OperationKind::Infer && cells.values().any(of_others) {
                for cell in cells.values_mut() {
                    cell.samples.retain(|one| !is_stopped(one));
                }
                cells.retain(|_, cell| !cell.samples.is_empty());
            }
        }
    }
}

/// A size in quarters of octaves.
fn step(tokens: Tokens) -> u32 {
    let size = u64::from(tokens.get()) + 1;
    let octave = size.ilog2();
    let quarter = if octave >= 2 { (size >> (octave - 2)) & 3 } else { (size << (2 - octave)) & 3 };
    octave * 4 + quarter as u32
}

/// A recording on its way into a library.
struct Reading<'a> {
    library: &'a mut Library,
    here: &'a dyn Fn(&PoolInfo) -> Option<PoolInfo>,
    open: BTreeMap<(u32, Ticket), Open>,
    /// Where shares are, and for which model.
    shares: BTreeMap<(u32, AllocationId), Place>,
}

/// A question that is not answered yet.
struct Open {
    at: Timestamp,
    kind: OperationKind,
    place: Place,
    allocation: Option<AllocationId>,
    prompt: Tokens,
    most: Tokens,
    first: Option<Duration>,
    made: Tokens,
    notice: Option<(Duration, Duration)>,
}

impl Reading<'_> {
    fn take(&mut self, entry: &Entry) {
        match entry {
            Entry::Asked { at, connector, ticket, operation } => {
                let open = self.open(*at, *connector, operation);
                self.open.insert((*connector, *ticket), open);
            }
            Entry::Told { connector, event, .. } => self.told(*connector, event),
            Entry::Seen { .. } | Entry::Lost(_) => {}
        }
    }

    fn open(&self, at: Timestamp, connector: u32, operation: &Operation) -> Open {
        let of_share = |allocation: AllocationId| {
            self.shares.get(&(connector, allocation)).copied().unwrap_or_default()
        };
        let (mut prompt, mut most) = (Tokens::ZERO, Tokens::ZERO);
        let (place, allocation) = match operation {
            Operation::Allocate(allocate) => ((Some(allocate.pool), Some(allocate.model)), None),
            Operation::Infer(infer) => {
                (prompt, most) = (infer.prompt.tokens, infer.max_tokens);
                (of_share(infer.allocation), Some(infer.allocation))
            }
            Operation::Release { allocation } | Operation::Inspect { allocation } => {
                ((of_share(*allocation).0, None), Some(*allocation))
            }
            Operation::List { pool } => ((Some(*pool), None), None),
            Operation::Cancel { .. } | Operation::Pools => ((None, None), None),
        };
        let kind = operation.kind();
        Open {
            at,
            kind,
            place,
            allocation,
            prompt,
            most,
            first: None,
            made: Tokens::ZERO,
            notice: None,
        }
    }

    fn told(&mut self, connector: u32, event: &Event) {
        match &event.kind {
            EventKind::FirstToken { ticket } => {
                if let Some(open) = self.open.get_mut(&(connector, *ticket)) {
                    open.first = Some(event.at.since(open.at));
                }
            }
            EventKind::Progress { ticket, tokens, .. } => {
                if let Some(open) = self.open.get_mut(&(connector, *ticket)) {
                    open.made = *tokens;
                }
            }
            EventKind::Preempted { allocation, grace } => {
                let on_it = |open: &&mut Open| open.allocation == Some(*allocation);
                for open in self.open.values_mut().filter(on_it) {
                    open.notice = Some((event.at.since(open.at), *grace));
                }
            }
            EventKind::Completed { ticket, result } => {
                if let Some(open) = self.open.remove(&(connector, *ticket)) {
                    self.answered(connector, event.at, &open, result);
                }
            }
        }
    }

    fn answered(
        &mut self,
        connector: u32,
        at: Timestamp,
        open: &Open,
        result: &Result<Reply, Error>,
    ) {
        let mut pools = Box::default();
        let outcome = match result {
            Ok(Reply::Generated { usage, .. }) => Ok(*usage),
            Ok(Reply::Granted { allocation }) => {
                self.shares.insert((connector, *allocation), open.place);
                Ok(Usage::default())
            }
            Ok(Reply::Listed(infos)) => {
                for info in infos {
                    let place = (Some(info.pool), info.model);
                    self.shares.entry((connector, info.allocation)).or_insert(place);
                }
                Ok(Usage::default())
            }
            Ok(Reply::Pools(all)) => {
                pools = all.iter().filter_map(self.here).collect();
                Ok(Usage::default())
            }
            Ok(Reply::Cancelled | Reply::Released | Reply::Inspected(_)) => Ok(Usage::default()),
            Err(error) => Err(error.clone()),
        };
        if is_of_its_state(open.kind, outcome.as_ref().err()) {
            return;
        }
        let sample = Sample {
            latency: at.since(open.at),
            outcome,
            first: open.first,
            most: open.most,
            made: open.made,
            notice: open.notice,
            pools,
        };
        let size = (step(open.prompt), step(open.most));
        self.library.put(open.kind, open.place, size, sample);
    }
}

/// Whether a failure says something of the state of the recorded run, and nothing of this one: a share
/// that was gone, a pool that there is not.
fn is_of_its_state(kind: OperationKind, failure: Option<&Error>) -> bool {
    let Some(error) = failure else { return false };
    match error.kind {
        ErrorKind::NotFound => true,
        ErrorKind::Conflict => kind != OperationKind::Infer && kind != OperationKind::Allocate,
        ErrorKind::Timeout
        | ErrorKind::Unavailable { .. }
        | ErrorKind::RateLimited { .. }
        | ErrorKind::CapacityExhausted
        | ErrorKind::Preempted
        | ErrorKind::PolicyRefused
        | ErrorKind::CreditExhausted
        | ErrorKind::Unauthorized
        | ErrorKind::Invalid
        | ErrorKind::Protocol => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_a_quarter_of_an_octave() {
        let steps = [0, 1, 2, 3, 4, 5, 6, 7, 9].map(|tokens| step(Tokens::new(tokens)));
        assert_eq!(steps, [0, 4, 6, 8, 9, 10, 11, 12, 13]);
        assert_eq!(step(Tokens::new(u32::MAX)), 128);
    }
}
