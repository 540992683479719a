//! Load of another customer on a card: it works and rests by turns.
//!
//! Its work is time of the whole card; with a part of the card it takes longer. Nothing else is known
//! of what others do: vendors' traces of shared cards tell how busy they are, not with what.

use connector::{EventKey, Timestamp};

use crate::{
    config::NeighbourConfig,
    control::Sampler,
    random::{Stream, Streams},
};

/// See the module text.
#[derive(Debug)]
pub(crate) struct Neighbour {
    /// Its number among those who share the card.
    pub(crate) member: usize,
    /// Bytes in use.
    pub(crate) working_set: u64,
    /// The pending wake-up, if any.
    pub(crate) wake: Option<EventKey>,
    /// Whether it has work.
    pub(crate) ready: bool,
    busy: Option<Sampler>,
    idle: Sampler,
    stream: Stream,
    /// Nanoseconds of the whole card that its work still takes, as of `since`.
    left: f64,
    since: Timestamp,
    /// The part of the card that it has.
    fraction: f64,
}

impl Neighbour {
    /// One that rests, the so manieth on a card of a pool.
    pub(crate) fn new(
        member: usize,
        config: &NeighbourConfig,
        (pool, card): (&str, u32),
        streams: Streams,
    ) -> Self {
        Self {
            member,
            working_set: config.working_set.as_bytes(),
            wake: None,
            ready: false,
            busy: config.busy.map(Sampler::new),
            idle: Sampler::new(config.idle),
            stream: streams.stream(&format!("neighbours/{pool}/{member}/{card}")),
            left: 0.0,
            since: Timestamp::ZERO,
            fraction: 0.0,
        }
    }

    /// When its present rest is over, if it rests from now on.
    pub(crate) fn rest(&mut self, now: Timestamp) -> Timestamp {
        self.ready = false;
        // The part that it gets next is news, even if it is the same again.
        self.fraction = 0.0;
        now + self.idle.draw(&mut self.stream)
    }

    /// It has work from now on.
    pub(crate) fn start(&mut self, now: Timestamp) {
        self.ready = true;
        self.since = now;
        self.left = match self.busy {
            Some(busy) => busy.draw(&mut self.stream).as_nanos() as f64,
            None => f64::INFINITY,
        };
    }

    /// Whether its work is done by now.
    pub(crate) fn is_done(&mut self, now: Timestamp) -> bool {
        self.pass(now);
        self.left < 1.0
    }

    /// It has this part of the card from now on; whether that changes anything.
    pub(crate) fn set_fraction(&mut self, now: Timestamp, fraction: f64) -> bool {
        if fraction.to_bits() == self.fraction.to_bits() {
            return false;
        }
        self.pass(now);
        self.fraction = fraction;
        true
    }

    /// When its work will be done, at the part of the card that it has; `None` for never.
    pub(crate) fn done_at(&self) -> Option<Timestamp> {
        let ns = libm::ceil(self.left / self.fraction);
        let may_end = self.ready && self.fraction > 0.0 && ns < 1e18;
        may_end.then(|| self.since + connector::Duration::from_nanos(ns as u64))
    }

    fn pass(&mut self, now: Timestamp) {
        self.left -= now.since(self.since).as_nanos() as f64 * self.fraction;
        self.since = now;
    }
}
