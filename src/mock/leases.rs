//! Shares for requests that name none.
//!
//! # Problem
//!
//! A client of the dialect `openai` asks a served engine, which has its cards already. A share of its
//! own for every request would put the latency of an allocation, and the loading of weights, into
//! every time to first token.
//!
//! # Mechanism
//!
//! Each model has *warm shares*. The first request for a model asks for one and waits for it; later ones
//! go to the share with the fewest of them under way, the oldest among equals. When every share of a
//! model has as many as it is to have, another is asked for, one at a time, while requests go on to
//! those that there are: the engine batches them, or lets them wait. Pools are asked in the order of
//! the scenario until one grants.
//!
//! # Edges
//!
//! * If no pool grants and there is no share at all, whoever waits is refused with the first reason
//!   that is about a pool, and not about the model being too large for it. Pools are not asked again
//!   for a second of the caller's time.
//! * A share that will be taken away gets no further requests. One that turns out to be gone is
//!   forgotten.
//! * Shares stay until the end. Whoever asks for shares by another dialect finds the rest.

use std::collections::{BTreeMap, VecDeque};

use connector::{
    Allocate, AllocationId, Duration, Error, ErrorKind, ModelId, PoolId, Priority, Requirements,
    TenantId, Ticket, Timestamp,
};

/// The warm shares of every model.
#[derive(Debug)]
pub(super) struct Leases {
    models: Vec<Served>,
    /// Whose each of them is.
    owners: BTreeMap<AllocationId, ModelId>,
    pools: u32,
    /// Requests that a share is to have before another is asked for.
    per_share: usize,
}

#[derive(Debug)]
struct Served {
    requirements: Requirements,
    shares: Vec<Share>,
    /// The pool that was asked for another.
    asking: Option<PoolId>,
    /// Why the pools that were asked last refused.
    reason: Option<Error>,
    /// No pool is asked before.
    quiet_until: Timestamp,
    /// Requests that wait for the first share.
    line: VecDeque<Ticket>,
}

#[derive(Debug)]
struct Share {
    allocation: AllocationId,
    requests: usize,
}

impl Leases {
    /// None yet, of models that ask for so much, in as many pools.
    pub(super) fn new(requirements: &[Requirements], pools: usize, per_share: usize) -> Self {
        let served = |&requirements: &Requirements| Served {
            requirements,
            shares: Vec::new(),
            asking: None,
            reason: None,
            quiet_until: Timestamp::ZERO,
            line: VecDeque::new(),
        };
        Self {
            models: requirements.iter().map(served).collect(),
            owners: BTreeMap::new(),
            pools: u32::try_from(pools).unwrap_or(u32::MAX),
            per_share,
        }
    }

    pub(super) fn serves(&self, model: ModelId) -> bool {
        model.index() < self.models.len()
    }

    /// The share for one more request; `None` where there is none yet.
    pub(super) fn place(&mut self, model: ModelId) -> Option<AllocationId> {
        let share = self.served(model).shares.iter_mut().min_by_key(|share| share.requests)?;
        share.requests += 1;
        Some(share.allocation)
    }

    /// A request waits for the first share of its model.
    pub(super) fn wait(&mut self, model: ModelId, ticket: Ticket) {
        self.served(model).line.push_back(ticket);
    }

    /// Nobody waits for this one any more.
    pub(super) fn leave_line(&mut self, model: ModelId, ticket: Ticket) {
        self.served(model).line.retain(|&waiting| waiting != ticket);
    }

    /// What to ask a pool for, if another share is wanted.
    pub(super) fn want(&mut self, now: Timestamp, model: ModelId) -> Option<Allocate> {
        let (per_share, pools) = (self.per_share, self.pools);
        let served = self.served(model);
        let is_full = served.shares.iter().all(|share| share.requests >= per_share);
        let wants = is_full && served.asking.is_none() && now >= served.quiet_until && pools > 0;
        wants.then(|| {
            served.reason = None;
            served.ask(model, PoolId(0))
        })
    }

    /// A pool has granted a share: those who wait for one.
    pub(super) fn granted(&mut self, model: ModelId, allocation: AllocationId) -> VecDeque<Ticket> {
        self.owners.insert(allocation, model);
        let served = self.served(model);
        (served.asking, served.reason) = (None, None);
        served.shares.push(Share { allocation, requests: 0 });
        std::mem::take(&mut served.line)
    }

    /// A pool has refused: what to ask the next one. If all have, none is asked again for so long.
    pub(super) fn refused(
        &mut self,
        now: Timestamp,
        model: ModelId,
        error: Error,
        quiet: Duration,
    ) -> Option<Allocate> {
        let pools = self.pools;
        let served = self.served(model);
        if served.reason.as_ref().is_none_or(|held| held.kind == ErrorKind::Invalid) {
            served.reason = Some(error);
        }
        let next = served.asking.map_or(0, |pool| pool.0 + 1);
        if next < pools {
            return Some(served.ask(model, PoolId(next)));
        }
        (served.asking, served.quiet_until) = (None, now + quiet);
        None
    }

    /// Those who wait for a first share although no pool is asked for one, and why there is none.
    pub(super) fn stranded(&mut self, model: ModelId) -> Option<(VecDeque<Ticket>, Error)> {
        let served = self.served(model);
        if served.asking.is_some() || served.line.is_empty() {
            return None;
        }
        let reason = served.reason.clone();
        let reason = reason.unwrap_or_else(|| ErrorKind::CapacityExhausted.into());
        Some((std::mem::take(&mut served.line), reason))
    }

    /// A request on this share has ended.
    pub(super) fn ended(&mut self, allocation: AllocationId) {
        let Some(&model) = self.owners.get(&allocation) else { return };
        let shares = &mut self.served(model).shares;
        if let Some(share) = shares.iter_mut().find(|share| share.allocation == allocation) {
            share.requests -= 1;
        }
    }

    /// This share is gone or will be: no further requests go there.
    pub(super) fn forget(&mut self, allocation: AllocationId) {
        if let Some(model) = self.owners.remove(&allocation) {
            self.served(model).shares.retain(|share| share.allocation != allocation);
        }
    }

    fn served(&mut self, model: ModelId) -> &mut Served {
        &mut self.models[model.index()]
    }
}

impl Served {
    fn ask(&mut self, model: ModelId, pool: PoolId) -> Allocate {
        self.asking = Some(pool);
        Allocate {
            pool,
            model,
            requirements: self.requirements,
            overcommit: true,
            preemptible: false,
            priority: Priority::default(),
            tenant: TenantId(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use connector::{Mebibytes, Tflops};

    use super::*;

    const MODEL: ModelId = ModelId(0);
    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_first_request_waits_for_a_share_and_later_ones_find_it() {
        let mut leases = leases(1, 2);
        assert_eq!(leases.place(MODEL), None);
        leases.wait(MODEL, Ticket(1));
        assert_eq!(asked(&mut leases, 0), Some(PoolId(0)));
        assert_eq!(asked(&mut leases, 0), None, "one at a time");
        assert_eq!(leases.granted(MODEL, AllocationId(7)), [Ticket(1)]);
        assert_eq!(leases.place(MODEL), Some(AllocationId(7)));
        assert_eq!(asked(&mut leases, 0), None, "there is room for one more");
    }

    #[test]
    fn when_all_shares_are_full_another_is_asked_for_and_the_emptiest_is_taken() {
        let mut leases = leases(1, 2);
        leases.granted(MODEL, AllocationId(1));
        let places: Vec<_> = (0..2).map(|_| leases.place(MODEL).unwrap().0).collect();
        assert_eq!(places, [1, 1]);
        assert_eq!(asked(&mut leases, 0), Some(PoolId(0)));
        leases.granted(MODEL, AllocationId(2));
        leases.ended(AllocationId(1));
        let places: Vec<_> = (0..3).map(|_| leases.place(MODEL).unwrap().0).collect();
        assert_eq!(places, [2, 1, 2], "the emptier, and the older of equals");
    }

    #[test]
    fn the_next_pool_is_asked_and_the_reason_is_that_of_a_pool_that_could_have() {
        let mut leases = leases(3, 2);
        leases.wait(MODEL, Ticket(1));
        assert_eq!(asked(&mut leases, 0), Some(PoolId(0)));
        let mut refuse = |kind: ErrorKind| {
            assert!(leases.stranded(MODEL).is_none());
            let next = leases.refused(Timestamp::from_nanos(5), MODEL, kind.into(), SECOND);
            next.map(|ask| ask.pool)
        };
        assert_eq!(refuse(ErrorKind::Invalid), Some(PoolId(1)));
        assert_eq!(refuse(ErrorKind::CapacityExhausted), Some(PoolId(2)));
        assert_eq!(refuse(ErrorKind::Invalid), None);
        for ticket in [1, 2] {
            let (line, reason) = leases.stranded(MODEL).expect("nobody is asked");
            assert_eq!(
                (line, reason.kind),
                ([Ticket(ticket)].into(), ErrorKind::CapacityExhausted)
            );
            assert_eq!(asked(&mut leases, 6), None, "quiet for a second");
            leases.wait(MODEL, Ticket(2));
        }
        assert_eq!(asked(&mut leases, 1_000_000_004), None, "quiet for a second");
        assert_eq!(asked(&mut leases, 1_000_000_005), Some(PoolId(0)));
    }

    #[test]
    fn a_share_that_is_forgotten_gets_nothing_more() {
        let mut leases = leases(1, 2);
        leases.granted(MODEL, AllocationId(1));
        assert_eq!(leases.place(MODEL), Some(AllocationId(1)));
        leases.forget(AllocationId(1));
        leases.ended(AllocationId(1));
        assert_eq!(leases.place(MODEL), None);
        leases.wait(MODEL, Ticket(1));
        leases.wait(MODEL, Ticket(2));
        leases.leave_line(MODEL, Ticket(1));
        assert_eq!(leases.granted(MODEL, AllocationId(2)), [Ticket(2)]);
    }

    fn leases(pools: usize, per_share: usize) -> Leases {
        let requirements = Requirements { tflops: Tflops::new(1), vram: Mebibytes::new(1) };
        Leases::new(&[requirements], pools, per_share)
    }

    fn asked(leases: &mut Leases, now: u64) -> Option<PoolId> {
        leases.want(Timestamp::from_nanos(now), MODEL).map(|ask| ask.pool)
    }
}
