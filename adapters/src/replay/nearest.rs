//! Answering as the nearest recorded question was answered.
//!
//! *What is alike* is decided by [`library`]; here is what the answers must agree on among each other: a
//! share is held from its grant until it is released or taken away, each under a number of its own, and
//! lists and looks show just that.
//!
//! # Edges
//!
//! * A full pool is full as often as it was recorded to be, not when the shares of this run fill it.
//! * A share is taken away while it works, where the nearest inference was preempted; shares that lie idle
//!   are left alone.
//! * An ambiguous failure has done nothing.
//! * An inference that its caller stopped says how far it was, not how it would have ended: it is gone by
//!   only where there is no other.
//! * Where the recording has no question of a kind, such questions are refused, and counted.

mod library;

use std::collections::BTreeMap;

use connector::{
    Allocate, AllocationId, AllocationInfo, Connector, Duration, Error, ErrorKind, Event,
    EventKind, EventQueue, Infer, Names, Operation, OperationKind, PoolId, Reply, Ticket,
    Timestamp, Tokens, Usage,
};

use self::library::{Asked, Library, Sample};
use crate::recording::Recording;

/// Events to come, beyond which no more questions are taken.
const MAX_DUE: usize = 1 << 20;
/// How often an answer tells how far it is, at most.
const MOST_TOLD: u64 = 1_000;

/// A recording as a provider that answers anything.
#[derive(Debug)]
pub struct Nearest {
    library: Library,
    held: BTreeMap<AllocationId, Allocate>,
    granted: u64,
    running: BTreeMap<Ticket, Running>,
    /// Inferences begun, to tell apart those that had the same ticket.
    begun: u64,
    due: EventQueue<Due>,
    unanswerable: u64,
}

/// An inference under way.
#[derive(Clone, Copy, Debug)]
struct Running {
    number: u64,
    allocation: AllocationId,
    pace: Pace,
    /// Whether it is to tell how far it is.
    tells: bool,
    begun: bool,
    /// Tokens that it told of.
    told: Tokens,
}

/// How an answer grows: from its first token evenly to its end.
#[derive(Clone, Copy, Debug)]
struct Pace {
    first: Timestamp,
    end: Timestamp,
    tokens: Tokens,
}

impl Pace {
    /// Tokens that are out at an instant after the first.
    fn made(self, at: Timestamp) -> Tokens {
        let all = u128::from(self.end.since(self.first).as_nanos()).max(1);
        let gone = u128::from(at.since(self.first).as_nanos()).min(all);
        let after_first = u128::from(self.tokens.get().saturating_sub(1));
        Tokens::new((after_first * gone / all) as u32 + 1)
    }
}

/// What happens next.
#[derive(Debug)]
enum Due {
    /// This, whatever happens before.
    Tell(EventKind),
    /// This, if the inference of this number is still under way by then.
    Of(Ticket, u64, EventKind),
}

impl Nearest {
    /// Of this recording, for a run with these names: pools and models of the same name are the same.
    pub fn new(recording: &Recording, names: &Names) -> Self {
        Self {
            library: Library::new(recording, names),
            held: BTreeMap::new(),
            granted: 0,
            running: BTreeMap::new(),
            begun: 0,
            due: EventQueue::new(),
            unanswerable: 0,
        }
    }

    /// Questions so far that the recording has none like.
    pub const fn unanswerable(&self) -> u64 {
        self.unanswerable
    }

    fn tell(&mut self, at: Timestamp, ticket: Ticket, result: Result<Reply, Error>) {
        self.due.schedule(at, Due::Tell(EventKind::Completed { ticket, result }));
    }

    /// How long a question of this kind takes, and why it fails if that is the provider's doing.
    fn sample(&mut self, asked: &Asked) -> Result<Sample, Error> {
        if let Some(sample) = self.library.nearest(asked) {
            return Ok(sample.clone());
        }
        self.unanswerable += 1;
        let words = format!("the recording has no `{}` to go by", asked.kind);
        Err(Error::new(ErrorKind::Unavailable { reached: false }, words))
    }

    fn allocate(&mut self, now: Timestamp, ticket: Ticket, allocate: Allocate) {
        let asked = Asked::of_pool(OperationKind::Allocate, allocate.pool, Some(allocate.model));
        let sample = match self.known_pool(allocate.pool).and_then(|()| self.sample(&asked)) {
            Ok(sample) => sample,
            Err(error) => return self.tell(now, ticket, Err(error)),
        };
        let result = sample.outcome.map(|_| {
            self.granted += 1;
            let allocation = AllocationId(self.granted);
            self.held.insert(allocation, allocate);
            Reply::Granted { allocation }
        });
        self.tell(now + sample.latency, ticket, result);
    }

    fn infer(&mut self, now: Timestamp, ticket: Ticket, infer: &Infer) {
        let share = match self.share(infer.allocation) {
            Ok(share) => share,
            Err(error) => return self.tell(now, ticket, Err(error)),
        };
        let asked = Asked {
            prompt: infer.prompt.tokens,
            most: infer.max_tokens,
            ..Asked::of_pool(OperationKind::Infer, share.pool, Some(share.model))
        };
        let sample = match self.sample(&asked) {
            Ok(sample) => sample,
            Err(error) => return self.tell(now, ticket, Err(error)),
        };
        self.begun += 1;
        let number = self.begun;
        let end = now + sample.latency;
        let result = sample.outcome.map(|usage| counted(usage, sample.most, infer));
        let tokens = match &result {
            Ok(usage) => usage.output,
            Err(_) => sample.made.min(infer.max_tokens),
        };
        let first = sample.first.or(result.as_ref().ok().map(|_| sample.latency));
        let pace = Pace { first: now + first.unwrap_or(sample.latency), end, tokens };
        let allocation = infer.allocation;
        let tells = infer.progress.is_some();
        let running = Running { number, allocation, pace, tells, begun: false, told: Tokens::ZERO };
        self.running.insert(ticket, running);
        let mut of = |at, kind| {
            self.due.schedule(at, Due::Of(ticket, number, kind));
        };
        if first.is_some() && infer.stream {
            of(pace.first, EventKind::FirstToken { ticket });
            for (at, tokens) in infer.progress.into_iter().flat_map(|every| told(pace, every)) {
                of(at, EventKind::Progress { ticket, tokens, text: None });
            }
        }
        if let Some((after, grace)) = sample.notice {
            of(now + after, EventKind::Preempted { allocation, grace });
        }
        let result = result.map(|usage| Reply::Generated { usage, text: None });
        of(end, EventKind::Completed { ticket, result });
    }

    fn cancel(&mut self, now: Timestamp, ticket: Ticket, inference: Ticket) {
        let sample = self.library.nearest(&Asked::of_kind(OperationKind::Cancel));
        let at = now + sample.map_or(Duration::ZERO, |sample| sample.latency);
        if self.running.contains_key(&inference) {
            self.stop(now, inference, ErrorKind::Conflict);
            return self.tell(at, ticket, Ok(Reply::Cancelled));
        }
        let words = format!("no inference with ticket {inference} is in flight");
        self.tell(at, ticket, Err(Error::new(ErrorKind::NotFound, words)));
    }

    /// Ends an inference before its time.
    fn stop(&mut self, at: Timestamp, inference: Ticket, why: ErrorKind) {
        let Some(running) = self.running.remove(&inference) else { return };
        if let Some(tokens) = running.news(at) {
            let kind = EventKind::Progress { ticket: inference, tokens, text: None };
            self.due.schedule(at, Due::Tell(kind));
        }
        self.tell(at, inference, Err(why.into()));
    }

    /// Ends whatever runs on a share.
    fn stop_all_on(&mut self, at: Timestamp, allocation: AllocationId, why: ErrorKind) {
        let here = self.running.iter().filter(|(_, running)| running.allocation == allocation);
        let tickets: Vec<Ticket> = here.map(|(&ticket, _)| ticket).collect();
        for ticket in tickets {
            self.stop(at, ticket, why);
        }
    }

    fn release(&mut self, now: Timestamp, ticket: Ticket, allocation: AllocationId) {
        self.about(now, ticket, OperationKind::Release, allocation, |this, _| {
            this.held.remove(&allocation);
            this.stop_all_on(now, allocation, ErrorKind::Conflict);
            Reply::Released
        });
    }

    /// Answers a question about a share that is held.
    fn about(
        &mut self,
        now: Timestamp,
        ticket: Ticket,
        kind: OperationKind,
        allocation: AllocationId,
        reply: impl FnOnce(&mut Self, Allocate) -> Reply,
    ) {
        let share = self.share(allocation);
        let pool = share.as_ref().ok().map(|share| share.pool);
        let sample = self.library.nearest(&Asked { pool, ..Asked::of_kind(kind) }).cloned();
        let at = now + sample.as_ref().map_or(Duration::ZERO, |sample| sample.latency);
        let result = match (share, sample.map(|sample| sample.outcome)) {
            (Err(unknown), _) => Err(unknown),
            (Ok(_), Some(Err(error))) => Err(error),
            (Ok(share), Some(Ok(_)) | None) => Ok(reply(self, share)),
        };
        self.tell(at, ticket, result);
    }

    fn list(&mut self, now: Timestamp, ticket: Ticket, pool: PoolId) {
        let asked = Asked { pool: Some(pool), ..Asked::of_kind(OperationKind::List) };
        let sample = match self.known_pool(pool).and_then(|()| self.sample(&asked)) {
            Ok(sample) => sample,
            Err(error) => return self.tell(now, ticket, Err(error)),
        };
        let here = self.held.iter().filter(|(_, share)| share.pool == pool);
        let infos = here.map(|(&allocation, share)| info(allocation, share)).collect();
        self.tell(now + sample.latency, ticket, sample.outcome.map(|_| Reply::Listed(infos)));
    }

    fn pools(&mut self, now: Timestamp, ticket: Ticket) {
        let sample = match self.sample(&Asked::of_kind(OperationKind::Pools)) {
            Ok(sample) => sample,
            Err(error) => return self.tell(now, ticket, Err(error)),
        };
        let result = sample.outcome.map(|_| Reply::Pools(sample.pools.to_vec()));
        self.tell(now + sample.latency, ticket, result);
    }

    fn share(&self, allocation: AllocationId) -> Result<Allocate, Error> {
        self.held.get(&allocation).copied().ok_or_else(|| {
            Error::new(ErrorKind::NotFound, format!("share {allocation} is not held here"))
        })
    }

    fn known_pool(&self, pool: PoolId) -> Result<(), Error> {
        if self.library.knows(pool) {
            return Ok(());
        }
        Err(Error::new(ErrorKind::NotFound, format!("pool {pool} is not in the recording")))
    }
}

impl Running {
    /// Tokens that are to be told before it is stopped, if they have not been told.
    fn news(&self, at: Timestamp) -> Option<Tokens> {
        let made = self.pace.made(at);
        (self.tells && self.begun && made > self.told).then_some(made)
    }
}

/// The tokens that an inference counts: as many as were asked for, if the recorded one did so.
fn counted(usage: Usage, most: Tokens, infer: &Infer) -> Usage {
    let asked = infer.max_tokens;
    let output = if usage.output >= most { asked } else { usage.output.min(asked) };
    let prompt = infer.prompt.tokens;
    Usage { prompt, cached: usage.cached.min(prompt), output }
}

/// When an answer tells how far it is, and of how many tokens: always of more.
fn told(pace: Pace, every: Duration) -> impl Iterator<Item = (Timestamp, Tokens)> {
    let whole = pace.end.since(pace.first);
    let every = every.max(whole / MOST_TOLD).max(Duration::from_nanos(1));
    let times = (1..=MOST_TOLD).map(move |nth| (every.as_nanos().saturating_mul(nth), nth));
    let times = times.take_while(move |(after, _)| *after < whole.as_nanos());
    let mut before = Tokens::ZERO;
    times.filter_map(move |(after, _)| {
        let at = pace.first + Duration::from_nanos(after);
        let made = pace.made(at);
        let is_news = made > before;
        before = before.max(made);
        is_news.then_some((at, made))
    })
}

fn info(allocation: AllocationId, share: &Allocate) -> AllocationInfo {
    AllocationInfo {
        allocation,
        pool: share.pool,
        model: Some(share.model),
        requirements: Some(share.requirements),
        running: None,
        usage: None,
    }
}

impl Connector for Nearest {
    fn submit(&mut self, now: Timestamp, ticket: Ticket, operation: Operation) {
        if self.due.len() >= MAX_DUE {
            let full = ErrorKind::RateLimited { retry_after: None };
            return self.tell(now, ticket, Err(full.into()));
        }
        match operation {
            Operation::Allocate(allocate) => self.allocate(now, ticket, allocate),
            Operation::Infer(infer) => self.infer(now, ticket, &infer),
            Operation::Cancel { inference } => self.cancel(now, ticket, inference),
            Operation::Release { allocation } => self.release(now, ticket, allocation),
            Operation::Inspect { allocation } => {
                self.about(now, ticket, OperationKind::Inspect, allocation, |_, share| {
                    Reply::Inspected(info(allocation, &share))
                });
            }
            Operation::List { pool } => self.list(now, ticket, pool),
            Operation::Pools => self.pools(now, ticket),
        }
    }

    fn poll(&mut self, now: Timestamp) -> Option<Event> {
        while let Some((at, due)) = self.due.pop_due(now) {
            let kind = match due {
                Due::Tell(kind) => kind,
                Due::Of(ticket, number, kind) => match self.happens(at, ticket, number, kind) {
                    Some(kind) => kind,
                    None => continue,
                },
            };
            return Some(Event { at, kind });
        }
        None
    }

    fn deadline(&self) -> Option<Timestamp> {
        self.due.next_time()
    }
}

impl Nearest {
    /// What becomes of something that was to happen to an inference.
    fn happens(
        &mut self,
        at: Timestamp,
        ticket: Ticket,
        number: u64,
        kind: EventKind,
    ) -> Option<EventKind> {
        let running = self.running.get_mut(&ticket).filter(|known| known.number == number)?;
        match &kind {
            EventKind::FirstToken { .. } => running.begun = true,
            EventKind::Progress { tokens, .. } => running.told = *tokens,
            EventKind::Preempted { allocation, .. } => {
                return self.held.contains_key(allocation).then_some(kind);
            }
            EventKind::Completed { result: Ok(_), .. } => drop(self.running.remove(&ticket)),
            EventKind::Completed { result: Err(error), .. } => {
                if let Some(tokens) = running.news(at) {
                    // It is told first, and then this comes again.
                    running.told = tokens;
                    self.due.schedule(at, Due::Of(ticket, number, kind));
                    return Some(EventKind::Progress { ticket, tokens, text: None });
                }
                let (allocation, why) = (running.allocation, error.kind);
                self.running.remove(&ticket);
                if why == ErrorKind::Preempted {
                    self.held.remove(&allocation);
                    self.stop_all_on(at, allocation, ErrorKind::Preempted);
                }
            }
        }
        Some(kind)
    }
}
