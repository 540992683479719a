//! How many strikes at once a pool does well with, found out from its answers.
//!
//! # What is measured
//!
//! Time to the first token and time per output token, each against what the idle pool takes. Not the
//! time of the whole answer: that grows with the number of tokens, which is the caller's choice, so a
//! burst of long answers would read as congestion. The first tells of work that waits at the pool
//! (more strikes than it serves at once), the second of work that shares it (every further sequence
//! makes each step of the batch a little longer). Both are divided by what the pace that is stated for
//! the model says, so that models and prompts of all sizes can be added up.
//!
//! # Mechanism
//!
//! The limit is judged by *windows*: so many answers to strikes that were begun under the present
//! limit. Later ones of earlier limits say nothing about this one, and are dropped. Without that the
//! limit swings, because what is heard is always a whole answer late.
//!
//! *Idle* is what is measured at the lowest limit: at the start, and again whenever that is older than
//! `recalibrate`; for one window the pool gets no more than that, then as much as before. A straight
//! line through that point and the present one says what a single strike would take. A pool has too
//! much when either time is above `tolerance` times that. Twice is where throughput / time is
//! greatest, both for a queue and for a batch whose steps grow linearly (Kleinrock, "Power and
//! deterministic rules of thumb", 1979).
//!
//! * AIMD (Chiu and Jain 1989): one more per window; a share of it when there is too much.
//! * Gradient (after Netflix' concurrency-limits `Gradient2` and Envoy's adaptive concurrency): less
//!   in proportion to what is too much, smoothed; more by one, and after three windows with room, away from
//!   the limit that was too much last, twice as many each time, up to a quarter.
//!
//! Refusals for lack of room, rate limits and time-outs shrink the limit at once, once per window.
//!
//! # Edges
//!
//! A limit that was not reached says nothing about whether more would do: it grows only if the pool
//! had nearly that many strikes in the window. A pool that turned slow by itself drives the limit down
//! to its least, where what is measured is the new idle time.

use connector::{Duration, Timestamp};

use crate::config::{LimitConfig, LimitRule};

/// Answers in a window: half the limit, between these.
const WINDOW_LEAST: u32 = 8;
const WINDOW_MOST: u32 = 100;
/// Windows with room before growth doubles.
const PATIENCE: u32 = 3;
/// Most that the limit grows by in one window, as a share of it.
const GROWTH_MOST: f64 = 0.25;
/// What is left of a limit after a refusal, or when times are twice what is tolerated.
const AFTER_REFUSAL: f64 = 0.9;
const FAR_TOO_MUCH: f64 = 0.75;
/// Weight of one window in the gradient's way down.
const SMOOTHING: f64 = 0.25;
/// Around the limit that was too much last it grows by one only.
const NEAR: (f64, f64) = (0.8, 1.05);
/// Share of the limit that must have been in use for it to grow.
const IN_USE: f64 = 0.9;

/// What one strike took, beside what the model's stated pace says it should, in nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Took {
    /// What was measured.
    pub measured: f64,
    /// What was expected; anything constant where no pace is stated.
    pub expected: f64,
}

impl Took {
    /// A time against what was expected; without an expectation all count alike.
    pub fn new(measured: Duration, expected: f64) -> Self {
        let expected = if expected > 0.0 { expected } else { 1.0 };
        Self { measured: measured.as_nanos() as f64, expected }
    }
}

/// Sums over a window.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    number: u32,
    took: Took,
}

impl Sums {
    fn add(&mut self, took: Took) {
        self.number += 1;
        self.took.measured += took.measured;
        self.took.expected += took.expected;
    }

    /// How much longer than expected things took.
    fn slowdown(&self) -> Option<f64> {
        (self.number > 0).then(|| self.took.measured / self.took.expected)
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Window {
    answers: u32,
    first_tokens: Sums,
    tokens: Sums,
    /// Most strikes at once.
    busiest: u32,
}

/// What the pool takes with so many strikes at once.
#[derive(Clone, Copy, Debug, Default)]
struct Idle {
    strikes: f64,
    first_token: Option<f64>,
    token: Option<f64>,
    at: Timestamp,
}

/// The limit of one pool. See the module text.
#[derive(Debug)]
pub struct Limiter {
    config: LimitConfig,
    most: f64,
    limit: f64,
    /// When the limit changed last: strikes begun before are not of this window.
    since: Timestamp,
    window: Window,
    /// The limit to go back to after a look at the idle pool.
    looking: Option<f64>,
    idle: Idle,
    /// Windows with room in a row, and away from the ceiling.
    with_room: u32,
    /// The limit that was too much last; 0 before that.
    ceiling: f64,
}

impl Limiter {
    /// A limit of at most `most`, about to look at the idle pool. Where the least is above that, it
    /// is `most` at all times.
    pub fn new(config: LimitConfig, most: u32) -> Self {
        let least = config.least.min(most);
        let most = f64::from(most);
        Self {
            config: LimitConfig { least, ..config },
            most,
            limit: f64::from(least),
            since: Timestamp::ZERO,
            window: Window::default(),
            looking: Some(f64::from(config.initial).min(most)),
            idle: Idle::default(),
            with_room: 0,
            ceiling: 0.0,
        }
    }

    /// Strikes that may be under way at once.
    pub const fn limit(&self) -> u32 {
        self.limit as u32
    }

    /// A strike begins, as one of so many.
    #[inline]
    pub const fn begun(&mut self, in_flight: u32) {
        if in_flight > self.window.busiest {
            self.window.busiest = in_flight;
        }
    }

    /// The first token of a strike that was begun then.
    pub fn first_token(&mut self, now: Timestamp, begun: Timestamp, took: Took) {
        if begun < self.since {
            return;
        }
        self.window.first_tokens.add(took);
        let enough = self.window.first_tokens.number >= self.window_length();
        if enough && self.looking.is_none() && self.excess() > 1.0 {
            self.decide(now);
        }
    }

    /// The end of a strike that was begun then, with the time per output token where that is known.
    pub fn answered(&mut self, now: Timestamp, begun: Timestamp, per_token: Option<Took>) {
        if begun < self.since {
            return;
        }
        self.window.answers += 1;
        if let Some(took) = per_token {
            self.window.tokens.add(took);
        }
        if self.window.answers >= self.window_length() {
            self.decide(now);
        }
    }

    /// A strike that was begun then was refused for lack of room, or came to no end.
    pub fn refused(&mut self, now: Timestamp, begun: Timestamp) {
        if begun >= self.since && self.looking.is_none() {
            self.with_room = 0;
            self.set(now, self.limit * AFTER_REFUSAL);
        }
    }

    fn window_length(&self) -> u32 {
        if self.looking.is_some() {
            return WINDOW_LEAST;
        }
        (self.limit() / 2).clamp(WINDOW_LEAST, WINDOW_MOST)
    }

    fn decide(&mut self, now: Timestamp) {
        if let Some(before) = self.looking.take() {
            self.look(now);
            return self.set(now, before);
        }
        if self.limit() <= self.config.least {
            self.look(now);
        } else if now.since(self.idle.at) >= self.config.recalibrate {
            self.looking = Some(self.limit);
            return self.set(now, f64::from(self.config.least));
        }
        let excess = self.excess();
        if excess > 1.0 {
            self.with_room = 0;
            self.ceiling = self.limit;
            self.set(now, self.shrunk(excess));
        } else if f64::from(self.window.busiest) >= self.limit.floor() * IN_USE {
            let near = self.ceiling * NEAR.0..=self.ceiling * NEAR.1;
            self.with_room = if near.contains(&self.limit) { 0 } else { self.with_room + 1 };
            self.set(now, self.limit + self.growth());
        } else {
            self.with_room = 0;
            self.set(now, self.limit);
        }
    }

    /// Takes note of what the pool takes with as few strikes as there are now.
    fn look(&mut self, now: Timestamp) {
        self.idle = Idle {
            strikes: f64::from(self.config.least.min(self.window.busiest.max(1))),
            first_token: self.window.first_tokens.slowdown(),
            token: self.window.tokens.slowdown(),
            at: now,
        };
    }

    /// The times of this window over what is tolerated; above 1 is too much.
    fn excess(&self) -> f64 {
        let of = |now: &Sums, idle: Option<f64>| match (now.slowdown(), idle) {
            (Some(now), Some(idle)) => {
                now / (self.config.tolerance.as_ratio() * self.alone(now, idle))
            }
            (None, _) | (_, None) => 0.0,
        };
        let first_token = of(&self.window.first_tokens, self.idle.first_token);
        first_token.max(of(&self.window.tokens, self.idle.token))
    }

    /// What a single strike would take: by a straight line through the idle pool and now, but not less
    /// than half of what the idle pool took.
    fn alone(&self, now: f64, idle: f64) -> f64 {
        let more = f64::from(self.window.busiest) - self.idle.strikes;
        if more < self.idle.strikes || now <= idle {
            return idle.min(now);
        }
        let slope = (now - idle) / more;
        (idle - slope * (self.idle.strikes - 1.0)).max(idle / 2.0)
    }

    fn shrunk(&self, excess: f64) -> f64 {
        match self.config.rule {
            LimitRule::Aimd { backoff } => self.limit * backoff.as_ratio(),
            LimitRule::Gradient if excess > 2.0 => self.limit * FAR_TOO_MUCH,
            LimitRule::Gradient => self.limit * (1.0 - SMOOTHING * (1.0 - 1.0 / excess)),
        }
    }

    fn growth(&self) -> f64 {
        match self.config.rule {
            LimitRule::Aimd { .. } => 1.0,
            LimitRule::Gradient => {
                let doublings = self.with_room.saturating_sub(PATIENCE).min(20);
                f64::from(1_u32 << doublings).min((self.limit * GROWTH_MOST).max(1.0))
            }
        }
    }

    fn set(&mut self, now: Timestamp, limit: f64) {
        self.limit = limit.clamp(f64::from(self.config.least), self.most);
        self.since = now;
        self.window = Window::default();
    }
}

#[cfg(test)]
mod tests;
