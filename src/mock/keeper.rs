//! The task that owns the provider and paces it.

use std::collections::{BTreeMap, BTreeSet};

use connector::{
    AllocationId, Connector, Duration, Error, ErrorKind, Event, EventKind, Operation, Reply,
    Ticket, Timestamp,
};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

use super::{
    desk::{Counter, Question, Said, Voice},
    pace::Pace,
    tally::Tallies,
};

/// Tickets of the keeper's own questions have this bit; handlers count up from zero.
const OWN: u64 = 1 << 63;
/// Questions taken in one go before time is looked at again.
const BATCH: usize = 256;
/// Events in closing beyond which the provider is held to be talking to itself.
const MOST_CLOSING_EVENTS: usize = 10_000_000;
/// When a share whose time is over is taken back if it could not be.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// How often a stream is told what is out, in the caller's time: as a reader sees it flow, and no
/// oftener than timers that are good for a millisecond bear with many streams at once.
const TOLD_EVERY: Duration = Duration::from_millis(10);

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
    asked: Timestamp,
}

#[derive(Debug)]
enum About {
    /// For so long, in virtual time; `None`: for good.
    Grant(Option<Duration>),
    Inference(AllocationId),
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
    /// And until when, where shares were asked for a time.
    held: BTreeMap<AllocationId, Option<Timestamp>>,
    /// The same, the next end first.
    ends: BTreeSet<(Timestamp, AllocationId)>,
    tallies: Tallies,
    own_questions: u64,
    report: MockReport,
}

impl<C: Connector> Keeper<C> {
    pub(super) fn new(provider: C, pace: Pace, most_in_flight: usize, tallies: Tallies) -> Self {
        Self {
            provider,
            pace,
            most_in_flight,
            now: Timestamp::ZERO,
            waiters: BTreeMap::new(),
            held: BTreeMap::new(),
            ends: BTreeSet::new(),
            tallies,
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
            let due = self.due().and_then(|at| self.pace.instant(at));
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

    /// When there is something to do unasked.
    fn due(&self) -> Option<Timestamp> {
        let end = self.ends.first().map(|(at, _)| *at);
        self.provider.deadline().into_iter().chain(end).min()
    }

    fn catch_up(&mut self) {
        self.now = self.now.max(self.pace.now());
        self.listen();
        while let Some(&(at, share)) = self.ends.first().filter(|(at, _)| *at <= self.now) {
            self.ends.remove(&(at, share));
            self.put_own(Operation::Release { allocation: share });
        }
    }

    fn take_in(&mut self, question: Question) {
        let Question { ticket, mut operation, lease, voice } = question;
        if self.waiters.len() >= self.most_in_flight {
            self.report.sent_away += 1;
            let words = format!("{} questions are in flight already", self.most_in_flight);
            let full = Error::new(ErrorKind::Unavailable { reached: false }, words);
            voice.say(Said::Answered(Err(full)));
            return;
        }
        self.report.questions += 1;
        let about = match &mut operation {
            Operation::Allocate(_) => {
                About::Grant(lease.map(|lease| self.pace.virtual_time(lease)))
            }
            Operation::Infer(ask) => {
                ask.progress = ask.stream.then(|| self.pace.virtual_time(TOLD_EVERY));
                About::Inference(ask.allocation)
            }
            Operation::Release { allocation } => About::Release(*allocation),
            Operation::Cancel { .. }
            | Operation::Inspect { .. }
            | Operation::List { .. }
            | Operation::Pools => About::Other,
        };
        self.wait(ticket, voice, about);
        self.put(ticket, operation);
    }

    fn wait(&mut self, ticket: Ticket, voice: Voice, about: About) {
        let asked = self.now.max(self.pace.now());
        if let About::Inference(share) = about {
            self.tallies.begin(share, asked);
        }
        self.waiters.insert(ticket, Waiter { voice, about, asked });
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
        self.wait(ticket, Voice::unheard(), about);
        self.put(ticket, operation);
    }

    fn listen(&mut self) {
        while let Some(event) = self.provider.poll(self.now) {
            self.hear(event);
        }
    }

    fn hear(&mut self, Event { kind, .. }: Event) {
        match kind {
            EventKind::FirstToken { ticket } => {
                self.waiters.get(&ticket).iter().for_each(|it| it.voice.say(Said::FirstToken));
            }
            EventKind::Progress { ticket, tokens, .. } => {
                self.waiters.get(&ticket).iter().for_each(|it| it.voice.made(tokens));
            }
            EventKind::Preempted { allocation, grace } => self.hear_notice(allocation, grace),
            EventKind::Completed { ticket, result } => {
                let Some(waiter) = self.waiters.remove(&ticket) else { return };
                // Who hung up does not hear it; a grant is held all the same.
                self.keep_account(&waiter, &result);
                waiter.voice.say(Said::Answered(self.as_lived(result)));
            }
        }
    }

    fn hear_notice(&self, allocation: AllocationId, grace: Duration) {
        let grace = self.pace.real(grace);
        for waiter in self.waiters.values() {
            let concerned = matches!(waiter.about, About::Inference(share) if share == allocation);
            if concerned {
                waiter.voice.say(Said::Preempted { grace });
            }
        }
    }

    /// Keeps account of what is held.
    fn keep_account(&mut self, waiter: &Waiter, result: &Result<Reply, Error>) {
        let failure = result.as_ref().err().map(|error| error.kind);
        if let About::Inference(share) = &waiter.about {
            let took = self.now.since(waiter.asked);
            self.tallies.end(*share, self.now, failure.is_none().then_some(took));
        }
        match (&waiter.about, result) {
            (About::Grant(lease), Ok(Reply::Granted { allocation })) => {
                let end = lease.map(|lease| self.now + lease);
                self.held.insert(*allocation, end);
                self.ends.extend(end.map(|end| (end, *allocation)));
                self.tallies.granted(*allocation, self.now);
                self.report.granted += 1;
            }
            (About::Release(share), _) if matches!(failure, None | Some(ErrorKind::NotFound)) => {
                self.let_go(*share);
            }
            (About::Release(share), Err(_)) if self.is_over(*share) => {
                // A provider that is down takes it back once it is up.
                self.ends.insert((self.now + AGAIN_AFTER, *share));
            }
            (About::Inference(share), _) if failure == Some(ErrorKind::Preempted) => {
                self.let_go(*share);
            }
            (
                About::Grant(_) | About::Release(_) | About::Inference(_) | About::Other,
                Ok(_) | Err(_),
            ) => {}
        }
    }

    /// Whether the time of a share that is still held has come.
    fn is_over(&self, share: AllocationId) -> bool {
        self.held.get(&share).is_some_and(|end| end.is_some_and(|end| end <= self.now))
    }

    fn let_go(&mut self, share: AllocationId) {
        if let Some(end) = self.held.remove(&share).flatten() {
            self.ends.remove(&(end, share));
        }
        self.tallies.gone(share);
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
        let running = |waiter: &Waiter| matches!(waiter.about, About::Inference(_));
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
