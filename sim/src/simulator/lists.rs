//! What lists of shares show: what is held, rows of others, and the past.
//!
//! A list that is behind by `lag` and arrives at `t` shows what was held at `t - lag`: shares
//! granted later are missing, and shares that have left since are there. The latter are remembered
//! for as long as any region is behind. How many inferences run on a share is told as of now.

use std::collections::VecDeque;

use connector::{AllocationId, AllocationInfo, Duration, PoolId, ShareUsages, Timestamp};

use super::{Share, ShareKey, Simulator};
use crate::config::ProviderConfig;

/// Ids of rows of others count down from here. Shares are numbered up from zero in the lower half
/// of their ids, and their number is bounded far below this.
const FIRST_FOREIGN: u64 = (1 << 32) | 0xFFFF_FFFE;

/// A share that is gone.
#[derive(Debug)]
struct Departure {
    granted: Timestamp,
    gone: Timestamp,
    row: AllocationInfo,
}

/// Shares that left not long ago, in the order of leaving.
#[derive(Debug)]
pub(super) struct Departures {
    /// How far the region that is furthest behind is behind.
    longest_lag: Duration,
    recent: VecDeque<Departure>,
}

impl Departures {
    pub(super) fn new(config: &ProviderConfig) -> Self {
        let lags = config.regions.iter().map(|region| region.control_plane.quirks.eventual_lists);
        Self { longest_lag: lags.max().unwrap_or_default(), recent: VecDeque::new() }
    }

    pub(super) fn add(&mut self, now: Timestamp, key: ShareKey, share: &Share) {
        if self.longest_lag.is_zero() {
            return;
        }
        let is_past = |left: &Departure| now.since(left.gone) > self.longest_lag;
        while self.recent.pop_front_if(|left| is_past(left)).is_some() {}
        let (granted, row) = (share.stay.granted, share.row(key));
        self.recent.push_back(Departure { granted, gone: now, row });
    }
}

impl Share {
    fn row(&self, key: ShareKey) -> AllocationInfo {
        AllocationInfo {
            allocation: key.id(),
            pool: self.ask.pool,
            model: Some(self.ask.model),
            requirements: Some(self.ask.requirements),
            running: Some(self.inferences.len() as u32),
            usage: None,
        }
    }
}

impl Simulator {
    pub(super) fn describe(&self, now: Timestamp, key: ShareKey) -> Option<AllocationInfo> {
        let share = self.shares.get(key)?;
        Some(AllocationInfo { usage: self.usage(now, share), ..share.row(key) })
    }

    /// What a share used lately, where its region tells: since it has its place, and nothing without
    /// one.
    fn usage(&self, now: Timestamp, share: &Share) -> Option<Box<ShareUsages>> {
        let pool = &self.pools[share.pool()];
        let region = &self.config.regions[pool.config.region].control_plane;
        if !region.usage_windows {
            return None;
        }
        let place = share.at.filter(|_| !region.quirks.zero_usage);
        let history =
            place.and_then(|at| pool.cards[at.card].stations[at.station].history.as_ref());
        let usages = history.map(|past| past.usages(now, share.had, pool.config.tflops()));
        Some(Box::new(usages.unwrap_or_default()))
    }

    /// The rows of a list that arrives now.
    pub(super) fn rows(&self, now: Timestamp, pool: PoolId) -> Vec<AllocationInfo> {
        let quirks = self.gateway(pool.index()).map(|gateway| gateway.quirks).unwrap_or_default();
        let lag = quirks.eventual_lists;
        let was_there = |granted: Timestamp| now.since(granted) >= lag;
        let held = self.shares.iter().filter(|(_, share)| share.ask.pool == pool);
        let mut rows: Vec<AllocationInfo> = held
            .filter(|(_, share)| was_there(share.stay.granted))
            .filter_map(|(key, _)| self.describe(now, key))
            .collect();
        let left = self.departures.recent.iter().filter(|left| left.row.pool == pool);
        let left = left.filter(|left| was_there(left.granted) && now.since(left.gone) < lag);
        rows.extend(left.map(|left| left.row.clone()));
        rows.extend((0..quirks.foreign_rows).map(|row| foreign(pool, row)));
        rows
    }
}

/// A share of another tenant, always the same. Nothing that we may call by this name exists.
fn foreign(pool: PoolId, row: u32) -> AllocationInfo {
    let allocation = foreign_share(row);
    AllocationInfo { allocation, pool, model: None, requirements: None, running: None, usage: None }
}

/// The name of a share of another tenant.
pub(super) const fn foreign_share(row: u32) -> AllocationId {
    AllocationId(FIRST_FOREIGN - row as u64)
}
