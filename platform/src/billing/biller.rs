//! Records of use in, a bill and balanced books out.
//!
//! # Mechanism
//!
//! A record is rated as it comes ([`Rating`]). What changed is booked whenever a period ends, and at
//! the end of the books ([`finish`](Biller::finish)):
//!
//! | what | debit | credit |
//! | --- | --- | --- |
//! | rated use of a period | `Unbilled(tenant)` | `Revenue(tenant, model, pool)` |
//! | use for a tenant, charged or not, at the provider's believed price | `Cost(tenant, model, pool, kind)` | `Payable(pool)` |
//! | the same of a request that is settled | `Cost(tenant, model, pool, kind)` | `InWork(tenant)` |
//! | shares that were at work for nobody | `Idle(pool)` | `Payable(pool)` |
//! | shares of which nobody knew | `Overhead(pool)` | `Payable(pool)` |
//! | an invoice or a correction | see [`Invoice::legs`] and [`Correction::legs`](super::Correction::legs) | |
//!
//! # When an invoice is drawn
//!
//! A period is *drawn* once a record has been taken that ends at or after the end of the period and
//! the *grace* after it; that record is part of it, if it belongs there. The clock of the books is
//! thus the latest end among the records: no other clock is read, and the same records in the same
//! order are the same books, whether they come from a run or from its file. At the end of the books
//! every period that had begun is drawn, also if it is not over.
//!
//! In a drawn period every tenant has an invoice that used anything that is priced in it or has
//! committed to pay for it. What comes later for a period that is drawn is a
//! [`Correction`](super::Correction) of its invoice, drawn when the books are next settled, at the latest with the next
//! period or at the end; a
//! tenant that had no invoice for it gets one.
//!
//! # Two phases
//!
//! Whoever wants what requests may cost to be set aside before it is spent says when one arrives
//! ([`reserve`](Biller::reserve)) and when it is answered ([`answered`](Biller::answered)); see
//! `reservations.rs` beside this file.
//!
//! # Edges
//!
//! In which order records come decides which of them an invoice states and which a correction. The
//! two together ([`Bill::standing`]) and all balances of accounts are the same in any order and with any
//! repetition. A record that was refused changes nothing, and the books may go on without it; after
//! any other error they are of no use any more.

use std::collections::{BTreeMap, BTreeSet};

use connector::{Amount, Duration, Money, RequestId, TenantId, Timestamp};

use super::{
    AccountId, Bill, BilledPeriod, BillingConfig, BillingError, Change, Correction, Currency,
    Invoice, Leg, LineKey, PeriodId, RatedLine, Rating, Taken, UsageRecord, UseKey, UseKind, Uses,
    ledger::{Hold, Ledger, Line, MOST_LINES, Step, Transaction, TransactionId},
    reconcile::OutOfRange,
    reservations::{Reservations, Settlement},
};

/// Legs of one transaction. Those of invoices and costs come in pairs or threes that are balanced by
/// themselves, so that cut at a multiple of six they are balanced piece by piece.
const LEGS: usize = MOST_LINES / 6 * 6;
/// Changes of one transaction: a correction has four legs, and all others have one in common.
const CHANGES: usize = (LEGS - 1) / 4;

/// Makes records of use a [`Bill`]. See the module.
#[derive(Debug)]
pub struct Biller {
    rating: Rating,
    currency: Currency,
    grace: Duration,
    /// The latest end among the records.
    clock: Timestamp,
    /// The first period that is not drawn, and when it is to be.
    next: PeriodId,
    due: Option<Timestamp>,
    /// Lines as they were told.
    lines: BTreeMap<(PeriodId, TenantId), BTreeMap<LineKey, RatedLine>>,
    /// Of periods that are drawn: what changed since.
    late: BTreeSet<(PeriodId, TenantId)>,
    uses: Uses,
    /// What is booked of their cost.
    booked: BTreeMap<UseKey, Amount>,
    reservations: Reservations,
    periods: Vec<BilledPeriod>,
    invoices: Vec<Invoice>,
    corrections: Vec<Correction>,
    standing: BTreeMap<(TenantId, PeriodId), Invoice>,
    ledger: Ledger,
    /// The upper half of all transactions' ids, and how many there are.
    name: u64,
    transactions: u64,
}

impl Biller {
    /// Most periods of a bill: eleven years of hours.
    pub const MOST_PERIODS: u32 = 100_000;

    /// Empty books. `costs` of a share for an hour by pool, as the provider is believed to ask;
    /// pools beyond them cost nothing. `name` is part of the ids of all transactions: other books
    /// that go into the same durable ledger need another one.
    pub fn new(config: BillingConfig, costs: Vec<Money>, name: &str) -> Self {
        let BillingConfig { grace, ref book, .. } = config;
        let currency = book.currency();
        let mut biller = Self {
            rating: Rating::new(config),
            currency,
            grace,
            clock: Timestamp::ZERO,
            next: PeriodId::default(),
            due: None,
            lines: BTreeMap::new(),
            late: BTreeSet::new(),
            uses: Uses::new(costs),
            booked: BTreeMap::new(),
            reservations: Reservations::default(),
            periods: Vec::new(),
            invoices: Vec::new(),
            corrections: Vec::new(),
            standing: BTreeMap::new(),
            ledger: Ledger::default(),
            name: (TransactionId::named(name).0 >> 64) as u64,
            transactions: 0,
        };
        biller.due = biller.due(PeriodId::default());
        biller
    }

    /// The books as they are.
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Takes a record, in any order and as often as you like. Draws the periods that are over by it.
    ///
    /// # Errors
    /// [`BillingError::Rating`] if it cannot be rated or contradicts one that was taken. It is then as
    /// if it had not come. Any other: see the module.
    pub fn add(&mut self, record: &UsageRecord) -> Result<Taken, BillingError> {
        let taken = self.rating.add(record)?;
        if taken == Taken::New {
            self.uses.add(record);
            self.note(record)?;
            self.clock = self.clock.max(record.until);
            if self.due.is_some_and(|due| due <= self.clock) {
                self.settle()?;
                while self.due.is_some_and(|due| due <= self.clock) {
                    self.draw_next()?;
                }
            }
        }
        Ok(taken)
    }

    /// A request arrives whose covenant lets the provider charge so much for it: that is set aside
    /// until it is [answered](Self::answered), or until `expires`. A request reserves once.
    ///
    /// # Errors
    /// If the ceiling is out of range or negative, or too many reservations are open.
    pub fn reserve(
        &mut self,
        request: RequestId,
        tenant: TenantId,
        ceiling: Money,
        expires: Option<Timestamp>,
    ) -> Result<(), BillingError> {
        let amount = Amount::from_money(ceiling).ok_or(OutOfRange)?;
        let (account, currency) = (AccountId::InWork(tenant), self.currency);
        let id = self.post(Step::Reserve(Hold { account, currency, amount, expires }))?;
        self.reservations.open(request, id, tenant, amount);
        Ok(())
    }

    /// A request is answered: what its strikes are known to have cost is posted of what was reserved
    /// for it, and the rest is free again. Nothing happens where nothing was reserved.
    ///
    /// # Errors
    /// If a sum is out of range.
    pub fn answered(&mut self, request: RequestId, at: Timestamp) -> Result<(), BillingError> {
        self.ledger.expire(self.clock);
        let ledger = &self.ledger;
        let settled = self.reservations.settle(request, |id| ledger.reservation(id).is_some())?;
        let Some(Settlement { id: reservation, legs }) = settled else { return Ok(()) };
        let lines = self.lines_of(&legs);
        self.post(if lines.is_empty() {
            Step::Void { reservation }
        } else {
            Step::Post { reservation, effective: at, lines }
        })?;
        Ok(())
    }

    fn note(&mut self, record: &UsageRecord) -> Result<(), BillingError> {
        if let Some(request) = record.request.filter(|&request| self.reservations.is_open(request))
        {
            let cost = self.uses.cost(record.pool, record.meters.slot_ns)?;
            self.reservations.note(request, UseKey::of(record), cost);
        }
        Ok(())
    }

    /// Ends the books: draws every period that began before `until` or holds anything. Gives the bill
    /// and the ledger that it was drawn from.
    ///
    /// # Errors
    /// If a sum is out of range, or there are too many periods.
    pub fn finish(mut self, until: Timestamp) -> Result<(Bill, Ledger), BillingError> {
        self.clock = self.clock.max(until);
        self.settle()?;
        let last = self.lines.keys().next_back().map(|&(period, _)| period);
        while let Some((from, _)) = self.rating.periods().bounds(self.next) {
            if from >= self.clock && last.is_none_or(|last| last < self.next) {
                break;
            }
            self.draw_next()?;
        }
        self.invoices.sort_by_key(|one| (one.tenant, one.period));
        self.corrections.sort_by_key(|one| (one.tenant, one.period));
        let balances = self.ledger.balances().into_iter();
        let book = self.rating.book();
        let bill = Bill {
            currency: self.currency,
            periods: self.periods,
            invoices: self.invoices,
            corrections: self.corrections,
            standing: self.standing.into_values().collect(),
            charged: UseKind::ALL.into_iter().filter(|&kind| book.charges(kind)).collect(),
            uses: self.uses.priced()?,
            balances: balances.map(|(account, _, balance)| (account, balance)).collect(),
            head: self.ledger.head(),
        };
        Ok((bill, self.ledger))
    }

    /// When a period is to be drawn.
    fn due(&self, period: PeriodId) -> Option<Timestamp> {
        self.rating.periods().bounds(period).map(|(_, until)| until + self.grace)
    }

    /// Books what changed since this was last done, and corrects invoices that it concerns. Done by
    /// itself whenever a period is drawn; to be called where the books have to be up to date before.
    ///
    /// # Errors
    /// If a sum is out of range: see the module.
    pub fn settle(&mut self) -> Result<(), BillingError> {
        let changes = self.rating.changes()?;
        let whose = |change: &Change| (change.key().tenant, change.key().period);
        for changes in changes.chunk_by(|one, other| whose(one) == whose(other)) {
            let (tenant, period) = whose(&changes[0]);
            let lines = self.lines.entry((period, tenant)).or_default();
            for change in changes {
                match change.after {
                    Some(line) => lines.insert(change.key(), line),
                    None => lines.remove(&change.key()),
                };
            }
            if period < self.next {
                self.late.insert((period, tenant));
            }
            for changes in changes.chunks(CHANGES) {
                let legs = Change::booking(changes).ok_or(OutOfRange)?;
                self.book(self.begin(period), &legs)?;
            }
        }
        self.book_costs()?;
        while let Some((period, tenant)) = self.late.pop_first() {
            self.state(tenant, period)?;
        }
        Ok(())
    }

    fn book_costs(&mut self) -> Result<(), BillingError> {
        let mut legs = Vec::new();
        for (key, used) in self.uses.priced()? {
            let booked = self.booked.entry(key).or_insert(Amount::ZERO);
            let more = used.cost.checked_sub(*booked).ok_or(OutOfRange)?;
            *booked = used.cost;
            let posted = self.reservations.take_posted(key);
            let owed = more.checked_sub(posted).ok_or(OutOfRange)?;
            legs.extend([
                (account_of_cost(key), more),
                (AccountId::InWork(key.tenant), -posted),
                (AccountId::Payable(key.pool), -owed),
            ]);
        }
        self.book(self.clock, &legs)
    }

    /// Draws the first period that is not drawn. Everything is settled.
    fn draw_next(&mut self) -> Result<(), BillingError> {
        let id = self.next;
        let Some((from, until)) = self.rating.periods().bounds(id) else { return Ok(()) };
        if id.0 >= Self::MOST_PERIODS {
            return Err(BillingError::Periods { limit: Self::MOST_PERIODS });
        }
        self.rating.close(id)?;
        let everybody = (id, TenantId(0))..=(id, TenantId(u32::MAX));
        let used = self.lines.range(everybody).map(|(&(_, tenant), _)| tenant);
        let committed = self.rating.book().committed();
        let tenants: BTreeSet<TenantId> = used.chain(committed).collect();
        self.next = PeriodId(id.0 + 1);
        self.due = self.due(self.next);
        self.periods.push(BilledPeriod { id, from, until });
        tenants.into_iter().try_for_each(|tenant| self.state(tenant, id))
    }

    /// States what a tenant owes for a period: the invoice, or what is to be corrected in it.
    fn state(&mut self, tenant: TenantId, period: PeriodId) -> Result<(), BillingError> {
        let lines = self.lines.get(&(period, tenant));
        let lines: Vec<RatedLine> =
            lines.into_iter().flat_map(|all| all.values().copied()).collect();
        let commitment = self.rating.book().commitment(tenant);
        let now = Invoice::draw(tenant, period, self.currency, commitment, &lines)?;
        let legs = match self.standing.get(&(tenant, period)) {
            None => {
                self.invoices.push(now.clone());
                now.legs()
            }
            Some(before) => {
                let Some(correction) = before.corrected(&now) else { return Ok(()) };
                let legs = correction.legs();
                self.corrections.push(correction);
                legs
            }
        };
        self.standing.insert((tenant, period), now);
        self.book(self.begin(period), &legs)
    }

    fn begin(&self, period: PeriodId) -> Timestamp {
        self.rating.periods().bounds(period).map_or(self.clock, |(from, _)| from)
    }

    fn book(&mut self, effective: Timestamp, legs: &[Leg]) -> Result<(), BillingError> {
        for legs in legs.chunks(LEGS) {
            let lines = self.lines_of(legs);
            if !lines.is_empty() {
                self.post(Step::Book { effective, lines })?;
            }
        }
        Ok(())
    }

    /// Legs that move something.
    fn lines_of(&self, legs: &[Leg]) -> Vec<Line> {
        let currency = self.currency;
        let moving = legs.iter().filter(|(_, amount)| *amount != Amount::ZERO);
        moving.map(|&(account, amount)| Line { account, currency, amount }).collect()
    }

    fn post(&mut self, step: Step) -> Result<TransactionId, BillingError> {
        let id = TransactionId(u128::from(self.name) << 64 | u128::from(self.transactions));
        self.transactions += 1;
        self.ledger.post(self.clock, Transaction { id, step })?;
        Ok(id)
    }
}

fn account_of_cost(UseKey { tenant, model, pool, kind }: UseKey) -> AccountId {
    match kind {
        UseKind::Idle => AccountId::Idle(pool),
        UseKind::Ghost => AccountId::Overhead(pool),
        UseKind::Delivered
        | UseKind::Disconnected
        | UseKind::Preempted
        | UseKind::Hedged
        | UseKind::Retried => AccountId::Cost { tenant, model, pool, kind },
    }
}
