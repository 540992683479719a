//! Everything that is to happen at a time.
//!
//! A time-out of one kind always takes equally long, so its deadlines come in the order they were
//! set: a queue with the earliest in front does what a heap would, in constant time. Only what is
//! drawn at random (pauses before a retry) needs the [`EventQueue`].
//!
//! Most time-outs never run out, so ending one does nothing at all: its entry stays, and the
//! earliest deadline with it, until that comes and [`Timers::look_ahead`] drops what is dead, or
//! until no answer is waited for. A wake-up for nothing per time-out's length costs less than
//! keeping the earliest exact.

use connector::{Duration, EventKey, EventQueue, Timestamp};

use crate::{
    config::Timeouts, fifo::Fifo, flight::FlightKey, lease::LeaseKey, question::QuestionKey,
};

/// What a pause of irregular length delays.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pause {
    /// The next try of a request on the same cable.
    Retry(FlightKey),
    /// The hedge of a request.
    Hedge(FlightKey),
    /// The end of the time that a request has.
    Total(FlightKey),
    /// The end of a caller's patience.
    Patience(FlightKey),
    /// A look at a request that waits, for what it was promised.
    Promise(FlightKey),
    /// Giving up asking a model for a request's class.
    Classify(FlightKey),
    /// A cable that was left alone.
    Cooldown(usize),
    /// The next asking for a release.
    Release(LeaseKey),
    /// The next asking for a list on the cable of this index.
    List(usize),
    /// The next look at the oldest warm lease of the cable of this index.
    Shelf(usize),
    /// The next look at how many leases are needed.
    Look,
    /// The next sweep.
    Sweep,
    /// What the breaker of the cable of this index does by itself.
    Breaker(usize),
}

/// The kinds of answer that are waited for, each for its own time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    Allocation,
    /// The first token of an inference, if that is waited for by itself.
    FirstToken,
    /// The next token of an inference that tells of them.
    Token,
    Inference,
    /// Releases and lists.
    Release,
}

impl Wait {
    pub(crate) const ALL: [Self; 5] =
        [Self::Allocation, Self::FirstToken, Self::Token, Self::Inference, Self::Release];
}

/// Time-outs of one kind. An entry is known by what it is about and when it was set.
#[derive(Debug)]
struct Lane<K> {
    after: Duration,
    entries: Fifo<(Timestamp, K)>,
}

impl<K: Copy> Lane<K> {
    fn new(after: Duration) -> Self {
        Self { after, entries: Fifo::default() }
    }

    /// Starts a time-out and says when it runs out.
    fn start(&mut self, now: Timestamp, key: K) -> Timestamp {
        self.entries.push((now, key));
        now + self.after
    }

    fn next(&self) -> Timestamp {
        self.entries.front().map_or(Timestamp::MAX, |&(since, _)| since + self.after)
    }

    fn expire(&mut self, now: Timestamp) -> Option<(Timestamp, K)> {
        if self.next() <= now { self.entries.pop() } else { None }
    }
}

#[derive(Debug)]
pub(crate) struct Timers {
    line: Lane<FlightKey>,
    /// In the order of [`Wait`].
    answers: [Lane<QuestionKey>; Wait::ALL.len()],
    pauses: EventQueue<Pause>,
    /// Nothing is due before; [`Timestamp::MAX`] while nothing is set.
    earliest: Timestamp,
}

impl Timers {
    pub(crate) fn new(timeouts: &Timeouts) -> Self {
        let answers = Wait::ALL.map(|kind| {
            Lane::new(match kind {
                Wait::Allocation => timeouts.allocation,
                Wait::FirstToken => timeouts.first_token.unwrap_or(Duration::MAX),
                Wait::Token => timeouts.between_tokens.unwrap_or(Duration::MAX),
                Wait::Inference => timeouts.inference,
                Wait::Release => timeouts.release,
            })
        });
        Self {
            line: Lane::new(timeouts.in_line()),
            answers,
            pauses: EventQueue::new(),
            earliest: Timestamp::MAX,
        }
    }

    /// An answer of this kind is waited for from `now` on, if such waits have an end.
    pub(crate) fn await_answer(&mut self, kind: Wait, now: Timestamp, question: QuestionKey) {
        if self.answers[kind as usize].after == Duration::MAX {
            return;
        }
        let deadline = self.answers[kind as usize].start(now, question);
        self.earliest = self.earliest.min(deadline);
    }

    /// An answer came, of this kind if it was waited for; `open` questions are left.
    pub(crate) fn answered(
        &mut self,
        kind: Option<Wait>,
        open: usize,
        is_open: impl Fn(QuestionKey) -> bool,
    ) {
        if open == 0 {
            self.answers.iter_mut().for_each(|lane| lane.entries.clear());
            self.find_earliest();
        } else if let Some(kind) = kind {
            self.compact(kind, open, &is_open);
            if kind == Wait::Inference {
                self.compact(Wait::FirstToken, open, &is_open);
            }
        }
    }

    #[inline]
    fn compact(&mut self, kind: Wait, open: usize, is_open: &impl Fn(QuestionKey) -> bool) {
        self.answers[kind as usize].entries.compact(open, |&(_, question)| is_open(question));
    }

    /// A request waits in line from `now` on.
    pub(crate) fn stand_in_line(&mut self, now: Timestamp, flight: FlightKey) {
        let deadline = self.line.start(now, flight);
        self.earliest = self.earliest.min(deadline);
    }

    /// Somebody left a line; at most `waiting` still wait in one.
    pub(crate) fn left_line(
        &mut self,
        waiting: usize,
        waits: impl Fn(Timestamp, FlightKey) -> bool,
    ) {
        self.line.entries.compact(waiting, |&(since, flight)| waits(since, flight));
    }

    pub(crate) fn pause(&mut self, until: Timestamp, what: Pause) -> EventKey {
        self.earliest = self.earliest.min(until);
        self.pauses.schedule(until, what)
    }

    pub(crate) fn cancel(&mut self, pause: EventKey) {
        self.pauses.cancel(pause);
    }

    /// As [`cancel`](Self::cancel), and nobody is woken for it.
    pub(crate) fn call_off(&mut self, pause: EventKey) {
        self.pauses.cancel(pause);
        self.find_earliest();
    }

    /// The next question of this kind whose time has run out by `now`; it may be answered already.
    pub(crate) fn unanswered(&mut self, kind: Wait, now: Timestamp) -> Option<QuestionKey> {
        self.answers[kind as usize].expire(now).map(|(_, question)| question)
    }

    /// The next time in line that has run out by `now`, with when it began; it may be over already.
    pub(crate) fn waited_too_long(&mut self, now: Timestamp) -> Option<(Timestamp, FlightKey)> {
        self.line.expire(now)
    }

    pub(crate) fn pause_over(&mut self, now: Timestamp) -> Option<Pause> {
        self.pauses.pop_due(now).map(|(_, pause)| pause)
    }

    /// Finds the earliest deadline again, once everything due has been taken.
    pub(crate) fn look_ahead(
        &mut self,
        is_open: impl Fn(QuestionKey) -> bool,
        waits: impl Fn(Timestamp, FlightKey) -> bool,
    ) {
        self.line.entries.drop_dead_front(|&(since, flight)| waits(since, flight));
        for lane in &mut self.answers {
            lane.entries.drop_dead_front(|&(_, question)| is_open(question));
        }
        self.find_earliest();
    }

    /// How many pauses are under way.
    pub(crate) fn pauses(&self) -> usize {
        self.pauses.len()
    }

    /// Whether a time-out may be running.
    pub(crate) fn awaits_answers(&self) -> bool {
        let lanes = self.answers.iter().map(Lane::next);
        lanes.fold(self.line.next(), Timestamp::min) < Timestamp::MAX
    }

    fn find_earliest(&mut self) {
        // What was called off is still in the queue until its time.
        let pause = self.pauses.next_time().filter(|_| !self.pauses.is_empty());
        let pause = pause.unwrap_or(Timestamp::MAX);
        let others = self.answers.iter().map(Lane::next);
        self.earliest = others.fold(pause.min(self.line.next()), Timestamp::min);
    }

    /// When anything is due next. It may be early where something was ended, never late.
    #[inline]
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        (self.earliest < Timestamp::MAX).then_some(self.earliest)
    }
}
