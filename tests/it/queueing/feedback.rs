//! A provider some of whose answers are failures, told when the work is done.
//!
//! # Problem
//!
//! In a queue with feedback a customer that was served comes back with some probability, and every
//! pass takes a time of its own. The simulator fails calls before any work is done, and its work
//! depends on the lengths asked for, which are the same at every try.
//!
//! # Mechanism
//!
//! Between the platform and the simulator stands a connector that draws the length of every answer
//! anew and turns some of the finished ones into a failure of the provider. That they come back is
//! the platform's own retry.

use connector::{
    Connector, Error, ErrorKind, Event, EventKind, Operation, PoolGauge, Reply, Ticket, Timestamp,
    Tokens,
};
use sim::{
    Simulator,
    random::{Stream, Streams},
};

use super::{arrivals::TOKENS_PER_SECOND, distribution::Distribution};

/// How often answers fail, and how long they take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Feedback {
    pub(super) failing: f64,
    pub(super) service: Distribution,
}

/// The simulator, with answers that may fail at their end.
#[derive(Debug)]
pub(super) struct Failing {
    simulator: Simulator,
    feedback: Option<Feedback>,
    luck: Stream,
    services: Stream,
}

impl Failing {
    /// Without feedback it is the simulator itself.
    pub(super) fn new(simulator: Simulator, feedback: Option<Feedback>, streams: Streams) -> Self {
        Self {
            simulator,
            feedback,
            luck: streams.stream("feedback"),
            services: streams.stream("passes"),
        }
    }
}

impl Connector for Failing {
    fn submit(&mut self, now: Timestamp, ticket: Ticket, mut operation: Operation) {
        if let (Some(feedback), Operation::Infer(infer)) = (self.feedback, &mut operation) {
            let tokens = feedback.service.sample(&mut self.services) * TOKENS_PER_SECOND;
            infer.max_tokens = Tokens::new(tokens.round().max(1.0) as u32);
        }
        self.simulator.submit(now, ticket, operation);
    }

    fn poll(&mut self, now: Timestamp) -> Option<Event> {
        let mut event = self.simulator.poll(now)?;
        if let (Some(feedback), EventKind::Completed { result, .. }) =
            (self.feedback, &mut event.kind)
            && matches!(result, Ok(Reply::Generated { .. }))
            && self.luck.uniform() < feedback.failing
        {
            *result = Err(Error::from(ErrorKind::Unavailable { reached: true }));
        }
        Some(event)
    }

    fn deadline(&self) -> Option<Timestamp> {
        self.simulator.deadline()
    }

    fn gauges(&mut self, now: Timestamp, report: &mut dyn FnMut(PoolGauge)) {
        self.simulator.gauges(now, report);
    }
}
