//! The provider's meter: what it will charge for, as it thinks it held.
//!
//! # Problem
//!
//! Platform and provider keep two books about the same shares, and they differ where one of them
//! does not know what the other does: a share is held while its grant is under way, a ghost is held
//! by nobody who knows of it, and a slow release holds on.
//!
//! # Mechanism
//!
//! Every share keeps three instants of its [`Stay`]: when it was placed, when the caller was told,
//! when its release was asked for. At its end, at time `e`, its tenant's account in the pool is
//! charged
//!
//! ```text
//! slot_ns     += e - placed
//! mebibyte_ns += (e - placed) x MiB promised
//! flop        += (e - placed) x GFLOPS promised
//! ```
//!
//! and `e - placed` is divided where the instants lie: untold until `told` (a ghost that is never
//! told: until the release), releasing from `released` on, and the rest is held by mutual consent.
//! Everything is an integer, and the sum over accounts is the integral of what was held.
//!
//! Time is kept apart by the price that held ([`Prices`]), so that a price that changes is charged from
//! then on and not before.
//!
//! Where somebody wants the charges one by one, every stretch in a place makes a line of a statement
//! when it ends (one for each price), until it is fetched; otherwise nothing of a share is kept.
//!
//! # Edges
//!
//! A share that has lost its place and waits for another one is not charged for meanwhile: what it
//! held is charged when it loses it. Shares that are still held are charged up to the moment of the
//! question, without closing anything. A share whose release came before its grant was told (nobody
//! knew its name, but a list did) was untold until then. Beside the time held, an account counts
//! tokens: use, which says nothing about time.
//!
//! # Source
//!
//! Hours are subscription hours whether or not the card was used, and meters of consumption count
//! use; the two must be able to disagree (hostedai-scheduler, V3).

use std::collections::BTreeMap;

use connector::{
    Allocate, AllocationId, Duration, Money, PoolId, ProviderUsage, StatementLine, StayEnd,
    TenantId, Timestamp, Usage,
};

use crate::prices::{Prices, Stretch};

/// What the meter must know of a share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stay {
    pub(crate) granted: Timestamp,
    /// Since when it has its place; `None` while it waits for one.
    placed: Option<Timestamp>,
    /// How long it had places before that, which is charged already.
    charged: Duration,
    /// When the caller hears of it; `None`: never.
    pub(crate) told: Option<Timestamp>,
    /// When its release was asked for.
    pub(crate) released: Option<Timestamp>,
}

impl Stay {
    /// A share that nobody has been told of yet.
    pub(crate) const fn since(granted: Timestamp) -> Self {
        Self { granted, placed: Some(granted), charged: Duration::ZERO, told: None, released: None }
    }

    /// Whether its release was asked for.
    pub(crate) const fn is_ending(&self) -> bool {
        self.released.is_some()
    }

    /// The lines of a statement for its present place, if it has one: one for each price.
    pub(crate) fn lines(
        &self,
        allocation: AllocationId,
        ask: &Allocate,
        end: (Timestamp, StayEnd),
        prices: &Prices,
    ) -> impl Iterator<Item = StatementLine> {
        let lines = self
            .placed
            .map(|placed| lines((allocation, ask.pool, Some(ask.tenant)), (placed, end), prices));
        lines.into_iter().flatten()
    }

    /// How long it has had a place.
    pub(crate) fn placed_for(&self, now: Timestamp) -> Duration {
        self.charged + self.placed.map_or(Duration::ZERO, |placed| now.since(placed))
    }
}

/// Lines of one share from `placed` on: whose it is, and when and why the last of them ends.
pub(crate) fn lines(
    (allocation, pool, tenant): (AllocationId, PoolId, Option<TenantId>),
    (placed, (end, ended)): (Timestamp, (Timestamp, StayEnd)),
    prices: &Prices,
) -> impl Iterator<Item = StatementLine> {
    prices.stretches(placed, end).map(move |Stretch { from, until, price, .. }| StatementLine {
        allocation,
        pool,
        tenant,
        from,
        until,
        ended: if until == end { ended } else { StayEnd::PriceChanged },
        price_per_slot_hour: price,
        charge: price.per_hour_over(until.since(from)),
    })
}

/// One tenant in one pool.
#[derive(Clone, Debug, Default)]
struct Account {
    open: u32,
    /// Shares that wait for another place.
    waiting: u32,
    usage: ProviderUsage,
    /// The time of `usage` by the price that held, as far as there was any.
    slot_ns_by_price: Vec<u128>,
}

impl Account {
    fn charge(&mut self, stay: &Stay, ask: &Allocate, until: Timestamp, prices: &Prices) {
        let Some(placed) = stay.placed else { return };
        self.slot_ns_by_price.resize(prices.len(), 0);
        for Stretch { from, until, step, .. } in prices.stretches(placed, until) {
            self.slot_ns_by_price[step] += u128::from(until.since(from).as_nanos());
        }
        let usage = &mut self.usage;
        let held = u128::from(until.since(placed).as_nanos());
        usage.slot_ns += held;
        usage.mebibyte_ns += held * u128::from(ask.requirements.vram.get());
        usage.flop += held * u128::from(ask.requirements.tflops.as_gflops());
        let asked_back = stay.released.unwrap_or(until).min(until);
        let told = stay.told.unwrap_or(asked_back).min(asked_back);
        let untold = u128::from(told.since(placed).as_nanos());
        if stay.told.is_some() {
            usage.untold_slot_ns += untold;
        } else {
            usage.ghost_slot_ns += untold;
        }
        usage.releasing_slot_ns += u128::from(until.since(asked_back).as_nanos());
    }

    /// What it comes to, rounded once for each price.
    fn cost(&self, prices: &Prices) -> Money {
        let times = self.slot_ns_by_price.iter().enumerate();
        times.map(|(step, &slot_ns)| prices.price(step).per_slot_hour_over(slot_ns)).sum()
    }
}

/// See the module text.
#[derive(Debug)]
pub(crate) struct Meter {
    /// By pool.
    prices: Vec<Prices>,
    accounts: BTreeMap<(PoolId, TenantId), Account>,
    /// Lines that are complete and were not fetched yet; `None`: nobody wants any.
    statement: Option<Vec<Finished>>,
}

/// A stretch of a share in one place that is over, before it has a price.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) allocation: AllocationId,
    pub(crate) stay: Stay,
    pub(crate) ask: Allocate,
    pub(crate) end: (Timestamp, StayEnd),
}

impl Meter {
    /// Nothing held so far; prices by pool.
    pub(crate) const fn new(prices: Vec<Prices>) -> Self {
        Self { prices, accounts: BTreeMap::new(), statement: None }
    }

    /// What shares of a pool cost.
    pub(crate) fn prices(&self, pool: PoolId) -> &Prices {
        &self.prices[pool.index()]
    }

    fn charge(&mut self, stay: &Stay, ask: &Allocate, until: Timestamp) {
        let account = self.accounts.entry((ask.pool, ask.tenant)).or_default();
        account.charge(stay, ask, until, &self.prices[ask.pool.index()]);
    }

    fn account(&mut self, ask: &Allocate) -> &mut Account {
        self.accounts.entry((ask.pool, ask.tenant)).or_default()
    }

    /// A share was granted.
    pub(crate) fn open(&mut self, ask: &Allocate) {
        self.account(ask).open += 1;
    }

    /// From now on a statement is kept.
    pub(crate) fn keep_statement(&mut self) {
        self.statement.get_or_insert_default();
    }

    /// What is complete of the statement, once.
    pub(crate) fn take_finished(&mut self) -> Vec<Finished> {
        self.statement.as_mut().map(std::mem::take).unwrap_or_default()
    }

    fn finish(
        &mut self,
        allocation: AllocationId,
        stay: &Stay,
        ask: &Allocate,
        end: (Timestamp, StayEnd),
    ) {
        if let Some(statement) = &mut self.statement
            && stay.placed.is_some()
        {
            statement.push(Finished { allocation, stay: *stay, ask: *ask, end });
        }
    }

    /// A share is gone.
    pub(crate) fn close(
        &mut self,
        allocation: AllocationId,
        stay: &Stay,
        ask: &Allocate,
        now: Timestamp,
    ) {
        let ended = if stay.is_ending() { StayEnd::Released } else { StayEnd::TakenAway };
        self.finish(allocation, stay, ask, (now, ended));
        let account = self.account(ask);
        let count = if stay.placed.is_some() { &mut account.open } else { &mut account.waiting };
        *count = count.checked_sub(1).expect("a share that ends was opened");
        self.charge(stay, ask, now);
    }

    /// A share has lost its place and waits for another one.
    pub(crate) fn pause(
        &mut self,
        allocation: AllocationId,
        stay: &mut Stay,
        ask: &Allocate,
        now: Timestamp,
    ) {
        self.finish(allocation, stay, ask, (now, StayEnd::SetAside));
        let account = self.account(ask);
        account.open = account.open.checked_sub(1).expect("a share that pauses was opened");
        account.waiting += 1;
        self.charge(stay, ask, now);
        (stay.charged, stay.placed) = (stay.placed_for(now), None);
    }

    /// A share that waited has a place again.
    pub(crate) fn go_on(&mut self, stay: &mut Stay, ask: &Allocate, now: Timestamp) {
        let account = self.account(ask);
        account.waiting = account.waiting.checked_sub(1).expect("a share that goes on waited");
        account.open += 1;
        stay.placed = Some(now);
    }

    /// Whether the tenant holds a share of the pool, one that is being released included.
    pub(crate) fn has_share(&self, pool: PoolId, tenant: TenantId) -> bool {
        self.accounts.get(&(pool, tenant)).is_some_and(|account| account.open + account.waiting > 0)
    }

    /// An inference on a share of this kind was finished.
    pub(crate) fn count_tokens(&mut self, ask: &Allocate, tokens: Usage) {
        let usage = &mut self.account(ask).usage;
        usage.prompt_tokens += u128::from(tokens.prompt.get());
        usage.output_tokens += u128::from(tokens.output.get());
    }

    /// What every account comes to now, shares that are still held included.
    pub(crate) fn read<'a>(
        &self,
        now: Timestamp,
        open: impl Iterator<Item = (&'a Stay, &'a Allocate)>,
    ) -> impl Iterator<Item = ProviderUsage> {
        let mut accounts = self.accounts.clone();
        for (stay, ask) in open {
            let account = accounts.entry((ask.pool, ask.tenant)).or_default();
            account.charge(stay, ask, now, self.prices(ask.pool));
        }
        accounts.into_iter().map(|((pool, tenant), account)| ProviderUsage {
            pool,
            tenant,
            cost: account.cost(self.prices(pool)),
            slots_held: account.open,
            ..account.usage
        })
    }
}
