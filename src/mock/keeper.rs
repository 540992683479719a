//! The task that owns the provider and paces it.

use std::collections::BTreeMap;

use connector::{
    AllocationId, Connector, Duration, Error, ErrorKind, Event, EventKind, ModelId, Operation,
    Reply, Ticket, Timestamp,
};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep_until},
};

use super::{
    desk::{Counter, Question, Said},
    pace::Pace,
};

/// Tickets of the keeper's own questions have this bit; handlers count up from zero.
const OWN: u64 = 1 << 63;
/// Questions taken in one go before time is looked at again.
const BATCH: usize = 256;
/// Events in closing beyond which the provider is held to be talking to itself.
const MOST_CLOSING_EVENTS: usize = 10_000_000;
/// Weight of the latest stream in the known pace of its model.
const LATEST: f64 = 0.5;

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
    say: mpsc::Sender<Said>,
    about: About,
}

#[derive(Debug)]
enum About {
    Grant(ModelId),
    Inference { share: AllocationId, first_token: Option<Timestamp> },
    Release(AllocationId),
    Other,
}

/// See the module text.
#[derive(Debug)]
pub(super) struct Keeper<C> {
    provider: C,
    pace: Pace,
    most_in_flight: usize,
    /// Never goes back, not even when closing has run ahead of the clock.
    now: Timestamp,
    waiters: BTreeMap<Ticket, Waiter>,
    /// Shares held, with the model that each was asked for.
    held: BTreeMap<AllocationId, ModelId>,
    /// Virtual nanoseconds per token after the first.
    token_times: BTreeMap<ModelId, f64>,
    own_questions: u64,
    report: MockReport,
}

impl<C: Connector> Keeper<C> {
    pub(super) fn new(provider: C, pace: Pace, most_in_flight: usize) -> Self {
        Self {
            provider,
            pace,
            most_in_flight,
            now: Timestamp::ZERO,
            waiters: BTreeMap::new(),
            held: BTreeMap::new(),
            token_times: BTreeMap::new(),
            own_questions: 0,
            report: MockReport::default(),
        }
    }

    /// Works until told to stop, then gives back what is held.
    pub(super) async fn keep(
        mut self,
        mut counter: Counter,
        mut stop: watch::Receiver<()>,
    ) -> MockReport {
        loop {
            let due = self.provider.deadline().and_then(|at| self.pace.instant(at));
            tokio::select! {
                Some(question) = counter.questions.recv() => self.take_in(question),
                Some(ticket) = counter.hung_up.recv() => self.hang_up(ticket),
                () = sleep_until(due.map_or_else(Instant::now, Instant::from_std)), if due.is_some() => {}
                _ = stop.changed() => break,
            }
            self.catch_up();
            for _ in 0..BATCH {
                let Ok(question) = counter.questions.try_recv() else { break };
                self.take_in(question);
            }
        }
        drop(counter);
        self.close();
        self.report
    }

    fn catch_up(&mut self) {
        self.now = self.now.max(self.pace.now());
        self.listen();
    }

    fn take_in(&mut self, question: Question) {
        let Question { ticket, operation, say } = question;
        if self.waiters.len() >= self.most_in_flight {
            self.report.sent_away += 1;
            let words = format!("{} questions are in flight already", self.most_in_flight);
            let full = Error::new(ErrorKind::Unavailable { reached: false }, words);
            let _ = say.try_send(Said::Answered(Err(full)));
            return;
        }
        self.report.questions += 1;
        let about = match &operation {
            Operation::Allocate(ask) => About::Grant(ask.model),
            Operation::Infer(ask) => About::Inference { share: ask.allocation, first_token: None },
            Operation::Release { allocation } => About::Release(*allocation),
            Operation::Cancel { .. }
            | Operation::Inspect { .. }
            | Operation::List { .. }
            | Operation::Pools => About::Other,
        };
        self.waiters.insert(ticket, Waiter { say, about });
        self.put(ticket, operation);
    }

    fn put(&mut self, ticket: Ticket, operation: Operation) {
        self.now = self.now.max(self.pace.now());
        self.provider.submit(self.now, ticket, operation);
        self.listen();
    }

    fn hang_up(&mut self, inference: Ticket) {
        if self.waiters.contains_key(&inference) {
            self.report.hung_up += 1;
            self.put_own(Operation::Cancel { inference });
        }
    }

    /// Asks on nobody's behalf; the answer is only counted.
    fn put_own(&mut self, operation: Operation) {
        let ticket = Ticket(OWN | self.own_questions);
        self.own_questions += 1;
        let about = match operation {
            Operation::Release { allocation } => About::Release(allocation),
            Operation::Allocate(_)
            | Operation::Infer(_)
            | Operation::Cancel { .. }
            | Operation::Inspect { .. }
            | Operation::List { .. }
            | Operation::Pools => About::Other,
        };
        let (say, _) = mpsc::channel(1);
        self.waiters.insert(ticket, Waiter { say, about });
        self.put(ticket, operation);
    }

    fn listen(&mut self) {
        while let Some(event) = self.provider.poll(self.now) {
            self.hear(event);
        }
    }

    fn hear(&mut self, Event { at, kind }: Event) {
        match kind {
            EventKind::FirstToken { ticket } => self.hear_first_token(at, ticket),
            // The stream paces its tokens itself.
            EventKind::Progress { .. } => {}
            EventKind::Preempted { allocation, grace } => self.hear_notice(allocation, grace),
            EventKind::Completed { ticket, result } => {
                let Some(waiter) = self.waiters.remove(&ticket) else { return };
                self.learn(at, &waiter.about, &result);
                // Who hung up does not hear it; a grant is held all the same.
                let _ = waiter.say.try_send(Said::Answered(self.as_lived(result)));
            }
        }
    }

    fn hear_first_token(&mut self, at: Timestamp, ticket: Ticket) {
        let Some(waiter) = self.waiters.get_mut(&ticket) else { return };
        if let About::Inference { share, first_token } = &mut waiter.about {
            *first_token = Some(at);
            let model = self.held.get(share);
            let time = model.and_then(|model| self.token_times.get(model));
            let per_token = time.map(|ns| self.pace.real(Duration::from_nanos(*ns as u64)));
            let _ = waiter.say.try_send(Said::FirstToken { per_token });
        }
    }

    fn hear_notice(&self, allocation: AllocationId, grace: Duration) {
        let grace = self.pace.real(grace);
        for waiter in self.waiters.values() {
            let concerned =
                matches!(waiter.about, About::Inference { share, .. } if share == allocation);
            if concerned {
                let _ = waiter.say.try_send(Said::Preempted { grace });
            }
        }
    }

    /// Keeps account of what is held and how fast models are.
    fn learn(&mut self, at: Timestamp, about: &About, result: &Result<Reply, Error>) {
        match (about, result) {
            (About::Grant(model), Ok(Reply::Granted { allocation })) => {
                self.held.insert(*allocation, *model);
                self.report.granted += 1;
            }
            (About::Release(share), Ok(_)) => {
                self.held.remove(share);
            }
            (About::Release(share), Err(error)) if error.kind == ErrorKind::NotFound => {
                self.held.remove(share);
            }
            (About::Inference { share, .. }, Err(error)) if error.kind == ErrorKind::Preempted => {
                self.held.remove(share);
            }
            (
                About::Inference { share, first_token: Some(first) },
                Ok(Reply::Generated { usage, .. }),
            ) => {
                let further = usage.output.get().saturating_sub(1);
                if let Some(&model) = self.held.get(share)
                    && further > 0
                {
                    let latest = at.since(*first).as_nanos() as f64 / f64::from(further);
                    let known = self.token_times.entry(model).or_insert(latest);
                    *known += LATEST * (latest - *known);
                }
            }
            (
                About::Grant(_) | About::Release(_) | About::Inference { .. } | About::Other,
                Ok(_) | Err(_),
            ) => {}
        }
    }

    /// Waits asked of the caller are told in the caller's time.
    fn as_lived(&self, result: Result<Reply, Error>) -> Result<Reply, Error> {
        result.map_err(|error| match error.kind {
            ErrorKind::RateLimited { retry_after: Some(wait) } => {
                let retry_after = Some(self.pace.real(wait));
                Error { kind: ErrorKind::RateLimited { retry_after }, ..error }
            }
            ErrorKind::RateLimited { retry_after: None }
            | ErrorKind::Timeout
            | ErrorKind::Unavailable { .. }
            | ErrorKind::CapacityExhausted
            | ErrorKind::Preempted
            | ErrorKind::PolicyRefused
            | ErrorKind::CreditExhausted
            | ErrorKind::Unauthorized
            | ErrorKind::NotFound
            | ErrorKind::Conflict
            | ErrorKind::Invalid
            | ErrorKind::Protocol => error,
        })
    }

    /// Ends what runs, hears what is on its way, gives back what is held: time jumps.
    fn close(&mut self) {
        let running = |waiter: &Waiter| matches!(waiter.about, About::Inference { .. });
        let running: Vec<_> =
            self.waiters.iter().filter(|(_, w)| running(w)).map(|(ticket, _)| *ticket).collect();
        for inference in running {
            self.put_own(Operation::Cancel { inference });
        }
        self.run_out();
        let held: Vec<_> = self.held.keys().copied().collect();
        for &allocation in &held {
            self.put_own(Operation::Release { allocation });
        }
        self.run_out();
        self.report.left_held = self.held.len() as u64;
        self.report.given_back = held.len() as u64 - self.report.left_held;
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
