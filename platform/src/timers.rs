//! Everything that is to happen at a time.
//!
//! A time-out of one kind always takes equally long, so its deadlines come in the order they were
//! set: a queue with the earliest in front does what a heap would, in constant time. Only what is
//! drawn at random (pauses before a retry) needs the [`EventQueue`].

use connector::{Duration, EventKey, EventQueue, Timestamp};

use crate::{
    config::Timeouts, fifo::Fifo, flight::FlightKey, lease::LeaseKey, question::QuestionKey,
};

/// What a pause of irregular length delays.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pause {
    /// The next try of a request on the same cable.
    Retry(FlightKey),
    /// The next asking for a release.
    Release(LeaseKey),
    /// The next asking for a list on the cable of this index.
    List(usize),
}

/// Time-outs of one kind. An entry is known by what it is about and when it was set.
#[derive(Debug)]
pub(crate) struct Lane<K> {
    after: Duration,
    entries: Fifo<(Timestamp, K)>,
}

impl<K: Copy> Lane<K> {
    fn new(after: Duration) -> Self {
        Self { after, entries: Fifo::default() }
    }

    pub(crate) fn start(&mut self, now: Timestamp, key: K) {
        self.entries.push((now, key));
    }

    /// To be called when an entry is no longer wanted; see [`Fifo::settle`].
    pub(crate) fn settle(&mut self, live_at_most: usize, alive: impl Fn(Timestamp, K) -> bool) {
        self.entries.settle(live_at_most, |&(since, key)| alive(since, key));
    }

    /// The next entry whose time has run out by `now`, with when it was set.
    pub(crate) fn expire(&mut self, now: Timestamp) -> Option<(Timestamp, K)> {
        if self.next()? <= now { self.entries.pop() } else { None }
    }

    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.entries.front().map(|&(since, _)| since + self.after)
    }
}

#[derive(Debug)]
pub(crate) struct Timers {
    pub(crate) queue: Lane<FlightKey>,
    pub(crate) allocation: Lane<QuestionKey>,
    pub(crate) inference: Lane<QuestionKey>,
    /// Releases and lists.
    pub(crate) release: Lane<QuestionKey>,
    pauses: EventQueue<Pause>,
}

impl Timers {
    pub(crate) fn new(timeouts: &Timeouts) -> Self {
        Self {
            queue: Lane::new(timeouts.queue),
            allocation: Lane::new(timeouts.allocation),
            inference: Lane::new(timeouts.inference),
            release: Lane::new(timeouts.release),
            pauses: EventQueue::new(),
        }
    }

    pub(crate) fn pause(&mut self, until: Timestamp, what: Pause) -> EventKey {
        self.pauses.schedule(until, what)
    }

    pub(crate) fn cancel(&mut self, pause: EventKey) {
        self.pauses.cancel(pause);
    }

    pub(crate) fn pause_over(&mut self, now: Timestamp) -> Option<Pause> {
        self.pauses.pop_due(now).map(|(_, pause)| pause)
    }

    /// When anything is due next. It may be early where a pause was cancelled, never late.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        let mut earliest = self.pauses.next_time();
        let mut consider = |next: Option<Timestamp>| {
            if let Some(next) = next
                && earliest.is_none_or(|earliest| next < earliest)
            {
                earliest = Some(next);
            }
        };
        consider(self.queue.next());
        consider(self.allocation.next());
        consider(self.inference.next());
        consider(self.release.next());
        earliest
    }
}
