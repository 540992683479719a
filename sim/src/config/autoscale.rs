//! Cards that a pool brings in and lets go by itself. What the figures mean, and where the defaults of
//! the scenario language come from: `docs/model/elasticity.md`.

use connector::{BasisPoints, Duration, ModelId, Money, Timestamp};

use super::{ConfigError, Latency, PoolConfig};

/// Longest memory of recommendations, as Kubernetes has it.
const LONGEST_WINDOW: Duration = Duration::from_secs(3_600);
/// Longest period of a limit to the pace, as Kubernetes has it.
const LONGEST_PERIOD: Duration = Duration::from_secs(1_800);
/// Shortest time between two looks.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);

/// How a pool scales. Its `count` of cards bounds it from above.
#[derive(Clone, Debug, PartialEq)]
pub struct AutoscaleConfig {
    /// Fewest cards in service, unless the pool is idle or the schedule says otherwise.
    pub min: u32,
    /// Most cards in service.
    pub max: u32,
    /// Cards in service at the start of the run: at least `min`, or 0 for a pool that is idle.
    pub start: u32,
    /// What is watched; the largest wish wins. Without any, the schedule alone decides.
    pub targets: Vec<Target>,
    /// Time between two looks, at least a second.
    pub interval: Duration,
    /// How far a metric may be from its target, as a share of it, without consequence.
    pub tolerance: BasisPoints,
    /// How fast cards are brought in.
    pub scale_out: Behaviour,
    /// How fast cards are let go.
    pub scale_in: Behaviour,
    /// Time from the decision until a new card is there.
    pub provisioning: Latency,
    /// Fewest cards by the time of day.
    pub schedule: Option<Schedule>,
    /// Spare cards that are there but take no shares, and come in without provisioning; as far as
    /// `count` allows.
    pub warm: u32,
    /// Models whose weights are on spare cards.
    pub preload: Vec<ModelId>,
    /// After so long without any share held or asked for, all cards go. `None`: never.
    pub idle_to_zero: Option<Duration>,
    /// What a card costs its operator while it is there, in service or not; `None`: not stated.
    pub price_per_card_hour: Option<Money>,
}

/// A metric, and what of it a card should have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Share of the time since the last look during which a card computes.
    GpuUtilization(BasisPoints),
    /// Share of a card's slots that were held in the mean since the last look, and those asked for in
    /// vain.
    SlotUtilization(BasisPoints),
    /// Requests that wait in a card's engines, and shares asked for in vain since the last look.
    Waiting(u32),
    /// The same, and requests that engines work on.
    Concurrency(u32),
}

/// How fast the number of cards may change in one direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Behaviour {
    /// The most cautious recommendation within this time counts.
    pub window: Duration,
    /// Limits to the pace, at least one; the most generous counts.
    pub most: Vec<Most>,
}

/// A limit to the pace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Most {
    /// The largest change.
    pub change: Change,
    /// Within this time.
    pub per: Duration,
}

/// A change of the number of cards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// So many cards.
    Cards(u32),
    /// This share of the cards that there were at the beginning of the period.
    Share(BasisPoints),
}

/// Fewest cards in service by the time within a period: from each point on until the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// After which time it starts over.
    pub period: Duration,
    /// When, within the period and in order, and how many.
    pub points: Vec<(Duration, u32)>,
}

impl Behaviour {
    /// What Kubernetes does by default when it scales out: at once, by 4 or all that there are, the
    /// larger of the two, in 15 s.
    pub fn default_out() -> Self {
        let per = Duration::from_secs(15);
        let doubled = Most { change: Change::Share(BasisPoints::ONE), per };
        Self { window: Duration::ZERO, most: vec![Most { change: Change::Cards(4), per }, doubled] }
    }

    /// What Kubernetes does by default when it scales in: to the most that was recommended within
    /// 5 minutes, as far as that is.
    pub fn default_in() -> Self {
        let all = Most { change: Change::Share(BasisPoints::ONE), per: Duration::from_secs(15) };
        Self { window: Duration::from_secs(300), most: vec![all] }
    }
}

impl Schedule {
    /// Fewest cards at this time. Before the first point of a period, the last one of the period
    /// before still holds; in the first period none does.
    pub(crate) fn at(&self, now: Timestamp) -> Option<u32> {
        let period = self.period.as_nanos().max(1);
        let within = Duration::from_nanos(now.as_nanos() % period);
        let last = self.points.iter().rev().find(|(at, _)| *at <= within);
        let before = (now.as_nanos() >= period).then(|| self.points.last()).flatten();
        last.or(before).map(|(_, cards)| *cards)
    }
}

impl AutoscaleConfig {
    /// Refuses what cannot be simulated.
    pub(super) fn check(&self, pool: &PoolConfig, models: usize) -> Result<(), ConfigError> {
        match self.complaint(pool.count, models) {
            Some(what) => Err(ConfigError::Autoscale { pool: pool.name.clone(), what }),
            None => Ok(()),
        }
    }

    fn complaint(&self, count: u32, models: usize) -> Option<&'static str> {
        let asleep = self.start == 0 && self.idle_to_zero.is_some();
        let behaviours = [&self.scale_out, &self.scale_in];
        let limits = || behaviours.into_iter().flat_map(|behaviour| &behaviour.most);
        let bad_period = |most: &Most| most.per.is_zero() || most.per > LONGEST_PERIOD;
        let scheduled = self.schedule.as_ref();
        let complaints = [
            (self.max == 0 || self.max > count, "`max` must be from 1 to the pool's `count`"),
            (self.min > self.max, "`min` must be at most `max`"),
            (
                self.start > self.max || (self.start < self.min && !asleep),
                "`start` must be from `min` to `max`, or 0 with `idle_to_zero`",
            ),
            (self.warm > count, "`warm` must be at most the pool's `count`"),
            (self.interval < SHORTEST_INTERVAL, "`interval` must be at least 1s"),
            (
                behaviours.iter().any(|behaviour| behaviour.window > LONGEST_WINDOW),
                "a `window` must be at most 1h",
            ),
            (
                behaviours.iter().any(|behaviour| behaviour.most.is_empty()),
                "`most` must state a limit",
            ),
            (limits().any(bad_period), "`per` must be above 0s and at most 30min"),
            (
                self.targets.iter().any(|target| target.is_nothing()),
                "a metric's target must be above 0",
            ),
            (
                scheduled.is_some_and(|schedule| !schedule.is_in_order()),
                "points of the `schedule` must be in order and within its `period`",
            ),
            (
                scheduled.is_some_and(|of| of.points.iter().any(|(_, cards)| *cards > self.max)),
                "the `schedule` must ask for at most `max` cards",
            ),
            (
                self.preload.iter().any(|model| model.index() >= models),
                "`preload` must name models that there are",
            ),
        ];
        complaints.into_iter().find(|(is_wrong, _)| *is_wrong).map(|(_, what)| what)
    }
}

impl Schedule {
    fn is_in_order(&self) -> bool {
        let rises = self.points.windows(2).all(|pair| pair[0].0 < pair[1].0);
        let within = self.points.iter().all(|(at, _)| *at <= self.period);
        !self.period.is_zero() && rises && within
    }
}

impl Target {
    fn is_nothing(self) -> bool {
        match self {
            Self::GpuUtilization(share) | Self::SlotUtilization(share) => {
                share == BasisPoints::ZERO
            }
            Self::Waiting(requests) | Self::Concurrency(requests) => requests == 0,
        }
    }
}
