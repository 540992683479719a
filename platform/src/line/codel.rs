//! Controlled delay: a line that is never short again is shortened.
//!
//! # Problem
//!
//! A burst fills a line. If as many arrive afterwards as are served, the line never gets shorter: it
//! is a *standing queue*, in which everybody waits and which serves nobody better. Its length does
//! not tell it from a good queue, which takes a burst up and is gone; the least delay of some time
//! does.
//!
//! # Mechanism
//!
//! Whenever somebody is about to leave for a place, the one who has waited longest is looked at.
//! Once that time has been above the *target* for a whole *interval*, one is dropped, and further
//! ones after `interval / sqrt(count)` each, until it is below the target: drops come as fast as it
//! takes, and no faster (RFC 8289, section 5, to the letter: [`Drops::ByControlLaw`]). Callers
//! that come back later find a short line.
//!
//! [`Drops::AllOverdue`] is the form for requests whose callers do not slow down when they are
//! dropped: once the line has not been empty for an interval, nobody who joins stays for longer
//! than the target, and who joined before stays for an interval at most (Maurer, "Fail at Scale",
//! ACM Queue 2015). It goes with last come, first served.
//!
//! # Edges
//!
//! In a line that is first come, first served, who has waited longest is who is next, as in the RFC.
//! In others it is whoever the order serves worst. As with packets, a line that would hold one at
//! most is not standing. A time between drops is rounded down to a nanosecond and exact:
//! `floor(i / sqrt(c)) = isqrt(floor(i^2 / c))`. Who is dropped goes on to its next candidate.

use connector::{Duration, Timestamp};

use crate::config::{CodelConfig, Drops};

/// How many intervals after the last drop its rate is taken up again.
const REMEMBERED: u64 = 16;

/// Who has waited longest in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Oldest {
    pub(crate) since: Timestamp,
    /// How many wait beside.
    pub(crate) others: u32,
    /// When the line was empty last.
    pub(crate) empty_at: Timestamp,
}

/// A line whose oldest can be taken out.
pub(crate) trait Standing {
    fn oldest(&self) -> Option<Oldest>;
    fn drop_oldest(&mut self);
}

/// What is known of the delay of one line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Codel {
    rule: CodelConfig,
    /// When the delay will have been above the target for an interval; `None` while it is not above.
    first_above: Option<Timestamp>,
    dropping: bool,
    next_drop: Timestamp,
    /// Drops since dropping began, and what that count began with.
    count: u32,
    began_with: u32,
}

impl Codel {
    pub(crate) const fn new(rule: CodelConfig) -> Self {
        Self {
            rule,
            first_above: None,
            dropping: false,
            next_drop: Timestamp::ZERO,
            count: 0,
            began_with: 0,
        }
    }

    /// Somebody is about to leave the line for a place: drops those who have to go before.
    pub(crate) fn before_departure(&mut self, now: Timestamp, line: &mut impl Standing) {
        match self.rule.drops {
            Drops::ByControlLaw => self.drop_by_control_law(now, line),
            Drops::AllOverdue => self.drop_overdue(now, line),
        }
    }

    fn drop_by_control_law(&mut self, now: Timestamp, line: &mut impl Standing) {
        let may_drop = self.may_drop(now, line.oldest());
        if self.dropping {
            self.dropping = may_drop;
            while self.dropping && now >= self.next_drop {
                line.drop_oldest();
                self.count = self.count.saturating_add(1);
                self.dropping = self.may_drop(now, line.oldest());
                if self.dropping {
                    self.next_drop = self.next_drop + self.gap();
                }
            }
        } else if may_drop {
            line.drop_oldest();
            // Whether the next one may be dropped is not asked, but seen.
            let _ = self.may_drop(now, line.oldest());
            self.begin_dropping(now);
        }
    }

    /// If the line was standing until a short while ago, the rate that ended it is a good one to
    /// begin with.
    fn begin_dropping(&mut self, now: Timestamp) {
        self.dropping = true;
        let drops = self.count - self.began_with;
        let is_recent = now.since(self.next_drop) < self.rule.interval * REMEMBERED;
        self.count = if drops > 1 && is_recent { drops } else { 1 };
        self.began_with = self.count;
        self.next_drop = now + self.gap();
    }

    /// Whether the delay has been above the target for an interval.
    fn may_drop(&mut self, now: Timestamp, oldest: Option<Oldest>) -> bool {
        let CodelConfig { target, interval, .. } = self.rule;
        let is_above = |oldest: Oldest| now.since(oldest.since) >= target && oldest.others > 1;
        if !oldest.is_some_and(is_above) {
            self.first_above = None;
            return false;
        }
        now >= *self.first_above.get_or_insert(now + interval)
    }

    /// Time until the drop after so many.
    fn gap(&self) -> Duration {
        let interval = u128::from(self.rule.interval.as_nanos());
        Duration::from_nanos((interval * interval / u128::from(self.count)).isqrt() as u64)
    }

    fn drop_overdue(&self, now: Timestamp, line: &mut impl Standing) {
        let CodelConfig { target, interval, .. } = self.rule;
        while let Some(Oldest { since, empty_at, .. }) = line.oldest() {
            let was_standing = since.since(empty_at) > interval;
            if now.since(since) <= if was_standing { target } else { interval } {
                return;
            }
            line.drop_oldest();
        }
    }
}

#[cfg(test)]
mod tests;
