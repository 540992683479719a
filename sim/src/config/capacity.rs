//! What takes cards of a pool away and brings them back, unasked.

use std::sync::Arc;

use connector::{BasisPoints, Duration};

use super::{ConfigError, FaultConfig, FaultKind, Latency, PoolConfig};

/// Cards that come and go by themselves. By default none do.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CapacityConfig {
    /// The provider sells what it has left over, and takes it back with notice. `None`: it does not.
    pub spot: Option<SpotConfig>,
    /// Hardware fails without notice.
    pub failures: FailuresConfig,
}

/// Capacity that the provider takes back when it needs it.
#[derive(Clone, Debug, PartialEq)]
pub struct SpotConfig {
    /// How many cards there are, and when.
    pub supply: Supply,
    /// From the notice to the end of a card.
    pub grace: Duration,
    /// From the return of capacity to a card that takes shares.
    pub provisioning: Latency,
}

/// How many cards the provider can do without.
#[derive(Clone, Debug, PartialEq)]
pub enum Supply {
    /// As many as stated, whatever happened in between.
    Trace {
        /// How many cards there are from when on.
        levels: Levels,
        /// Which cards go first.
        reclaim: Reclaim,
    },
    /// Groups of cards come and go by chance, each by itself or together with others.
    Process {
        /// How long a group stays, and stays away.
        spells: Spells,
        /// Cards of a group, which always go together; at least 1.
        group: u32,
        /// With a group that goes, each other one goes at this chance.
        together: BasisPoints,
        /// Between times at which there is nothing at all, and such a time. `None`: that is never so.
        shortage: Option<Spells>,
    },
}

/// Which cards go when capacity falls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reclaim {
    /// The last by number.
    Last,
    /// Any, evenly.
    Random,
}

/// A number of cards over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Levels {
    /// From when on how many, in order of time, the first one at zero.
    pub steps: Arc<[(Duration, u32)]>,
    /// When the last one ends.
    pub length: Duration,
    /// Where in it the run begins, before its end.
    pub start: Duration,
    /// Whether it begins anew at its end; otherwise the last level stays.
    pub repeats: bool,
}

impl Levels {
    /// The step that holds at this time.
    pub(crate) fn step_at(&self, at: Duration) -> usize {
        self.steps.partition_point(|&(from, _)| from <= at).saturating_sub(1)
    }
}

/// An alternating renewal process: there for a drawn time, away for a drawn time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spells {
    /// How long it is there, in the mean at least a second.
    pub up: Latency,
    /// How long it is away.
    pub down: Latency,
}

/// Hardware that fails; each kind by itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FailuresConfig {
    /// Each card.
    pub card: Option<Spells>,
    /// Each node, with all its cards.
    pub node: Option<NodeFailures>,
    /// What many cards have in common: power, cooling, network, a faulty driver.
    pub common: Option<CommonFailures>,
}

/// Failures of whole nodes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NodeFailures {
    /// Cards of a node, at least 1; the first node has the first cards.
    pub cards: u32,
    /// Between failures, and until repaired.
    pub spells: Spells,
}

/// The binomial failure rate model: shocks come at random, and each takes every card with the same
/// chance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CommonFailures {
    /// Between shocks, and until repaired.
    pub spells: Spells,
    /// The chance of a card to be hit.
    pub share: BasisPoints,
}

/// A pool whose cards come and go more often than can be simulated.
const SHORTEST: Duration = Duration::from_secs(1);

impl CapacityConfig {
    /// Refuses what cannot be simulated.
    pub(super) fn check(&self, pool: &PoolConfig) -> Result<(), ConfigError> {
        let refuse = |what| Err(ConfigError::Capacity { pool: pool.name.clone(), what });
        match self.spot.as_ref().map(|spot| &spot.supply) {
            Some(Supply::Process { group: 0, .. }) => return refuse("a group has no cards"),
            Some(Supply::Trace { levels, .. }) => {
                if let Some(what) = levels.problem() {
                    return refuse(what);
                }
            }
            Some(Supply::Process { .. }) | None => {}
        }
        if self.failures.node.is_some_and(|node| node.cards == 0) {
            return refuse("a node has no cards");
        }
        if self.spells().any(|spells| spells.up.middle() < SHORTEST) {
            return refuse("what comes and goes must be there for a second in the mean");
        }
        Ok(())
    }

    fn spells(&self) -> impl Iterator<Item = Spells> {
        let process = self.spot.as_ref().map(|spot| match spot.supply {
            Supply::Process { spells, shortage, .. } => [Some(spells), shortage],
            Supply::Trace { .. } => [None, None],
        });
        let FailuresConfig { card, node, common } = &self.failures;
        let failures = [*card, node.map(|node| node.spells), common.map(|common| common.spells)];
        process.into_iter().flatten().chain(failures).flatten()
    }
}

impl Levels {
    fn problem(&self) -> Option<&'static str> {
        let in_order = self.steps.is_sorted_by_key(|&(from, _)| from);
        if self.steps.first().is_none_or(|&(from, _)| !from.is_zero()) || !in_order {
            return Some("a trace of cards begins at zero and goes on in order of time");
        }
        let ends = self.steps.last().is_some_and(|&(from, _)| from <= self.length);
        if self.length < SHORTEST || !ends {
            return Some("a trace of cards lasts a second, and until its last change");
        }
        (self.start >= self.length).then_some("the run begins after the end of its trace of cards")
    }
}

impl FaultConfig {
    /// Refuses maintenance that is over before it has begun.
    pub(super) fn check(&self, index: usize) -> Result<(), ConfigError> {
        let FaultKind::Maintenance { deadline, grace, at_a_time, .. } = self.kind else {
            return Ok(());
        };
        if deadline + grace >= self.lasts {
            return Err(ConfigError::EndlessDrain { index });
        }
        if at_a_time == Some(0) {
            return Err(ConfigError::NothingAtATime { index });
        }
        Ok(())
    }
}
