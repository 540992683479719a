//! What a trace of spot capacity holds.

use connector::Duration;

use super::{SpotFormat, SpotTrace};

/// See the module text.
#[derive(Clone, Debug, PartialEq)]
pub struct SpotSummary {
    /// How it is written.
    pub format: SpotFormat,
    /// Points, or events.
    pub points: u64,
    /// Time between two points, for formats that state it.
    pub gap: Option<Duration>,
    /// From the first point to the end of the last.
    pub length: Duration,
    /// Most instances at a point.
    pub most: u32,
    /// Fewest instances at a point.
    pub fewest: u32,
    /// Mean over the points as written.
    pub mean_of_points: f64,
    /// Mean over time.
    pub mean: f64,
    /// Share of time during which any instance is there.
    pub any: f64,
    /// Times at which the number falls, and rises.
    pub falls: u64,
    /// See `falls`.
    pub rises: u64,
    /// Instances that went, and came; several may do so at once.
    pub went: u64,
    /// See `went`.
    pub came: u64,
    /// Spells during which any instance is there.
    pub spells: u64,
    /// Mean length of those.
    pub mean_spell: Duration,
}

/// A time during which there is any instance, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spell {
    /// Whether there is any.
    pub any: bool,
    /// How long it lasts.
    pub lasts: Duration,
}

impl SpotTrace {
    /// What it holds.
    pub fn summary(&self) -> SpotSummary {
        let points = self.points.len() as f64;
        let changes = |fits: fn(u32, u32) -> bool| {
            let pairs = self.steps.windows(2);
            pairs.filter(|pair| matches!(**pair, [(_, a), (_, b)] if fits(a, b))).count() as u64
        };
        let length = self.length.as_secs_f64().max(f64::MIN_POSITIVE);
        let instances: f64 = self.holds().map(|(t, n)| t.as_secs_f64() * f64::from(n)).sum();
        let there: Vec<Duration> =
            self.spells().iter().filter(|spell| spell.any).map(|spell| spell.lasts).collect();
        let any: Duration = there.iter().copied().sum();
        SpotSummary {
            format: self.format,
            points: self.points.len() as u64,
            gap: self.gap,
            length: self.length,
            most: self.points.iter().copied().max().unwrap_or(0),
            fewest: self.points.iter().copied().min().unwrap_or(0),
            mean_of_points: self.points.iter().copied().map(f64::from).sum::<f64>() / points,
            mean: instances / length,
            any: any.as_secs_f64() / length,
            falls: changes(|from, to| to < from),
            rises: changes(|from, to| to > from),
            went: self.went,
            came: self.came,
            spells: there.len() as u64,
            mean_spell: any / (there.len() as u64).max(1),
        }
    }

    /// The times during which there is any instance, and none, by turns.
    pub fn spells(&self) -> Vec<Spell> {
        let mut spells: Vec<Spell> = Vec::new();
        for (lasts, count) in self.holds() {
            match spells.last_mut().filter(|spell| spell.any == (count > 0)) {
                Some(spell) => spell.lasts += lasts,
                None => spells.push(Spell { any: count > 0, lasts }),
            }
        }
        spells
    }
}
