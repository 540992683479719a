use connector::{Duration, Timestamp};

use super::{
    Scene,
    affine::{self, Affine},
    chance::Chance,
    choice::{Choice, List},
    covenant::Keeper,
    pace::Estimates,
    places::Places,
    power_of_two::PowerOfTwo,
    predict::Predictor,
    tiered,
    turns::Turns,
    weighted::Weighted,
};
use crate::{
    config::{PlatformConfig, RouterConfig},
    interface::Request,
};

/// How the next candidate is chosen.
#[derive(Clone, Debug)]
pub(super) enum Policy {
    Listed,
    Cheapest,
    Fastest(Estimates),
    Random(Chance),
    RoundRobin(Turns),
    Weighted(Weighted),
    LeastLoaded,
    PowerOfTwo(PowerOfTwo),
    PrefixAffine(Affine),
    Tiered,
    Covenant(Keeper),
}

impl Policy {
    pub(super) fn new(config: &PlatformConfig, lists: &[List]) -> Self {
        match &config.router {
            RouterConfig::Static(_) => Self::Listed,
            RouterConfig::Cheapest => Self::Cheapest,
            RouterConfig::Fastest => {
                Self::Fastest(Estimates::new(config.cables.len(), config.models.len()))
            }
            RouterConfig::Random => Self::Random(Chance::new(config.seed)),
            RouterConfig::RoundRobin => Self::RoundRobin(Turns::new(lists.len())),
            RouterConfig::Weighted(weights) => {
                Self::Weighted(Weighted::new(config, weights, lists))
            }
            RouterConfig::LeastLoaded => Self::LeastLoaded,
            RouterConfig::PowerOfTwo(measure) => {
                Self::PowerOfTwo(PowerOfTwo::new(config, *measure))
            }
            RouterConfig::PrefixAffine(prefix) => Self::PrefixAffine(Affine::new(*prefix)),
            RouterConfig::Tiered => Self::Tiered,
            RouterConfig::Covenant(covenant) => Self::Covenant(Keeper::new(*covenant)),
        }
    }

    /// The best of the open places; `None` if there is none. `before` is where the request is: who
    /// comes from nowhere makes its first choice.
    pub(super) fn pick(
        &mut self,
        scene: &Scene<'_>,
        list: &List,
        open: Places,
        before: Option<usize>,
        predictor: Option<&Predictor>,
    ) -> Option<usize> {
        match self {
            Self::Listed => open.first(),
            Self::Cheapest => {
                list.least(open, |choice| choice.weight * choice.expected(scene.request))
            }
            Self::Fastest(estimates) => list.least(open, |choice| {
                let slowdown = estimates.slowdown(scene.now, choice.cable, choice.model);
                slowdown * choice.expected(scene.request)
            }),
            Self::Random(chance) => chance.one_of(open),
            Self::RoundRobin(turns) => turns.pick(list, open, before),
            Self::Weighted(weighted) => weighted.pick(list, open, before),
            Self::LeastLoaded => affine::least_loaded(scene, list, open),
            Self::PowerOfTwo(two) => two.pick(scene, list, open),
            Self::PrefixAffine(affine) => affine.pick(scene, list, open),
            Self::Tiered => tiered::pick(scene, list, open),
            Self::Covenant(keeper) => keeper.pick(scene, list, open, predictor?),
        }
    }

    /// A strike was answered.
    pub(super) fn observe(
        &mut self,
        now: Timestamp,
        request: &Request,
        choice: &Choice,
        took: Duration,
    ) {
        let here = (choice.cable, choice.model);
        match self {
            Self::Fastest(estimates) => {
                estimates.observe(now, here.0, here.1, took, choice.expected(request));
            }
            Self::PowerOfTwo(two) => {
                if let Some(peaks) = &mut two.peaks {
                    peaks.observe(now, here, took, choice.expected(request));
                }
            }
            Self::Listed
            | Self::Cheapest
            | Self::Random(_)
            | Self::RoundRobin(_)
            | Self::Weighted(_)
            | Self::LeastLoaded
            | Self::PrefixAffine(_)
            | Self::Tiered
            | Self::Covenant(_) => {}
        }
    }
}
