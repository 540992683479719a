//! What the simulator does not know of a subscription.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::IpAddr,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use connector::{AllocationId, PoolId, TenantId};
use tokio::task::AbortHandle;

use super::quirks::GpuaasQuirks;

/// Teams that are nobody's tenant; more are refused.
const MOST_TEAMS: usize = 1_024;
/// Subscriptions that are over and still in the bills.
const MOST_PAST: usize = 100_000;

#[derive(Debug)]
pub(in crate::mock) struct Front {
    pub(super) quirks: GpuaasQuirks,
    /// How late is what is late.
    pub(super) delay: Duration,
    /// Where exposed services listen.
    pub(super) ip: IpAddr,
    turns: AtomicU64,
    pages: Mutex<Pages>,
}

#[derive(Debug, Default)]
pub(super) struct Pages {
    pub(super) held: BTreeMap<AllocationId, Subscription>,
    /// Teams and pools that are being subscribed for.
    pub(super) under_way: BTreeSet<(String, PoolId)>,
    /// Subscriptions whose number the simulator did not tell.
    pub(super) unnamed: VecDeque<(String, PoolId)>,
    /// When the latest subscription of a team and pool was gone.
    gone: BTreeMap<(String, PoolId), Instant>,
    past: VecDeque<Use>,
    /// Teams that are nobody's tenant, in the order in which they came.
    teams: Vec<String>,
    /// Lists that each team has asked for.
    lists: BTreeMap<String, u64>,
}

/// A subscription.
#[derive(Debug)]
pub(super) struct Subscription {
    pub(super) team: String,
    pub(super) pool: PoolId,
    pub(super) began: SystemTime,
    pub(super) since: Instant,
    pub(super) is_dying: bool,
    /// Times that somebody asked for its end.
    pub(super) asked: u32,
    pub(super) services: Vec<Service>,
}

/// An exposed port.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) pod_port: u16,
    pub(super) server: AbortHandle,
}

impl Drop for Service {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// A stretch of time for which a team is charged.
#[derive(Clone, Debug)]
pub(super) struct Use {
    pub(super) allocation: AllocationId,
    pub(super) team: String,
    pub(super) pool: PoolId,
    pub(super) from: SystemTime,
    pub(super) until: SystemTime,
}

impl Front {
    pub(in crate::mock) fn new(quirks: GpuaasQuirks, delay: Duration, ip: IpAddr) -> Self {
        Self { quirks, delay, ip, turns: AtomicU64::new(0), pages: Mutex::default() }
    }

    /// A number that is another one every time.
    pub(super) fn turn(&self) -> u64 {
        self.turns.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a team is charged for.
    pub(super) fn uses_of(&self, team: &str) -> Vec<Use> {
        let pages = self.pages();
        let now = SystemTime::now();
        let held = pages.held.iter().map(|(id, subscription)| subscription.used(*id, now));
        let all = pages.past.iter().cloned().chain(held);
        all.filter(|one| one.team == team).collect()
    }
}

impl Subscription {
    fn used(&self, allocation: AllocationId, until: SystemTime) -> Use {
        Use { allocation, team: self.team.clone(), pool: self.pool, from: self.began, until }
    }
}

impl Pages {
    /// The tenant of a team that is nobody's name, counted on from `known`.
    pub(super) fn tenant(&mut self, team: &str, known: usize) -> Option<TenantId> {
        let place = self.teams.iter().position(|other| other == team);
        let place = place.or_else(|| {
            (self.teams.len() < MOST_TEAMS).then(|| {
                self.teams.push(team.to_owned());
                self.teams.len() - 1
            })
        })?;
        Some(TenantId((known + place) as u32))
    }

    /// How many lists this team has asked for before. Counted by team, so that those who ask at once do
    /// not take turns in being struck.
    pub(super) fn lists_before(&mut self, team: &str) -> u64 {
        if self.lists.len() >= MOST_TEAMS {
            self.lists.clear();
        }
        let count = self.lists.entry(team.to_owned()).or_default();
        *count += 1;
        *count - 1
    }

    pub(super) fn begin(&mut self, id: AllocationId, team: String, pool: PoolId) {
        let subscription = Subscription {
            team,
            pool,
            began: SystemTime::now(),
            since: Instant::now(),
            is_dying: false,
            asked: 0,
            services: Vec::new(),
        };
        self.held.insert(id, subscription);
    }

    /// A subscription that the simulator has and that nobody here knows is that of the oldest question
    /// whose answer did not name one.
    pub(super) fn name(&mut self, id: AllocationId, pool: PoolId) {
        let Some(place) = self.unnamed.iter().position(|(_, of)| *of == pool) else { return };
        let (team, pool) = self.unnamed.remove(place).expect("it was just there");
        self.begin(id, team, pool);
    }

    pub(super) fn end(&mut self, id: AllocationId) {
        let Some(subscription) = self.held.remove(&id) else { return };
        if self.past.len() >= MOST_PAST {
            self.past.pop_front();
        }
        self.past.push_back(subscription.used(id, SystemTime::now()));
        self.gone.insert((subscription.team.clone(), subscription.pool), Instant::now());
    }

    pub(super) fn of(&self, team: &str, pool: PoolId) -> Option<AllocationId> {
        let is_it = |one: &Subscription| one.team == team && one.pool == pool;
        self.held.iter().find(|(_, one)| is_it(one)).map(|(id, _)| *id)
    }

    /// How long ago a subscription of this team and pool was gone.
    pub(super) fn gone_for(&self, team: &str, pool: PoolId) -> Option<Duration> {
        self.gone.get(&(team.to_owned(), pool)).map(Instant::elapsed)
    }
}
