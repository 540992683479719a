use std::{collections::BTreeMap, path::Path};

use adapters::recording::{Ending, Entry, Header, ReadError, Reader};
use connector::{
    AllocationId, Duration, Error, ErrorKind, Event, EventKind, ModelId, Operation, OperationKind,
    PoolId, Reply, Ticket, Timestamp,
};

/// What a recording shows of a provider.
#[derive(Debug, Default)]
pub(super) struct Observed {
    /// By pool and kind of operation. Lists of pools count as the first pool's, cancellations as that of
    /// the inference.
    calls: BTreeMap<(u32, OperationKind), Calls>,
    /// Inferences that were answered in full, by model and pool.
    pub(super) inferences: BTreeMap<(ModelId, u32), Vec<Inference>>,
    pub(super) lost: u64,
}

/// Calls of one kind.
#[derive(Clone, Debug, Default)]
pub(super) struct Calls {
    /// Nanoseconds to the answers of the API, refusals by rule included.
    latencies: Vec<f64>,
    pub(super) all: u64,
    pub(super) timed_out: u64,
    /// Refused as one too many, without saying when to come back.
    pub(super) throttled: u64,
    pub(super) unavailable: u64,
    /// Nanoseconds to those that timed out.
    pub(super) waits: Vec<f64>,
}

/// An inference that was answered in full, and told its first token.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inference {
    /// Prompt tokens that had to be computed.
    pub(super) prompt: f64,
    /// Nanoseconds to the first token.
    pub(super) to_first: f64,
    /// Nanoseconds per token after it; `None`: there is no other.
    pub(super) per_token: Option<f64>,
    /// Whether it had its share to itself until then.
    pub(super) alone: bool,
    /// Inferences on the share from then until it ended, itself included, on average.
    pub(super) company: f64,
    /// Whether no other began on the share after its first token: prompts of others take steps too.
    pub(super) undisturbed: bool,
}

impl Observed {
    /// Nanoseconds to the answers of this kind, in order.
    pub(super) fn latencies(&self, pool: u32, kind: OperationKind) -> Vec<f64> {
        self.calls.get(&(pool, kind)).map_or_else(Vec::new, |calls| calls.latencies.clone())
    }

    pub(super) fn calls(&self, pool: u32, kind: OperationKind) -> Option<&Calls> {
        self.calls.get(&(pool, kind))
    }
}

/// Reads a recording entry by entry.
pub(super) fn observe(path: &Path) -> Result<(Header, Observed, Ending), ReadError> {
    let mut reader = Reader::open(path)?;
    let header = reader.header().clone();
    let mut watching = Watching::default();
    for entry in reader.by_ref() {
        watching.take(entry?);
    }
    let ending = reader.ending().cloned().unwrap_or(Ending::Cut);
    Ok((header, watching.observed, ending))
}

#[derive(Debug, Default)]
struct Watching {
    observed: Observed,
    open: BTreeMap<(u32, Ticket), Open>,
    shares: BTreeMap<(u32, AllocationId), Share>,
}

/// A question that is not answered yet.
#[derive(Clone, Copy, Debug)]
struct Open {
    at: Timestamp,
    kind: OperationKind,
    pool: Option<u32>,
    model: Option<ModelId>,
    share: Option<AllocationId>,
    first: Option<Timestamp>,
    /// Whether it was alone on its share, and inferences that had begun there, when it was asked.
    alone: bool,
    begun: u64,
    /// Of its share, when its first token came.
    busy_ns_at_first: u128,
    begun_at_first: u64,
}

/// A share: where it is, and the integral of inferences on it.
#[derive(Clone, Copy, Debug, Default)]
struct Share {
    pool: Option<u32>,
    model: Option<ModelId>,
    running: u32,
    since: Timestamp,
    busy_ns: u128,
    /// Inferences that began on it so far.
    begun: u64,
}

impl Share {
    fn change(&mut self, now: Timestamp, running: u32) {
        self.busy_ns += u128::from(self.running) * u128::from(now.since(self.since).as_nanos());
        (self.since, self.running) = (now, running);
    }
}

impl Watching {
    fn take(&mut self, entry: Entry) {
        match entry {
            Entry::Asked { at, connector, ticket, operation } => {
                let open = self.asked(at, connector, &operation);
                self.open.insert((connector, ticket), open);
            }
            Entry::Told { connector, event, .. } => self.told(connector, &event),
            Entry::Seen { .. } => {}
            Entry::Lost(count) => self.observed.lost += count,
        }
    }

    fn asked(&mut self, at: Timestamp, connector: u32, operation: &Operation) -> Open {
        let share = match operation {
            Operation::Infer(infer) => Some(infer.allocation),
            Operation::Release { allocation } | Operation::Inspect { allocation } => {
                Some(*allocation)
            }
            Operation::Allocate(_)
            | Operation::Cancel { .. }
            | Operation::List { .. }
            | Operation::Pools => None,
        };
        let known = share.and_then(|share| self.shares.get_mut(&(connector, share)));
        let (mut pool, mut model) = known.as_deref().map_or((None, None), |s| (s.pool, s.model));
        let (mut alone, mut begun) = (true, 0);
        match operation {
            Operation::Allocate(allocate) => {
                (pool, model) = (Some(allocate.pool.0), Some(allocate.model));
            }
            Operation::Infer(_) => {
                if let Some(share) = known {
                    share.change(at, share.running + 1);
                    share.begun += 1;
                    (alone, begun) = (share.running == 1, share.begun);
                }
            }
            Operation::Cancel { inference } => {
                pool = self.open.get(&(connector, *inference)).and_then(|open| open.pool);
            }
            Operation::List { pool: PoolId(of) } => pool = Some(*of),
            Operation::Pools => pool = Some(0),
            Operation::Release { .. } | Operation::Inspect { .. } => {}
        }
        let kind = operation.kind();
        Open {
            at,
            kind,
            pool,
            model,
            share,
            first: None,
            alone,
            begun,
            busy_ns_at_first: 0,
            begun_at_first: 0,
        }
    }

    fn told(&mut self, connector: u32, event: &Event) {
        match &event.kind {
            EventKind::FirstToken { ticket } => {
                if let Some(open) = self.open.get_mut(&(connector, *ticket)) {
                    open.first = Some(event.at);
                    let share =
                        open.share.and_then(|share| self.shares.get_mut(&(connector, share)));
                    if let Some(share) = share {
                        share.change(event.at, share.running);
                        open.begun_at_first = share.begun;
                        open.busy_ns_at_first = share.busy_ns;
                    }
                }
            }
            EventKind::Completed { ticket, result } => {
                if let Some(open) = self.open.remove(&(connector, *ticket)) {
                    self.answered(connector, event.at, &open, result);
                }
            }
            EventKind::Progress { .. } | EventKind::Preempted { .. } => {}
        }
    }

    fn answered(
        &mut self,
        connector: u32,
        at: Timestamp,
        open: &Open,
        result: &Result<Reply, Error>,
    ) {
        let left = self.leave(connector, at, open);
        match result {
            Ok(Reply::Granted { allocation }) => {
                let share = Share { pool: open.pool, model: open.model, ..Share::default() };
                self.shares.insert((connector, *allocation), share);
            }
            Ok(Reply::Listed(infos)) => {
                for info in infos {
                    let share =
                        Share { pool: Some(info.pool.0), model: info.model, ..Share::default() };
                    self.shares.entry((connector, info.allocation)).or_insert(share);
                }
            }
            Ok(Reply::Released) => {
                if let Some(share) = open.share {
                    self.shares.remove(&(connector, share));
                }
            }
            Ok(Reply::Generated { usage, .. }) => {
                let tokens = usage.prompt.get().saturating_sub(usage.cached.get());
                self.generated(at, open, (tokens, usage.output.get()), left);
            }
            Ok(Reply::Cancelled | Reply::Inspected(_) | Reply::Pools(_)) | Err(_) => {}
        }
        let Some(pool) = open.pool else { return };
        let calls = self.observed.calls.entry((pool, open.kind)).or_default();
        calls.count(at.since(open.at), result.as_ref().err().map(|error| error.kind));
    }

    /// The inferences that were on its share since its first token, added up over time, and whether none
    /// began after its first token.
    fn leave(&mut self, connector: u32, at: Timestamp, open: &Open) -> (u128, bool) {
        let share = open.share.filter(|_| open.kind == OperationKind::Infer);
        let share = share.and_then(|share| self.shares.get_mut(&(connector, share)));
        share.map_or((0, true), |share| {
            share.change(at, share.running.saturating_sub(1));
            (
                share.busy_ns.saturating_sub(open.busy_ns_at_first),
                share.begun == open.begun_at_first,
            )
        })
    }

    fn generated(&mut self, at: Timestamp, open: &Open, tokens: (u32, u32), left: (u128, bool)) {
        let (Some(pool), Some(model), Some(first)) = (open.pool, open.model, open.first) else {
            return;
        };
        let since_first = at.since(first).as_nanos().max(1) as f64;
        let others = tokens.1.saturating_sub(1);
        let per_token = (others > 0).then(|| since_first / f64::from(others));
        self.observed.inferences.entry((model, pool)).or_default().push(Inference {
            prompt: f64::from(tokens.0),
            to_first: first.since(open.at).as_nanos() as f64,
            per_token,
            alone: open.alone && open.begun == open.begun_at_first,
            company: (left.0 as f64 / since_first).max(1.0),
            undisturbed: left.1,
        });
    }
}

impl Calls {
    fn count(&mut self, took: Duration, failure: Option<ErrorKind>) {
        self.all += 1;
        let took = took.as_nanos() as f64;
        match failure {
            None
            | Some(
                ErrorKind::CapacityExhausted
                | ErrorKind::PolicyRefused
                | ErrorKind::CreditExhausted
                | ErrorKind::NotFound,
            ) => self.latencies.push(took),
            Some(ErrorKind::Timeout) => {
                self.timed_out += 1;
                self.waits.push(took);
            }
            Some(ErrorKind::Unavailable { .. }) => self.unavailable += 1,
            Some(ErrorKind::RateLimited { retry_after: None }) => self.throttled += 1,
            // Words of a limit, of credentials or of the present state say nothing of chance.
            Some(
                ErrorKind::RateLimited { retry_after: Some(_) }
                | ErrorKind::Preempted
                | ErrorKind::Unauthorized
                | ErrorKind::Conflict
                | ErrorKind::Invalid
                | ErrorKind::Protocol,
            ) => {}
        }
    }
}
