//! Capacity that the provider sells while it has no better use for it.
//!
//! # Mechanism
//!
//! The cards of a pool are units: single ones under a trace, groups under a process. A unit is
//! *there*, *leaving* (it has notice), *away*, or *coming* (it is being provisioned). Under a trace,
//! each change of the level is met by as many units as it takes. Under a process each unit has its own
//! alternating renewal process; one that goes takes each other one along at a chance, and those that
//! went together come back together. Besides, a shortage takes all cards there are, for as long as it
//! lasts and whatever becomes of their units meanwhile.
//!
//! # Edges
//!
//! A unit with notice always goes. If the level has risen meanwhile, it comes back as a new one as
//! soon as it has gone. Units on their way back are the first that a falling level takes.
//!
//! # Source
//!
//! That reclaims come in bunches: the traces of Wu et al., "Can't Be Late: Optimizing Spot Instance
//! Savings under Deadlines", NSDI 2024. The process that does so is ours.

mod cursor;

use std::ops::Range;

use connector::{BasisPoints, Duration, EventKey};

pub(crate) use self::cursor::Cursor;
use crate::{
    config::{Reclaim, SpotConfig, Supply},
    control::Sampler,
    random::{Stream, Streams},
    renewal::Renewal,
};

/// See the module text.
#[derive(Debug)]
pub(crate) struct Spot {
    pub(crate) grace: Duration,
    provisioning: (Sampler, Stream),
    /// Times at which there is nothing at all.
    shortage: Option<Renewal>,
    units: Vec<Unit>,
    cards_per_unit: usize,
    cards: usize,
    source: Source,
    /// Decides which units go.
    choice: Stream,
}

/// What becomes of the cards that are sold together.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Unit {
    /// In service; when it falls by itself, if that is known.
    There {
        falls: Option<EventKey>,
    },
    /// It has notice. How long after its end the next one is asked for; `None`: when the level rises.
    Leaving {
        back: Option<Duration>,
    },
    Away,
    Coming {
        arrives: EventKey,
    },
}

#[derive(Debug)]
enum Source {
    Trace { cursor: Cursor, reclaim: Reclaim },
    Process { renewals: Vec<Renewal>, together: BasisPoints },
}

/// What a new level asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Move {
    /// This unit gets notice.
    Fall(usize),
    /// This unit is asked for.
    Ask(usize),
    /// A unit on its way does not come.
    CallOff(EventKey),
}

impl Spot {
    /// All cards are there.
    pub(crate) fn new(config: &SpotConfig, cards: u32, pool: &str, streams: Streams) -> Self {
        let cards = cards as usize;
        let named = |what: &str| streams.stream(&format!("spot/{pool}/{what}"));
        let mut shortages = None;
        let (cards_per_unit, source) = match &config.supply {
            Supply::Trace { levels, reclaim } => {
                (1, Source::Trace { cursor: Cursor::new(levels.clone()), reclaim: *reclaim })
            }
            Supply::Process { spells, group, together, shortage } => {
                shortages = shortage.map(|spells| Renewal::new(spells, named("shortage")));
                let group = *group as usize;
                let renewal = |unit| Renewal::new(*spells, named(&format!("unit/{unit}")));
                let renewals = (0..cards.div_ceil(group)).map(renewal).collect();
                (group, Source::Process { renewals, together: *together })
            }
        };
        Self {
            grace: config.grace,
            provisioning: (Sampler::new(config.provisioning), named("provisioning")),
            shortage: shortages,
            units: vec![Unit::There { falls: None }; cards.div_ceil(cards_per_unit)],
            cards_per_unit,
            cards,
            source,
            choice: named("choice"),
        }
    }

    pub(crate) fn units(&self) -> usize {
        self.units.len()
    }

    pub(crate) fn unit(&self, unit: usize) -> Unit {
        self.units[unit]
    }

    pub(crate) fn set(&mut self, unit: usize, is: Unit) {
        self.units[unit] = is;
    }

    /// The cards of a unit, by number.
    pub(crate) fn cards_of(&self, unit: usize) -> Range<usize> {
        let first = unit * self.cards_per_unit;
        first..(first + self.cards_per_unit).min(self.cards)
    }

    pub(crate) fn provisioning(&mut self) -> Duration {
        self.provisioning.0.draw(&mut self.provisioning.1)
    }

    /// Times at which there is nothing at all, if there are any.
    pub(crate) fn shortage(&mut self) -> Option<&mut Renewal> {
        self.shortage.as_mut()
    }

    /// The trace that it follows, if it follows one.
    pub(crate) fn cursor(&mut self) -> Option<&mut Cursor> {
        match &mut self.source {
            Source::Trace { cursor, .. } => Some(cursor),
            Source::Process { .. } => None,
        }
    }

    /// How long this unit stays from now on, if that is known.
    pub(crate) fn stay(&mut self, unit: usize) -> Option<Duration> {
        match &mut self.source {
            Source::Process { renewals, .. } => Some(renewals[unit].up()),
            Source::Trace { .. } => None,
        }
    }

    /// This unit falls by itself: how long it is away, and which others go with it.
    pub(crate) fn fall(&mut self, unit: usize) -> (Duration, Vec<usize>) {
        let Source::Process { renewals, together } = &mut self.source else {
            return (Duration::ZERO, Vec::new());
        };
        let there = |other: &usize| matches!(self.units[*other], Unit::There { .. });
        let others = (0..self.units.len()).filter(there).filter(|&other| other != unit);
        let goes = |_: &usize| *together > BasisPoints::ZERO && self.choice.chance(*together);
        (renewals[unit].down(), others.filter(goes).collect())
    }

    /// What has to happen so that so many units will be there. Those that have notice and those on
    /// their way are booked here; the rest is up to the caller.
    pub(crate) fn follow(&mut self, wanted: usize) -> Vec<Move> {
        let expected = self.units.iter().filter(|unit| unit.is_expected()).count();
        if wanted < expected {
            self.shrink(expected - wanted)
        } else {
            self.grow(wanted - expected)
        }
    }

    fn shrink(&mut self, surplus: usize) -> Vec<Move> {
        let mut moves = Vec::with_capacity(surplus);
        let mut left = surplus;
        for unit in self.units.iter_mut().rev() {
            match unit {
                _ if left == 0 => break,
                Unit::Coming { arrives } => {
                    moves.push(Move::CallOff(*arrives));
                    *unit = Unit::Away;
                }
                Unit::Leaving { back: back @ Some(_) } => *back = None,
                Unit::There { .. } | Unit::Leaving { back: None } | Unit::Away => continue,
            }
            left -= 1;
        }
        moves.extend(self.choose(left).into_iter().map(Move::Fall));
        moves
    }

    /// Units in service that go.
    fn choose(&mut self, count: usize) -> Vec<usize> {
        let there = |unit: &usize| matches!(self.units[*unit], Unit::There { .. });
        let mut there: Vec<usize> = (0..self.units.len()).rev().filter(there).collect();
        let count = count.min(there.len());
        if let Source::Trace { reclaim: Reclaim::Random, .. } = self.source {
            for done in 0..count {
                let among = (there.len() - done) as u64;
                let drawn = done + self.choice.below(among) as usize;
                there.swap(done, drawn);
            }
        }
        there.truncate(count);
        there
    }

    fn grow(&mut self, missing: usize) -> Vec<Move> {
        let away = |unit: &usize| matches!(self.units[*unit], Unit::Away);
        let asked: Vec<usize> = (0..self.units.len()).filter(away).take(missing).collect();
        let with_notice = self.units.iter_mut().filter_map(|unit| match unit {
            Unit::Leaving { back: back @ None } => Some(back),
            Unit::Leaving { .. } | Unit::There { .. } | Unit::Away | Unit::Coming { .. } => None,
        });
        for back in with_notice.take(missing - asked.len()) {
            *back = Some(Duration::ZERO);
        }
        asked.into_iter().map(Move::Ask).collect()
    }
}

impl Unit {
    /// Whether it is there or will be without being asked for again.
    fn is_expected(self) -> bool {
        match self {
            Self::There { .. } | Self::Coming { .. } | Self::Leaving { back: Some(_) } => true,
            Self::Away | Self::Leaving { back: None } => false,
        }
    }
}
