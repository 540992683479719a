//! The drivers: who owns the loop between traffic, platform and connectors.
//!
//! The platform and the connectors are state machines that never wait. A driver decides what `now`
//! is: [`virtual_time`] jumps to the earliest deadline, [`real_time`] sleeps until it. What is done
//! at an instant is the same for both and stands here, in [`Session::step`]:
//!
//! 1. what has happened at the far side by now,
//! 2. requests scheduled to arrive by now,
//! 3. the platform's deadlines by now.
//!
//! An answer that comes at the very instant of its time-out is therefore in time. After every input
//! the platform's outputs are carried out, until neither side has anything left to say.

pub mod real_time;
pub mod virtual_time;

use connector::{Connector, Duration, Event, PoolGauge, RequestRecord, Timestamp};
use platform::{Input, Output, Platform, Request};
use scenarios::TrafficError;

/// What a driver reports to while it runs.
pub trait Observer {
    /// A request is finished.
    fn record(&mut self, record: &RequestRecord);

    /// The state of a pool.
    fn gauge(&mut self, at: Timestamp, gauge: PoolGauge);

    /// The run has got this far, with this many requests in flight.
    fn at(&mut self, now: Timestamp, in_flight: usize);
}

/// The connectors of a run, and which of them each cable leads to.
#[derive(Debug)]
pub struct Lines<C> {
    connectors: Vec<C>,
    of_cable: Vec<usize>,
}

impl<C: Connector> Lines<C> {
    /// All cables lead to one connector.
    pub fn single(connector: C) -> Self {
        Self { connectors: vec![connector], of_cable: Vec::new() }
    }

    /// The cable of this index leads to the connector of the index stated for it.
    ///
    /// Connectors of one run must not give out the same allocation ids.
    pub fn several(connectors: Vec<C>, of_cable: Vec<usize>) -> Self {
        Self { connectors, of_cable }
    }

    /// The connectors, in the order given.
    pub fn connectors(&self) -> &[C] {
        &self.connectors
    }

    fn poll(&mut self, now: Timestamp) -> Option<Event> {
        self.connectors.iter_mut().find_map(|connector| connector.poll(now))
    }

    fn deadline(&self) -> Option<Timestamp> {
        self.connectors.iter().filter_map(Connector::deadline).min()
    }
}

/// A run under way: traffic, platform and observer, but no notion of time passing.
#[derive(Debug)]
pub struct Session<A, O> {
    arrivals: A,
    next_arrival: Option<Request>,
    platform: Platform,
    observer: O,
    sample_every: Duration,
    next_sample: Timestamp,
    requests: u64,
}

impl<A, O> Session<A, O>
where
    A: Iterator<Item = Result<Request, TrafficError>>,
    O: Observer,
{
    /// A session at the start of its run; pools are sampled at 0 and every `sample_every`.
    ///
    /// # Errors
    /// If the first arrival cannot be had.
    pub fn new(
        arrivals: A,
        platform: Platform,
        observer: O,
        sample_every: Duration,
    ) -> Result<Self, TrafficError> {
        let mut session = Self {
            arrivals,
            next_arrival: None,
            platform,
            observer,
            sample_every: sample_every.max(Duration::from_nanos(1)),
            next_sample: Timestamp::ZERO,
            requests: 0,
        };
        session.next_arrival = session.arrivals.next().transpose()?;
        Ok(session)
    }

    /// Requests handed to the platform so far.
    pub fn requests(&self) -> u64 {
        self.requests
    }

    /// The platform.
    pub fn platform(&self) -> &Platform {
        &self.platform
    }

    /// What is left when the run is over.
    pub fn into_parts(self) -> (Platform, O) {
        (self.platform, self.observer)
    }

    /// Whether all traffic has arrived and every request is answered.
    fn all_answered(&self) -> bool {
        self.next_arrival.is_none() && self.platform.in_flight() == 0
    }

    /// When there is something to do.
    fn deadline<C: Connector>(&self, lines: &Lines<C>) -> Option<Timestamp> {
        let arrival = self.next_arrival.as_ref().map(|request| request.arrived);
        [arrival, self.platform.deadline(), lines.deadline()].into_iter().flatten().min()
    }

    /// Does everything that is due at `now`.
    fn step<C: Connector>(
        &mut self,
        now: Timestamp,
        lines: &mut Lines<C>,
    ) -> Result<(), TrafficError> {
        while self.next_sample <= now {
            self.sample(lines);
        }
        self.drain_events(now, lines);
        while let Some(request) = self.next_arrival.take_if(|request| request.arrived <= now) {
            self.next_arrival = self.arrivals.next().transpose()?;
            self.requests += 1;
            self.platform.handle(now, Input::Request(request));
            self.carry_out(now, lines);
            self.drain_events(now, lines);
        }
        if self.platform.deadline().is_some_and(|deadline| deadline <= now) {
            self.platform.handle(now, Input::Wake);
            self.carry_out(now, lines);
            self.drain_events(now, lines);
        }
        Ok(())
    }

    /// Stops taking requests and has everything that is held given back.
    fn drain<C: Connector>(&mut self, now: Timestamp, lines: &mut Lines<C>) {
        self.next_arrival = None;
        self.platform.handle(now, Input::Drain);
        self.carry_out(now, lines);
        self.drain_events(now, lines);
    }

    fn drain_events<C: Connector>(&mut self, now: Timestamp, lines: &mut Lines<C>) {
        while let Some(event) = lines.poll(now) {
            self.platform.handle(now, Input::Event(connector::CableId(0), event));
            self.carry_out(now, lines);
        }
    }

    fn carry_out<C: Connector>(&mut self, now: Timestamp, lines: &mut Lines<C>) {
        while let Some(output) = self.platform.poll_output() {
            match output {
                Output::Submit { cable, ticket, operation } => {
                    let line = lines.of_cable.get(cable.index()).copied().unwrap_or(0);
                    lines.connectors[line].submit(now, ticket, operation);
                }
                Output::Record(record) => self.observer.record(&record),
                Output::Respond(_) => {}
            }
        }
    }

    fn sample<C: Connector>(&mut self, lines: &mut Lines<C>) {
        let at = self.next_sample;
        self.next_sample = at + self.sample_every;
        self.observe(at, lines);
    }

    fn observe<C: Connector>(&mut self, at: Timestamp, lines: &mut Lines<C>) {
        self.observer.at(at, self.platform.in_flight());
        for connector in &mut lines.connectors {
            connector.gauges(at, &mut |gauge| self.observer.gauge(at, gauge));
        }
    }
}
