//! The books of a run in a ledger that outlasts it.
//!
//! # Mechanism
//!
//! The run is billed in memory, as any run ([`bill`](super::bill)). At every look at the pools what
//! has changed is booked there, and each transaction is handed on to the writer of the durable ledger
//! with the ledger's own numbers of tenants, models and pools. The run waits for the disk only where
//! the writer's queue is full.
//!
//! What a covenant lets its request cost is reserved when the request arrives and settled when it is
//! answered ([`Biller::reserve`](platform::billing::Biller::reserve)).
//!
//! # Edges
//!
//! Reservations of a live run that dies are left open; they expire a day after their
//! requests arrived, by the clock on the wall. Those of a simulation do not: running it again settles
//! them, whenever that is.
//!
//! Ids of transactions come from the books' name and the order of booking. A simulation is named by
//! its scenario's hash and its seed: run again it asks for the same transactions, so what is booked
//! already stays as it is, and a ledger whose run was killed is completed by running it again. A live
//! run happens once; its start is part of its name, so another one adds to the ledger.

use std::collections::VecDeque;

use adapters::ledger::{Answer, LedgerWriter, WriteError, WriterLimits, wall_clock};
use connector::{Duration, ModelId, Names, PoolId, RequestRecord, TenantId, Timestamp};
use platform::{
    Platform, Request,
    billing::{
        AccountId, BillingConfig, BillingError, UsageRecord,
        ledger::{
            DurableError, DurableLedger, Head, Ledger, LedgerError, LedgerStore, NamedKind, Step,
            Transaction,
        },
    },
};
use scenarios::Scenario;

use super::bill::Billing;
use crate::drive::Observer;

/// Why a run's books are not in its ledger.
#[derive(Debug, thiserror::Error)]
pub enum LedgerFailure<E: std::error::Error + 'static> {
    /// The ledger cannot be opened, or its store failed.
    #[error(transparent)]
    Store(#[from] DurableError<E>),
    /// A name that no ledger takes.
    #[error(transparent)]
    Name(LedgerError),
    /// A transaction was refused, or what became of it is not known.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The run cannot be billed.
    #[error(transparent)]
    Billing(#[from] BillingError),
}

/// Longest that a live run's reservation stays open; no request takes as long.
const RESERVED_FOR: Duration = Duration::from_secs(86_400);

/// Bills a run and books it durably while it lasts.
#[derive(Debug)]
pub struct Booking<S: LedgerStore> {
    billing: Billing,
    durable: Durable<S>,
    /// How long what a request may cost stays reserved; `None` until it is answered.
    reserved_for: Option<Duration>,
}

impl<S: LedgerStore + Send + 'static> Booking<S> {
    /// Opens the ledger and checks its whole journal. `started` distinguishes the books of a live run
    /// from those of any other; `None` for a simulation.
    ///
    /// # Errors
    /// If the ledger cannot be opened, or was tampered with.
    pub fn open(
        store: S,
        scenario: &Scenario,
        config: &BillingConfig,
        (seed, started): (u64, Option<Timestamp>),
    ) -> Result<Self, LedgerFailure<S::Error>> {
        let durable = Durable::open(store, &scenario.names, started.unwrap_or_default())?;
        let billing = Billing::new(scenario, config, (seed, started));
        Ok(Self { billing, durable, reserved_for: started.map(|_| RESERVED_FOR) })
    }

    /// Ends the books of a run, and waits until all of them are stored. Gives the end of the journal.
    ///
    /// Those of a run that was cut off stay open, so that running it again completes them.
    ///
    /// # Errors
    /// What first went wrong.
    pub fn finish(
        self,
        scenario: &Scenario,
        partial: bool,
    ) -> Result<Head, LedgerFailure<S::Error>> {
        let Self { mut billing, mut durable, .. } = self;
        if partial {
            durable.follow(billing.settled());
        } else {
            durable.follow(&billing.finish(scenario, partial)?.1);
        }
        durable.close()
    }
}

impl<S: LedgerStore + Send + 'static> Observer for Booking<S> {
    fn reads_books(&self) -> bool {
        true
    }

    fn arriving(&mut self, _: Timestamp, platform: &Platform, request: &Request) {
        if let Some(ceiling) = platform.cost_ceiling(request) {
            let expires = self.reserved_for.map(|time| request.arrived + time);
            self.billing.reserve(request, ceiling, expires);
        }
    }

    fn record(&mut self, record: &RequestRecord) {
        self.billing.answered(record);
    }

    fn usage(&mut self, record: &UsageRecord) {
        self.billing.usage(record);
    }

    fn look(&mut self, _: Timestamp, _: &Platform) {
        self.durable.follow(self.billing.settled());
    }
}

/// A durable ledger that follows one in memory.
#[derive(Debug)]
struct Durable<S: LedgerStore> {
    writer: LedgerWriter<S>,
    numbers: Numbers,
    /// Entries in memory that were handed on.
    handed_on: u64,
    /// Not answered yet.
    waiting: VecDeque<Answer>,
    failure: Option<WriteError>,
}

impl<S: LedgerStore + Send + 'static> Durable<S> {
    fn open(store: S, names: &Names, began: Timestamp) -> Result<Self, LedgerFailure<S::Error>> {
        let mut ledger = DurableLedger::open(store, None)?;
        let numbers = Numbers::of(&mut ledger, names, began)?;
        let writer = LedgerWriter::start(ledger, WriterLimits::default(), wall_clock);
        Ok(Self { writer, numbers, handed_on: 0, waiting: VecDeque::new(), failure: None })
    }

    /// Hands on what the books have beyond what was handed on before.
    fn follow(&mut self, books: &Ledger) {
        for transaction in books.asked_after(self.handed_on) {
            let transaction = self.numbers.translated(transaction);
            while self.failure.is_none() {
                match self.writer.post(transaction.clone()) {
                    Ok(answer) => {
                        self.waiting.push_back(answer);
                        break;
                    }
                    Err(WriteError::Busy(_)) => self.wait(),
                    Err(failure) => self.failure = Some(failure),
                }
            }
        }
        self.handed_on = books.head().sequence;
    }

    /// Waits for the first answer that is outstanding.
    fn wait(&mut self) {
        if let Some(answer) = self.waiting.pop_front() {
            self.failure = answer.wait_blocking().err();
        }
    }

    fn close(mut self) -> Result<Head, LedgerFailure<S::Error>> {
        while self.failure.is_none() && !self.waiting.is_empty() {
            self.wait();
        }
        let ledger = self.writer.close()?;
        match self.failure {
            Some(failure) => Err(failure.into()),
            None => Ok(ledger.ledger().head()),
        }
    }
}

/// The ledger's numbers of what a run has numbers for, and its clock.
#[derive(Debug)]
struct Numbers {
    /// When the run began.
    began: Timestamp,
    tenants: Vec<u32>,
    models: Vec<u32>,
    pools: Vec<u32>,
}

impl Numbers {
    fn of<S: LedgerStore>(
        ledger: &mut DurableLedger<S>,
        names: &Names,
        began: Timestamp,
    ) -> Result<Self, LedgerFailure<S::Error>> {
        let mut numbered = |kind, names: &[String]| -> Result<Vec<u32>, LedgerFailure<S::Error>> {
            let number =
                |name: &String| ledger.name(wall_clock(), kind, name)?.map_err(LedgerFailure::Name);
            names.iter().map(number).collect()
        };
        Ok(Self {
            began,
            tenants: numbered(NamedKind::Tenant, &names.tenants)?,
            models: numbered(NamedKind::Model, &names.models)?,
            pools: numbered(NamedKind::Pool, &names.pools)?,
        })
    }

    fn translated(&self, Transaction { id, mut step }: Transaction) -> Transaction {
        match &mut step {
            Step::Book { lines, .. } | Step::Post { lines, .. } => {
                for line in lines {
                    line.account = self.account(line.account);
                }
            }
            Step::Reserve(hold) => {
                hold.account = self.account(hold.account);
                hold.expires = hold.expires.map(|at| self.began + at.since(Timestamp::ZERO));
            }
            Step::Void { .. } | Step::Reverse { .. } => {}
        }
        Transaction { id, step }
    }

    fn account(&self, account: AccountId) -> AccountId {
        let tenant = |id: TenantId| TenantId(self.tenants[id.index()]);
        let model = |id: ModelId| ModelId(self.models[id.index()]);
        let pool = |id: PoolId| PoolId(self.pools[id.index()]);
        match account {
            AccountId::Unbilled(id) => AccountId::Unbilled(tenant(id)),
            AccountId::Receivable(id) => AccountId::Receivable(tenant(id)),
            AccountId::Shortfall(id) => AccountId::Shortfall(tenant(id)),
            AccountId::InWork(id) => AccountId::InWork(tenant(id)),
            AccountId::Payable(id) => AccountId::Payable(pool(id)),
            AccountId::Idle(id) => AccountId::Idle(pool(id)),
            AccountId::Overhead(id) => AccountId::Overhead(pool(id)),
            AccountId::Revenue { tenant: whose, model: what, pool: place } => {
                AccountId::Revenue { tenant: tenant(whose), model: model(what), pool: pool(place) }
            }
            AccountId::Cost { tenant: whose, model: what, pool: place, kind } => AccountId::Cost {
                tenant: tenant(whose),
                model: model(what),
                pool: pool(place),
                kind,
            },
            AccountId::Cash | AccountId::Rounding | AccountId::Reservations => account,
        }
    }
}
