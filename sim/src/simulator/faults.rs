//! Scripted faults: what is going wrong now, and what it does to calls and cards.
//!
//! Partitions are looked up in the script, not among the faults under way: whether an answer gets
//! through is decided by when it is due, and that may lie ahead.

use connector::{BasisPoints, Duration, OperationKind, PoolId, Timestamp};

use super::{Refusal, Simulator, Wake, capacity::CardRef};
use crate::{
    config::{Direction, FaultConfig, FaultKind, ProviderConfig},
    random::{Stream, Streams},
    standing::Cause,
};

/// The faults under way.
#[derive(Debug)]
pub(super) struct Faults {
    pub(super) script: Vec<FaultConfig>,
    active: Vec<usize>,
    /// One stream per fault, so that one fault's luck does not move another's.
    streams: Vec<Stream>,
    /// Cards that each fault took away.
    pub(super) lost: Vec<Vec<CardRef>>,
    /// Cards that each maintenance has yet to come to, in order.
    pub(super) waiting: Vec<Vec<CardRef>>,
    partitions: Vec<Partition>,
}

/// When and where the network is cut.
#[derive(Clone, Copy, Debug)]
struct Partition {
    begins: Timestamp,
    ends: Timestamp,
    pool: Option<PoolId>,
    direction: Direction,
}

impl Partition {
    fn new(fault: &FaultConfig) -> Option<Self> {
        let FaultKind::Partition { direction } = fault.kind else { return None };
        let begins = Timestamp::ZERO + fault.at;
        Some(Self { begins, ends: begins + fault.lasts, pool: fault.pool, direction })
    }

    fn cuts_off(&self, at: Timestamp, pool: usize) -> bool {
        self.begins <= at && at < self.ends && hits(self.pool, pool)
    }
}

impl Faults {
    pub(super) fn new(config: &ProviderConfig, streams: Streams) -> Self {
        let count = config.faults.len();
        Self {
            script: config.faults.clone(),
            active: Vec::new(),
            streams: (0..count).map(|index| streams.stream(&format!("faults/{index}"))).collect(),
            lost: vec![Vec::new(); count],
            waiting: vec![Vec::new(); count],
            partitions: config.faults.iter().filter_map(Partition::new).collect(),
        }
    }

    /// Whether a call made now gets lost on its way to the pool.
    pub(super) fn lose_request(&self, now: Timestamp, pool: usize) -> bool {
        let cut = |cut: &Partition| cut.direction.loses_requests() && cut.cuts_off(now, pool);
        self.partitions.iter().any(cut)
    }

    /// Whether what the pool says at this time, past or future, gets lost on its way back.
    pub(super) fn lose_answer(&self, at: Timestamp, pool: usize) -> bool {
        let cut = |cut: &Partition| cut.direction.loses_answers() && cut.cuts_off(at, pool);
        self.partitions.iter().any(cut)
    }

    /// Whether a call to this pool fails now, and how.
    pub(super) fn strike(&mut self, pool: usize, kind: OperationKind) -> Result<(), Refusal> {
        for &index in &self.active {
            let fault = &self.script[index];
            if !hits(fault.pool, pool) {
                continue;
            }
            match &fault.kind {
                FaultKind::Outage => return Err(Refusal::Down),
                FaultKind::Errors { rate, operation } => {
                    let meant = operation.is_none_or(|only| only == kind);
                    if meant && self.streams[index].chance(*rate) {
                        return Err(Refusal::Injected);
                    }
                }
                FaultKind::Brownout { errors, .. } => {
                    if *errors > BasisPoints::ZERO && self.streams[index].chance(*errors) {
                        return Err(Refusal::Injected);
                    }
                }
                FaultKind::Latency { .. }
                | FaultKind::GpuLoss { .. }
                | FaultKind::Maintenance { .. }
                | FaultKind::Partition { .. } => {}
            }
        }
        Ok(())
    }

    /// What the faults under way make of a latency: brown-outs multiply, then others add.
    pub(super) fn delay(&self, pool: usize, kind: OperationKind, latency: Duration) -> Duration {
        if self.active.is_empty() {
            return latency;
        }
        let here = || {
            let faults = self.active.iter().map(|&index| &self.script[index]);
            faults.filter(|fault| hits(fault.pool, pool)).map(|fault| &fault.kind)
        };
        let slowed = here().fold(latency, |latency, fault| match fault {
            FaultKind::Brownout { slowdown, .. } => {
                Duration::from_nanos(slowdown.of(latency.as_nanos()))
            }
            FaultKind::Errors { .. }
            | FaultKind::Latency { .. }
            | FaultKind::Partition { .. }
            | FaultKind::Outage
            | FaultKind::Maintenance { .. }
            | FaultKind::GpuLoss { .. } => latency,
        });
        let added = here().map(|fault| match fault {
            FaultKind::Latency { add, operation } if operation.is_none_or(|only| only == kind) => {
                *add
            }
            FaultKind::Latency { .. }
            | FaultKind::Errors { .. }
            | FaultKind::Brownout { .. }
            | FaultKind::Partition { .. }
            | FaultKind::Outage
            | FaultKind::Maintenance { .. }
            | FaultKind::GpuLoss { .. } => Duration::ZERO,
        });
        slowed + added.sum()
    }
}

fn hits(fault: Option<PoolId>, pool: usize) -> bool {
    fault.is_none_or(|at| at.index() == pool)
}

impl Simulator {
    #[cold]
    pub(super) fn fault_begins(&mut self, now: Timestamp, index: usize) {
        self.faults.active.push(index);
        let fault = self.faults.script[index].clone();
        let pools = (0..self.pools.len()).filter(|&pool| hits(fault.pool, pool));
        for pool in pools.collect::<Vec<_>>() {
            match fault.kind {
                FaultKind::Outage => self.lose_inferences(now, pool),
                FaultKind::GpuLoss { count } => self.lose_cards(now, index, pool, count),
                FaultKind::Maintenance { count, .. } => self.plan_maintenance(index, pool, count),
                FaultKind::Errors { .. }
                | FaultKind::Latency { .. }
                | FaultKind::Brownout { .. }
                | FaultKind::Partition { .. } => {}
            }
        }
        self.next_lot(now, index);
    }

    #[cold]
    pub(super) fn fault_ends(&mut self, now: Timestamp, index: usize) {
        self.faults.active.retain(|&active| active != index);
        let cause = self.faults.script[index].kind.cause();
        for (pool, card) in std::mem::take(&mut self.faults.lost[index]) {
            self.return_card(now, (pool, card), cause);
        }
        if self.next_lot(now, index) {
            let lasts = self.faults.script[index].lasts;
            self.queue.schedule(now + lasts, Wake::FaultEnds(index));
        }
    }

    /// Everything running in the pool fails; the shares stay held.
    fn lose_inferences(&mut self, now: Timestamp, pool: usize) {
        for share in self.shares_where(|share| share.pool() == pool) {
            for inference in std::mem::take(&mut self.shares[share].inferences) {
                self.abort(now, inference, Refusal::Lost);
            }
        }
    }

    /// The pool's last cards that are there fall off the bus, with every share on them.
    fn lose_cards(&mut self, now: Timestamp, fault: usize, pool: usize, count: u32) {
        let of = &self.pools[pool];
        let there = (0..of.cards.len()).rev().filter(|&card| of.standing(card).is_there());
        for card in there.take(count as usize).collect::<Vec<_>>() {
            self.faults.lost[fault].push((pool, card));
            self.withdraw_card(now, (pool, card), Cause::Fault, Refusal::Lost);
        }
    }
}
