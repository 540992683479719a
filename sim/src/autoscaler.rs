//! How many cards a pool should have in service: the rule, without any card.
//!
//! # Problem
//!
//! Load comes and goes, a card takes minutes to come, and letting one go that is needed again in a
//! minute costs more than keeping it. What people run against this is the Horizontal Pod Autoscaler of
//! Kubernetes, with KEDA or Knative beside it for the way to zero and back.
//!
//! # Mechanism
//!
//! At every look each metric makes a wish ([`Load::wish`]) and the largest is the *recommendation*. It
//! is held between the smallest recommendation within the window for scaling out and the largest
//! within the window for scaling in; what lies between the two changes nothing. The number may then
//! change by as much as the most generous limit to the pace allows from where it was when the limit's
//! period began. Last, it stays within `min`, or what the schedule asks for, and `max`.
//!
//! ```text
//! r    = max over metrics of ceil(amount / per card), or the present number within the tolerance
//! r'   = clamp(present, min r over the window out, max r over the window in)
//! next = clamp(r', start of period - most in, start of period + most out), within min..=max
//! ```
//!
//! # Edges
//!
//! * The number before the first look counts as a recommendation.
//! * Beyond `min` or `max` (a schedule can do that) the number is set at once, and nothing else counts.
//! * After [`idle_to_zero`](AutoscaleConfig::idle_to_zero) without use the number is 0, past windows and
//!   limits; [`Autoscaler::wake`] brings it back, past them too.
//! * Everything is in integers, so that a metric exactly on its target is there on every machine.
//!
//! Sources: Kubernetes, "Horizontal Pod Autoscaling" (algorithm details; configurable scaling
//! behavior) and `pkg/controller/podautoscaler/{horizontal,replica_calculator}.go`; KEDA, specification
//! of scaled objects (`cooldownPeriod`, `idleReplicaCount`); Knative Serving, "Scale to zero".

mod load;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use connector::{BasisPoints, Duration, Timestamp};

pub(crate) use self::load::{Cards, Load};
use crate::config::{AutoscaleConfig, Change, Most};

/// Basis points of a whole.
const ALL: i64 = BasisPoints::ONE.get() as i64;

/// What a look sees.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// What each metric asks for.
    pub(crate) loads: Vec<Load>,
    /// Cards that are there and take shares.
    pub(crate) ready: u32,
    /// Whether any share was held, or asked for in vain, since the last look.
    pub(crate) in_use: bool,
}

/// See the module text.
#[derive(Debug)]
pub(crate) struct Autoscaler {
    config: AutoscaleConfig,
    wanted: u32,
    /// Recommendations within the longer of the windows, the oldest first.
    recommended: VecDeque<(Timestamp, u32)>,
    /// Changes within the longest period of a limit, the oldest first.
    changes: VecDeque<(Timestamp, i64)>,
    /// The last look that saw use.
    used: Timestamp,
    asleep: bool,
    /// How often cards were brought in, and let go.
    pub(crate) scaled_out: u64,
    pub(crate) scaled_in: u64,
}

impl Autoscaler {
    pub(crate) fn new(config: AutoscaleConfig) -> Self {
        Self {
            wanted: config.start,
            recommended: [(Timestamp::ZERO, config.start)].into(),
            changes: VecDeque::new(),
            used: Timestamp::ZERO,
            asleep: config.start < config.min,
            scaled_out: 0,
            scaled_in: 0,
            config,
        }
    }

    pub(crate) fn config(&self) -> &AutoscaleConfig {
        &self.config
    }

    /// Cards that should be in service.
    pub(crate) fn wanted(&self) -> u32 {
        self.wanted
    }

    /// Looks at the pool.
    pub(crate) fn look(&mut self, now: Timestamp, seen: &Seen) {
        if seen.in_use {
            self.used = now;
        }
        let scheduled = self.scheduled(now);
        let is_idle = self.config.idle_to_zero.is_some_and(|after| now.since(self.used) >= after);
        self.asleep = (self.asleep || is_idle) && !seen.in_use && scheduled.unwrap_or(0) == 0;
        if self.asleep {
            return self.change_to(now, 0);
        }
        let (floor, most) = (self.floor(now), self.config.max);
        if self.wanted < floor || self.wanted > most {
            return self.change_to(now, self.wanted.clamp(floor, most));
        }
        let cards = Cards { ready: seen.ready, wanted: self.wanted };
        let wishes = seen.loads.iter().map(|load| load.wish(cards, self.config.tolerance));
        let recommendation = self.stabilise(now, wishes.max().unwrap_or(floor));
        let within_pace = recommendation.clamp(self.least(now), self.most(now));
        self.change_to(now, within_pace.clamp(floor, most));
    }

    /// Somebody asked in vain for a share of a pool without cards.
    pub(crate) fn wake(&mut self, now: Timestamp) {
        self.asleep = false;
        self.used = now;
        let one = self.floor(now).clamp(1, self.config.max);
        self.change_to(now, self.wanted.max(one));
    }

    fn scheduled(&self, now: Timestamp) -> Option<u32> {
        self.config.schedule.as_ref().and_then(|schedule| schedule.at(now))
    }

    /// Fewest cards of a pool that is awake.
    fn floor(&self, now: Timestamp) -> u32 {
        self.scheduled(now).unwrap_or(self.config.min)
    }

    /// The number now, or what every recommendation of a window agrees to go beyond.
    fn stabilise(&mut self, now: Timestamp, recommendation: u32) -> u32 {
        let (out, in_) = (self.config.scale_out.window, self.config.scale_in.window);
        forget(&mut self.recommended, now, out.max(in_));
        let within = |window: Duration| {
            let recent = self.recommended.iter().filter(move |(at, _)| now.since(*at) < window);
            recent.map(|(_, cards)| *cards)
        };
        let lower = within(out).fold(recommendation, u32::min);
        let upper = within(in_).fold(recommendation, u32::max);
        self.recommended.push_back((now, recommendation));
        self.wanted.max(lower).min(upper)
    }

    /// The most cards that the pace of scaling out allows.
    fn most(&self, now: Timestamp) -> u32 {
        let raised = |most: &Most| {
            let began = self.at_start_of(now, most.per);
            match most.change {
                Change::Cards(cards) => began + i64::from(cards),
                // Towards the larger change, as below.
                Change::Share(share) => began - (-began * i64::from(share.get())).div_euclid(ALL),
            }
        };
        let limits = self.config.scale_out.most.iter().map(raised);
        cards(limits.max().unwrap_or(0)).max(self.wanted)
    }

    /// The fewest cards that the pace of scaling in allows.
    fn least(&self, now: Timestamp) -> u32 {
        let lowered = |most: &Most| {
            let began = self.at_start_of(now, most.per);
            match most.change {
                Change::Cards(cards) => began - i64::from(cards),
                Change::Share(share) => began + (-began * i64::from(share.get())).div_euclid(ALL),
            }
        };
        let limits = self.config.scale_in.most.iter().map(lowered);
        cards(limits.min().unwrap_or(i64::MAX)).min(self.wanted)
    }

    /// The number when the period that ends now began.
    fn at_start_of(&self, now: Timestamp, period: Duration) -> i64 {
        let recent = self.changes.iter().filter(|(at, _)| now.since(*at) < period);
        i64::from(self.wanted) - recent.map(|(_, change)| change).sum::<i64>()
    }

    fn change_to(&mut self, now: Timestamp, cards: u32) {
        let change = i64::from(cards) - i64::from(self.wanted);
        let behaviours = [&self.config.scale_out, &self.config.scale_in];
        let periods = behaviours.into_iter().flat_map(|behaviour| &behaviour.most);
        let longest = periods.map(|most| most.per).max().unwrap_or_default();
        forget(&mut self.changes, now, longest);
        if change != 0 {
            self.changes.push_back((now, change));
        }
        self.scaled_out += u64::from(change > 0);
        self.scaled_in += u64::from(change < 0);
        self.wanted = cards;
    }
}

/// Drops what is as old as this, or older.
fn forget<T>(kept: &mut VecDeque<(Timestamp, T)>, now: Timestamp, age: Duration) {
    while kept.pop_front_if(|(at, _)| now.since(*at) >= age).is_some() {}
}

fn cards(number: i64) -> u32 {
    u32::try_from(number.max(0)).unwrap_or(u32::MAX)
}
