//! What every attempt used, and what became of every share: the records that billing is made of.
//!
//! # Problem
//!
//! Whatever a provider charges must be found in our books, at some tenant or at nobody, once. An
//! attempt can end in many ways (answered, failed, called off, its caller gone, its share lost), and
//! the time of its share does not end with it: it may run on for nobody, lie warm, and serve others.
//!
//! # Mechanism
//!
//! The time of a share is cut into *stretches* at the instants at which it changes hands. A stretch
//! ends where the next begins, so that they fill the time from the grant (or from when the share
//! was found) to the moment its release is first asked for, without gap or overlap. Every stretch
//! makes one [`UsageRecord`]; a strike that never got a share makes one without time. All sums of
//! the platform ([`meters`](Platform::meters), [`overhead`](Platform::overhead)) are sums over them.
//!
//! | stretch | kind | pays |
//! | --- | --- | --- |
//! | at work for a strike | what came of the strike | its tenant |
//! | running on after its strike was left ([`Abandon::Leave`](crate::config::Abandon)) | that of the strike | its tenant |
//! | on a warm share that turned out to be gone | retried | its tenant |
//! | warm, at work for nobody | idle | nobody |
//! | found in a list and kept, before its first work | ghost | nobody, and no pool's statistics count it |
//!
//! Several strikes may be on one share at a time ([`crate::ride`]). Their stretches overlap, and each is
//! charged with a part of the time; the parts fill it.
//!
//! Tokens of a delivered record are those of the whole answer, also where a stream that broke off
//! was resumed by this strike: so the tenant's tokens are the sum over delivered records. Tokens of
//! any other record say what that strike had made as far as it was told. Prompt tokens are divided
//! into those that were computed and those that a cache held, as the provider says when it has
//! answered: of a strike that ended otherwise all count as computed, and of a stream that was resumed
//! those count as held that the last strike found.
//!
//! # Edges
//!
//! A record's key is made of the life of the platform (one run, one process), the number of the
//! strike and the part of it; an idle stretch has a number of its own in the same row. The waiting
//! of a request in lines belongs to the strike that ended it, and if it never came to one, to none.
//! Questions to a model about a request's class are strikes whose tokens nobody is charged for.

use connector::{AllocationId, Duration, ModelId, Money, TenantId, Timestamp, Tokens, Usage};

use super::Platform;
use crate::{
    billing::{LeaseRecord, Meters, RecordKey, StrikeId, UsageRecord, UseKind},
    flight::{Flight, FlightKey, Strike},
    interface::Output,
    lease::{Account, Bearer, Entry, Held, LeaseKey, LeaseState, Warm},
    ride::Use,
};

/// Which stretch of a strike.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    /// The one at whose end the strike ended.
    Whole = 0,
    /// After that, at work for nobody.
    LeftRunning = 1,
    /// Before that, on a share that was gone.
    Stale = 2,
}

const NOTHING: Usage = Usage::computed(Tokens::ZERO, Tokens::ZERO);

/// What came of a strike.
#[derive(Clone, Copy, Debug)]
pub(super) struct Work {
    pub(super) kind: UseKind,
    /// What is to be counted; `None`: what it had made as far as it was told.
    usage: Option<Usage>,
    requests: u64,
}

impl Work {
    /// The answer that the tenant gets.
    pub(super) const fn delivered(usage: Usage) -> Self {
        Self { kind: UseKind::Delivered, usage: Some(usage), requests: 1 }
    }

    /// An answer to a question of our own.
    pub(super) const fn of_our_own(kind: UseKind) -> Self {
        Self { kind, usage: Some(NOTHING), requests: 0 }
    }

    pub(super) const fn wasted(kind: UseKind) -> Self {
        Self { kind, usage: None, requests: 0 }
    }

    pub(super) const fn having_made(self, usage: Usage) -> Self {
        Self { usage: Some(usage), ..self }
    }
}

/// Time that a share worked for its owner.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch {
    since: Timestamp,
    account: Account,
    /// All of its time, or the part of it that the strike pays for.
    time: Duration,
    pub(super) cost: Money,
}

impl Platform {
    /// From now on every record of use and every lease that ends is told
    /// ([`Output::Usage`], [`Output::Lease`]). `life` distinguishes the keys of this platform's
    /// records from those of any other life of it, before and after a restart.
    #[must_use]
    pub fn telling_books(mut self, life: u32) -> Self {
        self.books.told = Some(life);
        self
    }

    /// What everything has cost by `now`, at the prices of the cables: what is booked, and what shares
    /// that are held have cost since then. It takes as long as there are shares.
    pub fn spent(&self, now: Timestamp) -> Money {
        let booked: Money = self.meters.iter().map(|meter| meter.cost).sum();
        let shares = self.leases.iter().filter(|(key, lease)| self.stands_for_share(*key, lease));
        let unbooked: Money = shares
            .map(|(_, lease)| {
                let since = match &lease.state {
                    LeaseState::Held(held) => held.since,
                    LeaseState::Warm(warm) => warm.since,
                    LeaseState::Asked { .. }
                    | LeaseState::Boarding { .. }
                    | LeaseState::Stocking { .. }
                    | LeaseState::Releasing { .. }
                    | LeaseState::Unreleased { .. } => now,
                };
                self.cables[lease.cable].price().per_hour_over(now.since(since))
            })
            .sum();
        booked + self.overhead.cost + unbooked
    }

    /// A stretch of work ends now.
    pub(super) fn end_stretch(&mut self, now: Timestamp, key: LeaseKey, held: &Held) -> Stretch {
        let cable = &mut self.cables[self.leases[key].cable];
        let Use { time, cost } = if let Some(ride) = held.account.ride {
            let used = self.rides[ride].take_use(now, cable.price(), key);
            cable.book(used);
            used
        } else {
            let time = now.since(held.since);
            Use { time, cost: cable.charge(time) }
        };
        Stretch { since: held.since, account: held.account, time, cost }
    }

    /// A strike has ended, and with it the stretch of its share, if it had one.
    pub(super) fn meter_strike(
        &mut self,
        now: Timestamp,
        key: FlightKey,
        (model, cable): (ModelId, usize),
        (strike, stretch): (&Strike, Option<Stretch>),
        work: Work,
    ) {
        let Flight { request, class, .. } = &self.flights[key];
        let (tenant, class, id) = (request.tenant, *class, request.id);
        let usage = work.usage.unwrap_or_else(|| strike.made(request.prompt_tokens));
        let cached = usage.cached.min(usage.prompt).get();
        let ready = stretch.map_or(now, |stretch| stretch.since);
        let meters = Meters {
            input_tokens: u64::from(usage.prompt.get() - cached),
            cached_tokens: u64::from(cached),
            output_tokens: u64::from(usage.output.get()),
            requests: work.requests,
            queue_ns: strike.queued.as_nanos(),
            cold_start_ns: ready.since(strike.asked).as_nanos(),
            ..Meters::default()
        };
        let meters = stretch.map_or(meters, |stretch| held(meters, &stretch.account, stretch.time));
        let cost = stretch.map_or(Money::ZERO, |stretch| stretch.cost);
        self.book((work.kind, tenant), &meters, cost, |platform| UsageRecord {
            key: platform.books.key(strike.id, Part::Whole),
            from: stretch.map_or(strike.asked, |stretch| stretch.since),
            until: now,
            tenant,
            class,
            model,
            pool: platform.cables[cable].pool,
            strike: strike.id,
            request: Some(id),
            kind: work.kind,
            meters,
        });
    }

    /// A stretch has ended that is not the one at whose end its strike ended.
    pub(super) fn meter_beside(
        &mut self,
        now: Timestamp,
        cable: usize,
        stretch: Stretch,
        (part, kind): (Part, UseKind),
    ) {
        let Stretch { account, since, time, cost } = stretch;
        self.meter_account(now, cable, (part, kind), &account, (since, time, cost));
    }

    /// A share lies idle no longer.
    pub(super) fn meter_idle(&mut self, now: Timestamp, cable: usize, warm: &Warm) {
        let number = self.books.next();
        let account = Account { strike: number, ..warm.account };
        let time = now.since(warm.since);
        let (kind, cost) = if warm.paid {
            (UseKind::Idle, self.cables[cable].charge_idle(time))
        } else {
            (UseKind::Ghost, Money::ZERO)
        };
        let stretch = (warm.since, time, cost);
        self.meter_account(now, cable, (Part::Whole, kind), &account, stretch);
    }

    /// A share was held for this account since then, for so long and at this cost.
    fn meter_account(
        &mut self,
        now: Timestamp,
        cable: usize,
        (part, kind): (Part, UseKind),
        account: &Account,
        (since, time, cost): (Timestamp, Duration, Money),
    ) {
        let meters = held(Meters::default(), account, time);
        self.book((kind, account.tenant), &meters, cost, |platform| UsageRecord {
            key: platform.books.key(account.strike, part),
            from: since,
            until: now,
            tenant: account.tenant,
            class: account.class,
            model: account.model,
            pool: platform.cables[cable].pool,
            strike: account.strike,
            request: None,
            kind,
            meters,
        });
    }

    /// The one place where use enters the books. Its record is made only where somebody listens.
    fn book(
        &mut self,
        (kind, tenant): (UseKind, TenantId),
        meters: &Meters,
        cost: Money,
        record: impl FnOnce(&Self) -> UsageRecord,
    ) {
        match kind {
            UseKind::Idle => self.overhead.add(kind, meters, cost),
            UseKind::Ghost => {}
            UseKind::Delivered
            | UseKind::Disconnected
            | UseKind::Preempted
            | UseKind::Hedged
            | UseKind::Retried => self.meters[tenant.index()].add(kind, meters, cost),
        }
        if self.books.told.is_some() {
            let record = record(self);
            self.outputs.push(Output::Usage(record));
        }
    }

    /// The release of a share is asked for, for the first time.
    pub(super) fn close_entry(&mut self, now: Timestamp, key: LeaseKey, share: AllocationId) {
        let lease = &mut self.leases[key];
        let (cable, entry) = (&self.cables[lease.cable], lease.entry.take());
        if let Some(Entry { known, booked, origin }) = entry.filter(|_| self.books.told.is_some()) {
            self.outputs.push(Output::Lease(LeaseRecord {
                allocation: share,
                pool: cable.pool,
                origin,
                known,
                booked: booked.unwrap_or(now),
                given_back: now,
                price_per_slot_hour: cable.price(),
            }));
        }
    }

    /// Who a strike of this request works for.
    pub(super) fn bearer(&self, key: FlightKey, strike: StrikeId) -> Bearer {
        let flight = &self.flights[key];
        Bearer { tenant: flight.request.tenant, class: flight.class, strike }
    }
}

/// What was promised, for as long as the share was held.
fn held(meters: Meters, account: &Account, time: Duration) -> Meters {
    let ns = u128::from(time.as_nanos());
    Meters {
        slot_ns: ns,
        flop: u128::from(account.requirements.tflops.as_gflops()) * ns,
        mebibyte_ns: u128::from(account.requirements.vram.get()) * ns,
        ..meters
    }
}

/// Numbers of strikes, and whether anybody listens.
#[derive(Debug, Default)]
pub(super) struct Books {
    told: Option<u32>,
    strikes: u64,
}

impl Books {
    /// The number of a strike that begins, or of an idle stretch that ends.
    pub(super) const fn next(&mut self) -> StrikeId {
        let number = self.strikes;
        self.strikes += 1;
        StrikeId(number)
    }

    fn key(&self, strike: StrikeId, part: Part) -> RecordKey {
        let life = u128::from(self.told.unwrap_or_default());
        RecordKey(life << 96 | u128::from(strike.0) << 32 | part as u128)
    }
}
