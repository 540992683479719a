//! The better of two candidates drawn at random.
//!
//! Two choices suffice for an exponential improvement over one (Mitzenmacher 2001), and unlike the
//! best of all they do not send everybody to the same place on the same stale news.

use super::{Scene, chance::Chance, choice::List, peak::Peaks, places::Places};
use crate::config::{Measure, PlatformConfig};

#[derive(Clone, Debug)]
pub(super) struct PowerOfTwo {
    chance: Chance,
    /// Times measured, if those count.
    pub(super) peaks: Option<Peaks>,
}

impl PowerOfTwo {
    pub(super) fn new(config: &PlatformConfig, measure: Measure) -> Self {
        let peaks = || Peaks::new(config.cables.len(), config.models.len());
        Self {
            chance: Chance::new(config.seed),
            peaks: match measure {
                Measure::Load => None,
                Measure::Latency => Some(peaks()),
            },
        }
    }

    pub(super) fn pick(&mut self, scene: &Scene<'_>, list: &List, open: Places) -> Option<usize> {
        let (one, other) = self.chance.two_of(open)?;
        let Some(other) = other else { return Some(one) };
        let better = self.score(scene, list, other) < self.score(scene, list, one);
        Some(if better { other } else { one })
    }

    pub(super) fn score(&self, scene: &Scene<'_>, list: &List, place: usize) -> f64 {
        let choice = &list.choices[place];
        let load = scene.load(choice.cable).with_one_more();
        let time = self.peaks.as_ref().map_or(1.0, |peaks| {
            peaks.slowdown(scene.now, choice.cable, choice.model) * choice.expected(scene.request)
        });
        time * load
    }
}
