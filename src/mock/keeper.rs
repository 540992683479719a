//! Who owns the provider and keeps account of what is asked of it.

pub(super) mod orders;

use std::{collections::BTreeMap, time::Instant};

use connector::{
    AllocationId, Connector, Duration, Error, ErrorKind, Event, EventKind, Infer, ModelId,
    Operation, OperationKind, Reply, Ticket, Timestamp, Usage,
};

use super::{
    faults::Faults,
    leases::Leases,
    metrics::{Metrics, Stage},
    pace::Pace,
    shares::Shares,
    voice::{Ear, Said, Telling, Voice, line},
};

/// Events in closing beyond which the provider is held to be talking to itself.
const MOST_CLOSING_EVENTS: usize = 10_000_000;
/// How long pools that refused are not asked again, in the caller's time.
const QUIET: Duration = Duration::from_secs(1);
/// When a share whose time is over is taken back if it could not be, in virtual time: a provider that
/// is down takes it back once it is up.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// What a mock has done in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MockReport {
    /// Questions put to the provider.
    pub questions: u64,
    /// Questions sent away because too many were in flight.
    pub sent_away: u64,
    /// Shares granted.
    pub granted: u64,
    /// Inferences cancelled because their client hung up.
    pub hung_up: u64,
    /// Shares that were still held at the end and were given back then.
    pub given_back: u64,
    /// Shares that could not be given back.
    pub left_held: u64,
}

/// Somebody who waits for an answer.
#[derive(Debug)]
struct Waiter {
    voice: Voice,
    about: About,
    /// When it was asked.
    since: Timestamp,
    /// Where it is, of an inference.
    stage: Stage,
}

#[derive(Debug)]
enum About {
    Grant {
        model: ModelId,
        /// For so long, in virtual time; `None`: for good.
        lease: Option<Duration>,
    },
    Inference {
        on: AllocationId,
        model: Option<ModelId>,
    },
    Completion(Completion),
    Release(AllocationId),
    /// A share for completions.
    Lease(ModelId),
    Other(OperationKind),
}

impl About {
    const fn kind(&self) -> OperationKind {
        match self {
            Self::Grant { .. } | Self::Lease(_) => OperationKind::Allocate,
            Self::Inference { .. } | Self::Completion(_) => OperationKind::Infer,
            Self::Release(_) => OperationKind::Release,
            Self::Other(kind) => *kind,
        }
    }

    /// The model of an inference, where that is known.
    const fn model(&self) -> Option<ModelId> {
        match self {
            Self::Inference { model, .. } => *model,
            Self::Completion(completion) => Some(completion.model),
            Self::Grant { .. } | Self::Lease(_) | Self::Release(_) | Self::Other(_) => None,
        }
    }
}

/// An inference that names no share.
#[derive(Clone, Debug)]
struct Completion {
    model: ModelId,
    ask: Infer,
    /// The share it was put on; `None` while it waits for one.
    on: Option<AllocationId>,
}

/// See [`desk`](super::desk) for who calls it when.
pub(super) struct Keeper {
    provider: Box<dyn Connector + Send>,
    pace: Pace,
    most_in_flight: usize,
    /// Never goes back, not even when closing has run ahead of the clock.
    now: Timestamp,
    tickets: u64,
    waiters: BTreeMap<Ticket, Waiter>,
    shares: Shares,
    leases: Leases,
    faults: Faults,
    metrics: Metrics,
    /// Tokens that are out, for whoever leaves to tell.
    tellings: Vec<Telling>,
    is_closing: bool,
    report: MockReport,
}

impl std::fmt::Debug for Keeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keeper").field("now", &self.now).finish_non_exhaustive()
    }
}

impl Keeper {
    pub(super) fn new(
        provider: Box<dyn Connector + Send>,
        pace: Pace,
        most_in_flight: usize,
        leases: Leases,
        models: usize,
    ) -> Self {
        Self {
            provider,
            pace,
            most_in_flight,
            now: Timestamp::ZERO,
            tickets: 0,
            waiters: BTreeMap::new(),
            shares: Shares::default(),
            leases,
            faults: Faults::default(),
            metrics: Metrics::new(models),
            tellings: Vec::new(),
            is_closing: false,
            report: MockReport::default(),
        }
    }

    /// Lets happen what is due.
    pub(super) fn catch_up(&mut self) {
        self.now = self.now.max(self.pace.now());
        self.listen();
        while let Some(allocation) = self.shares.take_over(self.now) {
            self.put_own(Operation::Release { allocation }, About::Release(allocation));
            self.listen();
        }
    }

    /// Tokens that are out and not told yet.
    pub(super) const fn tellings(&mut self) -> &mut Vec<Telling> {
        &mut self.tellings
    }

    /// When something is due by itself.
    pub(super) fn due(&self) -> Option<Instant> {
        let due = self.provider.deadline().into_iter().chain(self.shares.next_end()).min();
        let due = due.and_then(|at| self.pace.instant(at))?;
        Some(self.faults.silent_until().map_or(due, |until| due.max(until)))
    }

    /// Puts a question of somebody to the provider; a share is asked for so long in the caller's time,
    /// or for good.
    ///
    /// # Errors
    /// `Unavailable`, nothing reached, beyond so many in flight.
    pub(super) fn ask(
        &mut self,
        mut operation: Operation,
        lease: Option<Duration>,
    ) -> Result<(Ticket, Ear), Error> {
        let ticket = self.let_in()?;
        let about = match &mut operation {
            Operation::Allocate(ask) => {
                let lease = lease.map(|lease| self.pace.virtual_time(lease));
                About::Grant { model: ask.model, lease }
            }
            Operation::Infer(ask) => {
                tell_each_token(ask);
                self.shares.begin(ask.allocation, self.now);
                let model = self.shares.model(ask.allocation);
                About::Inference { on: ask.allocation, model }
            }
            Operation::Release { allocation } => About::Release(*allocation),
            Operation::Cancel { .. }
            | Operation::Inspect { .. }
            | Operation::List { .. }
            | Operation::Pools => About::Other(operation.kind()),
        };
        let (voice, ear) = line();
        self.wait(ticket, voice, about);
        self.put(ticket, operation);
        self.listen();
        Ok((ticket, ear))
    }

    /// Puts an inference on one of our own shares for its model.
    ///
    /// # Errors
    /// As [`ask`](Self::ask); `NotFound` for a model that is not served so.
    pub(super) fn complete(
        &mut self,
        model: ModelId,
        mut ask: Infer,
    ) -> Result<(Ticket, Ear), Error> {
        if !self.leases.serves(model) {
            return Err(Error::new(ErrorKind::NotFound, "this model is not served here"));
        }
        let ticket = self.let_in()?;
        tell_each_token(&mut ask);
        let (voice, ear) = line();
        self.wait(ticket, voice, About::Completion(Completion { model, ask, on: None }));
        self.place(ticket);
        self.listen();
        Ok((ticket, ear))
    }

    fn let_in(&mut self) -> Result<Ticket, Error> {
        if self.waiters.len() >= self.most_in_flight {
            self.report.sent_away += 1;
            let words = format!("{} questions are in flight already", self.most_in_flight);
            return Err(Error::new(ErrorKind::Unavailable { reached: false }, words));
        }
        self.report.questions += 1;
        self.catch_up();
        Ok(self.ticket())
    }

    /// Somebody waits for an answer from now on.
    fn wait(&mut self, ticket: Ticket, voice: Voice, about: About) {
        self.metrics.asked(about.kind());
        if let Some(model) = about.model() {
            self.metrics.begins(model.index());
        }
        let waiter = Waiter { voice, about, since: self.now, stage: Stage::Waiting };
        self.waiters.insert(ticket, waiter);
    }

    fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }

    fn put(&mut self, ticket: Ticket, operation: Operation) {
        self.provider.submit(self.now, ticket, operation);
    }

    /// Nobody listens to the answer any more, which stops an inference.
    pub(super) fn hang_up(&mut self, ticket: Ticket) {
        let Some(waiter) = self.waiters.get(&ticket) else { return };
        match &waiter.about {
            About::Completion(Completion { model, on: None, .. }) => {
                self.leases.leave_line(*model, ticket);
                self.end(ticket, None);
            }
            About::Completion(Completion { on: Some(_), .. }) | About::Inference { .. } => {
                self.catch_up();
                self.cancel(ticket);
                self.listen();
            }
            // A real provider grants and gives back what nobody waits for any more.
            About::Grant { .. } | About::Release(_) | About::Lease(_) | About::Other(_) => return,
        }
        self.report.hung_up += 1;
    }

    /// Asks on nobody's behalf; the answer is only counted.
    fn put_own(&mut self, operation: Operation, about: About) {
        let ticket = self.ticket();
        self.wait(ticket, Voice::unheard(), about);
        self.put(ticket, operation);
    }

    fn cancel(&mut self, inference: Ticket) {
        self.put_own(Operation::Cancel { inference }, About::Other(OperationKind::Cancel));
    }

    /// Puts a completion on a share of its model, or into the line for one.
    fn place(&mut self, ticket: Ticket) {
        let Some(Waiter { about: About::Completion(completion), .. }) =
            self.waiters.get_mut(&ticket)
        else {
            return;
        };
        let model = completion.model;
        completion.on = self.leases.place(model);
        match completion.on {
            Some(allocation) => {
                let ask = Infer { allocation, ..completion.ask.clone() };
                self.shares.begin(allocation, self.now);
                self.put(ticket, Operation::Infer(ask));
            }
            None => self.leases.wait(model, ticket),
        }
        if let Some(ask) = self.leases.want(self.now, model) {
            self.put_own(Operation::Allocate(ask), About::Lease(model));
        }
        self.refuse_stranded(model);
    }

    /// Nobody waits for a share that no pool is asked for.
    fn refuse_stranded(&mut self, model: ModelId) {
        if let Some((line, reason)) = self.leases.stranded(model) {
            self.send_away(line, &reason);
        }
    }

    /// Nobody waits any more: whoever did, and what is counted of it.
    fn end(&mut self, ticket: Ticket, used: Option<Usage>) -> Option<Waiter> {
        let waiter = self.waiters.remove(&ticket)?;
        if let Some(model) = waiter.about.model() {
            let after = self.pace.real(self.now.since(waiter.since));
            self.metrics.ends(model.index(), waiter.stage, after, used);
        }
        Some(waiter)
    }

    fn listen(&mut self) {
        if self.faults.silent_until().is_some() {
            return;
        }
        while let Some(event) = self.provider.poll(self.now) {
            self.hear(event);
        }
    }

    fn hear(&mut self, Event { at, kind }: Event) {
        match kind {
            EventKind::FirstToken { ticket } => self.hear_first_token(at, ticket),
            EventKind::Progress { ticket, tokens, .. } => {
                let waiter = self.waiters.get(&ticket);
                self.tellings.extend(waiter.and_then(|waiter| waiter.voice.made(tokens)));
            }
            EventKind::Preempted { allocation, grace } => self.hear_notice(allocation, grace),
            EventKind::Completed { ticket, result } => self.hear_answer(ticket, result),
        }
    }

    fn hear_first_token(&mut self, at: Timestamp, ticket: Ticket) {
        let Some(waiter) = self.waiters.get_mut(&ticket) else { return };
        waiter.stage = Stage::Running;
        waiter.voice.say(Said::FirstToken);
        if let Some(model) = waiter.about.model() {
            let after = self.pace.real(at.since(waiter.since));
            self.metrics.first_token(model.index(), after);
        }
    }

    fn hear_notice(&mut self, allocation: AllocationId, grace: Duration) {
        self.leases.forget(allocation);
        let grace = self.pace.real(grace);
        for waiter in self.waiters.values() {
            let on = match &waiter.about {
                About::Inference { on, .. } => Some(*on),
                About::Completion(completion) => completion.on,
                About::Grant { .. } | About::Release(_) | About::Lease(_) | About::Other(_) => None,
            };
            if on == Some(allocation) {
                waiter.voice.say(Said::Preempted { grace });
            }
        }
    }

    fn hear_answer(&mut self, ticket: Ticket, result: Result<Reply, Error>) {
        let Some(waiter) = self.waiters.get(&ticket) else { return };
        let failure = result.as_ref().err().map(|error| error.kind);
        let took = failure.is_none().then(|| self.now.since(waiter.since));
        if let Some(failure) = failure {
            self.metrics.failed(waiter.about.kind(), failure.name());
        }
        match waiter.about {
            About::Grant { model, lease } => self.note_grant(model, lease, &result),
            About::Lease(model) => {
                self.waiters.remove(&ticket);
                return self.hear_of_lease(model, result);
            }
            About::Release(share) => {
                if matches!(failure, None | Some(ErrorKind::NotFound)) {
                    self.shares.let_go(share);
                } else {
                    self.shares.kept(share, self.now, AGAIN_AFTER);
                }
            }
            About::Inference { on: share, .. } => {
                self.shares.end(share, self.now, took);
                if failure == Some(ErrorKind::Preempted) {
                    self.shares.let_go(share);
                }
            }
            About::Completion(Completion { on, .. }) => {
                let Some(share) = on else { return };
                self.leases.ended(share);
                self.shares.end(share, self.now, took);
                if let Some(ErrorKind::Preempted | ErrorKind::NotFound) = failure {
                    self.shares.let_go(share);
                    self.leases.forget(share);
                }
                // The share went before it came there.
                if failure == Some(ErrorKind::NotFound) && !self.is_closing {
                    return self.place(ticket);
                }
            }
            About::Other(_) => {}
        }
        let used = match &result {
            Ok(Reply::Generated { usage, .. }) => Some(*usage),
            Ok(_) | Err(_) => None,
        };
        // Who hung up does not hear it; a grant is held all the same.
        if let Some(Waiter { voice, .. }) = self.end(ticket, used) {
            voice.say(Said::Answered(self.as_lived(result)));
        }
    }

    fn note_grant(
        &mut self,
        model: ModelId,
        lease: Option<Duration>,
        result: &Result<Reply, Error>,
    ) {
        if let Ok(Reply::Granted { allocation }) = result {
            self.shares.granted(*allocation, model, self.now, lease);
            self.report.granted += 1;
        }
    }

    /// A pool has answered whether there is a share for completions.
    fn hear_of_lease(&mut self, model: ModelId, result: Result<Reply, Error>) {
        self.note_grant(model, None, &result);
        match result {
            Ok(Reply::Granted { allocation }) => {
                for ticket in self.leases.granted(model, allocation) {
                    self.place(ticket);
                }
            }
            Ok(_) => self.refuse_lease(model, ErrorKind::Protocol.into()),
            Err(error) => self.refuse_lease(model, error),
        }
    }

    fn refuse_lease(&mut self, model: ModelId, error: Error) {
        let quiet = self.pace.virtual_time(QUIET);
        match self.leases.refused(self.now, model, error, quiet) {
            Some(ask) if !self.is_closing => {
                self.put_own(Operation::Allocate(ask), About::Lease(model));
            }
            Some(_) | None => self.refuse_stranded(model),
        }
    }

    fn send_away(&mut self, tickets: impl IntoIterator<Item = Ticket>, reason: &Error) {
        for ticket in tickets {
            if let Some(Waiter { voice, .. }) = self.end(ticket, None) {
                voice.say(Said::Answered(self.as_lived(Err(reason.clone()))));
            }
        }
    }

    /// Waits asked of the caller are told in the caller's time.
    fn as_lived(&self, result: Result<Reply, Error>) -> Result<Reply, Error> {
        result.map_err(|error| match error.kind.retry_after() {
            Some(wait) => {
                let retry_after = Some(self.pace.real(wait));
                Error { kind: ErrorKind::RateLimited { retry_after }, ..error }
            }
            None => error,
        })
    }

    /// Ends what runs, hears what is on its way, gives back what is held: time jumps.
    pub(super) fn close(&mut self) -> MockReport {
        self.is_closing = true;
        self.faults.end();
        self.catch_up();
        let (mut running, mut waiting) = (Vec::new(), Vec::new());
        for (&ticket, waiter) in &self.waiters {
            match &waiter.about {
                About::Inference { .. } | About::Completion(Completion { on: Some(_), .. }) => {
                    running.push(ticket);
                }
                About::Completion(Completion { on: None, .. }) => waiting.push(ticket),
                About::Grant { .. } | About::Release(_) | About::Lease(_) | About::Other(_) => {}
            }
        }
        let reason = Error::new(ErrorKind::Unavailable { reached: false }, "the mock is closing");
        self.send_away(waiting, &reason);
        for inference in running {
            self.cancel(inference);
        }
        self.run_out();
        let held: Vec<_> = self.shares.all().collect();
        for &allocation in &held {
            self.put_own(Operation::Release { allocation }, About::Release(allocation));
        }
        self.run_out();
        self.report.left_held = self.shares.len() as u64;
        self.report.given_back = held.len() as u64 - self.report.left_held;
        // Whoever was not answered hears so.
        self.waiters.clear();
        self.report
    }

    /// Jumps from deadline to deadline until every question is answered.
    fn run_out(&mut self) {
        for _ in 0..MOST_CLOSING_EVENTS {
            self.listen();
            if self.waiters.is_empty() {
                return;
            }
            let Some(next) = self.provider.deadline() else { return };
            self.now = self.now.max(next);
        }
    }
}

/// Of a stream each token is told in its own time; of every answer it is counted when it begins.
fn tell_each_token(ask: &mut Infer) {
    ask.progress = ask.stream.then_some(Duration::ZERO);
    ask.stream = true;
}
