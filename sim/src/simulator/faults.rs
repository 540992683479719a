//! Scripted faults: what is going wrong now, and what it does to calls and cards.

use connector::{Duration, OperationKind, PoolId, Timestamp};

use super::{Refusal, ShareKey, Simulator};
use crate::{
    config::{FaultConfig, FaultKind, ProviderConfig},
    random::{Stream, Streams},
};

/// The faults under way.
#[derive(Debug)]
pub(super) struct Faults {
    script: Vec<FaultConfig>,
    active: Vec<usize>,
    /// One stream per fault, so that one fault's luck does not move another's.
    streams: Vec<Stream>,
    /// Cards that each fault took out of service: (pool, card).
    lost: Vec<Vec<(usize, u32)>>,
}

impl Faults {
    pub(super) fn new(config: &ProviderConfig, streams: Streams) -> Self {
        let count = config.faults.len();
        Self {
            script: config.faults.clone(),
            active: Vec::new(),
            streams: (0..count).map(|index| streams.stream(&format!("faults/{index}"))).collect(),
            lost: vec![Vec::new(); count],
        }
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
                FaultKind::Latency { .. } | FaultKind::GpuLoss { .. } => {}
            }
        }
        Ok(())
    }

    /// How much later answers of this pool come now.
    pub(super) fn added_latency(&self, pool: usize, kind: OperationKind) -> Duration {
        let added = self.active.iter().map(|&index| match &self.script[index] {
            FaultConfig { kind: FaultKind::Latency { add, operation }, pool: at, .. }
                if hits(*at, pool) && operation.is_none_or(|only| only == kind) =>
            {
                *add
            }
            FaultConfig { .. } => Duration::ZERO,
        });
        added.sum()
    }
}

fn hits(fault: Option<PoolId>, pool: usize) -> bool {
    fault.is_none_or(|at| at.index() == pool)
}

impl Simulator {
    pub(super) fn fault_begins(&mut self, now: Timestamp, index: usize) {
        self.faults.active.push(index);
        let fault = self.faults.script[index].clone();
        let pools = (0..self.pools.len()).filter(|&pool| hits(fault.pool, pool));
        for pool in pools.collect::<Vec<_>>() {
            match fault.kind {
                FaultKind::Outage => self.lose_inferences(now, pool),
                FaultKind::GpuLoss { count } => self.lose_cards(now, index, pool, count),
                FaultKind::Errors { .. } | FaultKind::Latency { .. } => {}
            }
        }
    }

    pub(super) fn fault_ends(&mut self, now: Timestamp, index: usize) {
        self.faults.active.retain(|&active| active != index);
        for (pool, card) in std::mem::take(&mut self.faults.lost[index]) {
            self.pools[pool].set_in_service(now, card, true);
        }
    }

    /// Everything running in the pool fails; the shares stay held.
    fn lose_inferences(&mut self, now: Timestamp, pool: usize) {
        for share in self.shares_where(|share| share.at.pool == pool) {
            for inference in std::mem::take(&mut self.shares[share].inferences) {
                self.abort(now, inference, Refusal::Lost);
            }
        }
    }

    /// The pool's last cards in service fall off the bus, with every share on them.
    fn lose_cards(&mut self, now: Timestamp, fault: usize, pool: usize, count: u32) {
        let of = &self.pools[pool];
        let up = (0..of.cards.len()).rev().filter(|&card| of.is_in_service(card));
        for card in up.take(count as usize).collect::<Vec<_>>() {
            self.pools[pool].set_in_service(now, card as u32, false);
            self.faults.lost[fault].push((pool, card as u32));
            let held = self.shares_where(|share| (share.at.pool, share.at.card) == (pool, card));
            for share in held {
                self.take_away(now, share, Refusal::Lost);
            }
        }
    }

    fn shares_where(&self, wanted: impl Fn(&super::Share) -> bool) -> Vec<ShareKey> {
        self.shares.iter().filter(|(_, share)| wanted(share)).map(|(key, _)| key).collect()
    }
}
