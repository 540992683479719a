//! The provider as a [`Connector`]: the platform cannot tell it from a live endpoint.
//!
//! # Mechanism
//!
//! A question is decided at once and its answer scheduled after a drawn latency, so an allocation
//! is held (and charged) from the moment it was asked for, and a slow answer is a late grant.
//! Everything later is a [`Wake`] in the event queue: an answer leaves, an inference reaches its
//! card, an engine reaches a milestone, weights have arrived, a grace is over, a fault begins or
//! ends. Operations are handled in [`allocate`] and [`infer`], what is taken away in [`preempt`] and
//! [`requeue`], what lists show in [`lists`], faults in [`faults`], cards that come and go in
//! [`capacity`], for reasons of their own in [`spot`], [`breakdowns`] and [`scale`]. What is held is
//! charged for by the [`Meter`].
//!
//! # Edges
//!
//! Time does not go back; `submit` first lets everything due by `now` happen. An engine's wake-up
//! may come early (its batch has grown since) and is then simply set again.

mod allocate;
mod answer;
mod breakdowns;
mod capacity;
mod faults;
mod host_memory;
mod infer;
mod lists;
mod maintenance;
mod preempt;
mod requeue;
mod scale;
mod share;
mod spot;
mod statement;

use std::collections::VecDeque;

use connector::{
    AllocationId, Connector, Duration, Event, EventKind, EventQueue, Operation, OperationKind,
    PoolGauge, PoolId, ProviderUsage, StatementLine, Ticket, Timestamp, TokenGaps,
};
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;
use slotmap::{Key, KeyData, SlotMap, new_key_type};

use self::{
    allocate::Share,
    answer::{Answer, Refusal},
    capacity::CardRef,
    faults::Faults,
    infer::Inference,
    lists::Departures,
    scale::Fleet,
};
use crate::{
    config::{ConfigError, ProviderConfig},
    control::Gateway,
    meter::Meter,
    pool::Pool,
    prices::Prices,
    random::Streams,
    serving::Progress,
};

new_key_type! {
    /// A share in the table of shares.
    pub(crate) struct ShareKey;
    /// An inference in the table of inferences.
    struct InferenceKey;
}

impl ShareKey {
    fn id(self) -> AllocationId {
        AllocationId(self.data().as_ffi())
    }

    fn from_id(id: AllocationId) -> Self {
        KeyData::from_ffi(id.0).into()
    }
}

/// The place of a model on a card.
#[derive(Clone, Copy, Debug)]
struct StationRef {
    pool: usize,
    card: usize,
    station: usize,
}

/// What the event queue holds.
#[derive(Clone, Copy, Debug)]
enum Wake {
    Answer(Ticket, Answer),
    Arrive(InferenceKey),
    /// How far an inference is wants to be told.
    Progress(InferenceKey),
    Engine(StationRef),
    /// A turn on this card may be over.
    Turn(StationRef),
    /// A neighbour, in the place of a station.
    Neighbour(StationRef),
    Loaded(StationRef),
    /// The memory of this card's host does not suffice.
    HostFull(CardRef),
    GraceOver(ShareKey),
    /// A share has waited long enough for another place.
    WaitOver(ShareKey),
    CheckpointRead(ShareKey),
    ReleaseDone(ShareKey),
    FaultBegins(usize),
    FaultEnds(usize),
    /// A pool that scales is looked at.
    Look(usize),
    /// A card that was on its way is there.
    CardComes(CardRef),
    /// Cards that a fault closed have waited long enough, or their grace is over.
    DrainOver(usize),
    DrainTakes(usize),
    /// A pool's trace of cards has another level.
    SpotLevel(usize),
    /// Cards of a pool that are sold together get notice, go, or come.
    SpotFalls(usize, usize),
    SpotGone(usize, usize),
    SpotComes(usize, usize),
    /// A pool has nothing to spare any more, all its cards go, or there is something again.
    ShortageBegins(usize),
    ShortageTakes(usize),
    ShortageEnds(usize),
    /// Something of a pool fails, or works again.
    Breaks(usize, usize),
    Repaired(usize, usize),
}

/// A simulated provider.
#[derive(Debug)]
pub struct Simulator {
    config: ProviderConfig,
    gateways: Vec<Gateway>,
    pools: Vec<Pool>,
    /// Of each pool that scales, the part each card plays.
    fleets: Vec<Option<Fleet>>,
    shares: SlotMap<ShareKey, Share>,
    /// Shares granted so far.
    grants: u64,
    inferences: SlotMap<InferenceKey, Inference>,
    /// Inferences in flight by ticket, to find the one to cancel. Only looked up, never iterated.
    by_ticket: HashMap<Ticket, InferenceKey, FxBuildHasher>,
    faults: Faults,
    meter: Meter,
    /// Shares that lists which are behind still show.
    departures: Departures,
    queue: EventQueue<Wake>,
    events: VecDeque<Event>,
    /// Buffer for what an engine reports.
    progress: Vec<Progress>,
}

impl Simulator {
    /// A provider set up as described, idle at the start of the run.
    ///
    /// # Errors
    /// What the configuration contradicts.
    pub fn new(config: ProviderConfig, seed: u64) -> Result<Self, ConfigError> {
        config.check()?;
        let streams = Streams::new(seed);
        let gateways = config
            .regions
            .iter()
            .map(|region| Gateway::new(&region.name, &region.control_plane, streams))
            .collect();
        let pools: Vec<Pool> =
            config.pools.iter().map(|pool| Pool::new(pool.clone(), &config, streams)).collect();
        let mut queue = EventQueue::new();
        for (index, fault) in config.faults.iter().enumerate() {
            queue.schedule(Timestamp::ZERO + fault.at, Wake::FaultBegins(index));
            queue.schedule(Timestamp::ZERO + fault.at + fault.lasts, Wake::FaultEnds(index));
        }
        let mut simulator = Self {
            faults: Faults::new(&config, streams),
            meter: Meter::new(config.pools.iter().map(Prices::of).collect()),
            departures: Departures::new(&config),
            gateways,
            fleets: Fleet::all(&config.pools, streams),
            pools,
            shares: SlotMap::with_key(),
            grants: 0,
            inferences: SlotMap::with_key(),
            by_ticket: HashMap::default(),
            queue,
            events: VecDeque::new(),
            progress: Vec::new(),
            config,
        };
        for pool in 0..simulator.pools.len() {
            simulator.start_fleet(pool);
            for card in 0..simulator.pools[pool].cards.len() {
                if simulator.pools[pool].standing(card).is_there() {
                    simulator.start_neighbours(Timestamp::ZERO, pool, card);
                }
            }
            simulator.start_spot(pool);
            simulator.start_breakdowns(pool);
        }
        Ok(simulator)
    }

    /// Shares held by anybody: the ones that are being taken away, and those that wait for another
    /// place, included.
    pub fn held(&self) -> usize {
        self.shares.len()
    }

    fn pool_of(&self, pool: PoolId) -> Result<usize, Refusal> {
        if pool.index() < self.pools.len() { Ok(pool.index()) } else { Err(Refusal::UnknownPool) }
    }

    /// Schedules the answer to a question put to a pool's region. Returns when the caller hears it,
    /// or `None` if it gets lost: the caller then hears of a time-out.
    fn answer(
        &mut self,
        now: Timestamp,
        pool: usize,
        kind: OperationKind,
        ticket: Ticket,
        answer: Result<Answer, Refusal>,
    ) -> Option<Timestamp> {
        let due = now + self.latency(pool, kind);
        let Some(gateway) = self.gateway(pool) else {
            let answer = answer.unwrap_or_else(Answer::Refused);
            self.queue.schedule(due, Wake::Answer(ticket, answer));
            return Some(due);
        };
        let answer = answer.map_err(|refusal| refusal.as_told(&gateway.quirks));
        let is_lost = answer == Err(Refusal::TimedOut) || self.faults.lose_answer(due, pool);
        let (at, answer) = if is_lost {
            (due.max(now + gateway.timeout), Answer::Refused(Refusal::TimedOut))
        } else {
            (due, answer.unwrap_or_else(Answer::Refused))
        };
        self.queue.schedule(at, Wake::Answer(ticket, answer));
        (!is_lost).then_some(at)
    }

    /// The API in front of a pool; pools that do not exist are asked for at the first region.
    fn gateway(&self, pool: usize) -> Option<&Gateway> {
        self.gateways.get(self.region(pool))
    }

    fn region(&self, pool: usize) -> usize {
        self.pools.get(pool).map_or(0, |pool| pool.config.region)
    }

    /// How long what is said between caller and pool is under way.
    fn latency(&mut self, pool: usize, kind: OperationKind) -> Duration {
        let region = self.region(pool);
        match self.gateways.get_mut(region) {
            Some(gateway) => self.faults.delay(pool, kind, gateway.latency(kind)),
            None => Duration::ZERO,
        }
    }

    /// Whether a call gets past the region's API at all.
    fn admit(&mut self, now: Timestamp, pool: usize, kind: OperationKind) -> Result<(), Refusal> {
        let region = self.region(pool);
        let Some(gateway) = self.gateways.get_mut(region) else { return Ok(()) };
        let fate = gateway.draw(kind);
        if self.faults.lose_request(now, pool) {
            return Err(Refusal::TimedOut);
        }
        self.faults.strike(pool, kind)?;
        Ok(gateway.admit(now, kind, fate)?)
    }

    fn wake(&mut self, now: Timestamp, wake: &Wake) {
        match *wake {
            Wake::Answer(ticket, answer) => self.deliver(now, ticket, answer),
            Wake::Arrive(inference) => self.reach_card(now, inference),
            Wake::Progress(inference) => self.look_at_progress(now, inference),
            Wake::Engine(at) => {
                self.pools[at.pool].cards[at.card].stations[at.station].wake = None;
                self.with_engine(now, at, |_| ());
            }
            Wake::Turn(at) => self.turn(now, at),
            Wake::Neighbour(at) => self.neighbour_wakes(now, at),
            Wake::Loaded(at) => self.weights_arrive(now, at),
            Wake::HostFull(card) => self.free_host_memory(now, card),
            Wake::GraceOver(share) => self.grace_over(now, share),
            Wake::WaitOver(share) => self.wait_over(now, share),
            Wake::CheckpointRead(share) => self.checkpoint_read(now, share),
            Wake::ReleaseDone(share) => self.release_done(now, share),
            Wake::FaultBegins(index) => self.fault_begins(now, index),
            Wake::FaultEnds(index) => self.fault_ends(now, index),
            Wake::Look(pool) => self.look_at(now, pool),
            Wake::CardComes(card) => self.card_comes(now, card),
            Wake::DrainOver(index) => self.drain_over(now, index),
            Wake::DrainTakes(index) => self.drain_takes(now, index),
            Wake::SpotLevel(pool) => self.spot_level(now, pool),
            Wake::SpotFalls(pool, unit) => self.spot_falls(now, (pool, unit)),
            Wake::SpotGone(pool, unit) => self.unit_is_gone(now, (pool, unit)),
            Wake::SpotComes(pool, unit) => self.unit_comes(now, (pool, unit)),
            Wake::ShortageBegins(pool) => self.shortage_begins(now, pool),
            Wake::ShortageTakes(pool) => self.shortage_takes(now, pool),
            Wake::ShortageEnds(pool) => self.shortage_ends(now, pool),
            Wake::Breaks(pool, part) => self.breaks(now, (pool, part)),
            Wake::Repaired(pool, part) => self.repaired(now, (pool, part)),
        }
    }

    /// Every model on every card, in order of pools and cards.
    fn stations(&self) -> Vec<StationRef> {
        let mut found = Vec::new();
        for (pool, of_pool) in self.pools.iter().enumerate() {
            for (card, of_card) in of_pool.cards.iter().enumerate() {
                let stations = 0..of_card.stations.len();
                found.extend(stations.map(|station| StationRef { pool, card, station }));
            }
        }
        found
    }

    fn emit(&mut self, at: Timestamp, kind: EventKind) {
        self.events.push_back(Event { at, kind });
    }

    fn catch_up(&mut self, now: Timestamp) {
        while let Some((at, wake)) = self.queue.pop_due(now) {
            self.wake(at, &wake);
        }
    }
}

impl Connector for Simulator {
    fn submit(&mut self, now: Timestamp, ticket: Ticket, operation: Operation) {
        self.catch_up(now);
        match operation {
            Operation::Allocate(ask) => self.allocate(now, ticket, ask),
            Operation::Infer(ask) => self.infer(now, ticket, ask),
            Operation::Cancel { inference } => self.cancel(now, ticket, inference),
            Operation::Release { allocation } => self.release(now, ticket, allocation),
            Operation::Inspect { allocation } => self.inspect(now, ticket, allocation),
            Operation::List { pool } => self.list(now, ticket, pool),
            Operation::Pools => {
                let result = self.admit(now, 0, OperationKind::Pools).map(|()| Answer::Pools);
                self.answer(now, 0, OperationKind::Pools, ticket, result);
            }
        }
    }

    fn poll(&mut self, now: Timestamp) -> Option<Event> {
        while self.events.is_empty() {
            // Looked at where it lies: to move what was written just now is to wait for it.
            match &self.queue.pop_due(now) {
                &Some((at, Wake::Answer(ticket, answer))) => {
                    return Some(self.arrival(at, ticket, answer));
                }
                Some((at, wake)) => self.wake(*at, wake),
                None => return None,
            }
        }
        self.events.pop_front()
    }

    #[inline]
    fn deadline(&self) -> Option<Timestamp> {
        match self.events.front() {
            Some(event) => Some(event.at),
            None => self.queue.next_time(),
        }
    }

    fn gauges(&mut self, now: Timestamp, report: &mut dyn FnMut(PoolGauge)) {
        self.catch_up(now);
        for pool in 0..self.pools.len() {
            report(self.gauge(now, pool));
        }
    }

    fn statement(&mut self, now: Timestamp, report: &mut dyn FnMut(StatementLine)) {
        self.catch_up(now);
        self.finished_lines(report);
    }

    fn statement_of_held(&mut self, now: Timestamp, report: &mut dyn FnMut(StatementLine)) {
        self.catch_up(now);
        self.lines_of_held(now, report);
    }

    fn provider_usage(&mut self, now: Timestamp, report: &mut dyn FnMut(ProviderUsage)) {
        self.catch_up(now);
        let open = self.shares.values().map(|share| (&share.stay, &share.ask));
        for usage in self.meter.read(now, open) {
            let quirks = self.gateway(usage.pool.index()).map(|gateway| gateway.quirks);
            if quirks.is_some_and(|quirks| quirks.zero_usage) {
                let ProviderUsage { pool, tenant, .. } = usage;
                report(ProviderUsage { pool, tenant, ..ProviderUsage::default() });
            } else {
                report(usage);
            }
        }
    }

    fn token_gaps(&mut self, now: Timestamp, report: &mut dyn FnMut(TokenGaps)) {
        self.catch_up(now);
        for at in self.stations() {
            self.with_engine(now, at, |_| ());
        }
        for (pool, of_pool) in (0..).map(PoolId).zip(&mut self.pools) {
            of_pool.drain_gaps(now, &mut |model, gap, count| {
                report(TokenGaps { pool, model, gap, count });
            });
        }
    }
}

#[cfg(test)]
mod tests;
