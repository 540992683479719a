use std::collections::BTreeMap;

use connector::{BasisPoints, Duration, EventKey, Money, PoolId, Rejection, Timestamp};

use crate::{
    breaker::{Breaker, BreakerState, Permit, Rates},
    config::{CableConfig, ShedRule},
    flight::FlightKey,
    limit::Limiter,
    line::{Entrant, Line, codel::Codel, pace::LinePace},
    reconcile::Reconciler,
    ride::{RideKey, Use},
    route::Load,
    shedding::{Importance, Pressure, Shedding},
    shelf::{Kind, Shelves},
};

/// Allocations that may be awaited although their requests have given up. A provider that owes us
/// more answers than this is not asked for further shares.
const ORPHANS_MAX: u32 = 4096;
/// Places of a cable without limit while its pool ramps up after a recovery.
const RAMP_PLACES: u32 = 100;

/// What happened on one cable so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CableStatistics {
    /// Strikes begun: on shares that were asked for, or on warm leases.
    pub strikes: u64,
    /// Shares asked for in order to ask a model for a request's class; they are no strikes.
    pub consultations: u64,
    /// Strikes that ended with an answer.
    pub completed: u64,
    /// Strikes that failed.
    pub failed: u64,
    /// Strikes that were retries on this cable.
    pub retries: u64,
    /// Strikes that were hedges: second strikes beside one that took long.
    pub hedges: u64,
    /// Hedges that were faster than the strike they stood beside.
    pub hedges_won: u64,
    /// Hedges that would have gone here, had the retry budget allowed them.
    pub hedges_unaffordable: u64,
    /// Strikes that were stopped because the one beside them was faster.
    pub called_off: u64,
    /// Shares x time that those held, in slot x ns.
    pub called_off_slot_ns: u128,
    /// The same time at the pool's price.
    pub called_off_cost: Money,
    /// Requests sent on because the breaker was open, or the pool was ejected.
    pub refused_open: u64,
    /// Requests sent on because the line was full, or because too many allocations that nobody
    /// waits for any more are still unanswered.
    pub refused_full: u64,
    /// Requests sent on because they had waited in line too long.
    pub queue_timeouts: u64,
    /// Requests sent on because they would have waited in line, or worked, for longer than their time.
    pub refused_late: u64,
    /// Requests that left the line because waiting any longer would have broken a promise, and
    /// somebody else could keep it.
    pub left_for_promise: u64,
    /// Requests sent on because there was much to do and they were not important enough.
    pub shed: u64,
    /// Requests sent on because somebody else took their place in a full line.
    pub pushed_out: u64,
    /// Requests sent on because they had waited longest in a line that was standing.
    pub standing: u64,
    /// Allocations not answered in time.
    pub allocation_timeouts: u64,
    /// Inferences not answered in time.
    pub inference_timeouts: u64,
    /// Inferences without a first token in time.
    pub first_token_timeouts: u64,
    /// Inferences that stood between two tokens for too long.
    pub token_timeouts: u64,
    /// Failed strikes that nothing followed because the retry budget was spent.
    pub refused_budget: u64,
    /// Requests sent on because the pool was to be left alone for longer than they may wait.
    pub refused_paused: u64,
    /// Shares granted after nobody wanted them any more, given back at once.
    pub late_grants: u64,
    /// Shares the provider held for us without our knowledge, given back.
    pub ghosts: u64,
    /// Notices that a held share will be taken away.
    pub preemptions: u64,
    /// Answers to no open question: double, or never asked for.
    pub stray_answers: u64,
    /// Times the breaker opened.
    pub openings: u64,
    /// Times the pool asked to be left alone for a while, or was out of credit.
    pub cooldowns: u64,
    /// Releases asked for again because the last asking failed.
    pub release_retries: u64,
    /// Shares whose release the provider would not confirm; they count as held.
    pub unreleased: u64,
    /// Doubts about held shares that no list of the provider's could clear.
    pub unresolved: u64,
    /// Strikes on leases that were warm.
    pub warm_strikes: u64,
    /// Strikes on shares that another strike had asked for, and was still on.
    pub rides: u64,
    /// Warm leases that the provider turned out to hold no longer; their strikes asked for a share.
    pub stale: u64,
    /// Shares asked for ahead of need.
    pub stocked: u64,
    /// Shares that nobody waited for (late grants, ghosts) and that were kept warm.
    pub adopted: u64,
    /// Lists asked for by sweeps.
    pub sweeps: u64,
    /// Shares x time held, in slot x ns, until the release was asked for.
    pub slot_ns: u128,
    /// Of `slot_ns`: warm and at work for nobody.
    pub idle_slot_ns: u128,
    /// The same time at the pool's price.
    pub cost: Money,
    /// Of `cost`: warm and at work for nobody.
    pub idle_cost: Money,
}

/// The state of one cable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CableStatus {
    /// Whether its breaker lets strikes through.
    pub breaker: BreakerState,
    /// What its breaker has in its window; nothing where no rates are configured.
    pub rates: Rates,
    /// Strikes at once that its adaptive limit allows; `None` where there is none.
    pub limit: Option<u32>,
    /// Strikes under way.
    pub in_flight: u32,
    /// Requests waiting in line.
    pub queued: u32,
    /// What happened so far.
    pub statistics: CableStatistics,
}

/// Why a cable does not take a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    BreakerOpen,
    Ejected,
    QueueFull,
    PushedOut,
    Shed,
    /// After this time its turn would come.
    TooLate(Duration),
    WaitedTooLong,
    /// It had waited longest in a line that was standing.
    Standing,
    Unanswered,
    BudgetSpent,
    /// The pool is left alone for longer than anybody waits.
    Paused,
    /// It could not end in time even if it began now.
    NoTime,
    Draining,
}

impl Refusal {
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::BreakerOpen => "the breaker is open",
            Self::Ejected => "it does worse than its peers",
            Self::QueueFull => "the queue is full",
            Self::PushedOut => "pushed out of the full queue",
            Self::Shed => "not important enough for a pool that has much to do",
            Self::TooLate(_) => "the wait in the queue would be too long",
            Self::WaitedTooLong => "waited too long in the queue",
            Self::Standing => "the queue has been standing for too long",
            Self::Unanswered => "too many allocations are unanswered",
            Self::BudgetSpent => "the retry budget is spent",
            Self::Paused => "the pool asked to be left alone",
            Self::NoTime => "too little time is left",
            Self::Draining => "the platform is draining",
        }
    }

    /// The same for records.
    pub(crate) const fn rejection(self) -> Rejection {
        match self {
            Self::BreakerOpen | Self::Ejected => Rejection::BreakerOpen,
            Self::QueueFull => Rejection::LineFull,
            Self::PushedOut => Rejection::PushedOut,
            Self::Shed => Rejection::Shed,
            Self::TooLate(_) | Self::NoTime => Rejection::TooLate,
            Self::BudgetSpent => Rejection::BudgetSpent,
            Self::Paused => Rejection::Paused,
            Self::WaitedTooLong => Rejection::WaitedTooLong,
            Self::Standing => Rejection::Standing,
            Self::Unanswered => Rejection::Unanswered,
            Self::Draining => Rejection::Draining,
        }
    }
}

/// A request that wants to be served, as far as a line needs to know.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    pub(crate) entrant: Entrant<FlightKey>,
    /// Of its stay in line, if it joins one.
    pub(crate) number: u64,
    /// Nobody waits for longer than this in any line.
    pub(crate) patience: Duration,
    /// Who would wait longer does not join. `None`: any wait.
    pub(crate) longest_wait: Option<Duration>,
    /// Whether somebody else may have to leave a full line for it.
    pub(crate) may_push_out: bool,
}

/// The line to one pool: a breaker, then a first-in-first-out line before a number of places.
///
/// A place is taken when a strike begins and free again when it ends: when the release of its share
/// is asked for, or when the request gives up waiting for the share. Strikes that pause before a
/// retry hold nothing at the provider, so they hold no place either and join the line again.
#[derive(Debug)]
pub(crate) struct Cable {
    pub(crate) pool: PoolId,
    pub(crate) name: String,
    price: Money,
    places: u32,
    line_length: u32,
    pub(crate) breaker: Breaker,
    /// When its breaker is to be woken.
    pub(crate) alarm: Option<(Timestamp, EventKey)>,
    /// How many strikes at once the pool does well with, where that is found out.
    pub(crate) limiter: Option<Limiter>,
    in_flight: u32,
    /// Nothing is begun before.
    pub(crate) paused_until: Timestamp,
    pub(crate) line: Line<FlightKey>,
    pub(crate) pace: LinePace,
    /// Shortens a line that is standing.
    pub(crate) codel: Option<Codel>,
    pub(crate) shedding: Shedding,
    /// Unanswered allocations that nobody waits for.
    pub(crate) orphans: u32,
    pub(crate) reconciler: Reconciler,
    /// Since when a share may be held here without our knowledge.
    pub(crate) doubted: Option<Timestamp>,
    pub(crate) shelves: Shelves,
    /// Shares with seats on which somebody may board.
    pub(crate) boarding: BTreeMap<Kind, RideKey>,
    /// Requests that retry once a list has come.
    pub(crate) awaiting_list: Vec<FlightKey>,
    pub(crate) statistics: CableStatistics,
}

impl Cable {
    /// `weights` are those of the tenants, for lines that are fair by weight; `shed` are the rules of
    /// shedding.
    pub(crate) fn new(config: &CableConfig, weights: &[u32], shed: &[ShedRule]) -> Self {
        Self {
            pool: config.pool,
            name: config.name.clone(),
            price: config.price_per_slot_hour,
            places: config.max_in_flight.unwrap_or(u32::MAX),
            line_length: config.queue,
            breaker: Breaker::new(config.breaker),
            alarm: None,
            limiter: config
                .limit
                .map(|limit| Limiter::new(limit, config.max_in_flight.unwrap_or(u32::MAX))),
            in_flight: 0,
            paused_until: Timestamp::ZERO,
            line: Line::new(config.discipline, weights).minding_the_oldest(config.codel.is_some()),
            pace: LinePace::default(),
            codel: config.codel.map(Codel::new),
            shedding: Shedding::new(shed),
            orphans: 0,
            reconciler: Reconciler::default(),
            doubted: None,
            shelves: Shelves::default(),
            boarding: BTreeMap::new(),
            awaiting_list: Vec::new(),
            statistics: CableStatistics::default(),
        }
    }

    /// Whether a request of this importance is refused because there is much to do.
    pub(crate) fn sheds(&mut self, now: Timestamp, importance: &Importance) -> bool {
        let waiting = self.line.waiting();
        let wait = if waiting > 0 { self.pace.wait(now, waiting) } else { None };
        self.shedding.look(&Pressure {
            waiting,
            line_length: self.line_length,
            in_flight: self.in_flight,
            places: self.usable_places(),
            wait: wait.unwrap_or_default(),
        });
        self.shedding.refuses(importance)
    }

    /// A place for a strike that begins now, if there is one.
    #[inline]
    pub(crate) fn admit(&mut self, now: Timestamp) -> Option<Permit> {
        if self.admits(now) { self.occupy(now).ok() } else { None }
    }

    /// Whether a strike may begin now.
    #[inline]
    pub(crate) fn admits(&self, now: Timestamp) -> bool {
        self.breaker.admits(now) && self.orphans < ORPHANS_MAX && self.has_place(now)
    }

    /// Whether one more may wait without pushing anybody out.
    pub(crate) const fn has_room_in_line(&self) -> bool {
        self.line.waiting() < self.line_length && self.orphans < ORPHANS_MAX
    }

    /// Whether a request that found no place may wait for one.
    pub(crate) fn admit_to_line(&mut self, now: Timestamp, wish: &Wish) -> Result<(), Refusal> {
        let refusal = if !self.breaker.admits(now) {
            Refusal::BreakerOpen
        } else if self.orphans >= ORPHANS_MAX {
            Refusal::Unanswered
        } else if self.paused_until.since(now) > wish.longest_wait.unwrap_or(wish.patience) {
            Refusal::Paused
        } else {
            match self.may_wait(now, wish) {
                Ok(()) => return Ok(()),
                Err(refusal) => refusal,
            }
        };
        Err(self.refuse(refusal))
    }

    /// Whether a request may join the line.
    fn may_wait(&self, now: Timestamp, wish: &Wish) -> Result<(), Refusal> {
        if let Some(longest) = wish.longest_wait
            && let Some(ahead) = self.line.ahead(&wish.entrant)
            && let Some(wait) = self.pace.wait(now, ahead).filter(|&wait| wait > longest)
        {
            return Err(Refusal::TooLate(wait));
        }
        if self.line.waiting() < self.line_length
            || (wish.may_push_out && self.loser(wish).is_some())
        {
            return Ok(());
        }
        Err(Refusal::QueueFull)
    }

    /// Who has to go if this request joins a line that is full.
    pub(crate) fn loser(&self, wish: &Wish) -> Option<FlightKey> {
        if self.line_length == 0 { None } else { self.line.loser(wish.number, &wish.entrant) }
    }

    /// Whether the line holds more than it may, until somebody is pushed out.
    pub(crate) const fn is_overfull(&self) -> bool {
        self.line.waiting() > self.line_length
    }

    /// Whether a hedge may go here: to a pool that is well and has a place that nobody waits for.
    pub(crate) fn takes_hedge(&self, now: Timestamp) -> bool {
        self.breaker.state() == BreakerState::Closed
            && self.has_place(now)
            && self.line.waiting() == 0
            && self.orphans < ORPHANS_MAX
    }

    pub(crate) fn has_place(&self, now: Timestamp) -> bool {
        self.in_flight < self.usable_places() && now >= self.paused_until
    }

    /// All places, or the part of them that a recovered pool gets at first.
    fn usable_places(&self) -> u32 {
        let load = self.breaker.load();
        let places = self.limiter.as_ref().map_or(self.places, Limiter::limit);
        if load == BasisPoints::ONE {
            return places;
        }
        let places = if places == u32::MAX { RAMP_PLACES } else { places };
        (load.of(u64::from(places)) as u32).max(1)
    }

    /// Takes a place for a strike, if the breaker lets it through.
    pub(crate) fn occupy(&mut self, now: Timestamp) -> Result<Permit, Refusal> {
        let Some(permit) = self.breaker.acquire(now) else {
            return Err(self.refuse(Refusal::BreakerOpen));
        };
        self.in_flight += 1;
        if let Some(limiter) = &mut self.limiter {
            limiter.begun(self.in_flight);
        }
        Ok(permit)
    }

    /// The place of a strike that ended is free.
    pub(crate) fn vacate(&mut self) {
        self.in_flight = self.in_flight.checked_sub(1).expect("a strike holds a place");
    }

    /// Counts a refusal.
    pub(crate) fn refuse(&mut self, refusal: Refusal) -> Refusal {
        match refusal {
            Refusal::BreakerOpen | Refusal::Ejected => self.statistics.refused_open += 1,
            Refusal::QueueFull | Refusal::Unanswered => self.statistics.refused_full += 1,
            Refusal::WaitedTooLong => self.statistics.queue_timeouts += 1,
            Refusal::BudgetSpent => self.statistics.refused_budget += 1,
            Refusal::Paused => self.statistics.refused_paused += 1,
            Refusal::TooLate(_) | Refusal::NoTime => self.statistics.refused_late += 1,
            Refusal::Shed => self.statistics.shed += 1,
            Refusal::PushedOut => self.statistics.pushed_out += 1,
            Refusal::Standing => self.statistics.standing += 1,
            Refusal::Draining => {}
        }
        refusal
    }

    /// How many places are neither taken nor warm nor about to be.
    pub(crate) fn free(&self) -> u32 {
        let taken = self.in_flight.saturating_add(self.shelves.warm());
        self.places.saturating_sub(taken.saturating_add(self.shelves.stocking))
    }

    /// Whether strikes, warm leases and those to come are more than there are places.
    pub(crate) fn is_crowded(&self) -> bool {
        let taken = self.in_flight.saturating_add(self.shelves.warm());
        taken.saturating_add(self.shelves.stocking) > self.places
    }

    /// A share was held for so long and worked for nobody.
    pub(crate) fn charge_idle(&mut self, held: Duration) -> Money {
        let cost = self.charge(held);
        self.statistics.idle_slot_ns += u128::from(held.as_nanos());
        self.statistics.idle_cost += cost;
        cost
    }

    /// A part of the time that a share was held, at this cost.
    pub(crate) fn book(&mut self, Use { time, cost }: Use) {
        self.statistics.slot_ns += u128::from(time.as_nanos());
        self.statistics.cost += cost;
    }

    /// What the leases that are not at work cost per hour.
    pub(crate) fn idle_per_hour(&self) -> Money {
        let idle = self.shelves.warm().saturating_add(self.shelves.stocking);
        Money::from_nanos(self.price.as_nanos() * i128::from(idle))
    }

    /// The price of one share for an hour.
    pub(crate) const fn price(&self) -> Money {
        self.price
    }

    /// A share was held for so long: what it costs.
    pub(crate) fn charge(&mut self, held: Duration) -> Money {
        let cost = self.price.per_hour_over(held);
        self.book(Use { time: held, cost });
        cost
    }

    pub(crate) fn load(&self) -> Load {
        Load { in_flight: self.in_flight, queued: self.line.waiting(), places: self.places }
    }

    pub(crate) fn status(&self) -> CableStatus {
        CableStatus {
            breaker: self.breaker.state(),
            rates: self.breaker.rates(),
            limit: self.limiter.as_ref().map(Limiter::limit),
            in_flight: self.in_flight,
            queued: self.line.waiting(),
            statistics: self.statistics,
        }
    }
}
