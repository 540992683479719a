//! Who is refused while a pool has much to do, so that the others are served in time.
//!
//! # Problem
//!
//! When more comes than can be served, somebody is not served. Without a rule that is whoever comes
//! when the line is full: everybody in equal parts, the most important as well, and all the others
//! after a long wait. Refusing the less important *before* keeps the line short for those who matter
//! (Zhou et al., "Overload control for scaling `WeChat` microservices", `SoCC` 2018; a place kept free
//! for them is the guard channel of Hong and Rappaport, IEEE Trans. Veh. Technol. 1986).
//!
//! # Mechanism
//!
//! A rule names requests (below a priority, of classes, of tenants of tiers) and a load of the pool
//! (how full the line is, how many places are taken, how long the last in line is expected to wait). It
//! begins when the load reaches its threshold and ends when the load is below a share of that, its
//! `until`. Between the two it stays what it is: a rule without that gap would begin and end with every
//! request that comes and goes at the threshold, and what a caller is told would be chance.
//!
//! # Edges
//!
//! The load is looked at whenever somebody wants to go to the pool: nobody sees what it was between.
//! A line of no length and places without limit are never full; a wait is nothing while nobody waits
//! or the line's pace is not known. Who stands in line already stays.

use connector::{BasisPoints, ClassId, Duration, Priority, TierId};

use crate::config::{ShedRule, ShedWhom, Threshold};

/// The rules for one pool, and which of them are in force.
#[derive(Debug)]
pub(crate) struct Shedding {
    rules: Vec<(ShedRule, bool)>,
}

/// What a pool has to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pressure {
    pub(crate) waiting: u32,
    pub(crate) line_length: u32,
    pub(crate) in_flight: u32,
    pub(crate) places: u32,
    /// How long somebody who joins the line now would wait.
    pub(crate) wait: Duration,
}

/// How much a request matters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Importance {
    pub(crate) priority: Priority,
    pub(crate) class: ClassId,
    pub(crate) tier: Option<TierId>,
}

impl Shedding {
    pub(crate) fn new(rules: &[ShedRule]) -> Self {
        Self { rules: rules.iter().map(|rule| (rule.clone(), false)).collect() }
    }

    /// Whether there are no rules.
    #[inline]
    pub(crate) const fn is_off(&self) -> bool {
        self.rules.is_empty()
    }

    /// Rules begin and end.
    pub(crate) fn look(&mut self, pressure: &Pressure) {
        for (rule, in_force) in &mut self.rules {
            let share = if *in_force { rule.until } else { BasisPoints::ONE };
            *in_force = pressure.reaches(rule.at, share);
        }
    }

    /// Whether a request is refused by the rules in force.
    pub(crate) fn refuses(&self, importance: &Importance) -> bool {
        self.rules.iter().any(|(rule, in_force)| *in_force && importance.is_of(&rule.whom))
    }
}

impl Importance {
    fn is_of(&self, whom: &ShedWhom) -> bool {
        match whom {
            ShedWhom::BelowPriority(least) => self.priority < *least,
            ShedWhom::Classes(classes) => classes.contains(&self.class),
            ShedWhom::Tiers(tiers) => self.tier.is_some_and(|tier| tiers.contains(&tier)),
        }
    }
}

impl Pressure {
    /// Whether the load is this share of the threshold, or more.
    fn reaches(&self, at: Threshold, share: BasisPoints) -> bool {
        let part = |of: BasisPoints, whole: u32| u128::from(of.get()) * u128::from(whole);
        let whole = u128::from(BasisPoints::ONE.get());
        let (load, threshold) = match at {
            Threshold::Line(_) if self.line_length == 0 => return false,
            Threshold::Places(_) if self.places == u32::MAX => return false,
            Threshold::Line(at) => (u128::from(self.waiting) * whole, part(at, self.line_length)),
            Threshold::Places(at) => (u128::from(self.in_flight) * whole, part(at, self.places)),
            Threshold::Wait(at) => (self.wait.as_nanos().into(), at.as_nanos().into()),
        };
        load * whole >= threshold * u128::from(share.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Pressure =
        Pressure { waiting: 0, line_length: 100, in_flight: 0, places: 10, wait: Duration::ZERO };

    fn rule(at: Threshold, until: u32) -> ShedRule {
        ShedRule {
            whom: ShedWhom::BelowPriority(Priority::MAX),
            at,
            until: BasisPoints::from_percent(until),
        }
    }

    fn percent(share: u32) -> BasisPoints {
        BasisPoints::from_percent(share)
    }

    /// Whether the rule is in force after each of these loads.
    fn in_force(rule: ShedRule, loads: impl IntoIterator<Item = Pressure>) -> Vec<bool> {
        let mut shedding = Shedding::new(&[rule]);
        let of_no_importance =
            Importance { priority: Priority::default(), class: ClassId(0), tier: None };
        let mut look = |load| {
            shedding.look(&load);
            shedding.refuses(&of_no_importance)
        };
        loads.into_iter().map(&mut look).collect()
    }

    #[test]
    fn a_rule_begins_at_its_threshold_and_ends_below_its_share_of_it() {
        let waiting = |waiting| Pressure { waiting, ..IDLE };
        let found = in_force(
            rule(Threshold::Line(percent(50)), 80),
            [49, 50, 41, 40, 39, 49, 50].map(waiting),
        );
        assert_eq!(found, [false, true, true, true, false, false, true]);
        let taken = |in_flight| Pressure { in_flight, ..IDLE };
        let found = in_force(rule(Threshold::Places(percent(90)), 50), [8, 9, 5, 4].map(taken));
        assert_eq!(found, [false, true, true, false]);
        let wait = |ms| Pressure { wait: Duration::from_millis(ms), ..IDLE };
        let at = Threshold::Wait(Duration::from_secs(2));
        assert_eq!(
            in_force(rule(at, 25), [1_999, 2_000, 500, 499].map(wait)),
            [false, true, true, false]
        );
    }

    #[test]
    fn a_load_that_goes_to_and_fro_at_the_threshold_does_not_make_a_rule_flap() {
        let loads = || (0..1_000).map(|n| Pressure { waiting: 49 + n % 3, ..IDLE });
        let changes = |until| {
            let found = in_force(rule(Threshold::Line(percent(50)), until), loads());
            found.windows(2).filter(|two| two[0] != two[1]).count()
        };
        assert_eq!(changes(80), 1, "it begins once");
        assert!(changes(100) > 600, "without the gap: {}", changes(100));
    }

    #[test]
    fn what_has_no_bound_is_never_full() {
        let no_line = Pressure { line_length: 0, ..IDLE };
        assert_eq!(in_force(rule(Threshold::Line(percent(1)), 0), [no_line]), [false]);
        let endless = Pressure { places: u32::MAX, in_flight: u32::MAX, ..IDLE };
        assert_eq!(in_force(rule(Threshold::Places(percent(1)), 0), [endless]), [false]);
    }

    #[test]
    fn a_rule_refuses_whom_it_names() {
        let rank = |rank| Priority::new(rank).expect("a rank");
        let one = Importance { priority: rank(4), class: ClassId(2), tier: Some(TierId(1)) };
        assert!(one.is_of(&ShedWhom::BelowPriority(rank(5))));
        assert!(!one.is_of(&ShedWhom::BelowPriority(rank(4))));
        assert!(one.is_of(&ShedWhom::Classes(vec![ClassId(0), ClassId(2)])));
        assert!(!one.is_of(&ShedWhom::Classes(vec![ClassId(1)])));
        assert!(one.is_of(&ShedWhom::Tiers(vec![TierId(1)])));
        assert!(!Importance { tier: None, ..one }.is_of(&ShedWhom::Tiers(vec![TierId(1)])));
    }
}
