//! Leases asked for ahead of need: so many as are always wanted, and as many as a forecast says.
//!
//! Once per interval the mean number at work on every shelf is taken note of and carried on (see
//! [`crate::forecast`]); what is missing is asked for. Nobody looks while nothing has gone on for
//! two seasons and nothing is wanted.

use connector::{Allocate, Duration, EventKey, Money, Operation, Timestamp};

use super::Platform;
use crate::{
    breaker::BreakerState,
    cable::Cable,
    config::{ForecastConfig, ForecastMethod, LeaseConfig},
    forecast::{self, Demand, enough},
    lease::{Account, Lease, LeaseKey, LeaseState},
    question::Question,
    shelf::Kind,
    timers::{Pause, Wait},
};

/// Between two looks where nobody forecasts.
const INTERVAL: Duration = Duration::from_secs(10);
/// Looks in a row, at least, in which nothing goes on before nobody looks any more.
const QUIET_MIN: usize = 60;

/// When leases are counted and asked for.
#[derive(Debug, Default)]
pub(super) struct Looks {
    pub(super) due: Option<EventKey>,
    /// Looks in a row at which nothing went on.
    quiet: usize,
    last: Timestamp,
}

impl Platform {
    /// Leases that are always wanted are wanted from the start.
    pub(super) fn open_shelves(&mut self) {
        let LeaseConfig { min_warm, shared, tenant, .. } = &self.lease_config;
        for wanted in min_warm {
            let ask = self.covenants.stock(wanted.of.model, wanted.of.pool, *tenant);
            let kind = Kind::of(&ask, *shared);
            let cable = self.cables.iter_mut().find(|cable| cable.pool == wanted.of.pool);
            let shelves = &mut cable.expect("the configuration was checked").shelves;
            let shelf = shelves.find(kind);
            shelves.all[shelf].least = wanted.leases;
        }
        if !min_warm.is_empty() {
            self.looks.due = Some(self.timers.pause(Timestamp::ZERO, Pause::Look));
        }
    }

    /// Something goes on: somebody looks at the end of the interval.
    #[inline]
    pub(super) fn will_look(&mut self, now: Timestamp) {
        if self.looks.due.is_none() && self.lease_config.forecast.is_some() && !self.draining {
            self.schedule_look(now);
        }
    }

    fn schedule_look(&mut self, now: Timestamp) {
        let interval = self.interval();
        let intervals = now.since(Timestamp::ZERO).as_nanos() / interval.as_nanos() + 1;
        let at = Timestamp::ZERO + interval * intervals;
        self.looks.due = Some(self.timers.pause(at, Pause::Look));
    }

    /// The end of an interval.
    pub(super) fn look(&mut self, now: Timestamp) {
        self.looks.due = None;
        if self.draining {
            return;
        }
        if let Some(config) = self.lease_config.forecast.clone() {
            self.forecast(now, &config);
        }
        self.stock(now);
        self.looks.last = now;
        self.looks.quiet = if self.is_quiet() { self.looks.quiet + 1 } else { 0 };
        if self.looks.quiet <= self.longest_quiet() {
            self.schedule_look(now);
        }
    }

    /// Takes note of what was at work, and finds out what will be.
    fn forecast(&mut self, now: Timestamp, config: &ForecastConfig) {
        let passed = now.since(self.looks.last).as_nanos() / config.interval.as_nanos();
        // Nobody looked while nothing went on; whole seasons of it change nothing more.
        let missed = (passed.saturating_sub(1) % season(config) as u64) as usize;
        let ahead = forecast::steps(config.ahead, config.interval);
        for shelf in self.cables.iter_mut().flat_map(|cable| &mut cable.shelves.all) {
            let mean = shelf.mean(now, config.interval);
            let demand = shelf.demand.get_or_insert_with(|| Demand::new(config));
            (0..missed).for_each(|_| demand.observe(0.0));
            demand.observe(mean);
            shelf.wanted = enough(demand.peak(ahead), config.quantile.as_ratio());
        }
    }

    /// Asks for what is missing, as long as there is room and money.
    fn stock(&mut self, now: Timestamp) {
        let mut spent: Money = self.cables.iter().map(Cable::idle_per_hour).sum();
        for cable in 0..self.cables.len() {
            let takes_strikes = self.cables[cable].breaker.state() == BreakerState::Closed;
            let shelves = self.cables[cable].shelves.all.len();
            for shelf in (0..shelves).filter(|_| takes_strikes) {
                while self.lacks(cable, shelf, spent) {
                    spent += self.cables[cable].price();
                    self.ask_stock(now, cable, shelf);
                }
            }
        }
    }

    /// Whether another lease is to be asked for.
    fn lacks(&self, cable: usize, shelf: usize, spent: Money) -> bool {
        let (cable, config) = (&self.cables[cable], &self.lease_config);
        let shelf = &cable.shelves.all[shelf];
        let limit = config.forecast.as_ref().and_then(|forecast| forecast.cost_per_hour);
        let affordable = limit.is_none_or(|limit| spent + cable.price() <= limit);
        shelf.all() < shelf.floor()
            && shelf.warm() + shelf.stocking < config.max_warm
            && cable.free() > 0
            && (affordable || shelf.all() < shelf.least)
    }

    fn ask_stock(&mut self, now: Timestamp, index: usize, shelf: usize) {
        let cable = &mut self.cables[index];
        let kind = cable.shelves.all[shelf].kind;
        let tenant = kind.tenant.unwrap_or(self.lease_config.tenant);
        let ask = self.covenants.stock(kind.model, cable.pool, tenant);
        let (requirements, preemptible) = (kind.requirements(), kind.preemptible);
        let ask = Allocate { requirements, preemptible, ..ask };
        let account = Account::of(&ask, Some(shelf));
        let state = LeaseState::Stocking { account, number: cable.reconciler.asked() };
        cable.shelves.all[shelf].stocking += 1;
        cable.shelves.stocking += 1;
        cable.statistics.stocked += 1;
        let lease = self.leases.insert(Lease::new(index, now, state));
        let ask = self.on_terms(ask, Some(shelf));
        let question = self.ask(index, Question::Allocate(lease), Operation::Allocate(ask));
        self.timers.await_answer(Wait::Allocation, now, question);
        self.will_sweep(now, index);
    }

    /// A lease that was asked for ahead of need is waited for no longer: whatever becomes of it, it
    /// is an orphan from now on. False if it was asked for by a strike.
    pub(super) fn end_stocking(&mut self, key: LeaseKey) -> bool {
        let lease = &mut self.leases[key];
        let LeaseState::Stocking { account, number } = lease.state else {
            return false;
        };
        lease.state = LeaseState::Asked { owner: None, account, number };
        let cable = &mut self.cables[lease.cable];
        cable.orphans += 1;
        cable.shelves.stocking -= 1;
        if let Some(shelf) = account.shelf {
            cable.shelves.all[shelf].stocking -= 1;
        }
        true
    }

    /// A lease that was asked for ahead of need did not come in time.
    pub(super) fn stocking_timed_out(&mut self, now: Timestamp, key: LeaseKey) {
        if self.end_stocking(key) {
            let cable = self.leases[key].cable;
            self.cables[cable].statistics.allocation_timeouts += 1;
            self.doubt(now, cable);
        }
    }

    fn is_quiet(&self) -> bool {
        let mut shelves = self.cables.iter().flat_map(|cable| &cable.shelves.all);
        shelves.all(|shelf| shelf.all() == 0 && shelf.floor() == 0)
    }

    fn longest_quiet(&self) -> usize {
        let seasons = self.lease_config.forecast.as_ref().map_or(0, |config| 2 * season(config));
        seasons.max(QUIET_MIN)
    }

    fn interval(&self) -> Duration {
        self.lease_config.forecast.as_ref().map_or(INTERVAL, |forecast| forecast.interval)
    }
}

/// Intervals of a season.
fn season(config: &ForecastConfig) -> usize {
    match config.method {
        ForecastMethod::Ewma { .. } => 1,
        ForecastMethod::HoltWinters { season, .. } => forecast::steps(season, config.interval),
    }
}
