use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    sync::Arc,
};

use connector::{
    AllocationId, AllocationInfo, Connector, Duration, Error, ErrorKind, Event, EventKind, ModelId,
    Operation, PoolId, Reply, Ticket, Timestamp, TokenGaps, Tokens,
};
use tokio::{
    runtime::Handle,
    sync::{Notify, Semaphore, mpsc},
    task::AbortHandle,
};

use super::{
    call::{self, Answer, Arrival, Call, Clock, News, Reporter, Row},
    endpoint::{Endpoint, is_usable_id},
    gaps::{Gaps, Serving},
    growth::{Bell, Curiosity, Growth},
    line::{Exchanges, Line},
    options::{HttpLimits, HttpOptions, HttpTimeouts, SetupError},
    speaker::{self, Known, Speaker},
    table::AllocationTable,
};
use crate::harpoon_v1::WireNames;

/// News per call: a first token, a notice, an answer, and one ring for what has come meanwhile.
const NEWS_PER_CALL: usize = 4;

/// A live endpoint, in one of the [dialects](crate::Dialect).
///
/// Operations are handed over and events polled on the caller's thread; the exchanges run on a tokio
/// runtime. Between polls the driver sleeps on [`woken`](Self::woken). Dropping the connector drops
/// every exchange in flight.
pub struct HttpConnector {
    endpoint: Arc<Endpoint>,
    speaker: Box<dyn Speaker>,
    names: Arc<WireNames>,
    timeouts: HttpTimeouts,
    limits: HttpLimits,
    runtime: Handle,
    clock: Clock,
    woken: Arc<Notify>,
    news_in: mpsc::Sender<Arrival>,
    news_out: mpsc::Receiver<Arrival>,
    calls: u64,
    in_flight: BTreeMap<Ticket, InFlight>,
    table: AllocationTable,
    ready: VecDeque<Event>,
    gaps: Gaps,
    /// Not told yet; see [`ways_out`](HttpConnector::ways_out).
    ways_out: Vec<Duration>,
    /// Time of the latest event polled: events never go back in time.
    latest: Timestamp,
}

#[derive(Debug)]
struct InFlight {
    call: u64,
    subject: Subject,
    /// When it was handed over.
    asked: Timestamp,
    task: AbortHandle,
    /// How far its answer is, where that is to be told.
    growth: Option<Growth>,
    /// Its first token was told.
    begun: bool,
}

/// A call and what is known of it.
struct Question {
    subject: Subject,
    serving: Option<Serving>,
    call: Call,
}

/// What a call is about, for reading its answer.
#[derive(Clone, Copy, Debug)]
enum Subject {
    /// In this pool, for this model.
    Allocate(PoolId, ModelId),
    /// On this share, of so many tokens at most.
    Infer {
        share: AllocationId,
        most: Tokens,
    },
    Release(AllocationId),
    Inspect(AllocationId),
    List(PoolId),
    Pools,
}

impl Subject {
    fn of(operation: &Operation) -> Self {
        match operation {
            Operation::Allocate(allocate) => Self::Allocate(allocate.pool, allocate.model),
            Operation::Infer(infer) => {
                Self::Infer { share: infer.allocation, most: infer.max_tokens }
            }
            Operation::Release { allocation } => Self::Release(*allocation),
            Operation::Inspect { allocation } => Self::Inspect(*allocation),
            Operation::List { pool } => Self::List(*pool),
            Operation::Pools => Self::Pools,
            Operation::Cancel { .. } => unreachable!("a cancellation is not sent"),
        }
    }
}

impl HttpConnector {
    /// A connector whose exchanges run on `runtime` and whose events are stamped by `clock` when
    /// they are received. Nothing is sent yet.
    ///
    /// # Errors
    /// Where the options contradict themselves; see [`SetupError`].
    pub fn new(
        options: HttpOptions,
        runtime: Handle,
        clock: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> Result<Self, SetupError> {
        let endpoint = Arc::new(Endpoint::new(&options)?);
        let speaker = speaker::of(&options, &endpoint)?;
        let capacity = options.limits.in_flight.saturating_add(1).saturating_mul(NEWS_PER_CALL);
        let (news_in, news_out) = mpsc::channel(capacity.min(Semaphore::MAX_PERMITS));
        Ok(Self {
            endpoint,
            speaker,
            names: Arc::new(WireNames::new(options.names)),
            timeouts: options.timeouts,
            limits: options.limits,
            runtime,
            clock: Arc::new(clock),
            woken: Arc::new(Notify::new()),
            news_in,
            news_out,
            calls: 0,
            in_flight: BTreeMap::new(),
            table: AllocationTable::default(),
            ready: VecDeque::new(),
            gaps: Gaps::default(),
            ways_out: Vec::new(),
            latest: Timestamp::ZERO,
        })
    }

    /// Waits until there may be something to poll. Something that came since the last wait ends the
    /// next one at once, so nothing is missed between a poll and a wait. Safe to drop.
    pub async fn woken(&self) {
        self.woken.notified().await;
    }

    /// Exchanges in flight.
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// How long each exchange that was answered since the last time took from the `now` at which its
    /// operation was handed over until its question was handed to the HTTP client: the caller's own
    /// share of its latency, connecting and writing left out. Exchanges that were cancelled are not told.
    pub fn ways_out(&mut self) -> impl Iterator<Item = Duration> + '_ {
        self.ways_out.drain(..)
    }

    /// Waits for every exchange in flight, at most `within`, and answers those left with
    /// [`Timeout`](ErrorKind::Timeout). Returns how many were left; the events are polled as usual.
    pub async fn drain(&mut self, within: Duration) -> usize {
        let settled = async {
            while !self.in_flight.is_empty() {
                let Some(arrival) = self.news_out.recv().await else { break };
                self.arrive(arrival);
            }
        };
        let in_time = tokio::time::timeout(within.to_std(), settled).await.is_ok();
        if in_time {
            return 0;
        }
        let left: Vec<_> = self.in_flight.keys().copied().collect();
        let at = (self.clock)();
        for &ticket in &left {
            self.abandon(at, ticket);
            let words = format!("given up {within} after the end of the run");
            self.complete(at, ticket, Err(Error::new(ErrorKind::Timeout, words)));
        }
        left.len()
    }

    fn start(&mut self, asked: Timestamp, ticket: Ticket, question: Question) {
        let Question { subject, serving, call } = question;
        self.calls += 1;
        let Call { dialogue, curiosity, timeout } = call;
        let streams = matches!(subject, Subject::Infer { .. });
        let bell = curiosity.map(|curiosity| Bell::new((self.clock)(), curiosity));
        let growth = bell.as_ref().map(Bell::growth);
        let reporter = Reporter {
            ticket,
            call: self.calls,
            arrivals: self.news_in.clone(),
            woken: Arc::clone(&self.woken),
            clock: Arc::clone(&self.clock),
            bell,
            gaps: serving.filter(|_| streams).map(|serving| self.gaps.of(serving)),
            sent: asked,
            begun: false,
            answered: false,
        };
        let exchanges = Exchanges {
            endpoint: Arc::clone(&self.endpoint),
            failures: self.speaker.failures(),
            limits: self.limits,
        };
        let line = Line { exchanges, reporter, unread: None };
        let task = self.runtime.spawn(call::make(dialogue, timeout, line)).abort_handle();
        let call = self.calls;
        let in_flight = InFlight { call, subject, asked, task, growth, begun: false };
        let before = self.in_flight.insert(ticket, in_flight);
        assert!(before.is_none(), "ticket {ticket} is in flight already");
    }

    /// Where the tokens of this operation are made and by which model, as far as that is known.
    fn serving(&self, operation: &Operation) -> Option<Serving> {
        let Operation::Infer(infer) = operation else { return None };
        let own = self.speaker.serving(infer.allocation);
        own.or_else(|| self.table.serving(infer.allocation))
    }

    /// The connection of the inference is closed, which is all that the dialect has for it.
    fn cancel(&mut self, now: Timestamp, ticket: Ticket, inference: Ticket) {
        let running = |call: &InFlight| matches!(call.subject, Subject::Infer { .. });
        if !self.in_flight.get(&inference).is_some_and(running) {
            let words = format!("no inference with ticket {inference} is in flight");
            return self.complete(now, ticket, Err(Error::new(ErrorKind::NotFound, words)));
        }
        self.abandon(now, inference);
        let stopped = Error::new(ErrorKind::Conflict, "cancelled");
        self.complete(now, inference, Err(stopped));
        self.complete(now, ticket, Ok(Reply::Cancelled));
    }

    /// Nothing more is heard of this call than what its answer has come to.
    fn abandon(&mut self, at: Timestamp, ticket: Ticket) {
        self.tell_progress(at, ticket);
        if let Some(call) = self.in_flight.remove(&ticket) {
            call.task.abort();
        }
    }

    /// Tells how far an answer is, if that is news: never before its first token was told.
    fn tell_progress(&mut self, at: Timestamp, ticket: Ticket) {
        let call = self.in_flight.get(&ticket).filter(|call| call.begun);
        let grown = call.and_then(|call| call.growth.as_ref()?.take());
        if let Some((tokens, text)) = grown {
            self.push(at, EventKind::Progress { ticket, tokens, text });
        }
    }

    /// Takes over everything that has arrived.
    fn collect(&mut self) {
        while let Ok(arrival) = self.news_out.try_recv() {
            self.arrive(arrival);
        }
    }

    fn arrive(&mut self, arrival: Arrival) {
        let Arrival { ticket, call, at, sent, news } = arrival;
        let Some(in_flight) = self.in_flight.get_mut(&ticket).filter(|known| known.call == call)
        else {
            // News of a call that was cancelled meanwhile.
            return;
        };
        let subject = in_flight.subject;
        match news {
            News::FirstToken => {
                in_flight.begun = true;
                self.push(at, EventKind::FirstToken { ticket });
            }
            News::Progress => self.tell_progress(at, ticket),
            News::Preempted { grace } => {
                if let Subject::Infer { share: allocation, .. } = subject
                    && self.table.is_first_notice(allocation)
                {
                    self.push(at, EventKind::Preempted { allocation, grace });
                }
            }
            News::Answered(result) => {
                self.ways_out.push(sent.since(in_flight.asked));
                if result.is_err() {
                    self.tell_progress(at, ticket);
                }
                self.in_flight.remove(&ticket);
                let result = match result {
                    Ok(answer) => self.understand(subject, answer),
                    Err(error) => Err(self.endpoint.redact(error)),
                };
                self.take_leave(subject, &result);
                self.complete(at, ticket, result);
            }
        }
    }

    fn understand(&mut self, subject: Subject, answer: Answer) -> Result<Reply, Error> {
        match (answer, subject) {
            (Answer::Granted(wire), Subject::Allocate(pool, model)) => {
                check_id(&wire)?;
                Ok(Reply::Granted { allocation: self.table.granted(&wire, pool, model) })
            }
            (Answer::Generated { usage, .. }, Subject::Infer { most, .. })
                if usage.output > most =>
            {
                let words = format!("{} tokens are counted of {most} asked for", usage.output);
                Err(Error::new(ErrorKind::Protocol, words))
            }
            (Answer::Generated { usage, text }, _) => {
                Ok(Reply::Generated { usage, text: Some(text.into()) })
            }
            (Answer::Released, _) => Ok(Reply::Released),
            (Answer::Inspected(info), _) => Ok(Reply::Inspected(info)),
            (Answer::Listed(rows), Subject::List(pool)) => {
                self.number(pool, rows).map(Reply::Listed)
            }
            (Answer::KnownHere, Subject::List(pool)) => Ok(Reply::Listed(self.known_in(pool))),
            (Answer::Pools(pools), _) => Ok(Reply::Pools(pools)),
            (Answer::Granted(_) | Answer::Listed(_) | Answer::KnownHere, _) => {
                unreachable!("an answer is of the shape that its question expects")
            }
        }
    }

    /// Gives the shares of a listing their numbers.
    fn number(&mut self, pool: PoolId, rows: Vec<Row>) -> Result<Vec<AllocationInfo>, Error> {
        rows.iter().try_for_each(|row| check_id(&row.id))?;
        let seen = rows.iter().map(|row| (row.id.as_str(), row.info.model));
        let numbers = self.table.listed(pool, seen).into_iter();
        let infos = numbers.zip(rows);
        Ok(infos.map(|(allocation, row)| AllocationInfo { allocation, ..row.info }).collect())
    }

    /// The shares of a pool as far as they are known here.
    fn known_in(&self, pool: PoolId) -> Vec<AllocationInfo> {
        let infos = self.table.in_pool(pool).map(|(allocation, share)| AllocationInfo {
            allocation,
            pool,
            model: share.model,
            requirements: None,
            running: None,
            usage: None,
        });
        infos.collect()
    }

    /// Forgets the name of a share that this answer says is gone.
    fn take_leave(&mut self, subject: Subject, result: &Result<Reply, Error>) {
        let failure = result.as_ref().err().map(|error| error.kind);
        match subject {
            Subject::Release(share) if matches!(failure, None | Some(ErrorKind::NotFound)) => {
                self.table.forget(share);
            }
            Subject::Inspect(share) if failure == Some(ErrorKind::NotFound) => {
                self.table.forget(share);
            }
            Subject::Infer { share, .. } if failure == Some(ErrorKind::Preempted) => {
                self.table.forget(share);
            }
            Subject::Allocate(..)
            | Subject::Infer { .. }
            | Subject::Release(_)
            | Subject::Inspect(_)
            | Subject::List(_)
            | Subject::Pools => {}
        }
    }

    fn complete(&mut self, at: Timestamp, ticket: Ticket, result: Result<Reply, Error>) {
        self.push(at, EventKind::Completed { ticket, result });
    }

    fn push(&mut self, at: Timestamp, kind: EventKind) {
        self.ready.push_back(Event { at, kind });
    }
}

impl Connector for HttpConnector {
    /// # Panics
    /// If the ticket is in flight already.
    fn submit(&mut self, now: Timestamp, ticket: Ticket, operation: Operation) {
        self.collect();
        if let Operation::Cancel { inference } = operation {
            return self.cancel(now, ticket, inference);
        }
        if let Some(result) = self.speaker.answer(&operation) {
            return self.complete(now, ticket, result);
        }
        if self.in_flight.len() >= self.limits.in_flight {
            let words = format!("{} exchanges are in flight already", self.limits.in_flight);
            let error = Error::new(ErrorKind::RateLimited { retry_after: None }, words);
            return self.complete(now, ticket, Err(error));
        }
        let known = Known {
            endpoint: &self.endpoint,
            names: &self.names,
            table: &self.table,
            limits: self.limits,
        };
        match self.speaker.dialogue(&operation, &known) {
            Ok(dialogue) => {
                let timeout = self.timeouts.allowed(operation.kind());
                let curiosity = curiosity(&operation);
                let call = Call { dialogue, curiosity, timeout };
                let (subject, serving) = (Subject::of(&operation), self.serving(&operation));
                self.start(now, ticket, Question { subject, serving, call });
            }
            Err(error) => self.complete(now, ticket, Err(error)),
        }
    }

    fn poll(&mut self, now: Timestamp) -> Option<Event> {
        if self.ready.is_empty() {
            self.collect();
        }
        let mut event = self.ready.pop_front()?;
        // Receipts are stamped on other threads: they may be a little out of order, and a little
        // later than the `now` that the caller read before it called.
        event.at = event.at.min(now).max(self.latest);
        self.latest = event.at;
        Some(event)
    }

    /// Between pieces of streams, as they were received.
    fn token_gaps(&mut self, _: Timestamp, report: &mut dyn FnMut(TokenGaps)) {
        self.gaps.drain(report);
    }

    /// Only what is ready already; answers wake the driver by [`HttpConnector::woken`].
    fn deadline(&self) -> Option<Timestamp> {
        self.ready.front().map(|_| self.latest)
    }
}

impl Drop for HttpConnector {
    fn drop(&mut self) {
        for call in self.in_flight.values() {
            call.task.abort();
        }
    }
}

impl fmt::Debug for HttpConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpConnector")
            .field("endpoint", &self.endpoint)
            .field("in_flight", &self.in_flight)
            .field("ready", &self.ready.len())
            .finish_non_exhaustive()
    }
}

/// Of an answer that comes whole there is nothing to tell before.
fn curiosity(operation: &Operation) -> Option<Curiosity> {
    let Operation::Infer(infer) = operation else { return None };
    let period = infer.progress.filter(|_| infer.stream)?;
    Some(Curiosity { period, most: infer.max_tokens })
}

fn check_id(wire: &str) -> Result<(), Error> {
    if is_usable_id(wire) {
        return Ok(());
    }
    let words = crate::harpoon_v1::readable(&format!("`{wire}` cannot be the id of a share"));
    Err(Error::new(ErrorKind::Protocol, words))
}
