//! The drivers: who owns the loop between traffic, platform and connectors.
//!
//! The platform and the connectors are state machines that never wait. A driver decides what `now`
//! is: [`virtual_time`] jumps to the earliest deadline, [`real_time`] sleeps until it. What is done
//! at an instant is the same for both and stands here, in `Session::step`:
//!
//! 1. what has happened at the far side by now,
//! 2. requests scheduled to arrive by now,
//! 3. the platform's deadlines by now.
//!
//! An answer that comes at the very instant of its time-out is therefore in time. After every input
//! the platform's outputs are carried out, until neither side has anything left to say.

mod caps;
mod lag;
mod observer;
pub mod real_time;
mod sampling;
pub mod virtual_time;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use connector::{
    CableId, Connector, Event, Operation, Outcome, RequestId, RequestRecord, Ticket, Timestamp,
};
use platform::{Input, Output, Platform, Request};
use scenarios::{TrafficError, Users};

use caps::LOOK;
pub use caps::{Cap, Caps};
pub use lag::Lag;
pub use observer::Observer;
use sampling::Look;
pub use sampling::Sampling;

/// What a run shows while it runs, and how it is told to stop; shared with other threads.
#[derive(Debug, Default)]
pub struct Watch {
    now_ns: AtomicU64,
    requests: AtomicU64,
    interrupted: AtomicBool,
    interruption: tokio::sync::Notify,
    caps: Caps,
}

impl Watch {
    /// Of a run that ends early at these limits.
    pub fn capped(caps: Caps) -> Self {
        Self { caps, ..Self::default() }
    }

    /// Time of the run reached, and requests arrived.
    pub fn progress(&self) -> (Timestamp, u64) {
        let now = Timestamp::from_nanos(self.now_ns.load(Ordering::Relaxed));
        (now, self.requests.load(Ordering::Relaxed))
    }

    /// Asks the run to end early.
    pub fn interrupt(&self) {
        self.interrupted.store(true, Ordering::Relaxed);
        self.interruption.notify_one();
    }

    /// Whether the run was asked to end early.
    pub fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    fn show(&self, now: Timestamp, requests: u64) {
        self.now_ns.store(now.as_nanos(), Ordering::Relaxed);
        self.requests.store(requests, Ordering::Relaxed);
    }
}

/// Why a run ended without a result.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Traffic could not be read.
    #[error(transparent)]
    Traffic(#[from] TrafficError),
    /// The system gave no timer to keep time by.
    #[error("cannot keep time: {0}")]
    NoTimer(#[source] std::io::Error),
    /// Requests are unanswered and nobody is waiting for anything: a defect of the platform or of a
    /// connector.
    #[error("{in_flight} requests are unanswered at {at} s, but nothing is going to happen")]
    Stuck {
        /// How many.
        in_flight: usize,
        /// Since when, in seconds.
        at: f64,
    },
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// When the last thing happened.
    pub at: Timestamp,
    /// Whether it was interrupted, or met a limit, before all traffic was answered.
    pub partial: bool,
    /// The limit that it met.
    pub stopped: Option<Cap>,
    /// Shares whose release the provider never confirmed, however often it was asked.
    pub unreleased: usize,
}

/// The connectors of a run, and which of them each cable leads to.
#[derive(Debug)]
pub struct Lines<C> {
    connectors: Vec<C>,
    of_cable: Vec<usize>,
    /// The first cable that leads to each connector.
    first_cables: Vec<CableId>,
    /// When any connector has something to say; asking them all at every turn is not free.
    next: Timestamp,
    /// Whether answers come from outside, so that `next` does not tell.
    live: bool,
}

impl<C: Connector> Lines<C> {
    /// All cables lead to one connector whose deadline tells all, such as a simulator.
    pub fn single(connector: C) -> Self {
        let next = deadline_of(&connector);
        let first_cables = vec![CableId(0)];
        Self { connectors: vec![connector], of_cable: Vec::new(), first_cables, next, live: false }
    }

    /// The cable of this index leads to the connector of the index stated for it. Answers may come
    /// from outside at any time.
    ///
    /// Connectors of one run must not give out the same allocation ids.
    ///
    /// # Panics
    /// If there is no connector.
    pub fn several(connectors: Vec<C>, of_cable: Vec<usize>) -> Self {
        assert!(!connectors.is_empty(), "a run has at least one connector");
        let first = |line| of_cable.iter().position(|&of| of == line).unwrap_or(0);
        let first_cables = (0..connectors.len()).map(|line| CableId(first(line) as u32)).collect();
        Self { connectors, of_cable, first_cables, next: Timestamp::MAX, live: true }
    }

    /// The connectors, in the order given.
    pub fn connectors(&self) -> &[C] {
        &self.connectors
    }

    #[inline]
    fn submit(&mut self, now: Timestamp, cable: CableId, ticket: Ticket, operation: Operation) {
        let line = self.of_cable.get(cable.index()).copied().unwrap_or(0);
        let connector = &mut self.connectors[line];
        connector.submit(now, ticket, operation);
        self.next = self.next.min(deadline_of(connector));
    }

    /// Whether a poll may find something.
    #[inline]
    fn may_speak(&self, now: Timestamp) -> bool {
        self.live || self.next <= now
    }

    /// The next event, and a cable that leads to where it happened. Which of several it was about
    /// is told by the event's ticket.
    #[inline]
    fn poll(&mut self, now: Timestamp) -> Option<(CableId, Event)> {
        let mut lines = self.first_cables.iter().zip(&mut self.connectors);
        let found = lines.find_map(|(&cable, connector)| Some((cable, connector.poll(now)?)));
        self.next = self.connectors.iter().map(deadline_of).min().unwrap_or(Timestamp::MAX);
        found
    }
}

/// When to poll a connector; [`Timestamp::MAX`] is never.
fn deadline_of<C: Connector>(connector: &C) -> Timestamp {
    connector.deadline().unwrap_or(Timestamp::MAX)
}

/// A run under way: traffic, platform and observer, but no notion of time passing.
#[derive(Debug)]
pub struct Session<A, O> {
    arrivals: A,
    next_arrival: Option<Request>,
    users: Users,
    platform: Platform,
    observer: O,
    sampling: Sampling,
    /// Arrived so far, those that were dropped included.
    arrived: u64,
    most_in_flight: usize,
    dropped: u64,
    caps: Caps,
    /// The limit that was met.
    stopped: Option<Cap>,
    /// When to look at the cost next, if it is limited.
    cost_due: Timestamp,
    lag: Lag,
    way_out: Lag,
}

impl<A, O> Session<A, O>
where
    A: Iterator<Item = Result<Request, TrafficError>>,
    O: Observer,
{
    /// A session at the start of its run.
    ///
    /// # Errors
    /// If the first arrival cannot be had.
    pub fn new(
        arrivals: A,
        platform: Platform,
        observer: O,
        sampling: Sampling,
    ) -> Result<Self, TrafficError> {
        let mut session = Self {
            arrivals,
            next_arrival: None,
            users: Users::default(),
            platform,
            observer,
            sampling,
            arrived: 0,
            most_in_flight: usize::MAX,
            dropped: 0,
            caps: Caps::default(),
            stopped: None,
            cost_due: Timestamp::MAX,
            lag: Lag::default(),
            way_out: Lag::default(),
        };
        session.next_arrival = session.arrivals.next().transpose()?;
        Ok(session)
    }

    /// The same session, which hands the platform no request while so many are in flight: those are
    /// dropped and counted. A generator that goes on regardless ends up measuring itself.
    #[must_use]
    pub fn bounded(self, most_in_flight: usize) -> Self {
        Self { most_in_flight, ..self }
    }

    /// The same session with users who wait for their answers besides.
    #[must_use]
    pub fn with_users(self, users: Users) -> Self {
        Self { users, ..self }
    }

    /// Requests that were not handed over because too many were in flight.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Requests handed to the platform so far.
    pub fn requests(&self) -> u64 {
        self.arrived - self.dropped
    }

    /// The platform.
    pub fn platform(&self) -> &Platform {
        &self.platform
    }

    /// How late requests were handed to the platform, against their schedule.
    pub fn lag(&self) -> &Lag {
        &self.lag
    }

    /// How long operations were on their way from the instant at which the platform was told of what
    /// they follow from (for the first of a request, the instant that [`lag`](Self::lag) ends at) to the HTTP
    /// client. Never any where nothing is sent.
    pub fn way_out(&self) -> &Lag {
        &self.way_out
    }

    /// What is left when the run is over.
    pub fn into_parts(self) -> (A, Platform, O) {
        (self.arrivals, self.platform, self.observer)
    }

    /// Whether all traffic has arrived and every request is answered.
    fn all_answered(&self) -> bool {
        self.next_at() == Timestamp::MAX && self.platform.in_flight() == 0
    }

    /// When the next request arrives, as far as that is known; [`Timestamp::MAX`] is never.
    #[inline]
    fn next_at(&self) -> Timestamp {
        let open = self.next_arrival.as_ref().map_or(Timestamp::MAX, |request| request.arrived);
        open.min(self.users.next_at().unwrap_or(Timestamp::MAX))
    }

    /// When there is something to do; [`Timestamp::MAX`] is never.
    fn deadline<C: Connector>(&self, lines: &Lines<C>) -> Timestamp {
        self.next_at().min(self.wake_at()).min(lines.next).min(self.cost_due)
    }

    /// Whether nothing is to come but looks at leases, which answer nobody.
    fn only_looks<C: Connector>(&self, lines: &Lines<C>) -> bool {
        let nothing_else = self.next_at() == Timestamp::MAX && lines.next == Timestamp::MAX;
        nothing_else && self.platform.only_looks()
    }

    fn wake_at(&self) -> Timestamp {
        self.platform.deadline().unwrap_or(Timestamp::MAX)
    }

    /// Keeps to these limits from now on.
    fn keep_to(&mut self, caps: Caps) {
        self.caps = caps;
        self.cost_due = caps.cost.map_or(Timestamp::MAX, |_| Timestamp::ZERO);
    }

    /// Whether all the money is spent that may be.
    fn is_spent(&self) -> bool {
        matches!(self.stopped, Some(Cap::Cost(_)))
    }

    fn check_cost(&mut self, now: Timestamp) {
        self.cost_due = now + LOOK;
        if let Some(most) = self.caps.cost.filter(|&most| self.platform.spent(now) >= most) {
            self.stop(Cap::Cost(most));
        }
    }

    fn stop(&mut self, cap: Cap) {
        self.stopped = Some(cap);
        self.cost_due = Timestamp::MAX;
        self.end_traffic();
    }

    fn end_traffic(&mut self) {
        self.next_arrival = None;
        self.users.leave();
    }

    /// Does everything that is due at `now`.
    fn step<C: Connector>(
        &mut self,
        now: Timestamp,
        lines: &mut Lines<C>,
    ) -> Result<(), TrafficError> {
        if self.sampling.is_due(now) {
            self.sample(now, lines);
        }
        self.drain_events(now, lines);
        if self.cost_due <= now {
            self.check_cost(now);
        }
        while let Some(request) = self.due(now)? {
            if self.platform.in_flight() >= self.most_in_flight {
                self.dropped += 1;
                self.users.answered(now, request.id, false);
                continue;
            }
            self.lag.record(now.since(request.arrived));
            self.observer.arriving(now, &self.platform, &request);
            self.platform.handle(now, Input::Request(request));
            self.observer.in_flight(now, self.platform.in_flight());
            self.carry_out(now, lines);
            self.drain_events(now, lines);
        }
        if self.wake_at() <= now {
            self.platform.handle(now, Input::Wake);
            self.carry_out(now, lines);
            self.drain_events(now, lines);
        }
        Ok(())
    }

    /// The next request whose time has come. Where users ask as well, requests are numbered here, in the
    /// order in which they arrive.
    #[inline]
    fn due(&mut self, now: Timestamp) -> Result<Option<Request>, TrafficError> {
        if self.next_at() > now {
            return Ok(None);
        }
        if let Some(most) = self.caps.requests.filter(|&most| self.requests() >= most) {
            self.stop(Cap::Requests(most));
            return Ok(None);
        }
        let number = RequestId(self.arrived);
        self.arrived += 1;
        if self.users.is_empty() {
            return self.take_arrival();
        }
        let open = self.next_arrival.as_ref().map_or(Timestamp::MAX, |request| request.arrived);
        if self.users.next_at().is_some_and(|at| at < open) {
            return Ok(self.users.ask(number));
        }
        Ok(self.take_arrival()?.map(|request| Request { id: number, ..request }))
    }

    fn take_arrival(&mut self) -> Result<Option<Request>, TrafficError> {
        let next = self.arrivals.next().transpose()?;
        Ok(std::mem::replace(&mut self.next_arrival, next))
    }

    /// A request is over.
    #[inline]
    fn record(&mut self, now: Timestamp, record: &RequestRecord) {
        if !self.users.is_empty() {
            let in_full = record.outcome == Outcome::Completed;
            self.users.answered(now, record.request, in_full);
        }
        self.observer.record(record);
    }

    /// Stops taking requests and has everything that is held given back.
    fn drain<C: Connector>(&mut self, now: Timestamp, lines: &mut Lines<C>) {
        self.end_traffic();
        self.platform.handle(now, Input::Drain);
        self.carry_out(now, lines);
        self.drain_events(now, lines);
    }

    /// Waits for no answer any more; what is held is given back all the same.
    fn cancel_all<C: Connector>(&mut self, now: Timestamp, lines: &mut Lines<C>) {
        self.platform.handle(now, Input::CancelAll);
        self.carry_out(now, lines);
        self.drain_events(now, lines);
    }

    fn drain_events<C: Connector>(&mut self, now: Timestamp, lines: &mut Lines<C>) {
        while lines.may_speak(now)
            && let Some((cable, event)) = lines.poll(now)
        {
            self.platform.handle(now, Input::Event(cable, event));
            self.carry_out(now, lines);
        }
    }

    fn carry_out<C: Connector>(&mut self, now: Timestamp, lines: &mut Lines<C>) {
        while let Some(output) = self.platform.poll_output() {
            match output {
                Output::Submit { cable, ticket, operation } => {
                    lines.submit(now, cable, ticket, operation);
                }
                Output::Record(record) => self.record(now, &record),
                Output::Usage(record) => self.observer.usage(&record),
                Output::Lease(record) => self.observer.lease(&record),
                Output::Respond(_) => {}
            }
        }
    }

    /// Looks at the pools as often as is due.
    fn sample<C: Connector>(&mut self, now: Timestamp, lines: &mut Lines<C>) {
        while let Some(Look { at, is_once }) = self.sampling.due(now) {
            if is_once {
                self.collect_gaps(at, lines);
            }
            self.observe(at, lines);
        }
    }

    /// The last look at a run that is over.
    fn conclude<C: Connector>(&mut self, now: Timestamp, lines: &mut Lines<C>) {
        self.collect_gaps(now, lines);
        self.observe(now, lines);
        for connector in &mut lines.connectors {
            connector.provider_usage(now, &mut |usage| self.observer.provider_usage(&usage));
            connector.statement_of_held(now, &mut |line| self.observer.statement(&line));
        }
    }

    /// Times between tokens are many: they are asked for where measuring begins and ends only.
    fn collect_gaps<C: Connector>(&mut self, at: Timestamp, lines: &mut Lines<C>) {
        for connector in &mut lines.connectors {
            connector.token_gaps(at, &mut |gaps| self.observer.token_gaps(at, &gaps));
        }
    }

    fn observe<C: Connector>(&mut self, at: Timestamp, lines: &mut Lines<C>) {
        self.observer.in_flight(at, self.platform.in_flight());
        self.observer.look(at, &self.platform);
        for connector in &mut lines.connectors {
            connector.gauges(at, &mut |gauge| self.observer.gauge(at, &gauge));
            connector.statement(at, &mut |line| self.observer.statement(&line));
        }
    }
}
